package scheduler_test

import (
	"errors"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
)

// internal is an answer that counts against its row.
func internal() conversions.Answer {
	return conversions.Answer{Verdict: conversions.Retry, Counts: true, Code: "InternalError.INTERNAL_ERROR"}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	refuse := func(r *rig, s *script) {
		s.next = func(_ int, b conversions.Batch) conversions.Reply {
			return all(b, conversions.Answer{Verdict: conversions.Refused})
		}
		r.run(s)
	}
	stuck := func(r *rig, s *script) {
		s.next = func(_ int, b conversions.Batch) conversions.Reply { return all(b, internal()) }
		for range conversions.MaxCounted {
			r.clock.advance(8 * time.Hour)
			r.run(s)
		}
	}
	nothing := func(*rig, *script) {}
	folded := func(r *rig, s *script) {
		if err := r.scheduler(s).Fold(r.t.Context(), acme); err != nil {
			r.t.Fatalf("Fold: %v", err)
		}
	}
	sends := func(r *rig, s *script) { r.run(s) }
	loses := func(r *rig, s *script) {
		s.next = func(_ int, b conversions.Batch) conversions.Reply { return lost(b) }
		r.run(s)
	}
	tests := []struct {
		name    string
		prepare func(*rig, *script)
		what    scheduler.Resolution
		wantErr error
		then    string // after it
		later   string // after a run
	}{
		{"try a refused one again", refuse, scheduler.ResolveRetry, nil, "queued", "done 100.00"},
		{"give up a refused one", refuse, scheduler.ResolveGiveUp, nil, "skipped given_up", "skipped given_up"},
		{"approve a refused one", refuse, scheduler.ResolveApprove, scheduler.ErrNothingToResolve, "refused refused_by_google", "refused refused_by_google"},
		{"try one that needs a person again", stuck, scheduler.ResolveRetry, nil, "queued", "done 100.00"},
		{"give up one that needs a person", stuck, scheduler.ResolveGiveUp, nil, "skipped given_up", "skipped given_up"},
		{"give up a queued one", folded, scheduler.ResolveGiveUp, nil, "skipped given_up", "skipped given_up"},
		{"retry a queued one", folded, scheduler.ResolveRetry, scheduler.ErrNothingToResolve, "queued", "done 100.00"},
		{"retry what is done", sends, scheduler.ResolveRetry, scheduler.ErrNothingToResolve, "done 100.00", "done 100.00"},
		{"give up what is done", sends, scheduler.ResolveGiveUp, scheduler.ErrNothingToResolve, "done 100.00", "done 100.00"},
		{"approve what is done", sends, scheduler.ResolveApprove, scheduler.ErrNothingToResolve, "done 100.00", "done 100.00"},
		{"no such decision", sends, "wish", scheduler.ErrNothingToResolve, "done 100.00", "done 100.00"},
		{"in flight", loses, scheduler.ResolveGiveUp, scheduler.ErrInFlight, "sending", "done 100.00"},
		{"no such row", nothing, scheduler.ResolveRetry, conversions.ErrNotFound, "", "done 100.00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.books(1)
			google := r.script(done)
			tt.prepare(r, google)
			before := len(r.ledger())
			row, err := r.scheduler(google).Resolve(t.Context(), acme, 1, tt.what, "ann", "because")
			if !errors.Is(err, tt.wantErr) {
				t.Errorf("Resolve = %v, want %v", err, tt.wantErr)
			}
			diff(t, "state", r.states()["call-0000 booked"], tt.then)
			switch entries := r.ledger()[before:]; {
			case tt.wantErr != nil && len(entries) > 0:
				t.Errorf("ledger has %+v, want nothing", entries)
			case tt.wantErr == nil:
				if len(entries) != 1 || entries[0].By != "ann" || entries[0].Note != "because" || !entries[0].At.Equal(r.clock.now()) {
					t.Errorf("ledger has %+v, want who decided it, why and when", entries)
				}
				diff(t, "returned row", row, r.rows()["call-0000 booked"])
			}
			google.next = done
			r.clock.advance(time.Hour)
			r.run(google)
			diff(t, "state after a run", r.states()["call-0000 booked"], tt.later)
			r.checkLedger(t)
		})
	}
}

