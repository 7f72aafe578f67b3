package conversions_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
)

// The lives from which something is to be changed, each at 10h or later.

func restating() *life {
	l := done()
	l.happens(10*time.Hour, tag(3, 10*time.Hour, "booked", actual(300000)))
	return l
}

func retracting() *life {
	l := done()
	l.happens(10*time.Hour, tag(3, 10*time.Hour, "spam"))
	return l
}

func valueUnknown() *life {
	l := queued()
	l.answer(7*time.Hour, l.send(), conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID})
	return l
}

func gone() *life {
	l := queued()
	b := l.send()
	l.happens(10*time.Hour, tag(3, 10*time.Hour, "spam"))
	l.abandon(11*time.Hour, b)
	return l
}

func TestAnswersToAdjustments(t *testing.T) {
	t.Parallel()
	type answer = conversions.Answer
	const (
		nothing, there, unknown = conversions.KnownNothing, conversions.KnownThere, conversions.KnownThereValue
		unanswered, retracted   = conversions.KnownUnanswered, conversions.KnownRetracted
		resent                  = true
		restate, retract        = "change_due//restate", "change_due/withdrawn/retract"
		isRetracted             = "retracted/withdrawn/"
		none, old, changed      = 0, 250000, 300000
	)
	by := func(id conversions.Identity) answer { return answer{Verdict: conversions.AlreadyThere, By: id} }
	later := answer{Verdict: conversions.Later, Wait: day}
	notFound := answer{Verdict: conversions.Later, Wait: day, NotFound: true}
	refusedNotFound := answer{Verdict: conversions.Refused, NotFound: true}
	pause := answer{Verdict: conversions.Pause, Scope: conversions.ScopeAction}
	tests := []struct {
		name   string
		life   func() *life
		answer answer
		resent bool
		known  conversions.KnownStatus
		value  conversions.Cents // 0 for no value known
		want   string
	}{
		{"restate, done", restating, answer{Verdict: conversions.Done}, false, there, changed, "done//"},
		{"restate, done when resent", restating, answer{Verdict: conversions.Done}, resent, there, changed, "done//"},
		{"restate, there by its own time", restating, by(conversions.ByAdjustment), false, unknown, none, restate},
		{"restate, there by its own time, resent", restating, by(conversions.ByAdjustment), resent, there, changed, "done//"},
		{"restate, a newer one", restating, by(conversions.ByNewerAdjustment), false, unknown, none, restate},
		{"restate, a newer one, resent", restating, by(conversions.ByNewerAdjustment), resent, unknown, none, restate},
		{"restate, retracted", restating, by(conversions.ByRetraction), false, retracted, none, "cannot_change/retracted_by_another_tool/"},
		{"restate, by order id", restating, by(conversions.ByOrderID), false, unknown, none, restate},
		{"restate, by order id, resent", restating, by(conversions.ByOrderID), resent, there, changed, "done//"},
		{"restate, by click and time", restating, by(conversions.ByClickTime), false, unknown, none, restate},
		{"restate, later", restating, later, false, there, old, restate},
		{"restate, retry", restating, answer{Verdict: conversions.Retry}, false, there, old, restate},
		{"restate, fix the batch", restating, answer{Verdict: conversions.FixBatch}, false, there, old, restate},
		{"restate, pause", restating, pause, false, there, old, restate},
		{"restate, refused", restating, answer{Verdict: conversions.Refused}, false, there, old, "cannot_change/adjustment_refused/"},
		{"restate, not found", restating, notFound, false, there, old, restate},
		{"restate, not found for good", restating, refusedNotFound, false, there, old, "cannot_change/not_found_to_adjust/"},

		{"retract, done", retracting, answer{Verdict: conversions.Done}, false, retracted, none, isRetracted},
		{"retract, done when resent", retracting, answer{Verdict: conversions.Done}, resent, retracted, none, isRetracted},
		{"retract, there by its own time", retracting, by(conversions.ByAdjustment), false, unknown, none, retract},
		{"retract, there by its own time, resent", retracting, by(conversions.ByAdjustment), resent, retracted, none, isRetracted},
		{"retract, a newer one", retracting, by(conversions.ByNewerAdjustment), false, unknown, none, retract},
		{"retract, retracted", retracting, by(conversions.ByRetraction), false, retracted, none, isRetracted},
		{"retract, retracted, resent", retracting, by(conversions.ByRetraction), resent, retracted, none, isRetracted},
		{"retract, by order id", retracting, by(conversions.ByOrderID), false, unknown, none, retract},
		{"retract, later", retracting, later, false, there, old, retract},
		{"retract, retry", retracting, answer{Verdict: conversions.Retry}, false, there, old, retract},
		{"retract, fix the batch", retracting, answer{Verdict: conversions.FixBatch}, false, there, old, retract},
		{"retract, pause", retracting, pause, false, there, old, retract},
		{"retract, refused", retracting, answer{Verdict: conversions.Refused}, false, there, old, "cannot_change/adjustment_refused/"},
		{"retract, not found", retracting, notFound, false, there, old, retract},
		{"retract, not found for good", retracting, refusedNotFound, false, there, old, "cannot_change/not_found_to_adjust/"},

		{"value unknown, done", valueUnknown, answer{Verdict: conversions.Done}, false, there, old, "done//"},
		{"value unknown, later", valueUnknown, later, false, unknown, none, restate},
		{"value unknown, refused", valueUnknown, answer{Verdict: conversions.Refused}, false, unknown, none, "cannot_change/adjustment_refused/"},
		{"value unknown, retracted", valueUnknown, by(conversions.ByRetraction), false, retracted, none, "cannot_change/retracted_by_another_tool/"},

		{"unanswered, done", gone, answer{Verdict: conversions.Done}, false, retracted, none, isRetracted},
		{"unanswered, retracted", gone, by(conversions.ByRetraction), false, retracted, none, isRetracted},
		{"unanswered, a newer one: so it is there", gone, by(conversions.ByNewerAdjustment), false, unknown, none, retract},
		{"unanswered, not found: nothing is there", gone, notFound, false, nothing, none, "skipped/withdrawn/"},
		{"unanswered, not found for good", gone, refusedNotFound, false, nothing, none, "skipped/withdrawn/"},
		{"unanswered, later", gone, later, false, unanswered, old, retract},
		{"unanswered, retry", gone, answer{Verdict: conversions.Retry}, false, unanswered, old, retract},
		{"unanswered, pause", gone, pause, false, unanswered, old, retract},
		{"unanswered, refused", gone, answer{Verdict: conversions.Refused}, false, unanswered, old, "cannot_change/adjustment_refused/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := tt.life()
			before := l.row.Known
			b := l.sendAt(40 * time.Hour)
			if tt.resent {
				b = again(b)
			}
			l.answer(41*time.Hour, b, tt.answer)
			if got := l.stands(); got != tt.want {
				t.Errorf("row stands %q, want %q", got, tt.want)
			}
			value := conversions.Amount{}
			if tt.value != 0 {
				value = conversions.AmountOf(tt.value)
			}
			if k := l.row.Known; k.Status != tt.known || k.Value != value {
				t.Errorf("known = %q %v, want %q %v", k.Status, k.Value, tt.known, value)
			}
			if k := l.row.Known; tt.known != nothing && (k.Target != before.Target || k.Action != before.Action || !k.At.Equal(before.At) || k.Click != before.Click) {
				t.Errorf("known = %+v, want the upload's %+v but for the value", k, before)
			}
			if waits := l.row.Next() != conversions.OpNone && tt.answer.Verdict != conversions.Pause; l.row.Due.After(at(41*time.Hour)) != waits {
				t.Errorf("due %v, next %q: want a wait %t", l.row.Due, l.row.Next(), waits)
			}
		})
	}
}

