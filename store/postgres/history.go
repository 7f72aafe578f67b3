package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// The entries n of chunks l of the ledger: what readEntry reads, and the chunk's
// parts put together again.
const (
	entryColumns = `l.seq + n.ord - 1, l.account, n.conversion, n.at, n.kind, n.body`
	entriesOf    = ` CROSS JOIN LATERAL unnest(l.conversions, l.at, l.kinds, l.upload, l.bodies)
		WITH ORDINALITY AS n (conversion, at, kind, upload, body, ord) `
)

func readEntry(rows pgx.Rows) (conversions.Entry, error) {
	var e conversions.Entry
	var seq, row, at int64
	var account, kind string
	var body []byte
	if err := scan(rows, &seq, &account, &row, &at, &kind, &body); err != nil {
		return e, err
	}
	if compact.ReadEntry(body, &e) != nil {
		return e, fmt.Errorf("read entry: %w", errUnreadable)
	}
	e.Seq, e.Account, e.Row = seq, unquoted[conversions.AccountID](account), conversions.RowID(row)
	e.At, e.Kind = fromMicros(at), conversions.EntryKind(kind)
	return e, nil
}

const pageLedger = `SELECT ` + entryColumns + ` FROM (SELECT * FROM ledger WHERE account = $1 AND last > $2 ORDER BY last OFFSET 0) AS l` +
	entriesOf + `WHERE l.seq + n.ord - 1 > $2 ORDER BY l.last, n.ord LIMIT $3`

// Ledger implements store.Reports.
func (s *Store) Ledger(ctx context.Context, a conversions.AccountID, after int64, limit int) ([]conversions.Entry, error) {
	es, err := query(ctx, s.db, readEntry, pageLedger, quoted(a), after, limit)
	if err != nil {
		return nil, fmt.Errorf("read ledger of %s: %w", a, err)
	}
	return es, nil
}

// The queries of a row's history. Of the batches that hold the row, those
// without an answer and those whose call failed leave no entry of it.
const (
	historyRow    = `SELECT id IN (` + inFlight + `), doc FROM conversion WHERE account = $1 AND id = $2`
	historyEvents = `SELECT ` + eventColumns + `
		FROM (SELECT * FROM event WHERE account = $1 AND source = $2 AND lead = $3 AND lead <> '' OFFSET 0) AS e
		LEFT JOIN LATERAL (SELECT doc FROM identity WHERE account = $1 AND seq = e.seq OFFSET 0) AS i ON true ORDER BY e.seq`
	historyEntries = `SELECT ` + entryColumns + ` FROM (SELECT unnest(trail) AS last FROM conversion WHERE account = $1 AND id = $2) AS t
		CROSS JOIN LATERAL (SELECT * FROM ledger WHERE account = $1 AND last = t.last OFFSET 0) AS l` +
		entriesOf + `WHERE n.conversion = $2 ORDER BY l.last, n.ord`
	historyBatches = `SELECT seq, id, account, run, api, customer, created, sent_at, attempts,
			cardinality(rows), job_id, request_id, settled, poll_at, polls, call
		FROM (
			SELECT b.seq AS named FROM unnest($2::text[]) AS n (id)
				CROSS JOIN LATERAL (SELECT seq FROM batch WHERE account = $1 AND id = n.id OFFSET 0) AS b
			UNION SELECT seq FROM batch WHERE account = $1 AND settled IS NULL AND $3 = ANY (rows)
			UNION SELECT seq FROM batch WHERE account = $1 AND call IS NOT NULL AND $3 = ANY (rows)
		) AS n CROSS JOIN LATERAL (SELECT * FROM batch WHERE account = $1 AND seq = n.named OFFSET 0) AS b
		ORDER BY created, seq`
)

// History implements store.Reports.
func (s *Store) History(ctx context.Context, a conversions.AccountID, id conversions.RowID) (conversions.History, error) {
	var h conversions.History
	err := s.db.snapshot(ctx, func(t *tx) (err error) {
		h, err = history(ctx, t, a, id)
		return err
	})
	if err != nil {
		return conversions.History{}, fmt.Errorf("read history of row %d of %s: %w", id, a, err)
	}
	return h, nil
}

func history(ctx context.Context, t *tx, a conversions.AccountID, id conversions.RowID) (h conversions.History, err error) {
	var rows []conversions.Row
	t.query(into(&rows, readListed), historyRow, quoted(a), int64(id))
	t.query(into(&h.Entries, readEntry), historyEntries, quoted(a), int64(id))
	if err := t.flush(ctx); err != nil {
		return h, err
	}
	if len(rows) == 0 {
		return h, conversions.ErrNotFound
	}
	h.Row = rows[0]
	named := []string{}
	for i := range h.Entries {
		if b := h.Entries[i].Batch; b != "" {
			named = append(named, quoted(b))
		}
	}
	t.query(into(&h.Events, readEvent), historyEvents, quoted(a), quoted(h.Row.Key.Source), quoted(h.Row.Key.Lead))
	t.query(into(&h.Batches, readRecord), historyBatches, quoted(a), named, int64(id))
	return h, t.flush(ctx)
}

func readRecord(rows pgx.Rows) (conversions.BatchRecord, error) {
	var b conversions.BatchRecord
	var id, account, run, customer, requestID string
	var seq, created, sent int64
	var settled, pollAt *int64
	var call *string
	err := scan(rows, &seq, &id, &account, &run, &b.Target.API, &customer, &created, &sent, &b.Attempts,
		&b.Rows, &b.JobID, &requestID, &settled, &pollAt, &b.Polls, &call)
	if err != nil {
		return b, err
	}
	b.ID, b.Account, b.Run = unquoted[conversions.BatchID](id), unquoted[conversions.AccountID](account), unquoted[string](run)
	b.Target.Customer, b.RequestID = unquoted[string](customer), unquoted[string](requestID)
	b.Created, b.SentAt, b.Settled, b.PollAt = fromMicros(created), fromMicros(sent), fromNull(settled), fromNull(pollAt)
	if call != nil {
		b.Call = &conversions.Answer{}
		return b, decode(*call, b.Call)
	}
	return b, nil
}
