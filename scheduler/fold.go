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

const (
	// lookEvery is how often the inbox is looked into without a notice:
	// another process may have put events there.
	lookEvery = time.Second
	// leadsAtOnce is how many leads one transaction decides. Deliveries wait
	// for it, so it is kept to some milliseconds.
	leadsAtOnce = 200
	// portionsAtOnce is how many such transactions are made under a lease that
	// was taken for them: taking and freeing it are two commits, and a delivery
	// waits for each.
	portionsAtOnce = 4
	// gatherFor is how long after a fold the next one waits for more leads:
	// each costs a lease and three commits, however few it decides.
	gatherFor = 200 * time.Millisecond
	// restFactor is how many times its own duration the fold leaves to
	// deliveries that keep coming while more leads wait than it decides at
	// once; floodFactor when that is so again after such a rest. No rest is
	// longer than lookEvery, so a lead with n others before it in the inbox
	// waits for n/800 of them and one more at most.
	restFactor  = 3
	floodFactor = 19
)

// foldLoop folds the account's new events until ctx is done.
//
// A lone event is folded at once, events that follow each other within
// gatherFor together. When deliveries take all there is, answering them comes
// first: a sender that waits too long gives up, a lead to fold waits in the
// inbox. So the fold takes a quarter of the time then, and a twentieth when that
// is not enough to keep up, but never rests longer than lookEvery. It catches up
// as soon as they pause, and before a run: cycle folds all there is without a
// rest. While it rests the lease is free for a run of another process.
func (s *Scheduler) foldLoop(ctx context.Context, a *account) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	fold, behind, woken := s.foldFirst, false, false
	for ctx.Err() == nil {
		var p portion
		err := s.recovered(func() (err error) { p, err = fold(ctx, a); return err })
		if err == nil {
			fold = s.foldAccount
		} else if !errors.Is(err, conversions.ErrHeld) {
			s.logFailure(ctx, a, "fold events", err)
		}
		if p.more {
			if taken(a.wake) {
				_ = pause(ctx, p.rest(behind)) // ctx is asked above
				taken(a.wake)                  // what came meanwhile is folded now
				behind = true
			}
			continue
		}
		behind = false
		if woken || p.leads > 0 || err != nil {
			_ = pause(ctx, gatherFor)
		}
		select {
		case <-ctx.Done():
		case <-a.wake:
			woken = true // perhaps for a lead that is not tagged: then there is nothing to fold
		case <-ticker.C:
			woken = false
		}
	}
}

// foldFirst is the first fold of a process: what was never sent is decided anew
// if the rules have changed since the last one.
func (s *Scheduler) foldFirst(ctx context.Context, a *account) (portion, error) {
	held, release, err := a.keeper.hold(ctx)
	if err != nil {
		return portion{}, err
	}
	defer release()
	if err := s.refold(held, a); err != nil {
		return portion{}, err
	}
	return s.foldSome(held, a)
}

// Fold decides the leads in the account's inbox now.
func (s *Scheduler) Fold(ctx context.Context, id conversions.AccountID) error {
	return s.byHand(ctx, id, func(ctx context.Context, a *account) error {
		_, err := s.foldHeld(ctx, a)
		return err
	})
}

// taken reports whether a notice was waiting, and takes it.
func taken(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// portion is what was decided under one lease.
type portion struct {
	leads int
	took  time.Duration
	more  bool // there may be more to decide
}

// rest is how long deliveries come first after p, which did not fold all there
// is, nor, when behind, did the one before it.
func (p portion) rest(behind bool) time.Duration {
	factor := time.Duration(restFactor)
	if behind {
		factor = floodFactor
	}
	return min(factor*p.took, lookEvery)
}

// foldAccount decides some of the account's inbox. The lease is taken
// only if there is one.
func (s *Scheduler) foldAccount(ctx context.Context, a *account) (portion, error) {
	works, err := s.cfg.Store.Unfolded(ctx, a.id, 1)
	if err != nil {
		return portion{}, fmt.Errorf("look into inbox: %w", err)
	}
	if len(works) == 0 {
		return portion{}, nil
	}
	held, release, err := a.keeper.hold(ctx)
	if err != nil {
		return portion{}, err
	}
	defer release()
	return s.foldSome(held, a)
}

// foldSome makes up to portionsAtOnce transactions under a lease that is held.
func (s *Scheduler) foldSome(ctx context.Context, a *account) (portion, error) {
	a.fold.Lock()
	defer a.fold.Unlock()
	begin := s.cfg.Now()
	p := portion{more: true}
	for i := 0; i < portionsAtOnce && p.more; i++ {
		n, err := s.foldPortion(ctx, a)
		if err != nil {
			return p, err
		}
		p.leads += n
		p.more = n == leadsAtOnce
	}
	p.took = s.cfg.Now().Sub(begin)
	return p, nil
}

// foldHeld empties the inbox under a lease that is held, and returns how many
// leads it decided. It ends once it has caught up, even if deliveries go on
// coming: a run waits for it.
func (s *Scheduler) foldHeld(ctx context.Context, a *account) (int, error) {
	a.fold.Lock()
	defer a.fold.Unlock()
	for all := 0; ; {
		n, err := s.foldPortion(ctx, a)
		if all += n; err != nil || n < leadsAtOnce {
			return all, err
		}
	}
}

// foldPortion decides the oldest leads in the inbox in one transaction. The
// caller has the lease and the account's fold.
func (s *Scheduler) foldPortion(ctx context.Context, a *account) (int, error) {
	works, err := s.cfg.Store.Unfolded(ctx, a.id, leadsAtOnce)
	if err != nil {
		return 0, fmt.Errorf("read inbox: %w", err)
	}
	if len(works) == 0 {
		return 0, nil
	}
	rules, err := s.rules(ctx, a)
	if err != nil {
		return 0, err
	}
	now := s.cfg.Now()
	ds := make([]conversions.Decision, len(works))
	for i, w := range works {
		if ds[i], err = s.decide(ctx, w, rules, now, conversions.Row.Decide); err != nil {
			return 0, err
		}
	}
	if err := s.cfg.Store.Decide(ctx, a.keeper.current(), ds); err != nil {
		return 0, fmt.Errorf("store decisions: %w", err)
	}
	return len(works), nil
}

// comparison is how a row is compared with its want: Row.Decide, or
// Row.Replay.
type comparison func(r conversions.Row, w conversions.Want, events []conversions.Event, now time.Time) (conversions.Entry, bool)

// decide folds one lead and compares what is wanted with its rows.
func (s *Scheduler) decide(ctx context.Context, w conversions.LeadWork, rules conversions.Rules, now time.Time, compare comparison) (conversions.Decision, error) {
	contact, err := s.contactEvents(ctx, w, rules)
	if err != nil {
		return conversions.Decision{}, err
	}
	known := slices.Concat(w.Events, contact) // all that a click can be of
	d := conversions.Decision{Source: w.Source, Lead: w.Lead, Inbox: w.Inbox}
	for _, want := range conversions.Fold(w.Events, rules, s.matcher(rules, contact)) {
		row := newest(w, rules.Account, want)
		if e, changed := compare(row, want, known, now); changed {
			d.Entries = append(d.Entries, e)
		}
	}
	return d, nil
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
