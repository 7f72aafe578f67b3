package scheduler

import (
	"context"
	"fmt"
	"math"
	"time"

	"closeloop/conversions"
)

// holdWithdrawals holds the retractions that are due for a person if they are
// unusually many: a rule or a source gone wrong would take back what cannot be
// given again.
func (c *cycle) holdWithdrawals(ctx context.Context) error {
	due, err := c.due(ctx, conversions.Claim{Limit: math.MaxInt32, Only: conversions.OpRetract})
	if err != nil {
		return err
	}
	var holds []conversions.Entry
	for _, r := range due {
		if e, ok := r.Hold(c.start); ok {
			holds = append(holds, e)
		}
	}
	if len(holds) <= conversions.MassWithdrawals {
		return nil
	}
	uploaded, err := c.s.cfg.Store.Uploaded(ctx, c.a.id, c.start.Add(-conversions.MassWindow))
	if err != nil {
		return fmt.Errorf("count uploads: %w", err)
	}
	if len(holds) <= int(conversions.MassShare.Of(conversions.Cents(uploaded))) {
		return nil
	}
	c.report.Held = len(holds)
	return c.record(ctx, holds)
}

// suspects pauses the account when most of the last answers say that the
// clicks belong to somebody else or came after the conversions: then not the
// rows are wrong but the account's customer or zone. The refusals among them
// are taken back.
func (c *cycle) suspects(ctx context.Context, reply conversions.Reply, now time.Time) error {
	if !anySuspect(reply) {
		return nil
	}
	last, err := c.s.cfg.Store.LastAnswers(ctx, c.a.id, conversions.SuspectAnswers)
	if err != nil {
		return fmt.Errorf("read last answers: %w", err)
	}
	suspect := 0
	for _, e := range last {
		if e.Answer.Suspect {
			suspect++
		}
	}
	least := int(conversions.SuspectShare.Of(conversions.SuspectAnswers))
	if len(last) < conversions.SuspectAnswers || suspect < least {
		return nil
	}
	c.stop = true
	if err := c.putBack(ctx, now); err != nil {
		return err
	}
	return c.pauseFor(ctx, "", massRefusal(), now)
}

func anySuspect(reply conversions.Reply) bool {
	for _, a := range reply.Answers {
		if a.Suspect {
			return true
		}
	}
	return false
}

func massRefusal() conversions.Answer {
	return conversions.Answer{
		Verdict: conversions.Pause, Scope: conversions.ScopeAccount, Code: "Closeloop.MASS_REFUSAL",
		Sentence: "Google says of most of the last conversions that their clicks belong to another account or came after them.",
		Hint:     "Check the account's customer and zone, and that the source belongs to this account; sending goes on by itself once a row is taken.",
	}
}

// putBack takes back the refusals that came under suspicion in this account's
// last answers.
func (c *cycle) putBack(ctx context.Context, now time.Time) error {
	// Everything refused on suspicion since sending last went well is put back,
	// not only what the guard looked at: a batch holds up to MaxItems rows.
	answers, err := c.s.cfg.Store.LastAnswers(ctx, c.a.id, conversions.MaxItems)
	if err != nil {
		return fmt.Errorf("read last answers: %w", err)
	}
	var ids []conversions.RowID
	for _, e := range answers {
		if e.Answer.Suspect && e.Answer.Verdict == conversions.Refused {
			ids = append(ids, e.Row)
		}
	}
	rows, err := c.rowsByID(ctx, ids)
	if err != nil {
		return err
	}
	var es []conversions.Entry
	for _, r := range rows {
		if e, ok := r.Resolve(conversions.EntryPutBack, "", "", now); ok && r.Last != nil && r.Last.Suspect {
			es = append(es, e)
		}
	}
	return c.record(ctx, es)
}
