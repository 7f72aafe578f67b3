package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"closeloop/conversions"
)

// Resolution is what a person decided about a row.
type Resolution string

// The resolutions.
const (
	// ResolveRetry tries a refused row, or one that needs a person, again.
	ResolveRetry Resolution = "retry"
	// ResolveApprove lets a held retraction go.
	ResolveApprove Resolution = "approve"
	// ResolveGiveUp closes a row: nothing more is sent until it changes.
	ResolveGiveUp Resolution = "give_up"
)

// Resolutions lists them.
func Resolutions() []Resolution { return []Resolution{ResolveRetry, ResolveApprove, ResolveGiveUp} }

// ErrNothingToResolve says that a row does not stand where the resolution
// would change anything.
var ErrNothingToResolve = errors.New("nothing to resolve")

// ErrInFlight says that a row was sent and not answered yet.
var ErrInFlight = errors.New("row is in flight")

// Resolve records a person's decision about a row, with who and why, and
// returns the row as it then stands. It waits for a run under way. A row in
// flight cannot be resolved: ErrInFlight. While another process has the
// account: conversions.ErrHeld; for an unknown row: conversions.ErrNotFound.
func (s *Scheduler) Resolve(ctx context.Context, id conversions.AccountID, row conversions.RowID, what Resolution, by, why string) (conversions.Row, error) { //nolint:revive // who and why are words of one decision
	a, ok := s.accounts[id]
	if !ok {
		return conversions.Row{}, fmt.Errorf("account %s: %w", id, ErrUnknownAccount)
	}
	a.run.Lock() // a run must not take the row up meanwhile
	defer a.run.Unlock()
	held, release, err := s.waitForLease(ctx, a)
	if err != nil {
		return conversions.Row{}, err
	}
	defer release()
	a.fold.Lock() // nor an event change it
	defer a.fold.Unlock()
	if err := s.notInFlight(held, a, row); err != nil {
		return conversions.Row{}, err
	}
	rows, err := s.cfg.Store.Rows(held, id, []conversions.RowID{row})
	if err != nil {
		return conversions.Row{}, fmt.Errorf("read row: %w", err)
	}
	if len(rows) == 0 {
		return conversions.Row{}, fmt.Errorf("row %d: %w", row, conversions.ErrNotFound)
	}
	e, ok := rows[0].Resolve(what.entry(), by, why, s.cfg.Now())
	if !ok {
		return rows[0], fmt.Errorf("row %d is %s: %w by %s", row, rows[0].State, ErrNothingToResolve, what)
	}
	if err := s.cfg.Store.Record(held, a.keeper.current(), []conversions.Entry{e}); err != nil {
		return rows[0], fmt.Errorf("record decision: %w", err)
	}
	return rows[0].Apply(e), nil
}

// notInFlight gives an error for a row in a batch without an answer: the answer
// decides what there is to resolve.
func (s *Scheduler) notInFlight(ctx context.Context, a *account, row conversions.RowID) error {
	batches, err := s.cfg.Store.Unanswered(ctx, a.id)
	if err != nil {
		return fmt.Errorf("read unanswered batches: %w", err)
	}
	for _, b := range batches {
		if slices.ContainsFunc(b.Items, func(it conversions.Item) bool { return it.Row == row }) {
			return fmt.Errorf("row %d: %w", row, ErrInFlight)
		}
	}
	return nil
}

// entry is the ledger's word for a resolution.
func (r Resolution) entry() conversions.EntryKind {
	switch r {
	case ResolveRetry:
		return conversions.EntryRetried
	case ResolveApprove:
		return conversions.EntryApproved
	case ResolveGiveUp:
		return conversions.EntryGivenUp
	default:
		return ""
	}
}

// never is when a pause by hand is probed.
func never() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }

// PauseByHand stops sending to an account, or to one of its conversion actions,
// until ResumeByHand.
func (s *Scheduler) PauseByHand(ctx context.Context, id conversions.AccountID, action, by, why string) error {
	hint := "closeloop account resume " + string(id)
	if action != "" {
		hint += " --action " + action
	}
	return s.byHand(ctx, id, func(ctx context.Context, a *account) error {
		return s.cfg.Store.Pause(ctx, a.keeper.current(), conversions.Paused{
			Account: id, Action: action, Since: s.cfg.Now(), ProbeAt: never(),
			Answer: conversions.Answer{
				Verdict: conversions.Pause, Code: "Closeloop.BY_HAND",
				Sentence: "Paused by " + by + ": " + why + ".", Hint: hint,
			},
		})
	})
}

// ResumeByHand ends a pause, whoever began it.
func (s *Scheduler) ResumeByHand(ctx context.Context, id conversions.AccountID, action string) error {
	return s.byHand(ctx, id, func(ctx context.Context, a *account) error {
		return s.cfg.Store.Resume(ctx, a.keeper.current(), action, s.cfg.Now())
	})
}

func (s *Scheduler) byHand(ctx context.Context, id conversions.AccountID, f func(context.Context, *account) error) error {
	a, ok := s.accounts[id]
	if !ok {
		return fmt.Errorf("account %s: %w", id, ErrUnknownAccount)
	}
	held, release, err := s.waitForLease(ctx, a)
	if err != nil {
		return err
	}
	defer release()
	if err := f(held, a); err != nil {
		return fmt.Errorf("account %s: %w", id, err)
	}
	return nil
}