func TestNotFoundThreeTimesEndsTheTries(t *testing.T) {
	t.Parallel()
	notFound := conversions.Answer{Verdict: conversions.Later, Wait: day, NotFound: true}
	for name, l := range map[string]*life{"restate": restating(), "retract": retracting(), "value unknown": valueUnknown()} {
		now := 40 * time.Hour
		for try := 1; try <= 3; try++ {
			if open := l.row.Next() != conversions.OpNone; !open {
				t.Fatalf("%s: closed after %d answers", name, try-1)
			}
			l.answer(now, l.sendAt(now), notFound)
			if want := at(now + day); try < 3 && !l.row.Due.Equal(want) {
				t.Errorf("%s: due %v, want a day later, %v", name, l.row.Due, want)
			}
			now += day
		}
		if got := l.stands(); got != "cannot_change/not_found_to_adjust/" {
			t.Errorf("%s: row stands %q", name, got)
		}
		if !l.decides(now, conversions.EntryRetried) || l.row.Next() == conversions.OpNone {
			t.Errorf("%s: a person cannot have it tried again: row stands %q", name, l.stands())
		}
		l.answer(now, l.sendAt(now), notFound)
		if l.row.Next() == conversions.OpNone {
			t.Errorf("%s: retried, closed after one answer", name)
		}
		l.happens(now, tag(9, now, "booked", actual(310000)))
		if l.stands() != "change_due//restate" || l.row.NotFound != 0 {
			t.Errorf("%s: another value, row stands %q after %d not found, want a new count", name, l.stands(), l.row.NotFound)
		}
	}
}

