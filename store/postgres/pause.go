package postgres

import (
	"context"
	"fmt"
	"time"

	"closeloop/conversions"
)

// Pauses implements store.Sending.
func (s *Store) Pauses(ctx context.Context, a conversions.AccountID) ([]conversions.Paused, error) {
	ps, err := query(ctx, s.db, document[conversions.Paused], `SELECT doc FROM pause WHERE account = $1 ORDER BY action`, quoted(a))
	if err != nil {
		return nil, fmt.Errorf("read pauses of %s: %w", a, err)
	}
	return ps, nil
}

// Pause implements store.Sending.
func (s *Store) Pause(ctx context.Context, l conversions.Lease, p conversions.Paused) error {
	if err := s.pause(ctx, l, p); err != nil {
		return fmt.Errorf("pause %s: %w", l.Account, err)
	}
	return nil
}

func (s *Store) pause(ctx context.Context, l conversions.Lease, p conversions.Paused) error {
	if p.Account != l.Account {
		return errForeign
	}
	p.Since, p.ProbeAt = tidy(p.Since), tidy(p.ProbeAt)
	doc, err := encode(p)
	if err != nil {
		return err
	}
	return s.guarded(ctx, l, func(ctx context.Context, t *tx) error {
		replaced := false
		t.exec(func(n int) error { replaced = n > 0; return nil },
			`UPDATE pause SET doc = $3 WHERE account = $1 AND action = $2`, quoted(p.Account), quoted(p.Action), doc)
		if err := t.flush(ctx); err != nil || replaced {
			return err
		}
		t.queue(`INSERT INTO pause (account, action, doc) VALUES ($1, $2, $3)`, quoted(p.Account), quoted(p.Action), doc)
		queueEntries(t, l.Account, []conversions.Entry{tidyEntry(conversions.Entry{
			Account: p.Account, Kind: conversions.EntryPaused, At: p.Since, Action: p.Action, Answer: &p.Answer,
		})})
		return nil
	})
}

// Resume implements store.Sending.
func (s *Store) Resume(ctx context.Context, l conversions.Lease, action string, at time.Time) error {
	err := s.guarded(ctx, l, func(ctx context.Context, t *tx) error {
		resumed := false
		t.exec(func(n int) error { resumed = n > 0; return nil },
			`DELETE FROM pause WHERE account = $1 AND action = $2`, quoted(l.Account), quoted(action))
		if err := t.flush(ctx); err != nil || !resumed {
			return err
		}
		queueEntries(t, l.Account, []conversions.Entry{tidyEntry(conversions.Entry{
			Account: l.Account, Kind: conversions.EntryResumed, At: at, Action: action,
		})})
		return nil
	})
	if err != nil {
		return fmt.Errorf("resume %s: %w", l.Account, err)
	}
	return nil
}
