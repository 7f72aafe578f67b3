package conversions_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"closeloop/conversions"
)

func outcomes() []conversions.Outcome {
	return []conversions.Outcome{
		"", "booked", "booked", "quoted", "quoted", "spam", "wrong_number", "not_interested", "no_answer",
		"follow_up", "other", "rescheduled",
	}
}

// anyPerson holds something of every kind that could identify somebody.
func anyPerson(t *rapid.T) conversions.Person {
	p := conversions.Person{
		Salt:    rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "salt"),
		Contact: "contact-4711", EmailHash: strings.Repeat("e1", 32), PhoneHash: strings.Repeat("f2", 32),
	}
	for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "clicks") {
		c := conversions.FoundClick{Place: conversions.PlaceField}
		if rapid.Bool().Draw(t, "usable") {
			c.Kind = rapid.SampledFrom([]conversions.ClickKind{conversions.GCLID, conversions.WBRAID}).Draw(t, "kind")
			c.ID = rapid.SampledFrom([]string{"CLICK-A", "CLICK-B", "CLICK-C"}).Draw(t, "id")
		} else {
			c.Damage, c.Unusable = "placeholder", true
		}
		p.Clicks = append(p.Clicks, c)
	}
	return p
}

func anyAmount(t *rapid.T, name string) *conversions.Cents {
	if !rapid.Bool().Draw(t, "has "+name) {
		return nil
	}
	return new(conversions.Cents(rapid.Int64Range(0, int64(conversions.MaxCents)).Draw(t, name)))
}

// anyEvent is an event at a minute of the first hundred days, received at any
// time about it.
func anyEvent(t *rapid.T, seq int64) conversions.Event {
	when := time.Duration(rapid.IntRange(0, 100*24*60).Draw(t, "minute")) * time.Minute
	e := tag(seq, when, rapid.SampledFrom(outcomes()).Draw(t, "outcome"))
	e.Received = e.At.Add(time.Duration(rapid.IntRange(-600, 6000).Draw(t, "late")) * time.Second)
	e.Amounts = conversions.Amounts{
		Actual: anyAmount(t, "actual"), Revenue: anyAmount(t, "revenue"), Estimated: anyAmount(t, "estimated"),
	}
	e.Consent = rapid.SampledFrom([]conversions.Consent{"", "", "", "granted", "denied"}).Draw(t, "consent")
	if rapid.Bool().Draw(t, "has start") {
		e.CallStart = e.At.Add(-time.Duration(rapid.IntRange(-3, 120).Draw(t, "start")) * time.Minute)
	}
	if rapid.IntRange(0, 9).Draw(t, "timeless") == 0 {
		e.At = time.Time{}
	}
	e.Person = anyPerson(t)
	return e
}

func anyEvents(t *rapid.T) []conversions.Event {
	var events []conversions.Event
	for i := range rapid.IntRange(0, 12).Draw(t, "events") {
		events = append(events, anyEvent(t, int64(i+1)))
	}
	return events
}

func anyStage(t *rapid.T, action string) conversions.StageRules {
	return conversions.StageRules{
		Action: action,
		ValueOrder: rapid.SampledFrom([][]conversions.ValueField{
			nil, {"actual"}, {"estimated", "actual"}, {"revenue", "estimated", "actual"},
		}).Draw(t, "order"),
		Share:    conversions.BasisPoints(rapid.Int64Range(1, int64(conversions.MaxShare)).Draw(t, "share")),
		Minimum:  conversions.Cents(rapid.SampledFrom([]int64{0, 0, 5000}).Draw(t, "minimum")),
		Missing:  rapid.SampledFrom([]conversions.MissingValue{"", "skip", "default"}).Draw(t, "missing"),
		LookBack: rapid.SampledFrom([]time.Duration{0, 30 * day}).Draw(t, "look back"),
	}
}

