package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"closeloop/conversions"
)

// History implements store.Reports.
func (s *Store) History(ctx context.Context, a conversions.AccountID, id conversions.RowID) (conversions.History, error) {
	var h conversions.History
	err := s.snapshot(ctx, func(q queryer) (err error) {
		h, err = history(ctx, q, a, id)
		return err
	})
	if err != nil {
		return conversions.History{}, fmt.Errorf("read history of row %d of %s: %w", id, a, err)
	}
	return h, nil
}

func history(ctx context.Context, q queryer, a conversions.AccountID, id conversions.RowID) (h conversions.History, err error) {
	rows, err := collect(ctx, q, readListed,
		`SELECT id IN (`+inFlight+`?1), doc FROM conversion WHERE id = ?2 AND account = ?1`, string(a), int64(id))
	if err != nil {
		return h, err
	}
	if len(rows) == 0 {
		return h, conversions.ErrNotFound
	}
	h.Row = rows[0]
	trail, err := collect(ctx, q, scanned[[]byte], `SELECT trail FROM conversion WHERE id = ?`, int64(id))
	if err != nil {
		return h, err
	}
	if h.Events, err = eventsOf(ctx, q, a, h.Row.Key.Source, h.Row.Key.Lead); err != nil {
		return h, err
	}
	if h.Entries, err = entriesOf(ctx, q, id, trail[0]); err != nil {
		return h, err
	}
	h.Batches, err = batchesOf(ctx, q, a, id, h.Entries)
	return h, err
}

// batchesOf returns the batches that a row's entries name, and of those that
// hold the row the ones without an answer and the ones whose call failed, which
// leave no entry of the row.
func batchesOf(ctx context.Context, q queryer, a conversions.AccountID, id conversions.RowID, es []conversions.Entry) ([]conversions.BatchRecord, error) {
	var named []conversions.BatchID
	for _, e := range es {
		if e.Batch != "" {
			named = append(named, e.Batch)
		}
	}
	return collect(ctx, q, readRecord, `SELECT id, account, run, api, customer, created, sent_at, attempts,
			json_array_length(rows), job_id, request_id, settled, poll_at, polls, call
		FROM batch WHERE seq IN (
			SELECT seq FROM batch WHERE account = ?1 AND id IN (SELECT value FROM json_each(?2))
			UNION SELECT seq FROM batch WHERE account = ?1 AND settled IS NULL
				AND EXISTS (SELECT 1 FROM json_each(batch.rows) WHERE value = ?3)
			UNION SELECT seq FROM batch WHERE account = ?1 AND call IS NOT NULL
				AND EXISTS (SELECT 1 FROM json_each(batch.rows) WHERE value = ?3))
		ORDER BY created, seq`, string(a), list(named), int64(id))
}

func readRecord(rows *sql.Rows) (conversions.BatchRecord, error) {
	var b conversions.BatchRecord
	var created, sent int64
	var settled, pollAt sql.NullInt64
	var call []byte
	err := rows.Scan(&b.ID, &b.Account, &b.Run, &b.Target.API, &b.Target.Customer, &created, &sent, &b.Attempts,
		&b.Rows, &b.JobID, &b.RequestID, &settled, &pollAt, &b.Polls, &call)
	if err != nil {
		return b, fmt.Errorf("scan batch: %w", err)
	}
	b.Created, b.SentAt = fromMicros(created), fromMicros(sent)
	b.Settled, b.PollAt = fromNull(settled), fromNull(pollAt)
	if call != nil {
		b.Call = &conversions.Answer{}
		return b, decode(call, b.Call)
	}
	return b, nil
}
