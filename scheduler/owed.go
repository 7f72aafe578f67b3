package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"closeloop/conversions"
)

// paid notes that the run that a plan owes has ended. Whoever advanced the plan
// meanwhile owes another.
func (s *Scheduler) paid(ctx context.Context, a *account, plan conversions.Plan) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // cut short by a shutdown, the run is still owed
	}
	done := plan
	done.Owed = time.Time{}
	if _, err := s.cfg.Store.Advance(ctx, plan, done); err != nil {
		return fmt.Errorf("note that the run of %s has ended: %w", a.id, err)
	}
	return nil
}

// owedFor is how long a run is left to the process that began it before
// another asks for the account's lease to make it.
const owedFor = 15 * time.Second

// runOwed makes the run that a process began and did not end, if the account's
// lease is free: the process died, or lost its database.
func (s *Scheduler) runOwed(ctx context.Context, a *account) error {
	plan, err := s.cfg.Store.Plan(ctx, a.id)
	if err != nil {
		return fmt.Errorf("read schedule: %w", err)
	}
	if plan.Owed.IsZero() || s.cfg.Now().Before(plan.Owed.Add(owedFor)) || !a.run.TryLock() {
		return nil // or it is this process's own
	}
	defer a.run.Unlock()
	held, release, err := a.keeper.hold(ctx)
	if errors.Is(err, conversions.ErrHeld) {
		return nil
	}
	if err != nil {
		return err
	}
	defer release()
	if _, err := s.runHeld(ctx, held, s.newCycle(a, false)); err != nil {
		return err
	}
	return s.paid(ctx, a, plan)
}