func anyRules(t *rapid.T) conversions.Rules {
	r := rules()
	r.Mode = rapid.SampledFrom([]conversions.Mode{"live", "live", "test"}).Draw(t, "mode")
	r.OnBooked = rapid.SampledFrom([]conversions.OnBooked{"", "keep_quote", "retract_quote"}).Draw(t, "on booked")
	r.Consent = rapid.SampledFrom([]conversions.ConsentRule{"granted", "denied", "unspecified", "event"}).Draw(t, "rule")
	r.Stages[conversions.StageBooked] = anyStage(t, "111")
	r.Stages[conversions.StageQuoted] = anyStage(t, "222")
	if rapid.IntRange(0, 4).Draw(t, "bounded") == 0 {
		r.UploadFrom = at(20 * day)
	}
	return r
}

func TestFoldDoesNotDependOnTheOrderOfItsArgument(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events, r := anyEvents(t), anyRules(t)
		shuffled := rapid.Permutation(events).Draw(t, "shuffled")
		if diff := cmp.Diff(fold(r, events...), fold(r, shuffled...)); diff != "" {
			t.Fatalf("another order, other wants:\n%s", diff)
		}
	})
}

func TestFoldDoesNotDependOnTheOrderOfArrival(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r, n := anyRules(t), rapid.IntRange(0, 12).Draw(t, "events")
		minutes := rapid.SliceOfNDistinct(rapid.IntRange(0, 100*24*60), n, n, rapid.ID[int]).Draw(t, "minutes")
		places := make([]int, n)
		events := make([]conversions.Event, n)
		for i, m := range minutes {
			events[i], places[i] = anyEvent(t, 0), i
			events[i].At = at(time.Duration(m) * time.Minute)
			events[i].CallStart = events[i].At.Add(-time.Minute)
		}
		arrive := func(name string) []conversions.Want {
			arrived := make([]conversions.Event, n)
			original := map[int64]int64{}
			for i, place := range rapid.Permutation(places).Draw(t, name) {
				seq := int64(place + 1)
				arrived[i] = events[i]
				arrived[i].Seq, arrived[i].Received = seq, at(200*day+time.Duration(place)*time.Second)
				original[seq] = int64(i + 1)
			}
			wants := fold(r, arrived...)
			for i := range wants {
				w := &wants[i]
				w.Tag, w.ValueEvent, w.Click.Event = original[w.Tag], original[w.ValueEvent], original[w.Click.Event]
				w.Denial = original[w.Denial]
			}
			return wants
		}
		if diff := cmp.Diff(arrive("once"), arrive("otherwise")); diff != "" {
			t.Fatalf("another arrival, other wants:\n%s", diff)
		}
	})
}

func TestFoldGivesConsistentWants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events, r := anyEvents(t), anyRules(t)
		wants := fold(r, events...)
		if problem := inconsistency(r, wants); problem != "" {
			t.Fatalf("%s: %+v", problem, wants)
		}
	})
}

// inconsistency says what contradicts itself in wants folded under r.
func inconsistency(r conversions.Rules, wants []conversions.Want) string {
	rank := -1
	for _, w := range wants {
		s := r.Stages[w.Stage]
		switch {
		case w.Stage.Rank() <= rank:
			return "stages out of order"
		case w.Wanted != (w.Reason == ""):
			return "wanted with a reason, or neither"
		case w.Waiting() == w.WaitUntil.IsZero():
			return "waiting without an end, or an end without waiting"
		case w.Wanted && w.Click.IsZero():
			return "wanted without a click"
		case w.Wanted && w.Consent == conversions.ConsentDenied:
			return "wanted without consent"
		case w.Wanted && !w.Value.Known && s.Missing != conversions.MissingDefault:
			return "wanted without a value"
		case w.Value.Known && w.Value.Cents != s.Share.Of(w.Amount):
			return "the value is not the share of the amount"
		case w.Value.Known != (w.ValueEvent != 0) || w.Value.Known != (w.Field != ""):
			return "a value without its origin, or an origin without a value"
		case !w.At.Equal(w.At.Truncate(time.Second)):
			return "a conversion time with a fraction"
		case w.Due.Before(w.Lead.Add(r.Hold)) || w.Due.Before(w.At.Add(r.Settle)):
			return "due before hold or settle"
		case w.Tag == 0:
			return "decided by no event"
		}
		rank = w.Stage.Rank()
	}
	return ""
}

