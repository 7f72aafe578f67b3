package scheduler_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
)

// A process stands still between its manifest and the call, for longer than its
// lease: another takes over and sends what is wanted by then. The first, when it
// goes on, must not send what it meant to: the Data Manager API would take the
// old value for the newest.
func TestStandstillBeforeTheCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.manages()
	r.books(1)
	r.runOn(r.through(m))
	r.clock.advance(time.Hour)
	r.runOn(r.through(m)) // its status
	r.happens(lead(0), conversions.OutcomeBooked, worth(20_000))
	r.clock.advance(2 * time.Hour)

	cfg := r.config(m)
	cfg.Holder = "stopped"
	cfg.Accounts[0].Destinations = map[conversions.API]scheduler.Destination{conversions.APIDataManager: m}
	cfg.Store = &hooked{Store: r.store, begun: func() {
		r.happens(lead(0), conversions.OutcomeBooked, worth(30_000))
		for range 3 {
			r.clock.advance(2 * time.Hour)
			r.runOn(r.through(m))
		}
		diff(t, "states while it stands still", r.states(), map[string]string{"call-0000 booked": "done 300.00"})
	}}
	if _, err := newScheduler(cfg).RunNow(t.Context(), acme, false); !errors.Is(err, conversions.ErrLeaseLost) {
		t.Errorf("the run that stood still ended with %v, want ErrLeaseLost", err)
	}
	diff(t, "what Google holds", m.holds(), map[string]string{orderID(lead(0), conversions.StageBooked): "300.00"})
}

// The same between marking a batch and sending it again.
func TestStandstillBeforeAResend(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(1)
	answers := r.script(func(n int, b conversions.Batch) conversions.Reply {
		if n == 0 {
			return lost(b)
		}
		return there(n, b)
	})
	r.run(answers)
	r.clock.advance(time.Minute)
	cfg := r.config(answers)
	cfg.Holder = "stopped"
	cfg.Store = &hooked{Store: r.store, again: func() {
		r.clock.advance(time.Hour)
		r.run(answers)
	}}
	if _, err := newScheduler(cfg).RunNow(context.Background(), acme, false); !errors.Is(err, conversions.ErrLeaseLost) {
		t.Errorf("the run that stood still ended with %v, want ErrLeaseLost", err)
	}
	if n := len(answers.made()); n != 2 {
		t.Errorf("%d calls, want 2: the lost one, and the resend of the successor", n)
	}
}
