package conversions_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
)

func TestNothingIsLostThatArrivesInFlight(t *testing.T) {
	t.Parallel()
	done := conversions.Answer{Verdict: conversions.Done}
	refused := conversions.Answer{Verdict: conversions.Refused}
	retry := conversions.Answer{Verdict: conversions.Retry}
	value := tag(3, 7*time.Hour, "booked", actual(300000))
	spam := tag(3, 7*time.Hour, "spam")
	other := tag(3, 7*time.Hour, "booked", actual(250000), click("CLICK-B"))
	same := tag(3, 7*time.Hour, "booked", actual(250000), click("CLICK-A"))
	tests := []struct {
		name   string
		event  conversions.Event
		answer conversions.Answer
		want   string
	}{
		{"another value, accepted", value, done, "change_due//restate"},
		{"another value, refused", value, refused, "refused/refused_by_google/"},
		{"another value, to be tried again", value, retry, "queued//upload"},
		{"withdrawn, accepted", spam, done, "change_due/withdrawn/retract"},
		{"withdrawn, refused", spam, refused, "refused/refused_by_google/"},
		{"withdrawn, to be tried again", spam, retry, "skipped/withdrawn/"},
		{"another click, accepted", other, done, "done//"},
		{"another click, refused", other, refused, "queued//upload"},
		{"another click, unmatched", other, conversions.Answer{Verdict: conversions.Refused, Unmatched: true}, "queued//upload"},
		{"the same click, refused", same, refused, "refused/refused_by_google/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := queued()
			b := l.send()
			l.happens(7*time.Hour, tt.event)
			want := l.row.Want
			l.answer(7*time.Hour+time.Second, b, tt.answer)
			if got := l.stands(); got != tt.want {
				t.Errorf("row stands %q, want %q", got, tt.want)
			}
			if diff := cmp.Diff(want, l.row.Want); diff != "" || l.row.Version != 2 {
				t.Errorf("version %d; the answer changed the newer want (-before +after):\n%s", l.row.Version, diff)
			}
			if it := b.Items[0]; tt.answer.Verdict == conversions.Done && l.row.Known.Value != it.Value {
				t.Errorf("known value %v, want that of the version sent, %v", l.row.Known.Value, it.Value)
			}
		})
	}
}

func TestAnUnansweredRowThatIsNoLongerWantedIsRetracted(t *testing.T) {
	t.Parallel()
	for _, taken := range []conversions.Event{
		tag(3, 8*time.Hour, "spam"),
		event(3, 8*time.Hour, consents(conversions.ConsentDenied)),
	} {
		l := queued()
		b := l.send()
		l.happens(8*time.Hour, taken)
		l.abandon(9*time.Hour, b)
		if got := l.row.Next(); got != conversions.OpRetract || l.row.State != conversions.StateChangeDue {
			t.Errorf("after %q the row is %q, next %q, want a retraction due", taken.Outcome, l.row.State, got)
		}
		if k := l.row.Known; k.Status != conversions.KnownUnanswered || l.row.LastBatch != "b1" || k.Batch != "b1" || k.Action != "111" || k.Target != b.Target {
			t.Errorf("known = %+v, want where the unanswered batch went", k)
		}
	}
}

// unanswered is a booking of 2,500.00 that was sent without an answer,
// withdrawn, abandoned, and booked again for 3,000.00.
func unanswered() *life {
	l := queued()
	b := l.send()
	l.happens(8*time.Hour, tag(3, 8*time.Hour, "spam"))
	l.abandon(9*time.Hour, b)
	l.happens(10*time.Hour, tag(4, 10*time.Hour, "booked", actual(300000)))
	return l
}

