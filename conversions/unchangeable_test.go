package conversions_test

import (
	"testing"
	"time"

	"closeloop/conversions"
)

func TestNothingMatchedByAWBRAIDIsAdjusted(t *testing.T) {
	t.Parallel()
	start := func() *life {
		l := newLife()
		call := event(1, 0, click("CLICK-W"))
		call.Person.Clicks[0].Kind = conversions.WBRAID
		l.happens(time.Hour, call, tag(2, time.Hour, "booked", actual(250000)))
		return l
	}
	for name, o := range map[string]conversions.Event{
		"another value": tag(3, 9*time.Hour, "booked", actual(300000)), "withdrawn": tag(3, 9*time.Hour, "spam"),
	} {
		l, lost := start(), start()
		l.answer(7*time.Hour, l.send(), conversions.Answer{Verdict: conversions.Done})
		l.happens(9*time.Hour, o)
		if got := l.stands(); got != "cannot_change/click_id_not_adjustable/" || !l.row.Due.IsZero() {
			t.Errorf("%s: row stands %q, due %v", name, got, l.row.Due)
		}
		if name == "withdrawn" {
			b := lost.send()
			lost.happens(9*time.Hour, o)
			lost.abandon(9*time.Hour, b)
			if got := lost.stands(); got != "cannot_change/click_id_not_adjustable/" {
				t.Errorf("unanswered, %s: row stands %q", name, got)
			}
		}
		l.happens(10*time.Hour, tag(4, 10*time.Hour, "booked", actual(250000)))
		if got := l.stands(); got != "done//" {
			t.Errorf("%s and back: row stands %q", name, got)
		}
	}
}

func TestAClosedAdjustmentOpensByAnotherWantOnly(t *testing.T) {
	t.Parallel()
	late := restating()
	late.closes(55 * day)
	refused := restating()
	refused.answer(40*time.Hour, refused.sendAt(40*time.Hour), conversions.Answer{Verdict: conversions.Refused})
	for name, l := range map[string]*life{"too late": late, "refused": refused} {
		closed := l.stands()
		if l.happens(55*day, tag(4, 55*day, "booked", actual(300000))) || l.stands() != closed {
			t.Errorf("%s: the same value again, row stands %q, want %q", name, l.stands(), closed)
		}
		l.happens(55*day, tag(5, 55*day, "booked", actual(310000)))
		if got := l.stands(); got != "change_due//restate" {
			t.Errorf("%s: another value, row stands %q, want it open", name, got)
		}
		if !l.closes(56*day) || l.stands() != "cannot_change/too_late_to_adjust/" {
			t.Errorf("%s: after 54 days the row stands %q", name, l.stands())
		}
		l.happens(57*day, tag(6, 57*day, "booked", actual(250000)))
		if got := l.stands(); got != "done//" {
			t.Errorf("%s: the value that is there, row stands %q, want done", name, got)
		}
	}
}

func TestATestAccountAdjustsNothing(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]conversions.Event{
		"restate": tag(3, 9*time.Hour, "booked", actual(300000)), "retract": tag(3, 9*time.Hour, "spam"),
	} {
		l := done()
		l.happens(9*time.Hour, o)
		l.rules.Mode = conversions.ModeTest
		l.happens(10 * time.Hour)
		if l.row.Next() != conversions.OpNone || l.row.State != conversions.StateStuck || l.row.Reason.Sentence() == "" || !l.row.Due.IsZero() {
			t.Errorf("%s: the test row stands %q, due %v", name, l.stands(), l.row.Due)
		}
		l.rules.Mode = conversions.ModeLive
		l.happens(11 * time.Hour)
		if string(l.row.Next()) != name || l.row.Due.IsZero() {
			t.Errorf("%s: the live row stands %q, due %v", name, l.stands(), l.row.Due)
		}
	}
}
