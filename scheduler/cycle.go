package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"closeloop/conversions"
)

// leaseWait is how long a run waits for a lease that another process holds: a
// dead holder's expires within it.
const leaseWait = conversions.LeaseTTL + 15*time.Second

// runAccount is one run: fold, resend what went unanswered, send what is due.
func (s *Scheduler) runAccount(ctx context.Context, a *account, byHand bool) (Report, error) {
	a.run.Lock()
	defer a.run.Unlock()
	c := s.newCycle(a, byHand)
	held, release, err := s.waitForLease(ctx, a)
	if err != nil {
		return c.report, err
	}
	defer release()
	return s.runHeld(ctx, held, c)
}

// runHeld is a run under the account's lease; held ends with it, or with ctx.
func (*Scheduler) runHeld(ctx, held context.Context, c *cycle) (Report, error) {
	err := c.run(held)
	c.planAgain()
	c.finish(context.WithoutCancel(ctx))
	if errors.Is(err, context.Canceled) {
		if ctx.Err() == nil {
			return c.report, fmt.Errorf("run account %s: %w", c.a.id, conversions.ErrLeaseLost)
		}
		err = nil // a shutdown between two batches
	}
	return c.report, err
}

// waitForLease takes the lease, waiting for another process to end with it.
func (s *Scheduler) waitForLease(ctx context.Context, a *account) (context.Context, func(), error) {
	until := s.cfg.Now().Add(leaseWait)
	for {
		held, release, err := a.keeper.hold(ctx)
		if !errors.Is(err, conversions.ErrHeld) || s.cfg.Now().After(until) {
			return held, release, err
		}
		if err := pause(ctx, time.Second); err != nil {
			return nil, nil, err
		}
	}
}

// pause waits for d or until ctx is done.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the caller asks for this very error
	case <-timer.C:
		return nil
	}
}

// cycle is one run under way.
type cycle struct {
	s      *Scheduler
	a      *account
	byHand bool
	start  time.Time
	report Report
	paused []conversions.Paused
	stop   bool                     // a call failed: the rest waits for the next run
	lost   bool                     // the answer to rows was lost that are to be sent anew
	left   map[conversions.API]bool // other APIs that failed: what goes there waits too
	polled time.Duration            // how long statuses were asked for
	splits int                      // requests made because another had to be split or sent again
}

func (s *Scheduler) newCycle(a *account, byHand bool) *cycle {
	start := s.cfg.Now()
	return &cycle{s: s, a: a, byHand: byHand, start: start, left: map[conversions.API]bool{}, report: Report{
		Account: a.id, Run: s.cfg.NewID(), Mode: a.Rules.Mode, Started: start,
	}}
}

func (c *cycle) run(ctx context.Context) error {
	c.readFacts(ctx)
	if err := c.s.refold(ctx, c.a); err != nil {
		return err
	}
	folded, err := c.s.foldHeld(ctx, c.a)
	if err != nil {
		return err
	}
	c.report.Folded = folded
	if c.paused, err = c.s.cfg.Store.Pauses(ctx, c.a.id); err != nil {
		return fmt.Errorf("read pauses: %w", err)
	}
	if c.rests() { // what was sent is followed up all the same
		if err := c.pollAll(ctx); err != nil || c.rests() {
			return err
		}
	}
	if err := c.resendAll(ctx); err != nil {
		return err
	}
	if err := c.pollAll(ctx); err != nil {
		return err
	}
	if c.a.Rules.Mode == conversions.ModeLive {
		if err := c.holdWithdrawals(ctx); err != nil {
			return err
		}
	}
	if err := c.probeActions(ctx); err != nil {
		return err
	}
	return c.sendDue(ctx)
}

// pauseOf returns the pause of an action, or of the account for "".
func (c *cycle) pauseOf(action string) *conversions.Paused {
	i := slices.IndexFunc(c.paused, func(p conversions.Paused) bool { return p.Action == action })
	if i < 0 {
		return nil
	}
	return &c.paused[i]
}

// rests reports whether the account is paused and not to be tried yet.
func (c *cycle) rests() bool { return resting(c.paused, c.start) }

