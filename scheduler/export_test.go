package scheduler

import (
	"context"
	"time"

	"closeloop/conversions"
)

// Offset is offset, for tests.
func Offset(account string, window time.Duration) time.Duration { return offset(account, window) }

// Spread is the schedule moved by d.
func Spread(s Schedule, d time.Duration) interface{ Next(t time.Time) time.Time } {
	return spread{s, d}
}

// PollAlone asks for the statuses that are due and sends nothing.
func (s *Scheduler) PollAlone(ctx context.Context, id conversions.AccountID) error {
	return s.pollAccount(ctx, s.accounts[id])
}

// RunAlone is RunNow without the fold beside it, so that the steps of a run
// come in one order.
func (s *Scheduler) RunAlone(ctx context.Context, id conversions.AccountID) (Report, error) {
	return s.runAccount(ctx, s.accounts[id], true)
}