func TestAnAcceptedAdjustmentEndsTheCountOfNotFound(t *testing.T) {
	t.Parallel()
	l := restating()
	l.answer(40*time.Hour, l.sendAt(40*time.Hour), conversions.Answer{Verdict: conversions.Later, Wait: day, NotFound: true})
	l.answer(64*time.Hour, l.sendAt(64*time.Hour), conversions.Answer{Verdict: conversions.Done})
	if l.row.NotFound != 0 || l.row.Tries != 0 || l.stands() != "done//" {
		t.Errorf("row stands %q after %d not found and %d tries, want done after none", l.stands(), l.row.NotFound, l.row.Tries)
	}
}

func TestAnUnansweredRowThatWasNotFoundStartsAnew(t *testing.T) {
	t.Parallel()
	l := gone()
	l.answer(40*time.Hour, l.sendAt(40*time.Hour), conversions.Answer{Verdict: conversions.Later, Wait: day, NotFound: true})
	l.happens(41*time.Hour, tag(4, 41*time.Hour, "booked", actual(300000)))
	if got := l.stands(); got != "queued//upload" || !l.row.Due.Equal(at(42*time.Hour)) || !l.row.Want.At.Equal(at(41*time.Hour)) {
		t.Errorf("row stands %q, due %v, at %v, want an upload of the new booking", got, l.row.Due, l.row.Want.At)
	}
}

func TestWhatComesWhileAnAdjustmentIsInFlight(t *testing.T) {
	t.Parallel()
	done := conversions.Answer{Verdict: conversions.Done}
	refused := conversions.Answer{Verdict: conversions.Refused}
	retry := conversions.Answer{Verdict: conversions.Retry}
	value := tag(4, 40*time.Hour, "booked", actual(350000))
	back := tag(4, 40*time.Hour, "booked", actual(250000))
	spam := tag(4, 40*time.Hour, "spam")
	tests := []struct {
		name   string
		life   func() *life
		event  conversions.Event
		answer conversions.Answer
		want   string
	}{
		{"restate, another value, done", restating, value, done, "change_due//restate"},
		{"restate, another value, refused", restating, value, refused, "change_due//restate"},
		{"restate, another value, retry", restating, value, retry, "change_due//restate"},
		{"restate, the first value, done", restating, back, done, "change_due//restate"},
		{"restate, the first value, refused", restating, back, refused, "done//"},
		{"restate, withdrawn, done", restating, spam, done, "change_due/withdrawn/retract"},
		{"restate, withdrawn, refused", restating, spam, refused, "change_due/withdrawn/retract"},
		{"retract, booked again, done", retracting, back, done, "retracted//"},
		{"retract, booked again, refused", retracting, back, refused, "done//"},
		{"retract, booked again, retry", retracting, back, retry, "done//"},
		{"retract, booked for more, retry", retracting, value, retry, "change_due//restate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := tt.life()
			b := l.sendAt(40 * time.Hour)
			l.happens(40*time.Hour, tt.event)
			l.answer(41*time.Hour, b, tt.answer)
			if got := l.stands(); got != tt.want {
				t.Errorf("row stands %q, want %q", got, tt.want)
			}
			if got := l.row.AdjustedAt; !got.Equal(b.Items[0].AdjustAt) {
				t.Errorf("adjusted at %v, want the time that was sent, %v", got, b.Items[0].AdjustAt)
			}
			if got, want := l.row.WantedAgain(l.row.Want), tt.want == "retracted//"; got != want {
				t.Errorf("wanted again = %t, want %t", got, want)
			}
		})
	}
}

