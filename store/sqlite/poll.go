package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"closeloop/conversions"
)

// The batches to ask about, and when the first of them is due: both by an index
// of nothing else, for there are few among many.
const (
	toPoll      = `WHERE account = ? AND poll_at <= ? ORDER BY poll_at, seq LIMIT ?`
	firstToPoll = `SELECT min(poll_at) FROM batch WHERE account = ? AND poll_at IS NOT NULL`
)

// Polls implements store.Sending.
func (s *Store) Polls(ctx context.Context, a conversions.AccountID, now time.Time, limit int) ([]conversions.Batch, error) {
	batches, err := s.batches(ctx, toPoll, string(a), micros(now), limit)
	if err != nil {
		return nil, fmt.Errorf("read batches of %s to ask about: %w", a, err)
	}
	return batches, nil
}

// NextPoll implements store.Sending.
func (s *Store) NextPoll(ctx context.Context, a conversions.AccountID) (time.Time, error) {
	var at sql.NullInt64
	err := s.reads.QueryRowContext(ctx, firstToPoll, string(a)).Scan(&at)
	if err != nil {
		return time.Time{}, fmt.Errorf("read when to ask about batches of %s: %w", a, err)
	}
	return fromNull(at), nil
}

// Polled implements store.Sending.
func (s *Store) Polled(ctx context.Context, l conversions.Lease, p conversions.Polled) error {
	err := s.guarded(ctx, l, func(ctx context.Context, t tx) error {
		n, err := t.changed(ctx, `UPDATE batch SET poll_at = ?, polls = polls + 1, uploaded = uploaded + ?
			WHERE account = ? AND id = ? AND poll_at IS NOT NULL`,
			orNull(p.PollAt), uploaded(p.Entries), string(l.Account), string(p.Batch))
		if err != nil {
			return fmt.Errorf("count status: %w", err)
		}
		if n == 0 {
			return conversions.ErrNotFound
		}
		return recordAnswers(ctx, t, l, p.Entries, nil)
	})
	if err != nil {
		return fmt.Errorf("record status of batch %s: %w", p.Batch, err)
	}
	return nil
}
