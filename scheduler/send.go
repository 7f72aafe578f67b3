package scheduler

import (
	"context"
	"fmt"
	"slices"
	"time"

	"closeloop/conversions"
)

// sendRows sends claimed rows as one batch, and again in parts where the
// answer asks for it.
func (c *cycle) sendRows(ctx context.Context, rows []conversions.Row) error {
	again, err := c.sendBatch(ctx, rows)
	parts := again.parts()
	for err == nil && len(parts) > 0 && !c.stop {
		if err := ctx.Err(); err != nil {
			return err //nolint:wrapcheck // runAccount asks for this very error
		}
		if c.splits++; c.splits > maxSplits {
			c.stop = true // the rest is sent by the next run
			return nil
		}
		var part []conversions.Row
		if part, err = c.stillDue(ctx, parts[0]); err != nil {
			return err
		}
		if again = (rest{}); len(part) > 0 {
			again, err = c.sendBatch(ctx, part)
		}
		parts = append(again.parts(), parts[1:]...)
	}
	return err
}

// stillDue returns the rows as they stand now, less those that must not be
// sent any more: events were folded while other parts were under way.
func (c *cycle) stillDue(ctx context.Context, rows []conversions.Row) ([]conversions.Row, error) {
	ids := make([]conversions.RowID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	byID, err := c.rowsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	paused := c.pausedActions()
	var due []conversions.Row
	for _, id := range ids {
		r := byID[id]
		if c.sends(r) && !r.Due.After(c.start) && !slices.Contains(paused, r.Action()) {
			due = append(due, r)
		}
	}
	return due, nil
}

// maxSplits is how many requests more than planned a run makes to find the
// rows because of which others were refused.
const maxSplits = 200

// rest is what must be sent again in the same run.
type rest struct {
	rows []conversions.Row
	// together is true when those that spoilt the request are not among them.
	together bool
}

// parts divides rows that must not share a request.
func (r rest) parts() [][]conversions.Row {
	switch n := len(r.rows); {
	case n == 0:
		return nil
	case n == 1, r.together:
		return [][]conversions.Row{r.rows}
	default:
		return [][]conversions.Row{r.rows[:n/2], r.rows[n/2:]}
	}
}

// sendBatch stores the manifest, sends it and settles the answer. It returns
// the rows that have to be sent again in this run, in smaller parts.
//
// From the manifest on, a shutdown does not interrupt: the call has a
// deadline of its own, and its answer is settled.
func (c *cycle) sendBatch(ctx context.Context, rows []conversions.Row) (rest, error) {
	lease, leave, err := c.turn(ctx)
	if err != nil {
		return rest{}, err
	}
	defer leave()
	if c.a.Rules.Mode == conversions.ModeTest {
		return c.testBatch(ctx, rows)
	}
	batch, err := c.s.cfg.Store.Begin(ctx, lease, c.batch(rows))
	if err != nil {
		return rest{}, fmt.Errorf("store manifest: %w", err)
	}
	if es, others := c.erased(batch, rows); len(es) > 0 {
		s := conversions.Settlement{Batch: batch.ID, At: c.s.cfg.Now(), Entries: es}
		if err := c.s.cfg.Store.Settle(context.WithoutCancel(ctx), lease, s); err != nil {
			return rest{}, fmt.Errorf("settle batch that was not sent: %w", err)
		}
		return rest{rows: others, together: true}, nil
	}
	if err := c.a.keeper.still(ctx); err != nil {
		return rest{}, err // unanswered, for whoever has the lease
	}
	return c.settle(context.WithoutCancel(ctx), batch, rows, c.call(ctx, batch, false))
}

// erased closes the rows of a batch whose click id was erased since they were
// decided: without one there is nothing to send. It returns the others too.
func (c *cycle) erased(b conversions.Batch, rows []conversions.Row) (es []conversions.Entry, others []conversions.Row) {
	sendable := func(it conversions.Item) bool {
		return it.ClickID != "" || (it.Op != conversions.OpUpload && b.Target.API != conversions.APIDataManager)
	}
	if !slices.ContainsFunc(b.Items, func(it conversions.Item) bool { return !sendable(it) }) {
		return nil, rows
	}
	for i, it := range b.Items {
		if sendable(it) {
			others = append(others, rows[i])
			continue
		}
		c.report.Closed++
		es = append(es, conversions.Entry{
			Account: c.a.id, Row: it.Row, Kind: conversions.EntryClosed, At: c.s.cfg.Now(),
			Version: it.Version, Reason: conversions.ReasonErased,
		})
	}
	return es, others
}

// turn waits until one more call may be under way, and then for a lease that
// lasts for all of it. It comes before the manifest, so that the call follows
// the manifest's time at once.
func (c *cycle) turn(ctx context.Context) (conversions.Lease, func(), error) {
	select {
	case c.s.calls <- struct{}{}:
	case <-ctx.Done():
		return conversions.Lease{}, nil, ctx.Err() //nolint:wrapcheck // runAccount asks for this very error
	}
	leave := func() { <-c.s.calls }
	lease, err := c.a.keeper.forCall(ctx)
	if err != nil {
		leave()
		return conversions.Lease{}, nil, err
	}
	return lease, leave, nil
}

func (c *cycle) batch(rows []conversions.Row) conversions.Batch {
	b := conversions.Batch{
		ID: conversions.BatchID(c.s.cfg.NewID()), Account: c.a.id, Run: c.report.Run,
		Target: rows[0].Target(), Created: c.s.cfg.Now(), Attempts: 1,
		Items: make([]conversions.Item, len(rows)),
	}
	b.SentAt = b.Created
	for i, r := range rows {
		b.Items[i] = r.Item(c.a.Zone, b.Created)
	}
	return b
}

// call makes one call. It is given its full time even when ctx ends, so that
// a shutdown does not make its answer unknown. Its caller has the turn.
func (c *cycle) call(ctx context.Context, b conversions.Batch, validateOnly bool) conversions.Reply {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), conversions.CallTimeout)
	defer cancel()
	c.report.Batches++
	c.report.Rows += len(b.Items)
	if c.report.Operations == nil {
		c.report.Operations = map[conversions.Operation]int{}
	}
	for _, it := range b.Items {
		c.report.Operations[it.Op]++
	}
	return c.a.Destinations[b.Target.API].Upload(bounded, b, validateOnly)
}