// pausedActions lists the actions that are not to be sent to, but for one.
func (c *cycle) pausedActions() []string {
	var actions []string
	for _, p := range c.paused {
		if p.Action != "" {
			actions = append(actions, p.Action)
		}
	}
	return actions
}

// sendDue sends what was due when the run started. While the account is
// paused, one row is tried first.
func (c *cycle) sendDue(ctx context.Context) error {
	for !c.stop && !c.rests() {
		if err := ctx.Err(); err != nil {
			return err //nolint:wrapcheck // runAccount asks for this very error
		}
		rows, err := c.due(ctx, conversions.Claim{Limit: conversions.MaxItems, Without: c.pausedActions()})
		if err != nil {
			return err
		}
		if c.pauseOf("") != nil {
			rows = c.leastTried(rows)
		}
		if len(rows) == 0 {
			return nil
		}
		if err := c.sendGroups(ctx, rows); err != nil {
			return err
		}
	}
	return nil
}

// sendGroups sends rows in batches of one kind each: uploads and adjustments
// are different calls, and rows go where they were sent before. The first group
// was claimed just now; by the turn of another, rows may have changed.
func (c *cycle) sendGroups(ctx context.Context, rows []conversions.Row) error {
	for i, group := range groups(rows) {
		if c.stop {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err //nolint:wrapcheck // runAccount asks for this very error
		}
		if i > 0 {
			var err error
			if group, err = c.stillDue(ctx, group); err != nil {
				return err
			}
		}
		if len(group) == 0 {
			continue
		}
		if err := c.sendRows(ctx, group); err != nil {
			return err
		}
	}
	return nil
}

// kind tells rows apart that cannot share a request. Where adjustments are a
// call of their own they are apart from uploads; what is isolated is apart from
// what was never tried.
type kind struct {
	adjust  bool
	isolate bool
	target  conversions.Target
}

func kindOf(r *conversions.Row) kind {
	target := r.Target()
	return kind{
		adjust:  r.Next() != conversions.OpUpload && target.API != conversions.APIDataManager,
		isolate: r.Isolate, target: target,
	}
}

// groups divides rows by kind, in the order of the first of each; uploads go
// first. Rows to isolate go in small groups.
func groups(rows []conversions.Row) [][]conversions.Row {
	var order []kind
	byKind := map[kind][]conversions.Row{}
	for len(rows) > 0 { // rows of one kind mostly follow each other: they are taken as they are
		k, n := kindOf(&rows[0]), 1
		for n < len(rows) && kindOf(&rows[n]) == k {
			n++
		}
		if before, found := byKind[k]; found {
			byKind[k] = append(before, rows[:n]...)
		} else {
			order = append(order, k)
			byKind[k] = rows[:n:n]
		}
		rows = rows[n:]
	}
	slices.SortStableFunc(order, func(a, b kind) int {
		switch {
		case a.adjust == b.adjust:
			return 0
		case b.adjust:
			return -1
		default:
			return 1
		}
	})
	all := make([][]conversions.Row, 0, len(order))
	for _, k := range order {
		size := conversions.MaxItems
		if k.isolate {
			size = (len(byKind[k]) + conversions.MaxGroups - 1) / conversions.MaxGroups
		}
		all = slices.AppendSeq(all, slices.Chunk(byKind[k], size))
	}
	return all
}

// probeActions tries one row of every paused action whose time has come.
func (c *cycle) probeActions(ctx context.Context) error {
	for _, p := range slices.Clone(c.paused) {
		if p.Action == "" || c.start.Before(p.ProbeAt) || c.stop {
			continue
		}
		rows, err := c.due(ctx, conversions.Claim{Limit: conversions.MaxItems, Without: c.otherActions(p.Action)})
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(r conversions.Row) bool { return r.Action() != p.Action })
		if len(rows) == 0 {
			continue
		}
		if err := c.sendRows(ctx, c.leastTried(rows)); err != nil {
			return err
		}
	}
	return nil
}

func (c *cycle) otherActions(action string) []string {
	others := c.pausedActions()
	for _, r := range c.a.Rules.Stages {
		others = append(others, r.Action)
	}
	return slices.DeleteFunc(others, func(a string) bool { return a == action })
}

