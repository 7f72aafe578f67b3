package scheduler_test

import (
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/sandbox"
)

func stop(scope conversions.Scope) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Pause, Scope: scope, Code: "AuthorizationError.USER_PERMISSION_DENIED"}
}

func (r *rig) kinds(kind conversions.EntryKind) int {
	r.t.Helper()
	n := 0
	for _, e := range r.ledger() {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func TestAccountPause(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		says func(conversions.Batch) conversions.Reply
	}{
		{"said of rows", func(b conversions.Batch) conversions.Reply { return all(b, stop(conversions.ScopeAccount)) }},
		{"said of one row", func(b conversions.Batch) conversions.Reply {
			reply := all(b, conversions.Answer{Verdict: conversions.Retry})
			reply.Answers[len(b.Items)-1] = stop(conversions.ScopeAccount)
			return reply
		}},
		{"said of the call", func(b conversions.Batch) conversions.Reply { return failed(b, stop(conversions.ScopeAccount)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.books(conversions.MaxItems + 10)
			mended := false
			google := r.script(func(n int, b conversions.Batch) conversions.Reply {
				if mended {
					return done(n, b)
				}
				return tt.says(b)
			})
			report := r.run(google)
			diff(t, "calls of the first run", google.sizes(), []int{2000})
			if len(report.Paused) != 1 || !report.Paused[0].ProbeAt.Equal(r.clock.now().Add(conversions.ProbeEvery)) {
				t.Fatalf("paused %+v, want the account, to be probed in an hour", report.Paused)
			}
			// Deliveries are folded while nothing is sent.
			r.happens("late", conversions.OutcomeBooked, r.ago(8*time.Hour), click(clickID(9000)), worth(1))
			r.clock.advance(conversions.ProbeEvery - time.Second)
			r.run(google)
			diff(t, "calls before the probe", google.sizes(), []int{2000})
			if got := r.states()["late booked"]; got != "queued" {
				t.Errorf("a booking during the pause is %q, want queued", got)
			}
			r.clock.advance(time.Second)
			probed := r.run(google)
			diff(t, "calls with a probe", google.sizes(), []int{2000, 1})
			if len(probed.Paused) != 1 || !probed.Paused[0].Since.Equal(start()) {
				t.Errorf("paused %+v after the probe, want since the first time", probed.Paused)
			}
			r.clock.advance(conversions.ProbeEvery - time.Second)
			r.run(google)
			diff(t, "calls before the second probe", google.sizes(), []int{2000, 1})

			mended = true
			r.clock.advance(day)
			report = r.run(google)
			sizes := google.sizes()
			if len(sizes) < 4 || sizes[2] != 1 {
				t.Errorf("calls %v, want one row, then the rest in the same run", sizes)
			}
			diff(t, "states", r.tally(), map[string]int{"done": conversions.MaxItems + 11})
			if len(report.Paused) != 0 {
				t.Errorf("paused %+v after the run, want nothing", report.Paused)
			}
			if p, q := r.kinds(conversions.EntryPaused), r.kinds(conversions.EntryResumed); p != 1 || q != 1 {
				t.Errorf("ledger has %d pauses and %d resumptions, want 1 and 1", p, q)
			}
		})
	}
}

func TestActionPauseLeavesTheOtherStageFlowing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(3)
	for i := range 3 {
		r.happens(lead(100+i), conversions.OutcomeQuoted, r.ago(8*time.Hour), click(clickID(100+i)), worth(500))
	}
	mended := false
	google := r.script(func(n int, b conversions.Batch) conversions.Reply {
		reply := done(n, b)
		for i, it := range b.Items {
			if it.Action == booked && !mended {
				reply.Answers[i] = stop(conversions.ScopeAction)
			}
		}
		return reply
	})
	r.run(google)
	diff(t, "states", r.tally(), map[string]int{"queued": 3, "done": 3})
	r.happens(lead(200), conversions.OutcomeQuoted, r.ago(8*time.Hour), click(clickID(200)), worth(500))
	r.clock.advance(time.Minute)
	r.run(google)
	diff(t, "states with another quote", r.tally(), map[string]int{"queued": 3, "done": 4})
	diff(t, "calls", google.sizes(), []int{6, 1})
	r.clock.advance(conversions.ProbeEvery)
	r.run(google)
	diff(t, "calls with the probe", google.sizes(), []int{6, 1, 1})
	mended = true
	r.clock.advance(conversions.ProbeEvery)
	r.run(google)
	diff(t, "calls when mended", google.sizes(), []int{6, 1, 1, 1, 2})
	diff(t, "states in the end", r.tally(), map[string]int{"done": 7})
	if p, q := r.kinds(conversions.EntryPaused), r.kinds(conversions.EntryResumed); p != 1 || q != 1 {
		t.Errorf("ledger has %d pauses and %d resumptions, want 1 and 1", p, q)
	}
}

// An action that counts one conversion per click takes no wbraid: those rows
// wait, and the others of the action go on.
func TestClicksThatAnActionDoesNotTakeHoldUpNoOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, google := r.google(func(c *sandbox.Config) { c.Customers[0].Actions[0].OnePerClick = true })
	r.books(2)
	r.happens("iphone", conversions.OutcomeBooked, r.ago(8*time.Hour), worth(100), func(e *conversions.Event) {
		click(clickID(7))(e)
		e.Person.Clicks[0].Kind = conversions.WBRAID
	})
	if report := r.run(google); len(report.Paused) != 0 {
		t.Errorf("paused %+v, want nothing", report.Paused)
	}
	diff(t, "states", r.tally(), map[string]int{"done": 2, "queued": 1})
	r.happens("later", conversions.OutcomeBooked, r.ago(8*time.Hour), click(clickID(8)), worth(100))
	r.clock.advance(time.Minute)
	r.run(google)
	diff(t, "states with another booking", r.tally(), map[string]int{"done": 3, "queued": 1})
	if due := r.rows()["iphone booked"].Due; !due.Equal(start().Add(day)) {
		t.Errorf("the row of the wbraid is tried again at %v, want after a day", due)
	}
}

