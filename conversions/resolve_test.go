package conversions_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
)

func TestHeldRetractionsWaitForAPerson(t *testing.T) {
	t.Parallel()
	const heldBack = "needs_a_person/withdrawals_held/"
	held := func() *life {
		l := retracting()
		if !l.decides(40*time.Hour, conversions.EntryHeld) {
			t.Error("the retraction cannot be held")
		}
		return l
	}
	l := held()
	if l.stands() != heldBack || !l.row.Due.IsZero() || l.decides(40*time.Hour, conversions.EntryHeld) {
		t.Errorf("held: row stands %q, due %v", l.stands(), l.row.Due)
	}
	if l.closes(55 * day) {
		t.Errorf("held past the end: closed as %q, want it to wait", l.stands())
	}
	if !l.decides(55*day, conversions.EntryApproved) || !l.closes(55*day) || l.stands() != "cannot_change/too_late_to_adjust/" {
		t.Errorf("approved too late: row stands %q", l.stands())
	}

	l = held()
	if !l.decides(41*time.Hour, conversions.EntryApproved) || l.stands() != "change_due/withdrawn/retract" {
		t.Errorf("approved: row stands %q", l.stands())
	}
	if l.decides(41*time.Hour, conversions.EntryHeld) || l.decides(41*time.Hour, conversions.EntryApproved) {
		t.Errorf("approved, and held or approved once more")
	}
	l.happens(42*time.Hour, tag(4, 42*time.Hour, "booked", actual(250000)))
	if got := l.stands(); got != "done//" {
		t.Errorf("approved, and back before it was sent: row stands %q", got)
	}
	l.happens(43*time.Hour, tag(5, 43*time.Hour, "spam"))
	if l.row.Approved == l.row.Version || !l.decides(70*time.Hour, conversions.EntryHeld) {
		t.Error("an approval holds for a withdrawal that came after it")
	}

	l = held()
	if !l.decides(41*time.Hour, conversions.EntryGivenUp) || l.stands() != "cannot_change/given_up/" || l.row.Held {
		t.Errorf("given up: row stands %q, held %t", l.stands(), l.row.Held)
	}

	l = held()
	l.happens(42*time.Hour, tag(4, 42*time.Hour, "booked", actual(250000)))
	if got := l.stands(); got != "done//" || l.row.Held {
		t.Errorf("held, and back: row stands %q, held %t", got, l.row.Held)
	}
}

func TestAnApprovalIsForTheVersionThatWasSeen(t *testing.T) {
	t.Parallel()
	l := retracting()
	l.decides(40*time.Hour, conversions.EntryHeld)
	seen, ok := l.row.Resolve(conversions.EntryApproved, "a person", "", at(41*time.Hour))
	l.happens(42*time.Hour, tag(4, 42*time.Hour, "booked", actual(300000)), tag(5, 43*time.Hour, "spam"))
	l.write(seen)
	if got := l.stands(); !ok || got != "needs_a_person/withdrawals_held/" {
		t.Errorf("row stands %q, want the newer withdrawal held still", got)
	}
}

