package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// selectDue reads pending in its own order, up to the limit, with one look-up
// each: CROSS JOIN keeps the order of the tables.
const selectDue = `SELECT c.trail, c.doc FROM pending AS p CROSS JOIN conversion AS c ON c.id = p.conversion
	WHERE p.account = ?1 AND p.due <= ?2 AND (?5 = '' OR p.op = ?5)
		AND p.action NOT IN (SELECT value FROM json_each(?3)) AND p.conversion NOT IN (` + inFlight + `?1)
	ORDER BY p.rank, p.deadline, p.conversion LIMIT ?4`

// Due implements store.Sending.
func (s *Store) Due(ctx context.Context, a conversions.AccountID, c conversions.Claim) ([]conversions.Row, error) {
	found := make([]recorded, 0, min(c.Limit, conversions.MaxItems))
	err := each(ctx, s.reads.QueryContext, func(rows *sql.Rows) (bool, error) {
		found = append(found, recorded{})
		return true, found[len(found)-1].read(rows)
	}, selectDue, string(a), micros(c.Now), list(c.Without), c.Limit, string(c.Only))
	if err != nil {
		return nil, fmt.Errorf("read due rows of %s: %w", a, err)
	}
	s.memory.keep(a, found)
	return rowsOf(found), nil
}

// Rows implements store.Sending.
func (s *Store) Rows(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) ([]conversions.Row, error) {
	rows, err := rowsByID(ctx, s.reads.QueryContext, a, ids)
	if err != nil {
		return nil, fmt.Errorf("read %d rows of %s: %w", len(ids), a, err)
	}
	return rows, nil
}

// Begin implements store.Sending.
func (s *Store) Begin(ctx context.Context, l conversions.Lease, b conversions.Batch) (conversions.Batch, error) {
	b = newBatch(b)
	err := s.guarded(ctx, l, func(ctx context.Context, t tx) error {
		if b.Account != l.Account {
			return errForeign
		}
		if err := fillClicks(ctx, t.query, b.Items); err != nil {
			return err
		}
		if err := moveApart(ctx, t, b); err != nil {
			return err
		}
		if err := insertBatch(ctx, t, b); err != nil {
			return err
		}
		target := b.Target
		return appendEntry(ctx, t, conversions.Entry{
			Account: b.Account, Kind: conversions.EntrySent, At: b.Created, Batch: b.ID, Target: &target, Count: len(b.Items),
		})
	})
	if err != nil {
		return conversions.Batch{}, fmt.Errorf("begin batch %s: %w", b.ID, err)
	}
	return b, nil
}

// newBatch returns the batch as it is first sent, with items of its own.
func newBatch(b conversions.Batch) conversions.Batch {
	b.Created = tidy(b.Created).UTC()
	b.SentAt, b.Attempts = b.Created, 1
	items := make([]conversions.Item, len(b.Items))
	for i, it := range b.Items {
		items[i] = tidyItem(it)
	}
	b.Items = items
	return b
}

func insertBatch(ctx context.Context, t tx, b conversions.Batch) error {
	ids := make([]conversions.RowID, len(b.Items))
	for i, it := range b.Items {
		ids[i] = it.Row
	}
	_, err := t.exec(ctx, `INSERT INTO batch (account, id, run, api, customer, created, sent_at, attempts, rows, manifest)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, string(b.Account), string(b.ID), b.Run, string(b.Target.API), b.Target.Customer,
		micros(b.Created), micros(b.SentAt), b.Attempts, list(ids), compact.AppendItems(make([]byte, 0, documentSize*len(b.Items)), b.Items))
	if err != nil {
		return fmt.Errorf("insert manifest: %w", err)
	}
	return nil
}

// selectBatch reads a batch with its manifest.
const selectBatch = `SELECT account, id, run, api, customer, created, sent_at, attempts,
	request_id, settled, polls, manifest FROM batch `

func readBatch(rows *sql.Rows) (conversions.Batch, error) {
	var b conversions.Batch
	var created, sent int64
	var settled sql.NullInt64
	var manifest sql.RawBytes
	err := rows.Scan(&b.Account, &b.ID, &b.Run, &b.Target.API, &b.Target.Customer, &created, &sent, &b.Attempts,
		&b.RequestID, &settled, &b.Polls, &manifest)
	if err != nil {
		return b, fmt.Errorf("scan batch: %w", err)
	}
	b.Created, b.SentAt, b.AnsweredAt = fromMicros(created), fromMicros(sent), fromNull(settled)
	b.Items, err = compact.ReadItems(manifest)
	return b, readable("manifest", err)
}

const unanswered = `WHERE account = ? AND settled IS NULL ORDER BY created, seq`

// Unanswered implements store.Sending.
func (s *Store) Unanswered(ctx context.Context, a conversions.AccountID) ([]conversions.Batch, error) {
	batches, err := s.batches(ctx, unanswered, string(a))
	if err != nil {
		return nil, fmt.Errorf("read unanswered batches of %s: %w", a, err)
	}
	return batches, nil
}

// batches returns the batches that a condition selects, with click ids.
func (s *Store) batches(ctx context.Context, which string, args ...any) (batches []conversions.Batch, err error) {
	err = s.snapshot(ctx, func(q queryer) (err error) {
		batches, err = collect(ctx, q, readBatch, selectBatch+which, args...)
		for i := 0; err == nil && i < len(batches); i++ {
			err = fillClicks(ctx, q, batches[i].Items)
		}
		return err
	})
	return batches, err
}

// Again implements store.Sending.
func (s *Store) Again(ctx context.Context, l conversions.Lease, id conversions.BatchID, now time.Time) (conversions.Batch, error) {
	var b conversions.Batch
	err := s.guarded(ctx, l, func(ctx context.Context, t tx) error {
		n, err := t.changed(ctx, `UPDATE batch SET attempts = attempts + 1, sent_at = ?
			WHERE account = ? AND id = ? AND settled IS NULL`, micros(now), string(l.Account), string(id))
		if err != nil {
			return fmt.Errorf("count attempt: %w", err)
		}
		if n == 0 {
			return conversions.ErrNotFound
		}
		found, err := collect(ctx, t.query, readBatch, selectBatch+`WHERE account = ? AND id = ?`, string(l.Account), string(id))
		if err != nil {
			return err
		}
		b = found[0]
		return fillClicks(ctx, t.query, b.Items)
	})
	if err != nil {
		return conversions.Batch{}, fmt.Errorf("send batch %s again: %w", id, err)
	}
	return b, nil
}

// Record implements store.Sending.
func (s *Store) Record(ctx context.Context, l conversions.Lease, es []conversions.Entry) error {
	err := s.guarded(ctx, l, func(ctx context.Context, t tx) error { return record(ctx, t, l, es) })
	if err != nil {
		return fmt.Errorf("record %d entries of %s: %w", len(es), l.Account, err)
	}
	return nil
}

// Fill implements store.Sending.
func (s *Store) Fill(ctx context.Context, a conversions.AccountID, items []conversions.Item) ([]conversions.Item, error) {
	filled := slices.Clone(items)
	if err := fillClicks(ctx, s.reads.QueryContext, filled); err != nil {
		return nil, fmt.Errorf("fill %d items of %s: %w", len(items), a, err)
	}
	return filled, nil
}
