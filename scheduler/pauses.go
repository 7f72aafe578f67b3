package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"closeloop/conversions"
)

// resting reports whether one of an account's pauses keeps all of it from being
// sent to at a time.
func resting(paused []conversions.Paused, at time.Time) bool {
	return slices.ContainsFunc(paused, func(p conversions.Paused) bool { return p.Action == "" && at.Before(p.ProbeAt) })
}

// pauses stops or resumes sending as the reply demands.
func (c *cycle) pauses(ctx context.Context, b conversions.Batch, reply conversions.Reply, now time.Time) error {
	ctx = context.WithoutCancel(ctx)
	if reply.Call != nil && !atFault(*reply.Call) {
		c.report.Failed = reply.Call
		return c.accountFault(ctx, b, *reply.Call, now)
	}
	fine := map[string]progress{}
	for i, item := range b.Items {
		answer := reply.Answers[i]
		if answer.Verdict != conversions.Pause {
			fine[item.Action] = max(fine[item.Action], progressOf(answer))
			continue
		}
		pause := c.accountFault
		if answer.Scope == conversions.ScopeAction {
			pause = func(ctx context.Context, _ conversions.Batch, a conversions.Answer, now time.Time) error {
				return c.pauseFor(ctx, item.Action, a, now)
			}
		}
		if err := pause(ctx, b, answer, now); err != nil {
			return err
		}
	}
	return c.resume(ctx, fine, now)
}

// accountFault ends the run, and pauses the account if the answer asks for it.
// What the API answers that the account has left is no fault of the account:
// only that API is left alone, for this run or until it may be tried again.
func (c *cycle) accountFault(ctx context.Context, b conversions.Batch, answer conversions.Answer, now time.Time) error {
	if b.Target.API == c.a.Rules.Target.API {
		c.stop = true
		return c.pauseFor(ctx, "", answer, now)
	}
	wait := answer.Wait
	if answer.Verdict == conversions.Pause {
		wait = max(wait, conversions.ProbeEvery)
	}
	c.left[b.Target.API] = true
	c.a.away[b.Target.API] = now.Add(wait)
	return nil
}

// awayFrom reports whether an API is left alone for now. A dry run, which is not
// alone with the account, tries it.
func (c *cycle) awayFrom(api conversions.API) bool {
	return c.left[api] || (!c.report.DryRun && c.start.Before(c.a.away[api]))
}

// awayUntil is when an API that the account has left is tried again; zero for
// at any time. It waits for the run under way, which may say.
func (a *account) awayUntil(api conversions.API) time.Time {
	a.run.Lock()
	defer a.run.Unlock()
	return a.away[api]
}

// progress is how far an answer that is no pause shows an action to work.
type progress int

const (
	none     progress = iota
	accepted          // the request was accepted; what becomes of its rows is said later
	told              // the vendor said what became of a row
)

func progressOf(a conversions.Answer) progress {
	switch a.Verdict {
	case conversions.Submitted:
		return accepted
	case conversions.Unclear:
		return none
	default:
		return told
	}
}

// ends reports whether progress ends a pause: one that the later word on
// rows brought only ends with such a word.
func (p progress) ends(pause conversions.Paused) bool {
	if pause.Answer.Evidence != "" {
		return p >= told
	}
	return p >= accepted
}

// pauseFor pauses an action, or the account for "". A call that may simply be
// tried at the next run pauses nothing.
func (c *cycle) pauseFor(ctx context.Context, action string, answer conversions.Answer, now time.Time) error {
	p := conversions.Paused{Account: c.a.id, Action: action, Since: now, Answer: answer}
	switch {
	case answer.Verdict == conversions.Pause:
		p.ProbeAt = now.Add(max(answer.Wait, conversions.ProbeEvery))
	case answer.Wait > 0:
		p.ProbeAt = now.Add(answer.Wait)
	default:
		return nil
	}
	if known := c.pauseOf(action); known != nil {
		if known.Since.Equal(now) || byHand(*known) {
			return nil // said by another row of the same answer, or by a person
		}
		p.Since = known.Since
	}
	if err := c.s.cfg.Store.Pause(ctx, c.a.keeper.current(), p); err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	c.paused = append(c.without(action), p)
	return nil
}

// byHand reports whether a person paused, so that only a person resumes.
func byHand(p conversions.Paused) bool { return p.ProbeAt.Equal(never()) }

// resume ends pauses whose probe got another answer than a pause.
func (c *cycle) resume(ctx context.Context, fine map[string]progress, now time.Time) error {
	best := none
	for _, p := range fine {
		best = max(best, p)
	}
	for _, p := range slices.Clone(c.paused) {
		got := best
		if p.Action != "" {
			got = fine[p.Action]
		}
		if byHand(p) || p.Since.Equal(now) {
			continue
		}
		if !got.ends(p) {
			if err := c.postpone(ctx, p, got, now); err != nil {
				return err
			}
			continue
		}
		if p.Action == "" && c.stop {
			continue // another row of the same answer paused the account again
		}
		if err := c.s.cfg.Store.Resume(ctx, c.a.keeper.current(), p.Action, now); err != nil {
			return fmt.Errorf("resume: %w", err)
		}
		c.paused = c.without(p.Action)
	}
	return nil
}

// postpone puts the next probe off once one was accepted whose fate is told
// later: until then another would say no more.
func (c *cycle) postpone(ctx context.Context, p conversions.Paused, got progress, now time.Time) error {
	if got != accepted || now.Before(p.ProbeAt) {
		return nil
	}
	p.ProbeAt = now.Add(conversions.ProbeEvery)
	if err := c.s.cfg.Store.Pause(ctx, c.a.keeper.current(), p); err != nil {
		return fmt.Errorf("put the next probe off: %w", err)
	}
	c.paused = append(c.without(p.Action), p)
	return nil
}

// leastTried is the first of the rows that were tried least, for a probe: a row
// that is at fault itself must not be the only one that is ever tried. One that
// goes to the API of the account comes first: it is that one's pause.
func (c *cycle) leastTried(rows []conversions.Row) []conversions.Row {
	if len(rows) == 0 {
		return nil
	}
	other := func(r conversions.Row) int {
		if r.Target().API == c.a.Rules.Target.API {
			return 0
		}
		return 1
	}
	return []conversions.Row{slices.MinFunc(rows, func(a, b conversions.Row) int {
		return cmp.Or(other(a)-other(b), a.Tries-b.Tries)
	})}
}

func (c *cycle) without(action string) []conversions.Paused {
	return slices.DeleteFunc(slices.Clone(c.paused), func(p conversions.Paused) bool { return p.Action == action })
}