func TestPersonsDecide(t *testing.T) {
	t.Parallel()
	type kind = conversions.EntryKind
	const retry, giveUp, putBack = conversions.EntryRetried, conversions.EntryGivenUp, conversions.EntryPutBack
	answered := func(start func() *life, a conversions.Answer) func() *life {
		return func() *life {
			l := start()
			l.answer(40*time.Hour, l.sendAt(40*time.Hour), a)
			return l
		}
	}
	refused := conversions.Answer{Verdict: conversions.Refused}
	counted := func(start func() *life) func() *life {
		return func() *life {
			l := start()
			for i := range conversions.MaxCounted {
				now := 40*time.Hour + time.Duration(i)*time.Hour
				l.answer(now, l.sendAt(now), conversions.Answer{Verdict: conversions.Retry, Counts: true})
			}
			return l
		}
	}
	expired := func() *life {
		l := queued()
		l.closes(90 * day)
		return l
	}
	late := func() *life {
		l := restating()
		l.closes(55 * day)
		return l
	}
	tested := func() *life {
		l := newLife()
		l.rules.Mode = conversions.ModeTest
		l.happens(time.Hour, event(1, 0, click("CLICK-A")), tag(2, time.Hour, "booked", actual(250000)))
		l.test(7*time.Hour, l.send(), refused)
		return l
	}
	tests := []struct {
		name string
		life func() *life
		kind kind
		want string // empty if the decision is not possible
	}{
		{"refused, retried", answered(queued, refused), retry, "queued//upload"},
		{"refused, put back", answered(queued, refused), putBack, "queued//upload"},
		{"refused, given up", answered(queued, refused), giveUp, "skipped/given_up/"},
		{"refused by a test, retried", tested, retry, "queued//upload"},
		{"counted out, retried", counted(queued), retry, "queued//upload"},
		{"counted out, given up", counted(queued), giveUp, "skipped/given_up/"},
		{"expired, retried", expired, retry, "queued//upload"},
		{"queued, retried", queued, retry, ""},
		{"queued, put back", queued, putBack, ""},
		{"queued, given up", queued, giveUp, "skipped/given_up/"},
		{"done, retried", done, retry, ""},
		{"done, given up", done, giveUp, ""},
		{"done, approved", done, conversions.EntryApproved, ""},
		{"restatement refused, retried", answered(restating, refused), retry, "change_due//restate"},
		{"restatement refused, put back", answered(restating, refused), putBack, ""},
		{"restatement refused, given up", answered(restating, refused), giveUp, "cannot_change/given_up/"},
		{"restatement counted out, retried", counted(restating), retry, "change_due//restate"},
		{"restatement counted out, given up", counted(restating), giveUp, "cannot_change/given_up/"},
		{"restatement too late, retried", late, retry, "change_due//restate"},
		{"restatement due, given up", restating, giveUp, "cannot_change/given_up/"},
		{"retraction refused, retried", answered(retracting, refused), retry, "change_due/withdrawn/retract"},
		{"retraction due, approved unasked", retracting, conversions.EntryApproved, ""},
		{"retraction due, given up", retracting, giveUp, "cannot_change/given_up/"},
		{"retraction due, sent", retracting, conversions.EntrySent, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := tt.life()
			known := l.row.Known
			possible := l.decides(100*time.Hour, tt.kind)
			if possible != (tt.want != "") {
				t.Fatalf("possible = %t for a row that stands %q", possible, l.stands())
			}
			if !possible {
				return
			}
			if got := l.stands(); got != tt.want {
				t.Errorf("row stands %q, want %q", got, tt.want)
			}
			if e := l.ledger[len(l.ledger)-1]; e.By != "a person" || e.Note != "a reason" || e.Version != l.row.Version {
				t.Errorf("entry %+v, want who and why", e)
			}
			if known.Status == conversions.KnownRefused && tt.kind != giveUp {
				known = conversions.Known{}
			}
			if diff := cmp.Diff(known, l.row.Known); diff != "" {
				t.Errorf("a decision changed what is known (-before +after):\n%s", diff)
			}
			if tt.kind == giveUp && l.decides(101*time.Hour, giveUp) {
				t.Error("given up twice")
			}
			if !l.row.Due.IsZero() && l.row.Counted != 0 {
				t.Errorf("tried again with %d answers counted against it", l.row.Counted)
			}
		})
	}
}

func TestARowThatWasGivenUpOpensByAnotherWant(t *testing.T) {
	t.Parallel()
	l := restating()
	l.decides(40*time.Hour, conversions.EntryGivenUp)
	if l.happens(41*time.Hour, tag(4, 41*time.Hour, "booked", actual(300000))) {
		t.Error("the same value opens it")
	}
	l.happens(42*time.Hour, tag(5, 42*time.Hour, "booked", actual(310000)))
	if got := l.stands(); got != "change_due//restate" {
		t.Errorf("another value: row stands %q", got)
	}
}

func TestARowNeedsNobodyOnceNothingIsToBeDone(t *testing.T) {
	t.Parallel()
	l := restating()
	for i := range conversions.MaxCounted {
		now := 40*time.Hour + time.Duration(i)*time.Hour
		l.answer(now, l.sendAt(now), conversions.Answer{Verdict: conversions.Retry, Counts: true})
	}
	if got := l.stands(); got != "needs_a_person/needs_a_person/" {
		t.Fatalf("row stands %q", got)
	}
	l.happens(60*time.Hour, tag(4, 60*time.Hour, "booked", actual(250000)))
	if got := l.stands(); got != "done//" {
		t.Errorf("the value that is there is wanted again: row stands %q, want done", got)
	}
}
