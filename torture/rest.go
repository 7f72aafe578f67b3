package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"

	"closeloop/conversions"
	"closeloop/store"
)

// rest lets everything settle: nothing fails any more, days pass, and a person
// looks after what needs one. The replicas that still live go on.
func (w *world) rest(ctx context.Context) error {
	w.diary.note("rest")
	w.box.ClearFaults()
	for _, r := range w.replicas {
		for _, k := range r.network() {
			k.becomes(fine, 0)
		}
		if err := w.revive(ctx, r); err != nil {
			return err
		}
	}
	w.crm.posted.Wait() // each delivery is answered now
	w.diary.note("all is posted")
	s, err := w.engine.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	const day = 24 * time.Hour
	for _, d := range []time.Duration{
		time.Minute, time.Hour, 3 * time.Hour, 3 * time.Hour, 8 * time.Hour, 8 * time.Hour, day, day, day, day, 8 * time.Hour, 3 * time.Hour,
	} {
		if err := w.leap(d); err != nil {
			return err
		}
		if err := w.quiet(ctx, s); err != nil {
			return err
		}
		if err := w.looksAfter(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// revive starts a replica anew, without a fail point.
func (w *world) revive(ctx context.Context, r *replica) error {
	r.mu.Lock()
	p := r.process
	r.mu.Unlock()
	if p != nil {
		if err := r.kill(p); err != nil {
			return err
		}
	}
	p, err := r.start(ctx, arming{})
	if err != nil {
		return err
	}
	if p.url == "" {
		return fmt.Errorf("replica %s does not start any more, see %s", r.name, r.log.Name())
	}
	return nil
}

// quiet waits until there is nothing to do at the moment, for a while.
func (w *world) quiet(ctx context.Context, s store.Store) error {
	end := time.Now().Add(20 * time.Second)
	for calm := 0; calm < 2 && time.Now().Before(end); {
		calm++
		for _, a := range w.accounts {
			busy, err := w.busy(ctx, s, a.id())
			if err != nil {
				return err
			}
			if busy != "" {
				w.diary.note("%s: %s", a.name, busy)
				calm = 0
			}
		}
		sleep(ctx, 250*time.Millisecond)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("wait for quiet: %w", ctx.Err())
	}
	return nil
}

// busy says what there is to do for an account now; "" for nothing.
func (w *world) busy(ctx context.Context, s store.Store, a conversions.AccountID) (string, error) {
	now := w.clock.now()
	due, err1 := s.Due(ctx, a, conversions.Claim{Now: now, Limit: 1})
	open, err2 := s.Unanswered(ctx, a)
	polls, err3 := s.Polls(ctx, a, now, 1)
	inbox, err4 := s.Unfolded(ctx, a, 1)
	plan, err5 := s.Plan(ctx, a)
	pauses, err6 := s.Pauses(ctx, a)
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return "", fmt.Errorf("look at %s: %w", a, err)
	}
	switch {
	case slices.ContainsFunc(open, func(b conversions.Batch) bool { return !now.Before(sentAgain(b)) }):
		return "a batch without an answer", nil
	case len(due) > 0 && len(pauses) == 0: // else they wait for a probe
		return "a row is due", nil
	case len(polls) > 0:
		return "a status is due", nil
	case len(inbox) > 0:
		return "an event is not folded", nil
	case !plan.Owed.IsZero() && now.Sub(plan.Owed) > time.Minute:
		return "a run is owed", nil
	default:
		return "", nil
	}
}

// sentAgain is when a batch without an answer is sent again.
func sentAgain(b conversions.Batch) time.Time {
	at := b.SentAt.Add(conversions.CallMargin)
	if b.Attempts > 1 {
		at = at.Add(conversions.Backoff(b.Attempts-1, string(b.ID)))
	}
	return at
}

// looksAfter does what a person would: lets held withdrawals go, and tries again
// what stopped.
func (w *world) looksAfter(ctx context.Context, s store.Store) error {
	for _, state := range []conversions.State{conversions.StatePerson, conversions.StateUnclear} {
		rows, err := s.List(ctx, conversions.Filter{State: state})
		if err != nil {
			return fmt.Errorf("list rows: %w", err)
		}
		for _, row := range rows {
			word := "retry"
			if row.Held {
				word = "approve"
			}
			w.tally.count(w.tally.others, "decision of a person: "+word)
			cmd := exec.CommandContext(ctx, w.binary, "resolve", word, strconv.FormatInt(int64(row.ID), 10), //nolint:gosec // built by this program
				"--account", string(row.Key.Account), "--note", "looks fine", "--config", w.replicas[0].config)
			cmd.Env = []string{"CLOSELOOP_FAILCLOCK=" + w.clock.file.Name(), "HOME=" + w.dir}
			if out, err := cmd.CombinedOutput(); err != nil {
				w.tally.count(w.tally.others, "decision refused")
				fmt.Fprintf(w.replicas[0].log, "resolve %s %d: %v: %s\n", word, row.ID, err, out)
			}
		}
	}
	return nil
}

// end ends the replicas as an operator does, and says which did not end well.
func (w *world) end() []string {
	var wrong []string
	for _, r := range w.replicas {
		r.mu.Lock()
		p := r.process
		r.mu.Unlock()
		if p == nil {
			continue
		}
		if err := p.signal(syscall.SIGTERM); err != nil {
			wrong = append(wrong, err.Error())
		}
		select {
		case <-p.ended:
			if !p.state.Success() {
				wrong = append(wrong, fmt.Sprintf("%s ended with %s after SIGTERM", r.name, p.state))
			}
			r.forget()
		case <-time.After(40 * time.Second):
			wrong = append(wrong, r.name+" did not end within 40 s of SIGTERM")
		}
	}
	return wrong
}
