package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/sandbox"
	"closeloop/scheduler"
)

var errDead = errors.New("the process is dead")

// mortal is a store and a destination of a process that dies at one step:
// before it is done, or after it is done and before the process hears of it.
type mortal struct {
	inner scheduler.Store
	dest  scheduler.Destination
	after bool

	mu   sync.Mutex
	left int
	dead bool
}

func (m *mortal) step(f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errDead
	}
	m.left--
	m.dead = m.left < 0
	if m.dead && !m.after {
		return errDead
	}
	err := f()
	if m.dead {
		return errDead
	}
	return err
}

func (m *mortal) died() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

// one is a step with a result, which a dead process does not see.
func one[T any](m *mortal, f func() (T, error)) (T, error) {
	var v, none T
	err := m.step(func() (err error) {
		v, err = f()
		return err
	})
	if err != nil {
		return none, err
	}
	return v, nil
}

func (m *mortal) Acquire(ctx context.Context, a conversions.AccountID, holder string, now time.Time) (conversions.Lease, error) {
	return one(m, func() (conversions.Lease, error) { return m.inner.Acquire(ctx, a, holder, now) })
}

func (m *mortal) Renew(ctx context.Context, l conversions.Lease, now time.Time) (conversions.Lease, error) {
	return one(m, func() (conversions.Lease, error) { return m.inner.Renew(ctx, l, now) })
}

func (m *mortal) Release(ctx context.Context, l conversions.Lease) error {
	return m.step(func() error { return m.inner.Release(ctx, l) })
}

func (m *mortal) Plan(ctx context.Context, a conversions.AccountID) (conversions.Plan, error) {
	return one(m, func() (conversions.Plan, error) { return m.inner.Plan(ctx, a) })
}

func (m *mortal) Advance(ctx context.Context, old, next conversions.Plan) (bool, error) {
	return one(m, func() (bool, error) { return m.inner.Advance(ctx, old, next) })
}

func (m *mortal) Unfolded(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.LeadWork, error) {
	return one(m, func() ([]conversions.LeadWork, error) { return m.inner.Unfolded(ctx, a, limit) })
}

func (m *mortal) Decide(ctx context.Context, l conversions.Lease, ds []conversions.Decision) error {
	return m.step(func() error { return m.inner.Decide(ctx, l, ds) })
}

func (m *mortal) Leads(ctx context.Context, a conversions.AccountID, q conversions.ReplayQuery) ([]conversions.LeadWork, error) {
	return one(m, func() ([]conversions.LeadWork, error) { return m.inner.Leads(ctx, a, q) })
}

func (m *mortal) Uploaded(ctx context.Context, a conversions.AccountID, since time.Time) (int, error) {
	return one(m, func() (int, error) { return m.inner.Uploaded(ctx, a, since) })
}

func (m *mortal) LastAnswers(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.Entry, error) {
	return one(m, func() ([]conversions.Entry, error) { return m.inner.LastAnswers(ctx, a, limit) })
}

func (m *mortal) Facts(ctx context.Context, a conversions.AccountID) (conversions.Facts, error) {
	return one(m, func() (conversions.Facts, error) { return m.inner.Facts(ctx, a) })
}

func (m *mortal) SaveFacts(ctx context.Context, l conversions.Lease, f conversions.Facts) error {
	return m.step(func() error { return m.inner.SaveFacts(ctx, l, f) })
}

func (m *mortal) Refold(ctx context.Context, l conversions.Lease, fingerprint string) (int, error) {
	return one(m, func() (int, error) { return m.inner.Refold(ctx, l, fingerprint) })
}

func (m *mortal) Due(ctx context.Context, a conversions.AccountID, c conversions.Claim) ([]conversions.Row, error) {
	return one(m, func() ([]conversions.Row, error) { return m.inner.Due(ctx, a, c) })
}

func (m *mortal) Begin(ctx context.Context, l conversions.Lease, b conversions.Batch) (conversions.Batch, error) {
	return one(m, func() (conversions.Batch, error) { return m.inner.Begin(ctx, l, b) })
}