// settle records a reply. A batch whose answer never came stays unanswered.
func (c *cycle) settle(ctx context.Context, b conversions.Batch, rows []conversions.Row, reply conversions.Reply) (rest, error) {
	if reply.Unknown {
		c.unanswered(b)
		c.lost = c.lost || overwrites(b)
		return rest{}, nil
	}
	now := c.s.cfg.Now()
	done := conversions.Settlement{Batch: b.ID, At: now, RequestID: reply.RequestID, JobID: reply.JobID, Call: reply.Call}
	var again rest
	done.Entries, again = c.judge(b, rows, reply, answeredAt(now))
	if slices.ContainsFunc(reply.Answers, submitted) {
		done.PollAt = conversions.NextPoll(now, 0)
	}
	if err := c.s.cfg.Store.Settle(ctx, c.a.keeper.current(), done); err != nil {
		return rest{}, fmt.Errorf("settle batch: %w", err)
	}
	if err := c.suspects(ctx, reply, now); err != nil {
		return rest{}, err
	}
	return again, c.pauses(ctx, b, reply, now)
}

// recorder makes the ledger entry of an answer.
type recorder func(conversions.Row, conversions.Batch, conversions.Item, conversions.Answer) conversions.Entry

func answeredAt(now time.Time) recorder {
	return func(r conversions.Row, b conversions.Batch, it conversions.Item, a conversions.Answer) conversions.Entry {
		return r.Answered(b, it, a, now)
	}
}

// atFault reports whether an answer to a whole call speaks of its rows: then
// the rows are tried in smaller parts until the one it is about is alone. Any
// other failure is the call's own.
func atFault(call conversions.Answer) bool {
	switch call.Verdict {
	case conversions.FixBatch, conversions.Refused, conversions.AlreadyThere:
		return true
	case conversions.Retry, conversions.Done, conversions.Later, conversions.Pause, conversions.Submitted, conversions.Unclear:
		return false
	default:
		return false
	}
}

// judge turns row answers into ledger entries, and sets rows aside that must
// go again in another request. A call that failed by itself says nothing of
// any row.
func (c *cycle) judge(b conversions.Batch, rows []conversions.Row, reply conversions.Reply, record recorder) (es []conversions.Entry, again rest) {
	if reply.Call != nil && !atFault(*reply.Call) {
		return nil, rest{}
	}
	if reply.Call != nil && len(b.Items) > 1 {
		return nil, rest{rows: rows}
	}
	es = make([]conversions.Entry, 0, len(b.Items))
	for i, item := range b.Items {
		answer := reply.Answers[i]
		if answer.Verdict == conversions.FixBatch {
			if len(b.Items) > 1 {
				again.rows = append(again.rows, rows[i])
				continue
			}
			answer.Verdict = conversions.Refused // alone in its request there is nothing left to fix
		}
		c.report.count(answer)
		es = append(es, record(rows[i], b, item, answer))
	}
	again.together = reply.Named && len(es) > 0
	return es, again
}

func submitted(a conversions.Answer) bool { return a.Verdict == conversions.Submitted }

// unanswered leaves the batch as it is; the rest for its API waits too, since
// the other end cannot be reached.
func (c *cycle) unanswered(b conversions.Batch) {
	if b.Target.API == c.a.Rules.Target.API {
		c.stop = true
	}
	c.left[b.Target.API] = true
	c.open(b)
}

// open notes a batch that stays unanswered for now.
func (c *cycle) open(b conversions.Batch) {
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
// without a manifest: nothing is sent that could be lost. It returns the rows
// that have to be validated again, in smaller parts.
func (c *cycle) testBatch(ctx context.Context, rows []conversions.Row) (rest, error) {
	b := c.batch(rows)
	items, err := c.s.cfg.Store.Fill(ctx, c.a.id, b.Items)
	if err != nil {
		return rest{}, fmt.Errorf("read click ids: %w", err)
	}
	b.Items = items
	if es, others := c.erased(b, rows); len(es) > 0 {
		return rest{rows: others, together: true}, c.record(ctx, es)
	}
	reply := c.call(ctx, b, true)
	now := c.s.cfg.Now()
	es, again := c.judge(b, rows, reply, func(r conversions.Row, b conversions.Batch, it conversions.Item, a conversions.Answer) conversions.Entry {
		return r.TestedBy(b, it, a, now)
	})
	if err := c.record(ctx, es); err != nil {
		return rest{}, err
	}
	return again, c.pauses(ctx, b, reply, now)
}

func (c *cycle) record(ctx context.Context, es []conversions.Entry) error {
	if len(es) == 0 {
		return nil
	}
	if err := c.s.cfg.Store.Record(context.WithoutCancel(ctx), c.a.keeper.current(), es); err != nil {
		return fmt.Errorf("record entries: %w", err)
	}
	return nil
}
