package conversions_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
)

func TestDecideOpensARow(t *testing.T) {
	t.Parallel()
	l := queued()
	want := conversions.Row{
		ID: 7, Key: l.row.Key, OrderID: "cl3amjcsvx6hec5ms7i7n3jv4ij6vnl7y3", Version: 1,
		Want: foldBooked(l.rules, l.events...), State: conversions.StateQueued, Due: at(6 * time.Hour),
	}
	if diff := cmp.Diff(want, l.row); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	e := l.ledger[0]
	if e.Key == nil || *e.Key != l.row.Key || e.ClickID != "CLICK-A" || e.Kind != conversions.EntryDecided {
		t.Errorf("first entry = %+v, want key, click id for the index and kind decided", e)
	}
	l.happens(2*time.Hour, tag(3, 2*time.Hour, "booked", actual(300000)))
	if e := l.ledger[1]; e.Key != nil || e.Version != 2 {
		t.Errorf("second entry = %+v, want no key and version 2", e)
	}
}

func TestDecideIgnoresWhatChangesNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		life  *life
		event conversions.Event
	}{
		{"queued: an event that is no tag", queued(), event(3, 2*time.Hour)},
		{"queued: a tag that means nothing", queued(), tag(3, 2*time.Hour, "follow_up")},
		{"queued: the same click id on another event", queued(), event(3, 2*time.Hour, click("CLICK-A"))},
		{"queued: the same click id on a nearer event", queued(), event(3, 30*time.Minute, click("CLICK-A"))},
		{"done: an equal tag", done(), tag(3, 8*time.Hour, "booked", actual(250000))},
		{"done: an equal tag that came late", done(), tag(3, 30*time.Minute, "booked", actual(250000), received(8*time.Hour))},
		{"done: a tag without amount", done(), tag(3, 8*time.Hour, "booked")},
		{"done: another field, the same amount", done(), tag(3, 8*time.Hour, "booked", estimated(250000))},
		{"done: another click id", done(), tag(3, 8*time.Hour, "booked", actual(250000), click("CLICK-B"))},
		{"done: an earlier call", done(), event(3, 8*time.Hour, callStart(-time.Hour))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.life.happens(8*time.Hour) || tt.life.happens(9*time.Hour, tt.event) {
				t.Errorf("entry %+v, want none", tt.life.ledger[len(tt.life.ledger)-1])
			}
		})
	}
}

func TestDecideRecordsAnEqualTagBeforeTheUploadOnlyAsLaterDue(t *testing.T) {
	t.Parallel()
	l := queued()
	before := l.row.Want
	l.happens(20*time.Hour, tag(3, 20*time.Hour, "booked", actual(250000)))
	before.Tag, before.ValueEvent, before.Due, before.ChangeDue = 3, 3, at(21*time.Hour), at(21*time.Hour)
	if diff := cmp.Diff(before, l.row.Want); diff != "" {
		t.Errorf("want (-want +got):\n%s", diff)
	}
}

func TestDecideBeforeTheUpload(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		event conversions.Event
		want  string
	}{
		{"another value", tag(3, 2*time.Hour, "booked", actual(300000)), "queued//upload"},
		{"withdrawn", tag(3, 2*time.Hour, "spam"), "skipped/withdrawn/"},
		{"downgraded", tag(3, 2*time.Hour, "quoted"), "skipped/withdrawn/"},
		{"consent denied", event(3, 2*time.Hour, consents(conversions.ConsentDenied)), "skipped/consent_denied/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := queued()
			if !l.happens(2*time.Hour, tt.event) || l.row.Version != 2 {
				t.Fatalf("version %d, want a second one", l.row.Version)
			}
			if got := l.stands(); got != tt.want {
				t.Errorf("row stands %q, want %q", got, tt.want)
			}
			if wanted := l.row.Next() == conversions.OpUpload; l.row.Due.IsZero() == wanted {
				t.Errorf("Due = %v, next operation %q", l.row.Due, l.row.Next())
			}
		})
	}
}