func TestShareIsExactToHalfACent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.Int64Range(0, int64(conversions.MaxCents)).Draw(t, "cents")
		b := rapid.Int64Range(0, int64(conversions.MaxShare)).Draw(t, "share")
		share := conversions.BasisPoints(b)
		got := share.Of(conversions.Cents(c))
		// off = got*10000 - c*b must be within (-5000, 5000]: half a cent, up.
		off := new(big.Int).Mul(big.NewInt(int64(got)), big.NewInt(10_000))
		off.Sub(off, new(big.Int).Mul(big.NewInt(c), big.NewInt(b)))
		if off.Cmp(big.NewInt(-5000)) <= 0 || off.Cmp(big.NewInt(5000)) > 0 {
			t.Fatalf("%s of %d = %d, off by %s hundredths of a percent of a cent", share, c, int64(got), off)
		}
		more := rapid.Int64Range(c, int64(conversions.MaxCents)).Draw(t, "more")
		if share.Of(conversions.Cents(more)) < got {
			t.Fatalf("%s of %d is less than of %d", share, more, c)
		}
		larger := conversions.BasisPoints(rapid.Int64Range(b, int64(conversions.MaxShare)).Draw(t, "larger"))
		if larger.Of(conversions.Cents(c)) < got {
			t.Fatalf("%s of %d is less than %s of it", larger, c, share)
		}
		if conversions.Whole.Of(conversions.Cents(c)) != conversions.Cents(c) {
			t.Fatalf("100 %% of %d is something else", c)
		}
	})
}

func TestSharesOfPartsAddUpToTheWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.Int64Range(0, 1<<40), 1, 20).Draw(t, "parts")
		share := conversions.BasisPoints(rapid.Int64Range(0, int64(conversions.Whole)).Draw(t, "share"))
		var whole, sum conversions.Cents
		for _, p := range parts {
			whole += conversions.Cents(p)
			sum += share.Of(conversions.Cents(p))
		}
		// Each part, and the whole, is off by half a cent at most.
		off := sum - share.Of(whole)
		if most := conversions.Cents(len(parts)+1) / 2; off < -most || off > most {
			t.Fatalf("%s of %d parts is off by %d cents, want at most %d", share, len(parts), int64(off), int64(most))
		}
	})
}

func TestBackoffIsAlwaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		got := conversions.Backoff(rapid.Int().Draw(t, "attempt"), rapid.String().Draw(t, "seed"))
		if got < conversions.BackoffBase/2 || got > conversions.BackoffCap {
			t.Fatalf("Backoff = %v", got)
		}
	})
}

func TestOrderIDsAreWellFormedAndDistinct(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringMatching(`[ab\x00/]{0,4}`)
		key := func(name string) conversions.Key {
			return conversions.Key{
				Source: part.Draw(t, name+" source"), Lead: conversions.LeadID(part.Draw(t, name+" lead")),
				Stage:      conversions.Stage(part.Draw(t, name+" stage")),
				Generation: rapid.IntRange(0, 2).Draw(t, name+" generation"),
			}
		}
		a, b := key("a"), key("b")
		if (a == b) != (a.OrderID() == b.OrderID()) {
			t.Fatalf("%+v and %+v: order ids %q and %q", a, b, a.OrderID(), b.OrderID())
		}
	})
}

// identifying are the texts of anyPerson that must never leave the side row.
func identifying() []string {
	return []string{"CLICK-A", "CLICK-B", "CLICK-C", "contact-4711", strings.Repeat("e1", 32), strings.Repeat("f2", 32)}
}

func TestNothingThatIsStoredIdentifiesAPerson(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := anyLife(t)
		records := []any{l.row, fold(l.rules, l.events...)}
		for _, e := range l.events {
			records = append(records, e)
		}
		for _, e := range l.ledger {
			records = append(records, e)
		}
		for _, b := range l.sent {
			records = append(records, b)
		}
		for _, r := range records {
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatalf("marshal %T: %v", r, err)
			}
			for _, secret := range identifying() {
				if strings.Contains(string(text), secret) {
					t.Fatalf("%T holds %s: %s", r, secret, text)
				}
			}
		}
	})
}