func TestAnUnansweredRowThatIsWantedAgainIsSentAgain(t *testing.T) {
	t.Parallel()
	sum := conversions.AmountOf(250000)
	tests := []struct {
		name   string
		answer conversions.Answer
		known  conversions.KnownStatus
		value  conversions.Amount
		want   string
	}{
		{"it never arrived", conversions.Answer{Verdict: conversions.Done}, conversions.KnownThere, conversions.AmountOf(300000), "done//"},
		{
			"it had arrived, by order id",
			conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID},
			conversions.KnownThere, sum, "change_due//restate",
		},
		{
			"it had arrived, by click and time",
			conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByClickTime},
			conversions.KnownThere, sum, "change_due//restate",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := unanswered()
			if l.row.Next() != conversions.OpUpload || !l.row.Want.At.Equal(at(time.Hour)) {
				t.Fatalf("next %q at %v, want the upload at its first time", l.row.Next(), l.row.Want.At)
			}
			l.answer(12*time.Hour, l.send(), tt.answer)
			if l.row.Known.Status != tt.known || l.row.Known.Value != tt.value {
				t.Errorf("known = %q %v, want %q %v", l.row.Known.Status, l.row.Known.Value, tt.known, tt.value)
			}
			if got := l.stands(); got != tt.want {
				t.Errorf("row stands %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTheEarliestUnansweredManifestCounts(t *testing.T) {
	t.Parallel()
	byOrderID := conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID}
	sum := conversions.AmountOf(250000)
	tests := []struct {
		name   string
		second conversions.Cents // sent without an answer after 2,500.00
		third  conversions.Cents
		resent bool
		known  conversions.KnownStatus
		value  conversions.Amount
	}{
		{"equal values, the third first sent", 250000, 400000, false, conversions.KnownThere, sum},
		{"equal values, resent", 250000, 250000, true, conversions.KnownThere, sum},
		{"two values", 300000, 400000, false, conversions.KnownThereValue, conversions.Amount{}},
		{"two values, resent", 300000, 300000, true, conversions.KnownThereValue, conversions.Amount{}},
		{"another value only when resent", 250000, 400000, true, conversions.KnownThereValue, conversions.Amount{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := unanswered()
			l.happens(11*time.Hour, tag(5, 11*time.Hour, "booked", actual(tt.second)))
			b := l.send()
			l.happens(13*time.Hour, tag(6, 13*time.Hour, "spam"))
			l.abandon(14*time.Hour, b)
			l.happens(15*time.Hour, tag(7, 15*time.Hour, "booked", actual(tt.third)))
			b = l.send()
			if tt.resent {
				b = again(b)
			}
			l.answer(17*time.Hour, b, byOrderID)
			if l.row.Known.Status != tt.known || l.row.Known.Value != tt.value {
				t.Errorf("known = %q %v, want %q %v", l.row.Known.Status, l.row.Known.Value, tt.known, tt.value)
			}
		})
	}
}

func TestAnotherClickNeverForgetsWhatGoogleMayHold(t *testing.T) {
	t.Parallel()
	l := unanswered()
	now := day
	for range conversions.MaxCounted {
		l.answer(now, l.send(), conversions.Answer{Verdict: conversions.Retry, Counts: true})
		now += time.Hour
	}
	l.happens(now, tag(5, now, "booked", actual(350000), click("CLICK-B")))
	if got := l.stands(); got != "queued//upload" {
		t.Errorf("another click and value: row stands %q, want queued", got)
	}
	l.happens(now, tag(6, now, "spam"))
	if got := l.row.Next(); got != conversions.OpRetract {
		t.Errorf("withdrawn: next %q, want a retraction of what may be there", got)
	}
}

func TestARefusalDoesNotForgetWhatAnEarlierManifestMayHaveLeft(t *testing.T) {
	t.Parallel()
	for unmatched, want := range map[bool]string{false: "refused/refused_by_google/", true: "refused/unmatched/"} {
		l := unanswered()
		l.answer(12*time.Hour, l.send(), conversions.Answer{Verdict: conversions.Refused, Unmatched: unmatched})
		if got := l.stands(); got != want || l.row.Known.Status != conversions.KnownUnanswered {
			t.Errorf("row stands %q, known %q, want %q and unanswered", got, l.row.Known.Status, want)
		}
		retried := *l
		if !retried.decides(13*time.Hour, conversions.EntryPutBack) || retried.stands() != "queued//upload" {
			t.Errorf("put back: row stands %q, want queued", retried.stands())
		}
		l.happens(14*time.Hour, tag(5, 14*time.Hour, "spam"))
		if got := l.stands(); got != "change_due/withdrawn/retract" {
			t.Errorf("withdrawn: row stands %q, want a retraction of what may be there", got)
		}
	}
	// A newer want has a try of its own.
	l := unanswered()
	b := l.send()
	l.happens(12*time.Hour, tag(5, 12*time.Hour, "booked", actual(350000), click("CLICK-B")))
	l.answer(13*time.Hour, b, conversions.Answer{Verdict: conversions.Refused})
	if got := l.stands(); got != "queued//upload" {
		t.Errorf("refused an older version: row stands %q, want queued", got)
	}
}

func TestCloseAtTheEndOfTheWait(t *testing.T) {
	t.Parallel()
	l := newLife()
	l.happens(time.Hour, tag(2, time.Hour, "booked", actual(250000)))
	if l.closes(time.Hour + 7*day - time.Nanosecond) {
		t.Error("closed before the wait is over")
	}
	if !l.closes(time.Hour+7*day) || l.stands() != "skipped/no_click_id/" {
		t.Errorf("row stands %q, want skipped without a click id", l.stands())
	}
	if l.closes(time.Hour + 8*day) {
		t.Error("closed twice")
	}
}

func TestCloseAtTheDeadline(t *testing.T) {
	t.Parallel()
	l := queued()
	if l.closes(90*day - time.Nanosecond) {
		t.Error("closed before the deadline")
	}
	if !l.closes(90*day) || l.stands() != "expired/expired/" || !l.row.Due.IsZero() {
		t.Errorf("row stands %q, due %v, want expired", l.stands(), l.row.Due)
	}
	if l.closes(91 * day) {
		t.Error("closed twice")
	}
}

func TestCloseLeavesWhatHasNoDeadline(t *testing.T) {
	t.Parallel()
	withdrawn, refused := queued(), queued()
	withdrawn.happens(2*time.Hour, tag(3, 2*time.Hour, "spam"))
	refused.answer(7*time.Hour, refused.send(), conversions.Answer{Verdict: conversions.Refused})
	for name, l := range map[string]*life{
		"withdrawn": withdrawn, "done": done(), "refused": refused, "unanswered and wanted again": unanswered(),
	} {
		if before := l.stands(); l.closes(1000 * day) {
			t.Errorf("%s: %q closed as %q", name, before, l.stands())
		}
	}
}

func TestCloseAtTheEndOfAdjustments(t *testing.T) {
	t.Parallel()
	spammed, changed, gone := done(), done(), unanswered()
	spammed.happens(8*time.Hour, tag(3, 8*time.Hour, "spam"))
	changed.happens(8*time.Hour, tag(3, 8*time.Hour, "booked", actual(300000)))
	gone.happens(11*time.Hour, tag(5, 11*time.Hour, "spam"))
	end := time.Hour + 54*day // after the conversion, not after the lead
	for name, l := range map[string]*life{"withdrawn": spammed, "another value": changed, "withdrawn, unanswered": gone} {
		if l.closes(end - time.Nanosecond) {
			t.Errorf("%s: closed before the end", name)
		}
		if !l.closes(end) || l.stands() != "cannot_change/too_late_to_adjust/" || !l.row.Due.IsZero() {
			t.Errorf("%s: row stands %q, due %v, want that it is too late", name, l.stands(), l.row.Due)
		}
		if l.closes(end + day) {
			t.Errorf("%s: closed twice", name)
		}
	}
}

func TestAnAnswerOpensWhatWasClosedInFlight(t *testing.T) {
	t.Parallel()
	l := queued()
	b := l.send()
	l.closes(90 * day)
	m := *l
	l.answer(90*day+time.Second, b, conversions.Answer{Verdict: conversions.Done})
	if got := l.stands(); got != "done//" {
		t.Errorf("accepted: row stands %q, want done: Google holds it", got)
	}
	m.answer(90*day+time.Second, b, conversions.Answer{Verdict: conversions.Retry})
	if got := m.stands(); got != "expired/expired/" {
		t.Errorf("not accepted: row stands %q, want expired", got)
	}
}

func TestTestModeValidatesOnceAndSendsWhenLive(t *testing.T) {
	t.Parallel()
	inTest := func() *life {
		l := newLife()
		l.rules.Mode = conversions.ModeTest
		l.happens(time.Hour, event(1, 0, click("CLICK-A")), tag(2, time.Hour, "booked", actual(250000)))
		return l
	}
	tests := []struct {
		name   string
		answer conversions.Answer
		want   string
	}{
		{"nothing wrong", conversions.Answer{Verdict: conversions.Done}, "tested//"},
		{"refused", conversions.Answer{Verdict: conversions.Refused}, "refused/refused_by_google/"},
		{"unmatched", conversions.Answer{Verdict: conversions.Refused, Unmatched: true}, "refused/unmatched/"},
		{"already there", conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID}, "tested//"},
		{"later", conversions.Answer{Verdict: conversions.Later, Wait: time.Hour}, "queued//upload"},
		{"retry", conversions.Answer{Verdict: conversions.Retry}, "queued//upload"},
		{"pause", conversions.Answer{Verdict: conversions.Pause}, "queued//upload"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := inTest()
			l.test(7*time.Hour, l.send(), tt.answer)
			if got := l.stands(); got != tt.want {
				t.Errorf("row stands %q, want %q", got, tt.want)
			}
			if l.row.Known.Status != conversions.KnownNothing {
				t.Errorf("known = %q, want nothing: nothing was sent", l.row.Known.Status)
			}
			l.rules.Mode = conversions.ModeLive
			l.happens(8 * time.Hour)
			if got := l.stands(); got != "queued//upload" {
				t.Errorf("live, the row stands %q, want queued", got)
			}
		})
	}
	l := inTest()
	for try := 1; try < 4; try++ {
		l.test(7*time.Hour, l.send(), conversions.Answer{Verdict: conversions.Retry})
		if want := at(7 * time.Hour).Add(conversions.Backoff(try, l.row.OrderID)); !l.row.Due.Equal(want) {
			t.Errorf("try %d: Due = %v, want %v", try, l.row.Due, want)
		}
	}
	l = inTest()
	b := l.send()
	l.happens(7*time.Hour, tag(3, 7*time.Hour, "booked", actual(300000)))
	l.test(7*time.Hour, b, conversions.Answer{Verdict: conversions.Done})
	if got := l.stands(); got != "queued//upload" {
		t.Errorf("an older version was tested: row stands %q, want queued", got)
	}
}