func TestDecideAfterTheUpload(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		event conversions.Event
		want  string
	}{
		{"another value", tag(3, 8*time.Hour, "booked", actual(300000)), "change_due//restate"},
		{"withdrawn", tag(3, 8*time.Hour, "spam"), "change_due/withdrawn/retract"},
		{"consent denied takes nothing back", event(3, 8*time.Hour, consents(conversions.ConsentDenied)), "done/consent_denied/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := done()
			l.happens(8*time.Hour, tt.event)
			if got := l.stands(); got != tt.want {
				t.Errorf("row stands %q, want %q", got, tt.want)
			}
			if got := l.row.Known.Value; got != conversions.AmountOf(250000) {
				t.Errorf("known value = %v, want what was accepted", got)
			}
		})
	}
}

func TestDecideCancelsAChangeThatIsTakenBack(t *testing.T) {
	t.Parallel()
	l := done()
	l.happens(8*time.Hour, tag(3, 8*time.Hour, "spam"))
	l.happens(9*time.Hour, tag(4, 9*time.Hour, "booked", actual(250000)))
	if got := l.stands(); got != "done//" {
		t.Errorf("row stands %q, want done", got)
	}
}

func TestDecideKeepsTheConversionTimeOfWhatWasSent(t *testing.T) {
	t.Parallel()
	l := done()
	due := l.row.Want.Due
	l.happens(8*time.Hour, tag(3, 8*time.Hour, "spam"))
	l.happens(9*time.Hour, tag(4, 9*time.Hour, "booked", actual(300000)))
	if got := l.row.Want.At; !got.Equal(at(time.Hour)) {
		t.Errorf("At = %v, want that of the upload, %v", got, at(time.Hour))
	}
	if got := l.row.Want.Due; !got.Equal(due) {
		t.Errorf("Due = %v, want that of the upload, %v", got, due)
	}
	// What was never sent takes the time of its current outcome.
	l = queued()
	l.happens(2*time.Hour, tag(3, 2*time.Hour, "spam"))
	l.happens(3*time.Hour, tag(4, 3*time.Hour, "booked", actual(300000)))
	if got := l.row.Want.At; !got.Equal(at(3 * time.Hour)) {
		t.Errorf("never sent: At = %v, want %v", got, at(3*time.Hour))
	}
}

func TestDecideAfterTheWait(t *testing.T) {
	t.Parallel()
	waiting := func() *life {
		l := newLife()
		l.happens(time.Hour, tag(2, time.Hour, "booked", actual(250000)))
		return l
	}
	end := time.Hour + 7*day
	l := waiting()
	if got := l.stands(); got != "waiting/waiting_for_click_id/" || !l.row.Due.Equal(at(end)) {
		t.Errorf("row stands %q, due %v; want waiting until %v", got, l.row.Due, at(end))
	}
	if l.happens(end - time.Second) {
		t.Error("an entry a second before the wait is over, want none")
	}
	if !l.happens(end) || l.stands() != "skipped/no_click_id/" {
		t.Errorf("after the wait the row stands %q, want skipped", l.stands())
	}
	if !l.row.Want.WaitUntil.IsZero() {
		t.Errorf("WaitUntil = %v although nothing is waited for", l.row.Want.WaitUntil)
	}
	if l.happens(end+day, event(3, end+day)) {
		t.Error("the same decision is recorded twice")
	}
	if !l.happens(end+2*day, event(4, end+2*day, click("CLICK-A"))) || l.stands() != "queued//upload" {
		t.Errorf("after a late click the row stands %q, want queued", l.stands())
	}
	l = waiting()
	l.closes(end)
	l.happens(end+2*day, event(4, end+2*day, click("CLICK-A")))
	if got := l.stands(); got != "queued//upload" {
		t.Errorf("closed, after a late click the row stands %q, want queued", got)
	}
}