// due claims rows, first ending those whose time ran out. It returns none
// only when nothing more is due. Nothing is folded meanwhile: a click that came
// between reading a row and closing it would be closed with it.
func (c *cycle) due(ctx context.Context, claim conversions.Claim) ([]conversions.Row, error) {
	claim.Now = c.start
	limit := claim.Limit
	c.a.fold.Lock()
	defer c.a.fold.Unlock()
	for {
		rows, err := c.s.cfg.Store.Due(ctx, c.a.id, claim)
		if err != nil {
			return nil, fmt.Errorf("claim due rows: %w", err)
		}
		ready, closed := c.divide(rows)
		late, closed, err := c.lateClicks(ctx, rows, closed)
		if err != nil {
			return nil, err
		}
		if len(late) > 0 {
			if err := c.s.cfg.Store.Decide(ctx, c.a.keeper.current(), late); err != nil {
				return nil, fmt.Errorf("store late clicks: %w", err)
			}
			c.report.Folded += len(late)
		}
		if len(closed) > 0 {
			if err := c.s.cfg.Store.Record(ctx, c.a.keeper.current(), closed); err != nil {
				return nil, fmt.Errorf("close rows: %w", err)
			}
			c.report.Closed += len(closed)
		}
		switch {
		case len(late) > 0, len(ready) == 0 && len(closed) > 0:
		case len(ready) == 0 && len(rows) == claim.Limit:
			claim.Limit *= 2 // none of these is sent for now; others may stand behind them
		default:
			return ready[:min(len(ready), limit)], nil
		}
	}
}

// sends reports whether a row's operation is sent at all: a test account only
// checks what was decided for a check, and leaves alone what Google holds or may
// hold; what went through an API that is not configured any more waits.
func (c *cycle) sends(r conversions.Row) bool {
	op := r.Next()
	if api := r.Target().API; op == conversions.OpNone || c.a.Destinations[api] == nil || c.awayFrom(api) {
		return false
	}
	if c.a.Rules.Mode == conversions.ModeLive {
		return true
	}
	return op == conversions.OpUpload && r.Want.Test && r.Known.Status == conversions.KnownNothing
}

// divide tells rows to send from those whose time ran out.
func (c *cycle) divide(rows []conversions.Row) (ready []conversions.Row, closed []conversions.Entry) {
	whole := true // all so far are ready: then rows is what is returned
	for i := range rows {
		e, over := rows[i].Close(c.start)
		if over {
			closed = append(closed, e)
		}
		switch sent := !over && c.sends(rows[i]); {
		case !sent && whole:
			whole, ready = false, slices.Clone(rows[:i])
		case sent && !whole:
			ready = append(ready, rows[i])
		}
	}
	if whole {
		return rows, closed
	}
	return ready, closed
}

// finish completes the report, logs the run's one line and plans the resend
// of what went unanswered.
func (c *cycle) finish(ctx context.Context) {
	c.report.Took = c.s.cfg.Now().Sub(c.start)
	c.report.Paused = c.paused
	if !c.report.SendAgain.IsZero() || c.a.again.Load() != nil {
		notify(c.a.retry)
	}
	if c.byHand || c.report.worthALine() {
		c.s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "run", c.report.attrs()...)
	}
}

// planAgain says when to run again after a call that failed and may simply be
// repeated, or whose rows are sent anew because its answer was lost: sooner than
// a schedule that fires once a day, and later with every failure.
func (c *cycle) planAgain() {
	f := c.report.Failed
	repeated := f != nil && f.Verdict == conversions.Retry && f.Wait <= 0
	if !repeated && !c.lost {
		c.a.failures = 0
		c.a.again.Store(nil)
		return
	}
	c.a.failures++
	at := c.start.Add(conversions.Backoff(c.a.failures, string(c.a.id)))
	c.a.again.Store(&at)
}

func (r *Report) worthALine() bool {
	return r.Batches > 0 || r.Polls > 0 || r.Closed > 0 || r.Unanswered > 0 || r.Folded > 0 || len(r.Paused) > 0
}