func TestItem(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", -5*60*60)
	l := queued()
	want := conversions.Item{
		Row: 7, Version: 1, Op: conversions.OpUpload, OrderID: l.row.OrderID, Action: "111",
		Click: l.row.Want.Click, At: at(time.Hour), Value: conversions.AmountOf(250000), Currency: "EUR",
		Consent: conversions.ConsentGranted,
	}
	got := l.row.Item(zone, at(8*time.Hour))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
	if text := got.At.Format(time.RFC3339); text != "2026-03-10T08:00:00-05:00" {
		t.Errorf("At = %s, want it in the account's zone", text)
	}
}

func TestAnUnansweredRowThatIsSentAgainWithAnotherClick(t *testing.T) {
	t.Parallel()
	other := func() *life {
		l := unanswered()
		l.happens(11*time.Hour, tag(5, 11*time.Hour, "booked", actual(350000), click("CLICK-B")))
		return l
	}
	ours := other()
	ours.answer(12*time.Hour, ours.send(), conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID})
	if k := ours.row.Known; k.Status != conversions.KnownThere || k.Value != conversions.AmountOf(250000) || k.Batch != "b1" {
		t.Errorf("by order id: known = %+v, want the unanswered manifest's", k)
	}
	// The other click was never sent at this time, so it is somebody else's.
	foreign := other()
	foreign.answer(12*time.Hour, foreign.send(), conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByClickTime})
	if !foreign.row.Moved || foreign.row.Known.Status != conversions.KnownUnanswered {
		t.Errorf("by click and time: moved %t, known %q, want moved and still unanswered", foreign.row.Moved, foreign.row.Known.Status)
	}
	// Nor was the first click at the moved time.
	foreign.happens(13*time.Hour, tag(6, 13*time.Hour, "booked", actual(360000), click("CLICK-A")))
	foreign.answer(14*time.Hour, foreign.send(), conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByClickTime})
	if got := foreign.stands(); got != "refused/uploaded_by_another_tool/" {
		t.Errorf("by the first click at another time: row stands %q, want refused as foreign", got)
	}
}

func TestAnAdjustmentWaitsForItsSecond(t *testing.T) {
	t.Parallel()
	sent := time.Date(2026, 3, 25, 12, 0, 0, 0, time.UTC)
	adjusted := sent.Add(time.Hour)
	row := conversions.Row{
		ID: 1, Version: 2, AdjustedAt: adjusted,
		Known: conversions.Known{Status: conversions.KnownThere, Value: conversions.AmountOf(100), At: sent},
		Want:  conversions.Want{Wanted: true, Tag: 1, Value: conversions.AmountOf(100), ChangeDue: sent, At: sent},
	}
	want := row.Want
	want.Tag, want.Value = 2, conversions.AmountOf(200)
	e, changed := row.Decide(want, nil, adjusted)
	if !changed {
		t.Fatal("another value changes nothing")
	}
	row = row.Apply(e)
	if got := row.Due; !got.Equal(adjusted.Add(time.Second)) {
		t.Errorf("due %v, want one second after the last adjustment", got)
	}
	if got := row.Item(time.UTC, row.Due).AdjustAt; got.After(row.Due) {
		t.Errorf("sent at %v with the adjustment time %v, which lies ahead", row.Due, got)
	}
}
