package scheduler

import (
	"context"
	"fmt"
	"slices"
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
	if c.a.Rules.Mode == conversions.ModeTest {
		c.report.Unanswered += len(batches) // they wait until the account is live again
		return nil
	}
	for _, b := range batches {
		if err := ctx.Err(); err != nil {
			return err //nolint:wrapcheck // runAccount asks for this very error
		}
		api := b.Target.API
		if c.stop || c.s.cfg.Now().Before(sendAgainAt(b)) || c.a.Destinations[api] == nil || c.awayFrom(api) {
			c.open(b)
			continue
		}
		if err := c.resend(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (c *cycle) resend(ctx context.Context, b conversions.Batch) error {
	if overwrites(b) {
		return c.reopen(ctx, b)
	}
	lease, leave, err := c.turn(ctx)
	if err != nil {
		return err
	}
	defer leave()
	b, err = c.s.cfg.Store.Again(ctx, lease, b.ID, c.s.cfg.Now())
	if err != nil {
		return fmt.Errorf("mark batch for resending: %w", err)
	}
	rows, abandoned, err := c.stillWanted(ctx, &b)
	if err != nil {
		return err
	}
	if err := c.a.keeper.still(ctx); err != nil {
		return err
	}
	reply := conversions.Reply{}
	if len(b.Items) > 0 {
		reply = c.callInParts(ctx, b)
	}
	if reply.Unknown {
		c.unanswered(b)
		return nil
	}
	return c.settleResent(context.WithoutCancel(ctx), b, rows, abandoned, reply)
}

// callInParts calls, and again in halves where the answer is the batch's
// fault, until every item has an answer of its own. A call that fails by itself
// is the answer to its items once others have theirs: what was told so far is
// not asked again, or a quota smaller than all the parts would never suffice.
// Before, and when it is lost, it is the answer to all: then nothing is settled.
func (c *cycle) callInParts(ctx context.Context, b conversions.Batch) conversions.Reply {
	reply := c.call(ctx, b, false)
	if reply.Unknown || (reply.Call != nil && !atFault(*reply.Call)) {
		return reply
	}
	var again []int
	for i, a := range reply.Answers {
		if reply.Call != nil || a.Verdict == conversions.FixBatch {
			again = append(again, i)
		}
	}
	reply.Call = nil
	if len(b.Items) == 1 {
		if reply.Answers[0].Verdict == conversions.FixBatch {
			reply.Answers[0].Verdict = conversions.Refused // alone in its request there is nothing left to fix
		}
		return reply
	}
	told := len(again) < len(b.Items)
	for part := range slices.Chunk(again, max(1, (len(again)+1)/2)) {
		if _, err := c.a.keeper.forCall(ctx); err != nil {
			return conversions.Reply{Unknown: true}
		}
		answers := c.callInParts(ctx, partOf(b, part))
		if answers.Unknown {
			return answers
		}
		if answers.Call != nil && !told {
			answers.Answers = slices.Repeat([]conversions.Answer{*answers.Call}, len(b.Items))
			return answers
		}
		told = true
		for n, i := range part {
			reply.Answers[i] = answers.Answers[n]
		}
	}
	return reply
}

// partOf is the batch with some of its items only.
func partOf(b conversions.Batch, items []int) conversions.Batch {
	all := b.Items
	b.Items = make([]conversions.Item, len(items))
	for n, i := range items {
		b.Items[n] = all[i]
	}
	return b
}

// stillWanted takes those items off the batch that must not be sent any more:
// withdrawn, denied or erased since. Their rows become unanswered: whether
// Google has them is not known, so they are to be retracted.
func (c *cycle) stillWanted(ctx context.Context, b *conversions.Batch) ([]conversions.Row, []conversions.Entry, error) {
	rows, err := c.rowsByID(ctx, itemRows(*b))
	if err != nil {
		return nil, nil, err
	}
	var items []conversions.Item
	var kept []conversions.Row
	var abandoned []conversions.Entry
	for _, it := range b.Items {
		row := rows[it.Row]
		if it.Op != conversions.OpUpload || (row.Want.Wanted && it.ClickID != "") {
			items, kept = append(items, it), append(kept, row)
			continue
		}
		abandoned = append(abandoned, row.Abandon(*b, it, c.s.cfg.Now()))
	}
	b.Items = items
	return kept, abandoned, nil
}

func (c *cycle) rowsByID(ctx context.Context, ids []conversions.RowID) (map[conversions.RowID]conversions.Row, error) {
	rows, err := c.s.cfg.Store.Rows(ctx, c.a.id, ids)
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
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
	c.report.Abandoned += len(abandoned)
	for i, a := range reply.Answers {
		if tryAgain(a) {
			abandoned = append(abandoned, rows[i].Abandon(b, b.Items[i], now))
		}
	}
	es, _ := c.judge(b, rows, reply, answeredAt(now))
	s := conversions.Settlement{
		Batch: b.ID, At: now, RequestID: reply.RequestID, JobID: reply.JobID, Entries: append(abandoned, es...),
	}
	if err := c.s.cfg.Store.Settle(ctx, c.a.keeper.current(), s); err != nil {
		return fmt.Errorf("settle resent batch: %w", err)
	}
	if err := c.suspects(ctx, reply, now); err != nil {
		return err
	}
	return c.pauses(ctx, b, reply, now)
}

// tryAgain reports whether an answer to a resent row leaves open whether the
// attempt before it did the work. The row then first becomes unanswered, so
// that the value of the manifest is not forgotten.
func tryAgain(a conversions.Answer) bool {
	switch a.Verdict {
	case conversions.Retry, conversions.Later, conversions.Pause, conversions.FixBatch:
		return true
	case conversions.Done, conversions.AlreadyThere, conversions.Refused, conversions.Submitted, conversions.Unclear:
		return false
	default:
		return true
	}
}

const (
	// turnLook is how often the store is asked for what to do out of turn
	// without a notice: another process may have left it there. A dead one's
	// accounts are taken over within a minute: its leases end 45 s after it.
	turnLook = 10 * time.Second
	// sendGap is the least time between two runs out of turn.
	sendGap = time.Minute
)

// retryLoop does for an account what cannot wait for its schedule: it sends an
// unanswered batch again, repeats a failed call, makes the run that a dead
// process owes, and asks for statuses.
func (s *Scheduler) retryLoop(ctx context.Context, a *account) {
	var tried time.Time
	for ctx.Err() == nil {
		err := s.recovered(func() error { return s.outOfTurn(ctx, a, &tried) })
		if err != nil {
			s.logFailure(ctx, a, "work out of turn", err)
			_ = pause(ctx, sendGap) // ctx is asked above
		}
	}
}

// outOfTurn waits until there is something to do for the account, or to look
// again, and does it. tried is when it last sent.
func (s *Scheduler) outOfTurn(ctx context.Context, a *account, tried *time.Time) error {
	if err := s.runOwed(ctx, a); err != nil {
		return err
	}
	send, err := s.nextTry(ctx, a)
	if err != nil {
		return err
	}
	if again := tried.Add(sendGap); !send.IsZero() && send.Before(again) {
		send = again
	}
	poll, err := s.nextPoll(ctx, a)
	if err != nil {
		return err
	}
	if !s.due(ctx, a, send, poll) {
		return nil
	}
	now := s.cfg.Now()
	if !poll.IsZero() && !poll.After(now) {
		if err := s.pollAccount(ctx, a); err != nil {
			return err
		}
	}
	if send.IsZero() || send.After(now) {
		return nil
	}
	*tried = now
	if rests, err := s.rests(ctx, a); err != nil || rests {
		return err // a run would do nothing; looked at again once the gap is over
	}
	_, err = s.runAccount(ctx, a, false)
	return err
}

// rests reports whether the account is paused and not to be tried yet.
func (s *Scheduler) rests(ctx context.Context, a *account) (bool, error) {
	paused, err := s.cfg.Store.Pauses(ctx, a.id)
	if err != nil {
		return false, fmt.Errorf("read pauses: %w", err)
	}
	return resting(paused, s.cfg.Now()), nil
}

// due waits for the earlier of two times, which may be zero for never, and
// reports whether it came before anything else did.
func (s *Scheduler) due(ctx context.Context, a *account, send, poll time.Time) bool {
	wait := turnLook
	for _, at := range []time.Time{send, poll} {
		if !at.IsZero() {
			wait = min(wait, at.Sub(s.cfg.Now()))
		}
	}
	timer := time.NewTimer(max(0, wait))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-a.retry:
		return false // plans have changed
	case <-timer.C:
		return wait < turnLook
	}
}

// nextPoll is when a status is due; zero if none is, or nobody can be asked.
func (s *Scheduler) nextPoll(ctx context.Context, a *account) (time.Time, error) {
	for _, d := range a.Destinations {
		if _, ok := d.(Poller); !ok {
			continue
		}
		at, err := s.cfg.Store.NextPoll(ctx, a.id)
		if err != nil {
			return at, fmt.Errorf("read next status: %w", err)
		}
		return at, nil
	}
	return time.Time{}, nil
}

// nextTry is when the account has to run out of turn; zero if it has not.
func (s *Scheduler) nextTry(ctx context.Context, a *account) (time.Time, error) {
	var at time.Time
	if again := a.again.Load(); again != nil {
		at = *again
	}
	if a.Rules.Mode == conversions.ModeTest {
		return at, nil
	}
	batches, err := s.cfg.Store.Unanswered(ctx, a.id)
	if err != nil {
		return at, fmt.Errorf("read unanswered batches: %w", err)
	}
	for _, b := range batches {
		if a.Destinations[b.Target.API] == nil {
			continue
		}
		t := sendAgainAt(b)
		if again := a.again.Load(); again != nil && overwrites(b) {
			t = later(t, *again) // every attempt is a batch of its own, so the back-off is the account's
		}
		if b.Target.API != a.Rules.Target.API {
			t = later(t, a.awayUntil(b.Target.API))
		}
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	return at, nil
}
