package conversions_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
)

func TestApplyAnswer(t *testing.T) {
	t.Parallel()
	type answer = conversions.Answer
	const resent = true
	none, sum := conversions.Amount{}, conversions.AmountOf(250000)
	tests := []struct {
		name   string
		answer answer
		resent bool
		known  conversions.KnownStatus
		value  conversions.Amount
		want   string
	}{
		{"done", answer{Verdict: conversions.Done}, false, conversions.KnownThere, sum, "done//"},
		{"done at the second attempt", answer{Verdict: conversions.Done}, resent, conversions.KnownThere, sum, "done//"},
		{
			"already there by order id, first sent",
			answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID},
			false,
			conversions.KnownThereValue, none, "change_due//restate",
		},
		{
			"already there by order id, resent",
			answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID},
			resent,
			conversions.KnownThere, sum, "done//",
		},
		{
			"already there by click and time, first sent",
			answer{Verdict: conversions.AlreadyThere, By: conversions.ByClickTime},
			false,
			conversions.KnownNothing, none, "queued//upload",
		},
		{
			"already there by click and time, resent",
			answer{Verdict: conversions.AlreadyThere, By: conversions.ByClickTime},
			resent,
			conversions.KnownThere, sum, "done//",
		},
		{"refused", answer{Verdict: conversions.Refused}, false, conversions.KnownRefused, none, "refused/refused_by_google/"},
		{"refused when resent", answer{Verdict: conversions.Refused}, resent, conversions.KnownRefused, none, "refused/refused_by_google/"},
		{"unmatched", answer{Verdict: conversions.Refused, Unmatched: true}, false, conversions.KnownRefused, none, "refused/unmatched/"},
		{"retry", answer{Verdict: conversions.Retry}, false, conversions.KnownNothing, none, "queued//upload"},
		{"later", answer{Verdict: conversions.Later, Wait: day}, false, conversions.KnownNothing, none, "queued//upload"},
		{"fix the batch", answer{Verdict: conversions.FixBatch}, false, conversions.KnownNothing, none, "queued//upload"},
		{"pause", answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount}, false, conversions.KnownNothing, none, "queued//upload"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := queued()
			b := l.send()
			if tt.resent {
				b = again(b)
			}
			l.answer(7*time.Hour, b, tt.answer)
			if l.row.Known.Status != tt.known || l.row.Known.Value != tt.value {
				t.Errorf("known = %q %v, want %q %v", l.row.Known.Status, l.row.Known.Value, tt.known, tt.value)
			}
			if got := l.stands(); got != tt.want {
				t.Errorf("row stands %q, want %q", got, tt.want)
			}
			if l.row.LastBatch != "b1" || l.row.Last == nil || l.row.Last.Verdict != tt.answer.Verdict {
				t.Errorf("last batch %q, last answer %+v, want b1 and %+v", l.row.LastBatch, l.row.Last, tt.answer)
			}
		})
	}
}

func TestApplyRecordsWhatWasAccepted(t *testing.T) {
	t.Parallel()
	l := done()
	want := conversions.Known{
		Status: conversions.KnownThere, Value: conversions.AmountOf(250000), Currency: "EUR",
		Target: conversions.Target{API: conversions.APIGoogleAds, Customer: "1234567890"}, Action: "111",
		At: at(time.Hour), Click: l.row.Want.Click, Batch: "b1", Since: at(7 * time.Hour),
	}
	if diff := cmp.Diff(want, l.row.Known); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
	// It outlives every later change of the configuration.
	l.rules.Target.Customer, l.rules.Currency = "9999999999", "USD"
	l.rules.Stages[conversions.StageBooked] = conversions.StageRules{Action: "999", Share: conversions.Whole}
	l.happens(8*time.Hour, tag(3, 8*time.Hour, "booked", actual(300000)))
	if diff := cmp.Diff(want, l.row.Known); diff != "" {
		t.Errorf("after a change of the rules, known (-want +got):\n%s", diff)
	}
}

func TestApplyMovesAForeignConversionOnce(t *testing.T) {
	t.Parallel()
	foreign := conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByClickTime}
	l := queued()
	first := l.send()
	l.answer(7*time.Hour, first, foreign)
	second := l.send()
	if got, want := second.Items[0].At, at(time.Hour+time.Second); !got.Equal(want) || !second.Items[0].Bumped {
		t.Errorf("second item: At = %v, Bumped = %t, want %v, true", got, second.Items[0].Bumped, want)
	}
	if first.Items[0].Bumped || second.Items[0].OrderID != first.Items[0].OrderID {
		t.Errorf("items %+v, %+v: want only the second bumped, and one order id", first.Items[0], second.Items[0])
	}
	if l.row.Due.After(at(7 * time.Hour)) {
		t.Errorf("Due = %v, want at once", l.row.Due)
	}
	t.Run("then accepted", func(t *testing.T) {
		t.Parallel()
		m := *l
		m.answer(8*time.Hour, second, conversions.Answer{Verdict: conversions.Done})
		if got := m.row.Known.At; m.stands() != "done//" || !got.Equal(at(time.Hour+time.Second)) {
			t.Errorf("row stands %q, known at %v, want done at the moved time", m.stands(), got)
		}
	})
	t.Run("then foreign again", func(t *testing.T) {
		t.Parallel()
		m := *l
		m.answer(8*time.Hour, second, foreign)
		if got := m.stands(); got != "refused/uploaded_by_another_tool/" {
			t.Errorf("row stands %q, want refused as foreign", got)
		}
		m.happens(9*time.Hour, event(3, 9*time.Hour), tag(4, 9*time.Hour, "booked", actual(1), click("CLICK-B")))
		if it := m.row.Item(time.UTC, at(9*time.Hour)); m.stands() != "queued//upload" || it.Bumped || !it.At.Equal(at(time.Hour)) {
			t.Errorf("another click: row stands %q, item %+v, want queued at its own time", m.stands(), it)
		}
	})
	t.Run("then ours by order id", func(t *testing.T) {
		t.Parallel()
		m := *l
		m.answer(8*time.Hour, second, conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID})
		if got := m.row.Known.Status; got != conversions.KnownThereValue {
			t.Errorf("known = %q, want there with a value unknown", got)
		}
	})
}

