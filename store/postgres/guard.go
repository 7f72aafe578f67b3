package postgres

import (
	"context"
	"fmt"
	"time"

	"closeloop/conversions"
)

const sumUploaded = `SELECT coalesce(sum(uploaded), 0)::bigint FROM batch WHERE account = $1 AND settled >= $2`

// Uploaded implements store.Sending. Batches counted theirs when they were
// settled, so that 30 days of rows are a sum over a few hundred batches.
func (s *Store) Uploaded(ctx context.Context, a conversions.AccountID, since time.Time) (int, error) {
	n, err := query(ctx, s.db, scanned[int], sumUploaded, quoted(a), micros(since))
	if err != nil {
		return 0, fmt.Errorf("count uploads of %s: %w", a, err)
	}
	return n[0], nil
}

// lastAnswers walks back through the chunks with answers to uploads, no further
// than it needs.
const lastAnswers = `SELECT ` + entryColumns + ` FROM (SELECT * FROM ledger WHERE account = $1 AND uploads > 0 ORDER BY last DESC LIMIT $2) AS l` +
	entriesOf + `WHERE n.upload ORDER BY l.last DESC, n.ord DESC LIMIT $2`

// LastAnswers implements store.Sending.
func (s *Store) LastAnswers(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.Entry, error) {
	es, err := query(ctx, s.db, readEntry, lastAnswers, quoted(a), limit)
	if err != nil {
		return nil, fmt.Errorf("read last answers of %s: %w", a, err)
	}
	return es, nil
}

// Facts implements store.Sending. An account without any has the zero Facts.
func (s *Store) Facts(ctx context.Context, a conversions.AccountID) (conversions.Facts, error) {
	fs, err := query(ctx, s.db, document[conversions.Facts], `SELECT doc FROM facts WHERE account = $1`, quoted(a))
	if err != nil || len(fs) == 0 {
		return conversions.Facts{}, because(err, "read facts of %s", a)
	}
	return fs[0], nil
}

// SaveFacts implements store.Sending.
func (s *Store) SaveFacts(ctx context.Context, l conversions.Lease, f conversions.Facts) error {
	f.ReadAt = tidy(f.ReadAt).UTC()
	doc, err := encode(f)
	if err == nil && f.Account != l.Account {
		err = errForeign
	}
	if err == nil {
		err = s.guarded(ctx, l, func(_ context.Context, t *tx) error {
			t.queue(`INSERT INTO facts (account, doc) VALUES ($1, $2) ON CONFLICT (account) DO UPDATE SET doc = excluded.doc`,
				quoted(f.Account), doc)
			return nil
		})
	}
	return because(err, "save facts of %s", l.Account)
}