func TestWantedAgain(t *testing.T) {
	t.Parallel()
	ours, foreign := retracting(), restating()
	byRetraction := conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByRetraction}
	ours.answer(40*time.Hour, ours.sendAt(40*time.Hour), byRetraction)
	foreign.answer(40*time.Hour, foreign.sendAt(40*time.Hour), byRetraction)
	abandoned := retracting()
	abandoned.abandon(40*time.Hour, abandoned.sendAt(40*time.Hour))
	abandoned.happens(41*time.Hour, tag(4, 41*time.Hour, "booked", actual(250000)))
	if got := abandoned.stands(); got != "change_due/retraction_unanswered/retract" {
		t.Fatalf("a retraction given up on: row stands %q, want it to be sent to its end", got)
	}
	abandoned.answer(43*time.Hour, abandoned.sendAt(43*time.Hour), byRetraction)
	// Google may take adjustments of what is retracted without effect: an
	// answer to a retraction is certain then too, one to a restatement is not.
	ignored := retracting()
	ignored.abandon(40*time.Hour, ignored.sendAt(40*time.Hour))
	ignored.happens(41*time.Hour, tag(4, 41*time.Hour, "booked", actual(250000)))
	ignored.answer(43*time.Hour, ignored.sendAt(43*time.Hour), conversions.Answer{Verdict: conversions.Done})
	// So it is of an upload that itself went unanswered.
	twice := gone()
	twice.abandon(40*time.Hour, twice.sendAt(40*time.Hour))
	twice.happens(41*time.Hour, tag(4, 41*time.Hour, "booked", actual(250000)))
	twice.answer(43*time.Hour, twice.sendAt(43*time.Hour), conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID})
	if got := twice.stands(); got != "change_due/retraction_unanswered/retract" {
		t.Errorf("there, perhaps retracted: row stands %q, want the retraction to be sent to its end", got)
	}
	booked := conversions.Want{Wanted: true}
	for name, tt := range map[string]struct {
		row  conversions.Row
		want bool
	}{
		"we retracted":                      {ours.row, true},
		"somebody else retracted":           {foreign.row, false},
		"our unanswered retraction arrived": {abandoned.row, true},
		"it was taken without effect":       {ignored.row, true},
		"it is there":                       {done().row, false},
	} {
		if got := tt.row.WantedAgain(booked); got != tt.want {
			t.Errorf("%s: wanted again = %t, want %t", name, got, tt.want)
		}
		if tt.row.WantedAgain(conversions.Want{}) {
			t.Errorf("%s: wanted again although nothing is wanted", name)
		}
	}
	foreign.happens(50*time.Hour, tag(4, 50*time.Hour, "spam"))
	if !foreign.row.WantedAgain(booked) || foreign.stands() != "retracted/withdrawn/" {
		t.Errorf("taken back since, row stands %q, want that it may come back", foreign.stands())
	}
}

func TestAnAbandonedAdjustmentLeavesTheConversionThere(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]*life{"restate": restating(), "retract": retracting()} {
		b := l.sendAt(40 * time.Hour)
		l.abandon(41*time.Hour, b)
		if k := l.row.Known; k.Status != conversions.KnownThereValue || k.Batch != "b1" {
			t.Errorf("%s: known = %+v, want there with a value unknown", name, k)
		}
		if next := l.sendAt(40 * time.Hour).Items[0]; string(next.Op) != name || !next.AdjustAt.After(b.Items[0].AdjustAt) {
			t.Errorf("%s: next %+v, want the operation again at a later time", name, next)
		}
	}
	l := gone()
	l.abandon(41*time.Hour, l.sendAt(40*time.Hour))
	if got := l.row.Known.Status; got != conversions.KnownUnanswered {
		t.Errorf("an unanswered upload: known = %q, want it unanswered still", got)
	}
}

func TestValueUnknownIsRestatedExactlyOnce(t *testing.T) {
	t.Parallel()
	l := valueUnknown()
	it := l.row.Item(time.UTC, at(9*time.Hour))
	if it.Op != conversions.OpRestate || it.Value != conversions.AmountOf(250000) || !l.row.Due.Equal(at(2*time.Hour)) {
		t.Errorf("item %+v, due %v, want the wanted value at once", it, l.row.Due)
	}
	l.answer(9*time.Hour, l.sendAt(9*time.Hour), conversions.Answer{Verdict: conversions.Done})
	if l.happens(10*time.Hour, tag(3, 10*time.Hour, "booked", actual(250000))) || l.stands() != "done//" {
		t.Errorf("row stands %q, want done for good", l.stands())
	}
	r := booked(func(s *conversions.StageRules) { s.Missing = conversions.MissingDefault })
	l = newLife()
	l.rules = r
	l.happens(time.Hour, event(1, 0, click("CLICK-A")), tag(2, time.Hour, "booked"))
	l.answer(7*time.Hour, l.send(), conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID})
	if got := l.stands(); got != "done//" {
		t.Errorf("without a value wanted: row stands %q, want done", got)
	}
}

