package scheduler_test

import (
	"errors"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/sandbox"
)

// The lease is lost while a call is under way: its answer is not written, and
// the successor sends the batch again.
func TestLeaseLostDuringTheCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	box, client := r.google()
	r.books(2)
	google := &recorder{Destination: client, before: func(conversions.Batch) {
		r.clock.advance(conversions.LeaseTTL)
		if _, err := r.store.Acquire(t.Context(), acme, "another", r.clock.now()); err != nil {
			t.Errorf("acquire an expired lease: %v", err)
		}
	}}
	_, err := r.scheduler(google).RunNow(t.Context(), acme, false)
	if !errors.Is(err, conversions.ErrLeaseLost) {
		t.Errorf("RunNow = %v, want ErrLeaseLost", err)
	}
	diff(t, "states", r.tally(), map[string]int{"sending": 2})
	if n := r.kinds(conversions.EntryAnswered); n != 0 {
		t.Errorf("%d answers in the ledger, want none written without the lease", n)
	}
	google.before = nil
	r.clock.advance(time.Minute)
	r.run(google)
	diff(t, "states after the successor", r.tally(), map[string]int{"done": 2})
	if n := len(held(t, box)); n != 2 || len(google.batches) != 2 || google.batches[1].Attempts != 2 {
		t.Errorf("%d conversions after %d calls, want 2 after a resend", n, len(google.batches))
	}
}

// A lease that is lost before anything is sent ends the run with its name.
func TestLeaseLostBeforeTheCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(2)
	cfg := r.config(r.script(done))
	cfg.Store = &hooked{Store: r.store, decided: func() {
		r.clock.advance(conversions.LeaseTTL)
		if _, err := r.store.Acquire(t.Context(), acme, "another", r.clock.now()); err != nil {
			t.Errorf("acquire an expired lease: %v", err)
		}
	}}
	if _, err := newScheduler(cfg).RunNow(t.Context(), acme, false); !errors.Is(err, conversions.ErrLeaseLost) && !errors.Is(err, conversions.ErrHeld) {
		t.Errorf("RunNow = %v, want ErrLeaseLost or, if the fold beside it lost it, ErrHeld", err)
	}
}

// Two processes and one account: each row is sent by one of them.
func TestTwoProcessesAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	box, google := r.google(func(c *sandbox.Config) { c.Unproven.BothDuplicateErrors = true })
	r.books(50)
	errs := make(chan error, 2)
	for _, holder := range []string{"one", "two"} {
		cfg := r.config(google)
		cfg.Store, cfg.Holder = r.open(), holder
		go func() {
			_, err := newScheduler(cfg).RunNow(t.Context(), acme, false)
			errs <- err
		}()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Errorf("RunNow: %v", err)
		}
	}
	diff(t, "states", r.tally(), map[string]int{"done": 50})
	if n := len(held(t, box)); n != 50 || len(box.Requests()) != 1 {
		t.Errorf("%d conversions in %d requests, want 50 in 1", n, len(box.Requests()))
	}
}
