package scheduler

import (
	"context"
	"fmt"
	"time"

	"closeloop/conversions"
)

// resendAll sends every unanswered batch again whose last attempt has surely
// ended, exactly as it was.
func (c *cycle) resendAll(ctx context.Context) error {
	batches, err := c.s.cfg.Store.Unanswered(ctx, c.a.id)
	if err != nil {
		return fmt.Errorf("read unanswered batches: %w", err)
	}
	for _, b := range batches {
		if c.stop || c.s.cfg.Now().Before(sendAgainAt(b)) {
			c.left(b)
			continue
		}
		if err := c.resend(ctx, b.ID); err != nil {
			return err
		}
	}
	return nil
}

// left notes a batch that stays unanswered for now.
func (c *cycle) left(b conversions.Batch) {
	stop := c.stop
	c.unanswered(b)
	c.stop = stop
}

func (c *cycle) resend(ctx context.Context, id conversions.BatchID) error {
	lease, err := c.a.keeper.forCall(ctx)
	if err != nil {
		return err
	}
	b, err := c.s.cfg.Store.Again(ctx, lease, id, c.s.cfg.Now())
	if err != nil {
		return fmt.Errorf("mark batch for resending: %w", err)
	}
	rows, abandoned, err := c.stillWanted(ctx, &b)
	if err != nil {
		return err
	}
	reply := conversions.Reply{}
	if len(b.Items) > 0 {
		reply = c.call(ctx, b, false)
	}
	if reply.Unknown {
		c.unanswered(b)
		return nil
	}
	return c.settleResent(context.WithoutCancel(ctx), b, rows, abandoned, reply)
}

// stillWanted takes those items off the batch that must not be sent any more:
// withdrawn, denied or erased since. Their rows become unanswered: whether
// Google has them is not known, so they are to be retracted.
func (c *cycle) stillWanted(ctx context.Context, b *conversions.Batch) ([]conversions.Row, []conversions.Entry, error) {
	rows, err := c.rowsOf(ctx, b.Items)
	if err != nil {
		return nil, nil, err
	}
	var items []conversions.Item
	var kept []conversions.Row
	var abandoned []conversions.Entry
	for _, it := range b.Items {
		row := rows[it.Row]
		if row.Want.Wanted && it.ClickID != "" {
			items, kept = append(items, it), append(kept, row)
			continue
		}
		abandoned = append(abandoned, row.Abandon(*b, it, c.s.cfg.Now()))
	}
	b.Items = items
	return kept, abandoned, nil
}

func (c *cycle) rowsOf(ctx context.Context, items []conversions.Item) (map[conversions.RowID]conversions.Row, error) {
	ids := make([]conversions.RowID, len(items))
	for i, it := range items {
		ids[i] = it.Row
	}
	rows, err := c.s.cfg.Store.Rows(ctx, c.a.id, ids)
	if err != nil {
		return nil, fmt.Errorf("read rows of unanswered batch: %w", err)
	}
	byID := make(map[conversions.RowID]conversions.Row, len(rows))
	for _, r := range rows {
		byID[r.ID] = r
	}
	return byID, nil
}

// settleResent records the answer to a resend. A resend that failed as a call
// leaves the batch unanswered: whether the first attempt did the work is
// still open.
func (c *cycle) settleResent(ctx context.Context, b conversions.Batch, rows []conversions.Row, abandoned []conversions.Entry, reply conversions.Reply) error {
	now := c.s.cfg.Now()
	if reply.Call != nil {
		c.unanswered(b)
		return c.pauses(ctx, b, reply, now)
	}
	es, _ := c.answered(b, rows, reply, now)
	s := conversions.Settlement{
		Batch: b.ID, At: now, RequestID: reply.RequestID, JobID: reply.JobID, Entries: append(abandoned, es...),
	}
	if err := c.s.cfg.Store.Settle(ctx, c.a.keeper.current(), s); err != nil {
		return fmt.Errorf("settle resent batch: %w", err)
	}
	c.report.Abandoned += len(abandoned)
	return c.pauses(ctx, b, reply, now)
}

// retryLoop runs the account again when an unanswered batch may be sent
// again, so that it does not wait for the schedule.
func (s *Scheduler) retryLoop(ctx context.Context, a *account) {
	notify(a.retry) // what a crash left behind
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.retry:
		}
		if err := s.retryUnanswered(ctx, a); err != nil {
			s.logFailure(ctx, a, "send unanswered batch again", err)
			if pause(ctx, time.Minute) != nil {
				return
			}
			notify(a.retry)
		}
	}
}

// retryUnanswered waits until the first unanswered batch may be sent again,
// and runs the account.
func (s *Scheduler) retryUnanswered(ctx context.Context, a *account) error {
	batches, err := s.cfg.Store.Unanswered(ctx, a.id)
	if err != nil {
		return fmt.Errorf("read unanswered batches: %w", err)
	}
	if len(batches) == 0 {
		return nil
	}
	at := sendAgainAt(batches[0])
	for _, b := range batches[1:] {
		if t := sendAgainAt(b); t.Before(at) {
			at = t
		}
	}
	if pause(ctx, at.Sub(s.cfg.Now())) != nil {
		return nil //nolint:nilerr // a shutdown; the batch waits in the store
	}
	_, err = s.runAccount(ctx, a, false)
	return err
}