func TestApplyRetriesOnItsClock(t *testing.T) {
	t.Parallel()
	l := queued()
	now := 7 * time.Hour
	for try := 1; try <= 12; try++ {
		l.answer(now, l.send(), conversions.Answer{Verdict: conversions.Retry})
		want := at(now).Add(conversions.Backoff(try, l.row.OrderID))
		if !l.row.NotBefore.Equal(want) || !l.row.Due.Equal(want) || l.row.Tries != try {
			t.Fatalf("try %d: not before %v, due %v, tries %d, want %v", try, l.row.NotBefore, l.row.Due, l.row.Tries, want)
		}
		now += day
	}
	for verdict, wait := range map[conversions.Verdict]time.Duration{
		conversions.Later: 6 * time.Hour, conversions.Retry: 90 * time.Second,
	} {
		m := *l
		m.answer(now, m.send(), conversions.Answer{Verdict: verdict, Wait: wait})
		if want := at(now + wait); !m.row.NotBefore.Equal(want) || !m.row.Due.Equal(want) {
			t.Errorf("%s with a wait: not before %v, want %v", verdict, m.row.NotBefore, want)
		}
	}
	m := *l
	m.answer(now, m.send(), conversions.Answer{Verdict: conversions.Pause, Wait: time.Hour})
	if !m.row.NotBefore.IsZero() || !m.row.Due.Equal(at(6*time.Hour)) {
		t.Errorf("pause: not before %v, due %v, want the row's own time: the pause has the clock", m.row.NotBefore, m.row.Due)
	}
	for _, a := range []conversions.Answer{
		{Verdict: conversions.Done}, {Verdict: conversions.AlreadyThere, By: conversions.ByOrderID},
	} {
		m := *l
		m.answer(now, m.send(), a)
		if m.row.Tries != 0 || !m.row.NotBefore.IsZero() {
			t.Errorf("%s: tries %d, not before %v, want neither", a.Verdict, m.row.Tries, m.row.NotBefore)
		}
	}
}

func TestApplyDueIsNeverBeforeTheWantsOwn(t *testing.T) {
	t.Parallel()
	l := queued()
	b := l.send()
	l.happens(20*time.Hour, tag(3, 20*time.Hour, "booked", actual(300000)))
	l.answer(20*time.Hour, b, conversions.Answer{Verdict: conversions.Retry, Wait: time.Minute})
	if want := at(21 * time.Hour); !l.row.Due.Equal(want) {
		t.Errorf("Due = %v, want the new want's %v", l.row.Due, want)
	}
}

func TestApplyCountsAtMostOnceAnHour(t *testing.T) {
	t.Parallel()
	internal := conversions.Answer{Verdict: conversions.Retry, Counts: true}
	l := queued()
	now := 7 * time.Hour
	for count := 1; count < conversions.MaxCounted; count++ {
		for range 4 { // at 0, 15, 30 and 45 minutes of the hour
			l.answer(now, l.send(), internal)
			now += 15 * time.Minute
			if l.row.Counted != count || l.stands() != "queued//upload" {
				t.Fatalf("counted %d, row stands %q, want %d, queued", l.row.Counted, l.stands(), count)
			}
		}
	}
	accepted := *l
	accepted.answer(now, accepted.send(), conversions.Answer{Verdict: conversions.Done})
	if accepted.row.Counted != 0 || accepted.stands() != "done//" {
		t.Errorf("accepted: counted %d, row stands %q, want 0, done", accepted.row.Counted, accepted.stands())
	}
	l.answer(now-time.Nanosecond, l.send(), internal)
	if l.row.Counted != 9 {
		t.Errorf("counted %d just within the hour, want 9", l.row.Counted)
	}
	l.answer(now, l.send(), internal)
	if got := l.stands(); got != "needs_a_person/needs_a_person/" || !l.row.Due.IsZero() {
		t.Errorf("row stands %q, due %v, want to need a person and be due never", got, l.row.Due)
	}
	l.happens(now, tag(3, now, "booked", actual(300000)))
	if got := l.stands(); got != "needs_a_person/needs_a_person/" {
		t.Errorf("another value: row stands %q, want still to need a person", got)
	}
	l.happens(now, tag(4, now, "booked", actual(300000), click("CLICK-B")))
	if !l.row.NotBefore.IsZero() || !l.row.Due.Equal(l.row.Want.Due) {
		t.Errorf("another click: not before %v, due %v, want no wait for another's answer", l.row.NotBefore, l.row.Due)
	}
	if got := l.stands(); got != "queued//upload" || l.row.Counted != 0 {
		t.Errorf("another click: row stands %q, counted %d, want queued, 0", got, l.row.Counted)
	}
}

