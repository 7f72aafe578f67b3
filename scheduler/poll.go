package scheduler

import (
	"context"
	"fmt"
	"time"

	"closeloop/conversions"
)

// pollsAtOnce is how many statuses are asked for before the due ones are looked
// up again.
const pollsAtOnce = 50

// pollTime is how long a run asks for statuses before it goes on; what is left
// is asked for next time. A question under way is waited for, so that one that
// hangs costs a run no more than this.
const pollTime = conversions.CallTimeout

// pausedPolling is how long statuses are asked for while the account's own
// fault keeps Google from answering. How long Google keeps them is not
// published.
const pausedPolling = 14 * 24 * time.Hour

// leastAsked is how many calls for a status must have been made before one that
// failed is the last: nobody may have asked for days, and then Google cannot be
// reached for a minute.
const leastAsked = 10

// pollAccount asks for the statuses that are due, out of turn of the schedule:
// what was sent is followed up, nothing is sent.
func (s *Scheduler) pollAccount(ctx context.Context, a *account) error {
	a.run.Lock()
	defer a.run.Unlock()
	c := s.newCycle(a, false)
	held, release, err := s.waitForLease(ctx, a)
	if err != nil {
		return err
	}
	defer release()
	if c.paused, err = s.cfg.Store.Pauses(held, a.id); err != nil {
		return fmt.Errorf("read pauses: %w", err)
	}
	err = c.pollAll(held)
	c.finish(context.WithoutCancel(ctx))
	if ctx.Err() != nil {
		return nil // a shutdown; what is to be asked waits in the store
	}
	return err
}

// pollAll asks for the statuses that were due when the run started, for as long
// as a run may ask. A request whose connection is gone from the configuration
// waits until it is back.
func (c *cycle) pollAll(ctx context.Context) error {
	began := c.s.cfg.Now()
	defer func() { c.polled += c.s.cfg.Now().Sub(began) }()
	for limit := pollsAtOnce; ; {
		batches, err := c.s.cfg.Store.Polls(ctx, c.a.id, c.start, limit)
		if err != nil {
			return fmt.Errorf("read batches under processing: %w", err)
		}
		asked := 0
		for _, b := range batches {
			if err := ctx.Err(); err != nil {
				return err //nolint:wrapcheck // runAccount asks for this very error
			}
			poller, ok := c.a.Destinations[b.Target.API].(Poller)
			if !ok {
				continue
			}
			if c.polled+c.s.cfg.Now().Sub(began) >= pollTime {
				return nil
			}
			asked++
			if err := c.poll(ctx, poller, b); err != nil {
				return err
			}
		}
		if len(batches) < limit {
			return nil
		}
		if asked == 0 {
			limit *= 2 // nobody can be asked about these; others may stand behind them
		}
	}
}

// poll asks for the status of one batch and records what it says.
func (c *cycle) poll(ctx context.Context, poller Poller, b conversions.Batch) error {
	_, leave, err := c.turn(ctx)
	if err != nil {
		return err
	}
	defer leave()
	reply := c.status(ctx, poller, b)
	ctx = context.WithoutCancel(ctx)
	rows, err := c.rowsByID(ctx, itemRows(b))
	if err != nil {
		return err
	}
	p, told := c.established(b, rows, reply)
	if err := c.s.cfg.Store.Polled(ctx, c.a.keeper.current(), p); err != nil {
		return fmt.Errorf("record status: %w", err)
	}
	return c.heed(ctx, b, told, reply.Call, p.At)
}

// established makes the ledger entries of the rows whose fate a status tells,
// and returns those entries' answers by action too.
func (c *cycle) established(b conversions.Batch, rows map[conversions.RowID]conversions.Row, reply conversions.Reply) (conversions.Polled, fates) {
	p := conversions.Polled{Batch: b.ID, At: c.s.cfg.Now()}
	var told fates
	takes := taking(b, reply)
	for i, it := range b.Items {
		row := rows[it.Row]
		if row.Pending == nil || row.Pending.Batch != b.ID {
			continue // established before
		}
		answer := reply.Answers[i]
		if reply.Call != nil || submitted(answer) {
			answer = silence(b, reply, p.At)
		}
		if submitted(answer) {
			p.PollAt = nextPoll(b, reply, p.At)
			continue
		}
		if answer.Verdict == conversions.Pause && (takes[it.Action] || row.Counted > 0) {
			answer.Verdict, answer.Scope, answer.Counts = conversions.Retry, "", true // the row's own fault
		}
		c.report.process(answer)
		p.Entries = append(p.Entries, row.Processed(b, it, answer, p.At))
		told.items, told.answers = append(told.items, it), append(told.answers, answer)
	}
	return p, told
}