func (m *mortal) Fill(ctx context.Context, a conversions.AccountID, items []conversions.Item) ([]conversions.Item, error) {
	return one(m, func() ([]conversions.Item, error) { return m.inner.Fill(ctx, a, items) })
}

func (m *mortal) Unanswered(ctx context.Context, a conversions.AccountID) ([]conversions.Batch, error) {
	return one(m, func() ([]conversions.Batch, error) { return m.inner.Unanswered(ctx, a) })
}

func (m *mortal) Again(ctx context.Context, l conversions.Lease, id conversions.BatchID, now time.Time) (conversions.Batch, error) {
	return one(m, func() (conversions.Batch, error) { return m.inner.Again(ctx, l, id, now) })
}

func (m *mortal) Rows(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) ([]conversions.Row, error) {
	return one(m, func() ([]conversions.Row, error) { return m.inner.Rows(ctx, a, ids) })
}

func (m *mortal) Settle(ctx context.Context, l conversions.Lease, s conversions.Settlement) error {
	return m.step(func() error { return m.inner.Settle(ctx, l, s) })
}

func (m *mortal) Record(ctx context.Context, l conversions.Lease, es []conversions.Entry) error {
	return m.step(func() error { return m.inner.Record(ctx, l, es) })
}

func (m *mortal) Pauses(ctx context.Context, a conversions.AccountID) ([]conversions.Paused, error) {
	return one(m, func() ([]conversions.Paused, error) { return m.inner.Pauses(ctx, a) })
}

func (m *mortal) Pause(ctx context.Context, l conversions.Lease, p conversions.Paused) error {
	return m.step(func() error { return m.inner.Pause(ctx, l, p) })
}

func (m *mortal) Resume(ctx context.Context, l conversions.Lease, action string, at time.Time) error {
	return m.step(func() error { return m.inner.Resume(ctx, l, action, at) })
}

func (m *mortal) Polls(ctx context.Context, a conversions.AccountID, now time.Time, limit int) ([]conversions.Batch, error) {
	return one(m, func() ([]conversions.Batch, error) { return m.inner.Polls(ctx, a, now, limit) })
}

func (m *mortal) NextPoll(ctx context.Context, a conversions.AccountID) (time.Time, error) {
	return one(m, func() (time.Time, error) { return m.inner.NextPoll(ctx, a) })
}

func (m *mortal) Polled(ctx context.Context, l conversions.Lease, p conversions.Polled) error {
	return m.step(func() error { return m.inner.Polled(ctx, l, p) })
}

// Upload implements scheduler.Destination. A dead process makes no call and
// hears no answer.
func (m *mortal) Upload(ctx context.Context, b conversions.Batch, validateOnly bool) conversions.Reply {
	reply := lost(b)
	err := m.step(func() error {
		reply = m.dest.Upload(ctx, b, validateOnly)
		return nil
	})
	if err != nil {
		return lost(b)
	}
	return reply
}

// Status implements scheduler.Poller.
func (m *mortal) Status(ctx context.Context, b conversions.Batch) conversions.Reply {
	reply := lost(b)
	err := m.step(func() error {
		if poller, ok := m.dest.(scheduler.Poller); ok {
			reply = poller.Status(ctx, b)
		}
		return nil
	})
	if err != nil {
		return lost(b)
	}
	return reply
}