func TestQuotaWaitsAsLongAsItSays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	box, google := r.google()
	r.books(10)
	if err := box.Fault(sandbox.Fault{Kind: sandbox.FaultQuota, RetryDelay: sandbox.Duration(20 * time.Minute)}); err != nil {
		t.Fatalf("fault: %v", err)
	}
	report := r.run(google)
	if report.Failed == nil || len(report.Paused) != 1 || !report.Paused[0].ProbeAt.Equal(r.clock.now().Add(20*time.Minute)) {
		t.Fatalf("failed %+v, paused %+v; want the quota, for 20 minutes", report.Failed, report.Paused)
	}
	r.clock.advance(20*time.Minute - time.Second)
	r.run(google)
	if n := len(box.Requests()); n != 1 {
		t.Errorf("%d requests before the delay is over, want 1", n)
	}
	r.clock.advance(time.Second)
	report = r.run(google)
	diff(t, "states", r.tally(), map[string]int{"done": 10})
	diff(t, "answers", report.Answers, map[string]int{"done": 10})
	for _, row := range r.rows() {
		if row.Tries != 0 || row.Counted != 0 {
			t.Errorf("row %d has %d tries, %d counted, want none: the call failed, not the row", row.ID, row.Tries, row.Counted)
		}
	}
}

// A server that cannot be reached costs no row a try, and the next run goes on.
func TestUnreachableServer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(3)
	google := r.script(func(n int, b conversions.Batch) conversions.Reply {
		if n == 0 {
			return failed(b, conversions.Answer{Verdict: conversions.Retry, Code: "UNAVAILABLE"})
		}
		return done(n, b)
	})
	report := r.run(google)
	if report.Failed == nil || report.Unanswered != 0 || len(report.Paused) != 0 {
		t.Errorf("report %+v, want a failed call, nothing unanswered, no pause", report)
	}
	r.run(google)
	diff(t, "states", r.tally(), map[string]int{"done": 3})
}

// The verdicts of single rows: their own clock, ten that count, no other row
// delayed.
func TestRowsHaveClocksOfTheirOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(2)
	google := r.script(func(n int, b conversions.Batch) conversions.Reply {
		reply := done(n, b)
		for i, it := range b.Items {
			if isLead(lead(0))(it) {
				reply.Answers[i] = conversions.Answer{Verdict: conversions.Retry, Code: "InternalError.INTERNAL_ERROR", Counts: true}
			}
		}
		return reply
	})
	r.run(google)
	diff(t, "states", r.states(), map[string]string{"call-0000 booked": "queued", "call-0001 booked": "done 100.01"})
	r.run(google)
	if n := len(google.made()); n != 1 {
		t.Errorf("%d calls at the same time, want 1: the row backs off", n)
	}
	for range 9 {
		r.clock.advance(7 * time.Hour)
		r.run(google)
	}
	diff(t, "after ten", r.states()["call-0000 booked"], "needs_a_person needs_a_person")
	if n := len(google.made()); n != 10 {
		t.Errorf("%d calls, want 10", n)
	}
}
