package scheduler_test

import (
	"context"
	"io"
	"log/slog"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
)

func newScheduler(cfg scheduler.Config) *scheduler.Scheduler { return scheduler.New(cfg) }

func jsonLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewJSONHandler(w, nil)) }

// hooked is a store that tells what happens to it. Unset hooks do nothing.
type hooked struct {
	scheduler.Store
	decided func()                  // after a decision was stored
	due     func([]conversions.Row) // after rows were read
	begun   func()                  // after a manifest was stored
	again   func()                  // after a batch was marked for resending
}

func (h *hooked) Begin(ctx context.Context, l conversions.Lease, b conversions.Batch) (conversions.Batch, error) {
	stored, err := h.Store.Begin(ctx, l, b)
	if err == nil && h.begun != nil {
		h.begun()
	}
	return stored, err
}

func (h *hooked) Again(ctx context.Context, l conversions.Lease, id conversions.BatchID, now time.Time) (conversions.Batch, error) {
	b, err := h.Store.Again(ctx, l, id, now)
	if err == nil && h.again != nil {
		h.again()
	}
	return b, err
}

func (h *hooked) Due(ctx context.Context, a conversions.AccountID, c conversions.Claim) ([]conversions.Row, error) {
	rows, err := h.Store.Due(ctx, a, c)
	if err == nil && h.due != nil {
		h.due(rows)
	}
	return rows, err
}

func (h *hooked) Decide(ctx context.Context, l conversions.Lease, ds []conversions.Decision) error {
	err := h.Store.Decide(ctx, l, ds)
	if err == nil && h.decided != nil {
		h.decided()
	}
	return err
}