func TestDecideRevivesByAnotherClickOnly(t *testing.T) {
	t.Parallel()
	refused := func(a conversions.Answer) *life {
		l := queued()
		l.answer(7*time.Hour, l.send(), a)
		return l
	}
	other := tag(3, 8*time.Hour, "booked", actual(250000), click("CLICK-B"))
	same := tag(3, 8*time.Hour, "booked", actual(300000), click("CLICK-A"))
	kind := tag(3, 8*time.Hour, "booked", actual(250000), click("CLICK-A"))
	kind.Person.Clicks[0].Kind = conversions.GBRAID
	plain := conversions.Answer{Verdict: conversions.Refused}
	unmatched := conversions.Answer{Verdict: conversions.Refused, Unmatched: true}
	tests := []struct {
		name   string
		answer conversions.Answer
		event  conversions.Event
		want   string
	}{
		{"refused, another click", plain, other, "queued//upload"},
		{"unmatched, another click", unmatched, other, "queued//upload"},
		{"refused, the same text of another kind", plain, kind, "queued//upload"},
		{"refused, the same click, another value", plain, same, "refused/refused_by_google/"},
		{"unmatched, the same click, another value", unmatched, same, "refused/unmatched/"},
		{"refused, no click", plain, tag(3, 8*time.Hour, "booked", actual(300000)), "refused/refused_by_google/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := refused(tt.answer)
			id := l.row.OrderID
			l.happens(8*time.Hour, tt.event)
			if got := l.stands(); got != tt.want {
				t.Errorf("row stands %q, want %q", got, tt.want)
			}
			if l.row.OrderID != id {
				t.Errorf("order id = %q, want the same %q", l.row.OrderID, id)
			}
		})
	}
}

func TestDecideFollowsTheClocksOfWhatWasNeverSent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*life)
		want   func(*conversions.Want)
	}{
		{"an earlier tag that comes late", func(l *life) {
			l.happens(5*time.Hour, tag(3, 30*time.Minute, "booked", actual(250000), received(5*time.Hour)))
		}, func(w *conversions.Want) { w.At = at(30 * time.Minute) }},
		{"an earlier call", func(l *life) {
			l.happens(5*time.Hour, event(3, 5*time.Hour, callStart(-time.Hour)))
		}, func(w *conversions.Want) {
			w.Lead, w.Due, w.Deadline = at(-time.Hour), at(5*time.Hour), at(90*day-time.Hour)
		}},
		{"another hold", func(l *life) {
			l.rules.Hold = day
			l.happens(5 * time.Hour)
		}, func(w *conversions.Want) { w.Due = at(day) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := queued()
			want := l.row.Want
			tt.want(&want)
			tt.change(l)
			if diff := cmp.Diff(want, l.row.Want); diff != "" || l.row.Version != 2 || !l.row.Due.Equal(want.Due) {
				t.Errorf("version %d, due %v, want (-want +got):\n%s", l.row.Version, l.row.Due, diff)
			}
		})
	}
}

func TestDecideLeavesWhatWasSentToTheRulesOfItsDay(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 25, 12, 0, 0, 0, time.UTC)
	want := conversions.Want{Stage: conversions.StageBooked, Wanted: true, Tag: 7, ValueEvent: 7, Value: conversions.AmountOf(100), At: at}
	sent := conversions.Row{
		ID: 1, Version: 1, Want: want,
		Known: conversions.Known{Status: conversions.KnownThere, Value: conversions.AmountOf(100), At: at},
	}
	byRule := want
	byRule.Value = conversions.AmountOf(50)
	if e, changed := sent.Decide(byRule, nil, at); changed {
		t.Errorf("a share that changed restates what was sent: %+v", e)
	}
	byTag := byRule
	byTag.Tag, byTag.ValueEvent = 9, 9
	if _, changed := sent.Decide(byTag, nil, at); !changed {
		t.Error("a new tag with another value changes nothing")
	}
}
