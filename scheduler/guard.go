package scheduler

import (
	"context"
	"fmt"
	"math"
	"slices"
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

// suspects pauses the account when most of the last answers, and most of these,
// say that the clicks belong to somebody else or came after the conversions:
// then not the rows are wrong but the account's customer or zone. The refusals
// among them are taken back. A probe that is refused so stays refused until
// another goes well, so that the next one tries another row.
func (c *cycle) suspects(ctx context.Context, reply conversions.Reply, now time.Time) error {
	if p := c.pauseOf(""); p != nil && p.Answer.Code == massRefusal(nil).Code {
		switch {
		case reply.Call != nil:
			return nil
		case mostlySuspect(reply.Answers):
			c.stop = true
			return c.pauseFor(ctx, "", massRefusal(reply.Answers), now)
		case !slices.ContainsFunc(reply.Answers, func(a conversions.Answer) bool { return progressOf(a).ends(*p) }):
			return nil // nothing is said yet
		default:
			return c.putBack(ctx, now)
		}
	}
	if !mostlySuspect(reply.Answers) {
		return nil
	}
	last, err := c.s.cfg.Store.LastAnswers(ctx, c.a.id, conversions.SuspectAnswers)
	if err != nil {
		return fmt.Errorf("read last answers: %w", err)
	}
	answers := make([]conversions.Answer, len(last))
	for i, e := range last {
		answers[i] = *e.Answer
	}
	if len(last) < conversions.SuspectAnswers || !mostlySuspect(answers) {
		return nil
	}
	c.stop = true
	if err := c.putBack(ctx, now); err != nil {
		return err
	}
	return c.pauseFor(ctx, "", massRefusal(reply.Answers), now)
}

// mostlySuspect reports whether at least SuspectShare of the answers are
// suspect, and any is.
func mostlySuspect(answers []conversions.Answer) bool {
	n := 0
	for _, a := range answers {
		if a.Suspect {
			n++
		}
	}
	return n > 0 && n >= int(conversions.SuspectShare.Of(conversions.Cents(len(answers))))
}

// massRefusal is the answer that pauses. Like those that led to it, it came at
// once or with a later status.
func massRefusal(answers []conversions.Answer) conversions.Answer {
	var evidence conversions.Evidence
	for _, a := range answers {
		if a.Suspect {
			evidence = a.Evidence
		}
	}
	return conversions.Answer{
		Evidence: evidence,
		Verdict:  conversions.Pause, Scope: conversions.ScopeAccount, Code: "Closeloop.MASS_REFUSAL",
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
