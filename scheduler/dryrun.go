package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"

	"closeloop/conversions"
)

// dryRun validates what a run now would send, in requests that record nothing
// at the other end. It takes no lease and writes nothing; events that were not
// folded yet are folded in memory.
func (s *Scheduler) dryRun(ctx context.Context, a *account) (Report, error) {
	c := s.newCycle(a, true)
	c.report.DryRun = true
	rows, err := c.wouldSend(ctx)
	if err != nil {
		return c.report, err
	}
	for _, group := range groups(rows) {
		for part := range slices.Chunk(group, conversions.MaxItems) {
			if err := ctx.Err(); err != nil {
				return c.report, err //nolint:wrapcheck // the caller's own cancellation
			}
			if err := c.validate(ctx, part); err != nil || c.report.Failed != nil {
				return c.report, err
			}
		}
	}
	c.report.Took = s.cfg.Now().Sub(c.start)
	s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "dry_run", c.report.attrs()...)
	return c.report, nil
}

// wouldSend returns the rows a run now would send, in sending order.
func (c *cycle) wouldSend(ctx context.Context) ([]conversions.Row, error) {
	fresh, err := c.foldInMemory(ctx)
	if err != nil {
		return nil, err
	}
	stored, err := c.s.cfg.Store.Due(ctx, c.a.id, conversions.Claim{Now: c.start, Limit: math.MaxInt32})
	if err != nil {
		return nil, fmt.Errorf("read due rows: %w", err)
	}
	var rows []conversions.Row
	for _, r := range stored {
		if _, replaced := fresh[r.Key]; !replaced {
			rows = append(rows, r)
		}
	}
	for _, r := range fresh {
		if !r.Due.IsZero() && !r.Due.After(c.start) {
			rows = append(rows, r)
		}
	}
	ready, closed := c.divide(rows)
	late, _, err := c.lateClicks(ctx, stored, closed)
	if err != nil {
		return nil, err
	}
	for _, d := range late {
		i := slices.IndexFunc(stored, func(r conversions.Row) bool { return r.ID == d.Entries[0].Row })
		if r := stored[i].Apply(d.Entries[0]); !r.Due.IsZero() && !r.Due.After(c.start) {
			ready = append(ready, r)
		}
	}
	ready, _ = c.divide(ready) // a click may have come too late to be sent
	slices.SortStableFunc(ready, inSendingOrder)
	return ready, nil
}

func inSendingOrder(a, b conversions.Row) int {
	if d := a.Key.Stage.Rank() - b.Key.Stage.Rank(); d != 0 {
		return d
	}
	return a.Want.Deadline.Compare(b.Want.Deadline)
}

// foldInMemory returns the rows that folding the inbox now would change.
func (c *cycle) foldInMemory(ctx context.Context) (map[conversions.Key]conversions.Row, error) {
	works, err := c.s.cfg.Store.Unfolded(ctx, c.a.id, math.MaxInt32)
	if err != nil {
		return nil, fmt.Errorf("read inbox: %w", err)
	}
	rules, err := c.s.rules(ctx, c.a)
	if err != nil {
		return nil, err
	}
	fresh := map[conversions.Key]conversions.Row{}
	for _, w := range works {
		d, err := c.s.decide(ctx, w, rules, c.start, conversions.Row.Decide)
		if err != nil {
			return nil, err
		}
		for _, e := range d.Entries {
			row := rowOf(w, e).Apply(e)
			fresh[row.Key] = row
		}
	}
	c.report.Folded = len(works)
	return fresh, nil
}

func rowOf(w conversions.LeadWork, e conversions.Entry) conversions.Row {
	for _, r := range w.Rows {
		if e.Key == nil && r.ID == e.Row {
			return r
		}
	}
	return conversions.Row{}
}

// validate has rows checked in one request, and again in parts where the answer
// asks for it.
func (c *cycle) validate(ctx context.Context, rows []conversions.Row) error {
	parts := [][]conversions.Row{rows}
	for ; len(parts) > 0 && c.splits <= maxSplits; c.splits++ {
		b, reply, err := c.validated(ctx, parts[0])
		if err != nil {
			return err
		}
		if reply.Call != nil && !atFault(*reply.Call) {
			c.report.Failed = reply.Call
			return nil
		}
		_, again := c.judge(b, parts[0], reply, unrecorded)
		parts = append(again.parts(), parts[1:]...)
	}
	return nil
}

// unrecorded stands for the ledger entry of an answer that is only counted.
func unrecorded(conversions.Row, conversions.Batch, conversions.Item, conversions.Answer) conversions.Entry {
	return conversions.Entry{}
}

func (c *cycle) validated(ctx context.Context, rows []conversions.Row) (conversions.Batch, conversions.Reply, error) {
	b := c.batch(rows)
	items, err := c.s.cfg.Store.Fill(ctx, c.a.id, b.Items)
	if err != nil {
		return b, conversions.Reply{}, fmt.Errorf("read click ids: %w", err)
	}
	b.Items = items
	select {
	case c.s.calls <- struct{}{}:
	case <-ctx.Done():
		return b, conversions.Reply{}, ctx.Err() //nolint:wrapcheck // the caller's own cancellation
	}
	defer func() { <-c.s.calls }()
	return b, c.call(ctx, b, true), nil
}
