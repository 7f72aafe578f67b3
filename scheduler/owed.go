package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"closeloop/conversions"
)

// runPlanned makes the run that a plan owes. That it is paid is noted before the
// account is given up, or whoever waits for it would make the run once more.
// endTurn is called before it waits for another process's lease, which may be a
// dead one's.
func (s *Scheduler) runPlanned(ctx context.Context, a *account, plan conversions.Plan, endTurn func()) error {
	a.run.Lock()
	defer a.run.Unlock()
	held, release, err := a.keeper.hold(ctx)
	if errors.Is(err, conversions.ErrHeld) {
		endTurn()
		held, release, err = s.waitForLease(ctx, a)
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
	if _, owed, err := s.owed(ctx, a); err != nil || !owed || !a.run.TryLock() {
		return err // or it is this process's own
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
	plan, owed, err := s.owed(ctx, a) // it may have been paid since
	if err != nil || !owed {
		return err
	}
	if _, err := s.runHeld(ctx, held, s.newCycle(a, false)); err != nil {
		return err
	}
	return s.paid(ctx, a, plan)
}

// owed returns the account's plan, and whether it has owed a run for long.
func (s *Scheduler) owed(ctx context.Context, a *account) (conversions.Plan, bool, error) {
	plan, err := s.cfg.Store.Plan(ctx, a.id)
	if err != nil {
		return plan, false, fmt.Errorf("read schedule: %w", err)
	}
	return plan, !plan.Owed.IsZero() && !s.cfg.Now().Before(plan.Owed.Add(owedFor)), nil
}
