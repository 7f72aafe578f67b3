package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"closeloop/conversions"
)

const (
	// lookEvery is how often the inbox is looked into without a notice:
	// another process may have put events there.
	lookEvery = time.Second
	// leadsAtOnce is how many leads one transaction decides. Deliveries wait
	// for it, so it is kept to some milliseconds.
	leadsAtOnce = 200
)

// foldLoop folds the account's new events until ctx is done.
func (s *Scheduler) foldLoop(ctx context.Context, a *account) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	fold := s.foldFirst
	for {
		err := s.recovered(func() error { return fold(ctx, a) })
		if err == nil {
			fold = s.foldAccount
		} else if !errors.Is(err, conversions.ErrHeld) {
			s.logFailure(ctx, a, "fold events", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		case <-ticker.C:
		}
	}
}

// foldFirst is the first fold of a process: what was never sent is decided anew
// if the rules have changed since the last one.
func (s *Scheduler) foldFirst(ctx context.Context, a *account) error {
	held, release, err := a.keeper.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := s.refold(held, a); err != nil {
		return err
	}
	_, err = s.foldHeld(held, a)
	return err
}

// Fold decides the leads in the account's inbox now.
func (s *Scheduler) Fold(ctx context.Context, id conversions.AccountID) error {
	return s.byHand(ctx, id, func(ctx context.Context, a *account) error {
		_, err := s.foldHeld(ctx, a)
		return err
	})
}

// foldAccount decides every lead in the account's inbox. The lease is taken
// only if there is one.
func (s *Scheduler) foldAccount(ctx context.Context, a *account) error {
	works, err := s.cfg.Store.Unfolded(ctx, a.id, 1)
	if err != nil {
		return fmt.Errorf("look into inbox: %w", err)
	}
	if len(works) == 0 {
		return nil
	}
	held, release, err := a.keeper.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	_, err = s.foldHeld(held, a)
	return err
}

// foldHeld empties the inbox under a lease that is held, and returns how many
// leads it decided. It ends once it has caught up, even if deliveries go on
// coming: a run waits for it.
func (s *Scheduler) foldHeld(ctx context.Context, a *account) (int, error) {
	a.fold.Lock()
	defer a.fold.Unlock()
	for n := 0; ; {
		works, err := s.cfg.Store.Unfolded(ctx, a.id, leadsAtOnce)
		if err != nil {
			return n, fmt.Errorf("read inbox: %w", err)
		}
		if len(works) == 0 {
			return n, nil
		}
		rules, err := s.rules(ctx, a)
		if err != nil {
			return n, err
		}
		now := s.cfg.Now()
		ds := make([]conversions.Decision, len(works))
		for i, w := range works {
			ds[i] = decide(w, rules, s.cfg.Match, now)
		}
		if err := s.cfg.Store.Decide(ctx, a.keeper.current(), ds); err != nil {
			return n, fmt.Errorf("store decisions: %w", err)
		}
		if n += len(works); len(works) < leadsAtOnce {
			return n, nil
		}
	}
}

// decide folds one lead and compares what is wanted with its rows.
func decide(w conversions.LeadWork, rules conversions.Rules, match conversions.Matcher, now time.Time) conversions.Decision {
	return decideWith(w, rules, match, now, conversions.Row.Decide)
}

// comparison is how a row is compared with its want: Row.Decide, or
// Row.Replay.
type comparison func(r conversions.Row, w conversions.Want, events []conversions.Event, now time.Time) (conversions.Entry, bool)

func decideWith(w conversions.LeadWork, rules conversions.Rules, match conversions.Matcher, now time.Time, compare comparison) conversions.Decision {
	d := conversions.Decision{Source: w.Source, Lead: w.Lead, Inbox: w.Inbox}
	for _, want := range conversions.Fold(w.Events, rules, match) {
		row := newest(w, rules.Account, want)
		if e, changed := compare(row, want, w.Events, now); changed {
			d.Entries = append(d.Entries, e)
		}
	}
	return d
}

// newest returns the stage's row of the latest generation, or a new one: the
// first, or the next generation when what Google was told to retract is
// wanted again.
func newest(w conversions.LeadWork, account conversions.AccountID, want conversions.Want) conversions.Row {
	row := conversions.Row{Key: conversions.Key{Account: account, Source: w.Source, Lead: w.Lead, Stage: want.Stage}}
	for _, r := range w.Rows {
		if r.Key.Stage == want.Stage && r.Key.Generation >= row.Key.Generation {
			row = r
		}
	}
	if row.WantedAgain(want) {
		row = conversions.Row{Key: row.Key}
		row.Key.Generation++
	}
	return row
}

// refold asks for rows that were never sent to be decided anew if the rules
// have changed since they were.
func (s *Scheduler) refold(ctx context.Context, a *account) error {
	rules, err := s.rules(ctx, a)
	if err != nil {
		return err
	}
	n, err := s.cfg.Store.Refold(ctx, a.keeper.current(), rules.Fingerprint())
	if err != nil {
		return fmt.Errorf("compare rules: %w", err)
	}
	if n > 0 {
		s.cfg.Logger.InfoContext(ctx, "rules_changed", slog.String("account", string(a.id)), slog.Int("leads", n))
	}
	return nil
}
