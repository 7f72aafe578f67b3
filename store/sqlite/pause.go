package sqlite

import (
	"context"
	"fmt"
	"time"

	"closeloop/conversions"
)

// Pauses implements store.Sending.
func (s *Store) Pauses(ctx context.Context, a conversions.AccountID) ([]conversions.Paused, error) {
	ps, err := collect(ctx, s.reads.QueryContext, document[conversions.Paused],
		`SELECT doc FROM pause WHERE account = ? ORDER BY action`, string(a))
	if err != nil {
		return nil, fmt.Errorf("read pauses of %s: %w", a, err)
	}
	return ps, nil
}

// Pause implements store.Sending.
func (s *Store) Pause(ctx context.Context, l conversions.Lease, p conversions.Paused) error {
	p.Since, p.ProbeAt = tidy(p.Since), tidy(p.ProbeAt)
	err := s.guarded(ctx, l, func(ctx context.Context, t tx) error {
		if p.Account != l.Account {
			return errForeign
		}
		doc, err := encode(p)
		if err != nil {
			return err
		}
		n, err := t.changed(ctx, `UPDATE pause SET doc = ? WHERE account = ? AND action = ?`, doc, string(p.Account), p.Action)
		if err != nil || n > 0 {
			return err
		}
		_, err = t.exec(ctx, `INSERT INTO pause (account, action, doc) VALUES (?, ?, ?)`, string(p.Account), p.Action, doc)
		if err != nil {
			return err
		}
		return appendEntry(ctx, t, tidyEntry(conversions.Entry{
			Account: p.Account, Kind: conversions.EntryPaused, At: p.Since, Action: p.Action, Answer: &p.Answer,
		}))
	})
	if err != nil {
		return fmt.Errorf("pause %s: %w", l.Account, err)
	}
	return nil
}

// Resume implements store.Sending.
func (s *Store) Resume(ctx context.Context, l conversions.Lease, action string, at time.Time) error {
	err := s.guarded(ctx, l, func(ctx context.Context, t tx) error {
		n, err := t.changed(ctx, `DELETE FROM pause WHERE account = ? AND action = ?`, string(l.Account), action)
		if err != nil || n == 0 {
			return err
		}
		return appendEntry(ctx, t, tidyEntry(conversions.Entry{
			Account: l.Account, Kind: conversions.EntryResumed, At: at, Action: action,
		}))
	})
	if err != nil {
		return fmt.Errorf("resume %s: %w", l.Account, err)
	}
	return nil
}