func TestAdjustmentItem(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", -5*60*60)
	for name, l := range map[string]*life{"restate": restating(), "retract": retracting()} {
		now := at(40*time.Hour + 300*time.Millisecond)
		want := conversions.Item{
			Row: 7, Version: 2, Op: conversions.OpRetract, OrderID: l.row.OrderID, Action: "111", Click: l.row.Known.Click,
			At: at(time.Hour), Currency: "EUR", AdjustAt: at(40 * time.Hour),
		}
		if name == "restate" {
			want.Op, want.Value = conversions.OpRestate, conversions.AmountOf(300000) // the new total, not the difference
		}
		got := l.row.Item(zone, now)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s item (-want +got):\n%s", name, diff)
		}
		if text := got.AdjustAt.Format(time.RFC3339); text != "2026-03-11T23:00:00-05:00" {
			t.Errorf("%s: AdjustAt = %s, want it in the account's zone", name, text)
		}
		// A clock that stands still, or goes back, still gives later times.
		last := got.AdjustAt
		for i := range 5 {
			when := 40*time.Hour - time.Duration(i)*10*time.Hour
			l.answer(when, l.sendAt(when), conversions.Answer{Verdict: conversions.Retry})
			next := l.row.Item(zone, at(when)).AdjustAt
			if !next.After(last) || !next.Equal(next.Truncate(time.Second)) || !next.After(l.row.Known.At) {
				t.Errorf("%s: time %v after %v, want later, in whole seconds", name, next, last)
			}
			last = next
		}
	}
	l := restating()
	if got, want := l.row.Item(zone, at(0)).AdjustAt, at(time.Hour+time.Second); !got.Equal(want) {
		t.Errorf("a clock before the conversion: AdjustAt = %v, want %v", got, want)
	}
}

func TestNotFoundProvesNothingOfAFreshUpload(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 25, 12, 0, 0, 0, time.UTC)
	row := conversions.Row{
		ID: 1, Version: 2,
		Known: conversions.Known{Status: conversions.KnownUnanswered, At: at, Since: at},
		Want:  conversions.Want{Reason: conversions.ReasonWithdrawn, Withdraw: true, ChangeDue: at},
	}
	notFound := conversions.Answer{Verdict: conversions.Later, Wait: 24 * time.Hour, NotFound: true}
	b := conversions.Batch{ID: "b", Attempts: 1}
	for after, want := range map[time.Duration]conversions.KnownStatus{
		23 * time.Hour: conversions.KnownUnanswered,
		24 * time.Hour: conversions.KnownNothing,
	} {
		now := at.Add(after)
		got := row.Apply(row.Answered(b, row.Item(time.UTC, now), notFound, now))
		if got.Known.Status != want {
			t.Errorf("not found after %v: known %q, want %q", after, got.Known.Status, want)
		}
	}
}

// An upload that went unanswered twice may have arrived the second time, and be
// hidden for a day since then.
func TestNotFoundProvesNothingSoonAfterTheLatestUpload(t *testing.T) {
	t.Parallel()
	notFound := conversions.Answer{Verdict: conversions.Later, Wait: day, NotFound: true}
	l := gone()
	l.happens(90*time.Hour, tag(4, 90*time.Hour, "booked", actual(250000)))
	b := l.sendAt(91 * time.Hour)
	l.happens(92*time.Hour, tag(5, 92*time.Hour, "spam"))
	l.abandon(115*time.Hour, b)
	l.answer(116*time.Hour, l.sendAt(116*time.Hour), notFound)
	if l.row.Known.Status != conversions.KnownUnanswered || l.row.Next() != conversions.OpRetract {
		t.Errorf("known %q, next %q, want it retracted until a day has passed", l.row.Known.Status, l.row.Next())
	}
	l.answer(140*time.Hour, l.sendAt(140*time.Hour), notFound)
	if l.row.Known.Status != conversions.KnownNothing {
		t.Errorf("known %q a day later, want nothing", l.row.Known.Status)
	}
}