func TestApplyNeverCountsACallThatFailed(t *testing.T) {
	t.Parallel()
	l := queued()
	now := 7 * time.Hour
	for range 200 {
		for _, v := range []conversions.Verdict{conversions.Retry, conversions.Later, conversions.Pause, conversions.FixBatch} {
			l.answer(now, l.send(), conversions.Answer{Verdict: v})
		}
		now += 2 * time.Hour
	}
	if got := l.stands(); got != "queued//upload" || l.row.Counted != 0 {
		t.Errorf("row stands %q, counted %d, want queued, 0", got, l.row.Counted)
	}
}

func TestApplyLeavesRowsAloneThatAnEntryIsNotAbout(t *testing.T) {
	t.Parallel()
	l := done()
	for _, kind := range []conversions.EntryKind{conversions.EntrySent, conversions.EntryPaused, conversions.EntryResumed} {
		got := l.row.Apply(conversions.Entry{Kind: kind, Account: "acme", At: at(day), Count: 3, Action: "111"})
		if diff := cmp.Diff(l.row, got); diff != "" {
			t.Errorf("%s changes the row (-before +after):\n%s", kind, diff)
		}
	}
}

func TestEntriesSayWhatWasSentAndWhereTo(t *testing.T) {
	t.Parallel()
	l := queued()
	b := again(l.send())
	it, a := b.Items[0], conversions.Answer{Verdict: conversions.Later, Wait: time.Hour, Code: "QuotaError.RESOURCE_EXHAUSTED"}
	answered := conversions.Entry{
		Account: "acme", Row: 7, Kind: conversions.EntryAnswered, At: at(7 * time.Hour), Version: 1,
		Batch: "b1", Target: &b.Target, Item: &it, Answer: &a, Resent: true, NotBefore: at(8 * time.Hour),
	}
	tested := answered
	tested.Kind, tested.Resent = conversions.EntryTested, false
	abandoned := conversions.Entry{
		Account: "acme", Row: 7, Kind: conversions.EntryUnanswered, At: at(7 * time.Hour), Version: 1,
		Batch: "b1", Target: &b.Target, Item: &it,
	}
	for _, tt := range []struct{ want, got conversions.Entry }{
		{answered, l.row.Answered(b, it, a, at(7*time.Hour))},
		{tested, l.row.TestedBy(b, it, a, at(7*time.Hour))},
		{abandoned, l.row.Abandon(b, it, at(7*time.Hour))},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s entry (-want +got):\n%s", tt.want.Kind, diff)
		}
	}
}

func TestForeignAnswerMovesBehindTheSecondThatWasTried(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 25, 12, 0, 0, 0, time.UTC)
	row := conversions.Row{ID: 1, Version: 1, Want: conversions.Want{Wanted: true, At: at, Due: at}}
	b := conversions.Batch{ID: "b", Attempts: 1}
	it := row.Item(time.UTC, at)
	it.At = at.Add(time.Second) // moved apart from another row's when it was first sent
	foreign := conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByClickTime}
	row = row.Apply(row.Answered(b, it, foreign, at.Add(time.Hour)))
	if got, want := row.Item(time.UTC, at).At, at.Add(2*time.Second); !got.Equal(want) {
		t.Errorf("sent again at %v, want %v: one second behind the one that was taken", got, want)
	}
}

func TestForeignAnswerLeavesTheTimeOfANewerWantAlone(t *testing.T) {
	t.Parallel()
	foreign := conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByClickTime}
	l := queued()
	b := l.send()
	l.happens(8*time.Hour, tag(3, 2*time.Hour, "spam"), tag(4, 3*time.Hour, "booked", actual(250000)))
	l.answer(8*time.Hour, b, foreign)
	if it := l.row.Item(time.UTC, at(9*time.Hour)); !it.At.Equal(at(3*time.Hour)) || it.Bumped || l.stands() != "queued//upload" {
		t.Errorf("row stands %q, sent at %v, bumped %t, want the new booking's own time", l.stands(), it.At, it.Bumped)
	}
	l = queued()
	b = l.send()
	l.happens(8*time.Hour, tag(3, 2*time.Hour, "booked", actual(300000)))
	l.answer(8*time.Hour, b, foreign)
	if it := l.row.Item(time.UTC, at(9*time.Hour)); !it.At.Equal(at(time.Hour+time.Second)) || !it.Bumped {
		t.Errorf("another value: sent at %v, bumped %t, want a second behind the one that was taken", it.At, it.Bumped)
	}
}