// taking are the actions of which a status says that a row went well: what is
// said against other rows of them is not the account's fault, nor the action's.
func taking(b conversions.Batch, reply conversions.Reply) map[string]bool {
	takes := map[string]bool{}
	for i, it := range b.Items {
		if v := reply.Answers[i].Verdict; reply.Call == nil && (v == conversions.Done || v == conversions.AlreadyThere) {
			takes[it.Action] = true
		}
	}
	return takes
}

// fates are the items whose fate a status told, and their answers.
type fates struct {
	items   []conversions.Item
	answers []conversions.Answer
}

// status makes one status call.
func (c *cycle) status(ctx context.Context, poller Poller, b conversions.Batch) conversions.Reply {
	c.report.Polls++
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), conversions.CallTimeout)
	defer cancel()
	return poller.Status(bounded, b)
}

// silence is the answer to a row that the vendor says nothing of: it is still
// processed, or given up.
func silence(b conversions.Batch, reply conversions.Reply, now time.Time) conversions.Answer {
	patience := conversions.GiveUpPolling
	if reply.Call != nil && reply.Call.Verdict == conversions.Pause {
		patience = pausedPolling
	}
	if now.Before(b.AnsweredAt.Add(patience)) || (reply.Call != nil && b.Polls < leastAsked) {
		return conversions.Answer{Verdict: conversions.Submitted}
	}
	return conversions.Answer{
		Verdict: conversions.Unclear, Evidence: conversions.EvidenceSilence, Code: "Closeloop.NO_STATUS",
		Sentence: conversions.ReasonNoStatus.Sentence(),
		Hint:     "Look for the conversion in Google Ads; closeloop resolve ... retry sends it once more, which Google counts once.",
	}
}

// nextPoll is when a batch that is still processed, or whose status could not
// be learnt, is asked for again.
func nextPoll(b conversions.Batch, reply conversions.Reply, now time.Time) time.Time {
	if reply.Call == nil {
		return later(nextQuestion(b.AnsweredAt, now), now.Add(time.Minute))
	}
	wait := max(reply.Call.Wait, time.Minute)
	if reply.Call.Wait == 0 {
		wait = conversions.Backoff(b.Polls+1, string(b.ID))
	}
	return now.Add(wait)
}

// nextQuestion is the first time after now at which a request that was taken at
// taken is asked for, however often it was asked for in vain.
func nextQuestion(taken, now time.Time) time.Time {
	at := conversions.NextPoll(taken, 0)
	for polls := 1; !at.After(now) && at.Before(taken.Add(conversions.GiveUpPolling)); polls++ {
		at = conversions.NextPoll(taken, polls)
	}
	return at
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// heed stops or resumes sending as the answers demand. A status that could not
// be learnt stops sending only if the credentials are at fault.
func (c *cycle) heed(ctx context.Context, b conversions.Batch, told fates, call *conversions.Answer, now time.Time) error {
	if call != nil && call.Verdict == conversions.Pause {
		if err := c.accountFault(ctx, b, *call, now); err != nil {
			return err
		}
	}
	b.Items = told.items
	reply := conversions.Reply{Answers: told.answers}
	if err := c.suspects(ctx, reply, now); err != nil {
		return err
	}
	return c.pauses(ctx, b, reply, now)
}

func itemRows(b conversions.Batch) []conversions.RowID {
	ids := make([]conversions.RowID, len(b.Items))
	for i, it := range b.Items {
		ids[i] = it.Row
	}
	return ids
}

// overwrites reports whether the batch's API overwrites what it is sent again.
func overwrites(b conversions.Batch) bool { return b.Target.API == conversions.APIDataManager }

// reopen ends a batch without an answer at an API that overwrites what it is
// sent: its rows are sent anew, with the values wanted by then, and never with
// an old one.
func (c *cycle) reopen(ctx context.Context, b conversions.Batch) error {
	rows, err := c.rowsByID(ctx, itemRows(b))
	if err != nil {
		return err
	}
	now := c.s.cfg.Now()
	s := conversions.Settlement{Batch: b.ID, At: now, Call: &conversions.Answer{
		Verdict: conversions.Retry, Code: "Closeloop.NO_ANSWER",
		Sentence: "Google's answer to the request was lost.",
		Hint:     "Nothing to do: its rows are sent again, and Google counts each once.",
	}}
	for _, it := range b.Items {
		s.Entries = append(s.Entries, rows[it.Row].Abandon(b, it, now))
	}
	if err := c.s.cfg.Store.Settle(context.WithoutCancel(ctx), c.a.keeper.current(), s); err != nil {
		return fmt.Errorf("settle unanswered batch: %w", err)
	}
	return nil
}
