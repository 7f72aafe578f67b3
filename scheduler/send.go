package scheduler

import (
	"context"
	"fmt"
	"time"

	"closeloop/conversions"
)

// sendRows sends claimed rows as one batch, and again in parts where the
// answer asks for it.
func (c *cycle) sendRows(ctx context.Context, rows []conversions.Row) error {
	parts := [][]conversions.Row{rows}
	for len(parts) > 0 && !c.stop {
		if err := ctx.Err(); err != nil {
			return err //nolint:wrapcheck // runAccount asks for this very error
		}
		split, err := c.sendBatch(ctx, parts[0])
		if err != nil {
			return err
		}
		parts = append(halves(split), parts[1:]...)
	}
	return nil
}

// halves divides rows that must not share a request.
func halves(rows []conversions.Row) [][]conversions.Row {
	if len(rows) < 2 {
		return nil // a lone row was answered for good
	}
	mid := len(rows) / 2
	return [][]conversions.Row{rows[:mid], rows[mid:]}
}

// sendBatch stores the manifest, sends it and settles the answer. It returns
// the rows that have to be sent again in this run, in smaller parts.
//
// From the manifest on, a shutdown does not interrupt: the call has a
// deadline of its own, and its answer is settled.
func (c *cycle) sendBatch(ctx context.Context, rows []conversions.Row) ([]conversions.Row, error) {
	lease, err := c.a.keeper.forCall(ctx)
	if err != nil {
		return nil, err
	}
	if c.a.Rules.Mode == conversions.ModeTest {
		return nil, c.testBatch(ctx, rows)
	}
	batch, err := c.s.cfg.Store.Begin(ctx, lease, c.batch(rows))
	if err != nil {
		return nil, fmt.Errorf("store manifest: %w", err)
	}
	return c.settle(context.WithoutCancel(ctx), batch, rows, c.call(ctx, batch, false))
}

func (c *cycle) batch(rows []conversions.Row) conversions.Batch {
	b := conversions.Batch{
		ID: conversions.BatchID(c.s.cfg.NewID()), Account: c.a.id, Run: c.report.Run,
		Target: c.a.Rules.Target, Created: c.s.cfg.Now(), Attempts: 1,
		Items: make([]conversions.Item, len(rows)),
	}
	b.SentAt = b.Created
	for i, r := range rows {
		b.Items[i] = r.Item(c.a.Zone)
	}
	return b
}

// call makes one call within the limit of calls under way. It is given its
// full time even when ctx ends, so that a shutdown does not make its answer
// unknown.
func (c *cycle) call(ctx context.Context, b conversions.Batch, validateOnly bool) conversions.Reply {
	c.s.calls <- struct{}{}
	defer func() { <-c.s.calls }()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), conversions.CallTimeout)
	defer cancel()
	c.report.Batches++
	c.report.Rows += len(b.Items)
	return c.a.Destination.Upload(bounded, b, validateOnly)
}

// settle records a reply. A batch whose answer never came stays unanswered.
func (c *cycle) settle(ctx context.Context, b conversions.Batch, rows []conversions.Row, reply conversions.Reply) ([]conversions.Row, error) {
	if reply.Unknown {
		c.unanswered(b)
		return nil, nil
	}
	now := c.s.cfg.Now()
	done := conversions.Settlement{Batch: b.ID, At: now, RequestID: reply.RequestID, JobID: reply.JobID, Call: reply.Call}
	var again []conversions.Row
	if reply.Call == nil || (reply.Call.Verdict == conversions.FixBatch && len(rows) == 1) {
		done.Entries, again = c.answered(b, rows, reply, now)
	} else if reply.Call.Verdict == conversions.FixBatch {
		again = rows
	}
	if err := c.s.cfg.Store.Settle(ctx, c.a.keeper.current(), done); err != nil {
		return nil, fmt.Errorf("settle batch: %w", err)
	}
	return again, c.pauses(ctx, b, reply, now)
}

// answered turns row answers into ledger entries, and sets rows aside that
// must go again in another request.
func (c *cycle) answered(b conversions.Batch, rows []conversions.Row, reply conversions.Reply, now time.Time) (es []conversions.Entry, again []conversions.Row) {
	for i, item := range b.Items {
		answer := reply.Answers[i]
		if answer.Verdict == conversions.FixBatch {
			if len(b.Items) > 1 {
				again = append(again, rows[i])
				continue
			}
			answer.Verdict = conversions.Refused // alone in its request there is nothing left to fix
		}
		c.report.count(answer)
		es = append(es, rows[i].Answered(b, item, answer, now))
	}
	return es, again
}

// unanswered leaves the batch as it is; the rest of the run waits too, since
// the other end cannot be reached.
func (c *cycle) unanswered(b conversions.Batch) {
	c.stop = true
	c.report.Unanswered++
	if at := sendAgainAt(b); c.report.SendAgain.IsZero() || at.Before(c.report.SendAgain) {
		c.report.SendAgain = at
	}
}

// sendAgainAt is when an unanswered attempt has surely ended, at both ends,
// and some time has passed since the ones before it.
func sendAgainAt(b conversions.Batch) time.Time {
	at := b.SentAt.Add(conversions.CallMargin)
	if b.Attempts > 1 {
		at = at.Add(conversions.Backoff(b.Attempts-1, string(b.ID)))
	}
	return at
}

// testBatch validates rows of an account in test mode and records the answers
// without a manifest: nothing is sent that could be lost.
func (c *cycle) testBatch(ctx context.Context, rows []conversions.Row) error {
	b := c.batch(rows)
	items, err := c.s.cfg.Store.Fill(ctx, c.a.id, b.Items)
	if err != nil {
		return fmt.Errorf("read click ids: %w", err)
	}
	b.Items = items
	reply := c.call(ctx, b, true)
	now := c.s.cfg.Now()
	if reply.Call != nil || reply.Unknown {
		c.stop, c.report.Failed = true, reply.Call
		return c.pauses(ctx, b, reply, now)
	}
	es := make([]conversions.Entry, len(rows))
	for i, r := range rows {
		c.report.count(reply.Answers[i])
		es[i] = r.TestedBy(b, items[i], reply.Answers[i], now)
	}
	if err := c.s.cfg.Store.Record(context.WithoutCancel(ctx), c.a.keeper.current(), es); err != nil {
		return fmt.Errorf("record validation: %w", err)
	}
	return c.pauses(ctx, b, reply, now)
}