// What was given up is opened by a new tag.
func TestGivenUpUntilItChanges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(1)
	google := r.script(func(_ int, b conversions.Batch) conversions.Reply { return all(b, internal()) })
	r.run(google)
	s := r.scheduler(google)
	if _, err := s.Resolve(t.Context(), acme, 1, scheduler.ResolveGiveUp, "ann", "wrong job"); err != nil {
		t.Fatalf("Resolve: %v", err)
	}
	google.next = done
	r.clock.advance(day)
	r.run(google)
	r.happens(lead(0), conversions.OutcomeBooked, worth(20_000))
	r.clock.advance(2 * time.Hour)
	r.run(google)
	diff(t, "state", r.states(), map[string]string{"call-0000 booked": "done 200.00"})
	diff(t, "calls", len(google.made()), 2)
}

func TestByHandOnAnUnknownAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.scheduler(r.script(done))
	_, resolved := s.Resolve(t.Context(), "nobody", 1, scheduler.ResolveRetry, "", "")
	_, replayed := s.Replay(t.Context(), "nobody", conversions.ReplayQuery{}, false)
	for name, err := range map[string]error{
		"Resolve": resolved, "Replay": replayed, "Fold": s.Fold(t.Context(), "nobody"),
		"PauseByHand": s.PauseByHand(t.Context(), "nobody", "", "", ""), "ResumeByHand": s.ResumeByHand(t.Context(), "nobody", ""),
	} {
		if !errors.Is(err, scheduler.ErrUnknownAccount) {
			t.Errorf("%s = %v, want ErrUnknownAccount", name, err)
		}
	}
}

// A pause by hand is ended by hand alone: not by time, not by an answer, and
// no answer makes it one that is probed.
func TestPauseByHand(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"", booked} {
		t.Run("action "+action, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.books(2)
			google := r.script(func(n int, b conversions.Batch) conversions.Reply {
				if n == 0 {
					return lost(b)
				}
				return done(n, b)
			})
			r.run(google) // its batch is sent again while the action is paused
			r.happens("later", conversions.OutcomeBooked, r.ago(8*time.Hour), click(clickID(60)), worth(100))
			r.happens("quote", conversions.OutcomeQuoted, r.ago(8*time.Hour), click(clickID(61)), worth(100))
			s := r.scheduler(google)
			if err := s.PauseByHand(t.Context(), acme, action, "ann", "moving to another account"); err != nil {
				t.Fatalf("PauseByHand: %v", err)
			}
			for range 3 {
				r.clock.advance(20 * day)
				report := r.runOn(s)
				if len(report.Paused) != 1 {
					t.Fatalf("paused %+v, want what a person paused", report.Paused)
				}
			}
			if got := r.states()["later booked"]; got != "queued" {
				t.Errorf("a booking is %q, want queued", got)
			}
			if got := r.states()["quote quoted"]; (got == "queued") != (action == "") {
				t.Errorf("a quote is %q while %q is paused", got, action)
			}
			if err := s.ResumeByHand(t.Context(), acme, action); err != nil {
				t.Fatalf("ResumeByHand: %v", err)
			}
			r.runOn(s)
			diff(t, "states", r.tally(), map[string]int{"done": 4})
			if p, q := r.kinds(conversions.EntryPaused), r.kinds(conversions.EntryResumed); p != 1 || q != 1 {
				t.Errorf("ledger has %d pauses and %d resumptions, want 1 and 1", p, q)
			}
		})
	}
}

// A fault of a paused action, said of a batch that is sent again, leaves the
// pause a person's.
func TestFaultDuringAPauseByHand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(1)
	google := r.script(func(n int, b conversions.Batch) conversions.Reply {
		if n == 0 {
			return lost(b)
		}
		return all(b, stop(conversions.ScopeAction))
	})
	r.run(google)
	s := r.scheduler(google)
	if err := s.PauseByHand(t.Context(), acme, booked, "ann", "x"); err != nil {
		t.Fatalf("PauseByHand: %v", err)
	}
	for range 3 {
		r.clock.advance(day)
		r.runOn(s)
	}
	diff(t, "calls", google.sizes(), []int{1, 1})
}