// The process dies between any two steps of a run. Whoever comes next ends
// what it began: nothing is lost, nothing is counted twice, nothing is stuck.
func TestCrashAtEveryStep(t *testing.T) {
	t.Parallel()
	scenarios := []struct {
		name    string
		prepare func(t *testing.T, r *rig, box *sandbox.Server, google scheduler.Destination)
	}{
		{"a run", func(*testing.T, *rig, *sandbox.Server, scheduler.Destination) {}},
		{"a resend", func(t *testing.T, r *rig, box *sandbox.Server, google scheduler.Destination) {
			t.Helper()
			lose(t, box, sandbox.FaultUnavailable)
			r.run(google)
			r.clock.advance(time.Minute)
		}},
		{"a probe", func(t *testing.T, r *rig, box *sandbox.Server, google scheduler.Destination) {
			t.Helper()
			const permissionDenied = 2 // AuthorizationErrorEnum.USER_PERMISSION_DENIED, Google Ads API v25
			if err := box.Fault(sandbox.Fault{Kind: sandbox.FaultError, Family: "authorization_error", Number: permissionDenied}); err != nil {
				t.Fatalf("fault: %v", err)
			}
			r.run(google)
			r.clock.advance(conversions.ProbeEvery)
		}},
		{"requests that are split", func(t *testing.T, _ *rig, box *sandbox.Server, _ scheduler.Destination) {
			t.Helper()
			const duplicateOrder = 16 // ConversionUploadErrorEnum.DUPLICATE_ORDER_ID, Google Ads API v25
			if err := box.Fault(sandbox.Fault{Kind: sandbox.FaultError, Family: "conversion_upload_error", Number: duplicateOrder}); err != nil {
				t.Fatalf("fault: %v", err)
			}
		}},
	}
	for _, sc := range scenarios {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, the step done %t", sc.name, after), func(t *testing.T) {
				t.Parallel()
				steps := 0
				for alive := false; !alive; steps++ {
					alive = crashAt(t, steps, after, sc.prepare)
				}
				if steps < 8 {
					t.Errorf("a run of %d steps: it cannot have done its work", steps)
				}
			})
		}
	}
}

// crashAt reports whether the process outlived the given step.
func crashAt(t *testing.T, step int, after bool, prepare func(*testing.T, *rig, *sandbox.Server, scheduler.Destination)) bool {
	t.Helper()
	r := newRig(t)
	box, google := r.google()
	r.books(3)
	r.happens("both", conversions.OutcomeQuoted, r.ago(8*time.Hour), click(clickID(50)), worth(1000))
	r.happens("both", conversions.OutcomeBooked, r.ago(7*time.Hour), worth(2000))
	r.happens("no-click", conversions.OutcomeBooked, r.ago(8*day), worth(100))
	prepare(t, r, box, google)
	m := &mortal{inner: r.store, dest: google, left: step, after: after}
	cfg := r.config(m)
	cfg.Store = m
	if _, err := newScheduler(cfg).RunNow(t.Context(), acme, false); err != nil && !errors.Is(err, errDead) {
		t.Errorf("step %d: RunNow = %v, want errDead or none wrong", step, err)
	}
	for range 3 {
		r.clock.advance(time.Hour)
		r.run(google)
	}
	diff(t, fmt.Sprintf("states after dying at step %d", step), r.states(), map[string]string{
		"call-0000 booked": "done 100.00", "call-0001 booked": "done 100.01", "call-0002 booked": "done 100.02",
		"both booked": "done 20.00", "both quoted": "done 2.00", "no-click booked": "skipped no_click_id",
	})
	diff(t, fmt.Sprintf("what Google holds after dying at step %d", step), held(t, box), map[string]string{
		orderID(lead(0), conversions.StageBooked): "100.00 USD", orderID(lead(1), conversions.StageBooked): "100.01 USD",
		orderID(lead(2), conversions.StageBooked): "100.02 USD",
		orderID("both", conversions.StageBooked):  "20.00 USD", orderID("both", conversions.StageQuoted): "2.00 USD",
	})
	if n := len(r.unanswered()); n != 0 {
		t.Errorf("step %d: %d batches unanswered in the end, want none", step, n)
	}
	return !m.died()
}

// A destination that panics takes the run with it, and nothing else.
func TestPanicInACall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	box, google := r.google()
	r.books(2)
	s := r.scheduler(&recorder{Destination: google, before: func(b conversions.Batch) {
		if b.Attempts == 1 {
			panic("a bug")
		}
	}})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _ = s.RunNow(t.Context(), acme, false)
	}()
	r.clock.advance(time.Minute)
	r.runOn(s) // the same scheduler: nothing may be left locked
	diff(t, "states", r.tally(), map[string]int{"done": 2})
	if n := len(held(t, box)); n != 2 {
		t.Errorf("%d conversions counted, want 2", n)
	}
}
