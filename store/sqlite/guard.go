package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"closeloop/conversions"
)

const selectUploaded = `SELECT coalesce(sum(uploaded), 0) FROM batch WHERE account = ? AND settled >= ?`

// Uploaded implements store.Sending. Batches counted theirs when they were
// settled, so that 30 days of rows are a sum over a few hundred batches.
func (s *Store) Uploaded(ctx context.Context, a conversions.AccountID, since time.Time) (int, error) {
	var n int
	err := s.reads.QueryRowContext(ctx, selectUploaded,
		string(a), micros(since)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count uploads of %s: %w", a, err)
	}
	return n, nil
}

// Facts implements store.Sending. An account without any has the zero Facts.
func (s *Store) Facts(ctx context.Context, a conversions.AccountID) (conversions.Facts, error) {
	var f conversions.Facts
	var doc []byte
	err := s.reads.QueryRowContext(ctx, `SELECT doc FROM facts WHERE account = ?`, string(a)).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return f, nil
	}
	if err == nil {
		err = decode(doc, &f)
	}
	if err != nil {
		return conversions.Facts{}, fmt.Errorf("read facts of %s: %w", a, err)
	}
	return f, nil
}

// SaveFacts implements store.Sending.
func (s *Store) SaveFacts(ctx context.Context, l conversions.Lease, f conversions.Facts) error {
	f.ReadAt = tidy(f.ReadAt).UTC()
	err := s.guarded(ctx, l, func(ctx context.Context, t tx) error {
		if f.Account != l.Account {
			return errForeign
		}
		doc, err := encode(f)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `INSERT INTO facts (account, doc) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET doc = excluded.doc`,
			string(f.Account), doc)
		return err
	})
	if err != nil {
		return fmt.Errorf("save facts of %s: %w", l.Account, err)
	}
	return nil
}
