package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"closeloop/conversions"
)

// Quarantined implements store.Reports.
func (s *Store) Quarantined(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.Quarantined, error) {
	if limit <= 0 {
		limit = -1 // SQLite's "no limit"
	}
	qs, err := collect(ctx, s.reads.QueryContext, readQuarantined,
		selectQuarantined+`WHERE ?1 IN ('', account) ORDER BY received DESC, id DESC LIMIT ?2`, string(a), limit)
	if err != nil {
		return nil, fmt.Errorf("list quarantine: %w", err)
	}
	return qs, nil
}

// QuarantinedByID implements store.Reports.
func (s *Store) QuarantinedByID(ctx context.Context, id int64) (conversions.Quarantined, error) {
	qs, err := collect(ctx, s.reads.QueryContext, readQuarantined, selectQuarantined+`WHERE id = ?`, id)
	if err == nil && len(qs) == 0 {
		err = conversions.ErrNotFound
	}
	if err != nil {
		return conversions.Quarantined{}, fmt.Errorf("read quarantined delivery %d: %w", id, err)
	}
	return qs[0], nil
}

const selectQuarantined = `SELECT id, account, source, body, received, doc FROM quarantine `

func readQuarantined(rows *sql.Rows) (conversions.Quarantined, error) {
	var id, received int64
	var account conversions.AccountID
	var source string
	var body, text []byte
	if err := rows.Scan(&id, &account, &source, &body, &received, &text); err != nil {
		return conversions.Quarantined{}, fmt.Errorf("scan quarantined delivery: %w", err)
	}
	var doc quarantineDoc
	if err := decode(text, &doc); err != nil {
		return conversions.Quarantined{}, err
	}
	q := doc.Quarantined
	q.ID, q.Account, q.Source, q.Received = id, account, source, fromMicros(received)
	copy(q.Body[:], body)
	return q, nil
}

// PurgeQuarantine implements store.Reports.
func (s *Store) PurgeQuarantine(ctx context.Context, before time.Time) (int, error) {
	var n int
	err := s.writes.do(ctx, func(ctx context.Context, t tx) (err error) {
		n, err = t.changed(ctx, `DELETE FROM quarantine WHERE received < ?`, micros(before))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("purge quarantine: %w", err)
	}
	s.writes.forgetLog(ctx)
	return n, nil
}

// Forget implements store.Reports. Deleted rows are overwritten with zeros in
// the file (secure_delete). Older copies may stand in the write-ahead log; it
// is emptied at once unless a reader still needs it, and else by the next
// checkpoint that finds it unused. What the file system or a backup keeps of
// overwritten blocks is beyond a program.
func (s *Store) Forget(ctx context.Context, a conversions.AccountID, source string, lead conversions.LeadID) (int, error) {
	var n int
	err := s.writes.do(ctx, func(ctx context.Context, t tx) error {
		args := []any{string(a), source, string(lead)}
		if err := forgetContacts(ctx, t, args...); err != nil {
			return err
		}
		const rows = `(SELECT id FROM conversion WHERE account = ?1 AND source = ?2 AND lead = ?3)`
		for _, text := range []string{
			`DELETE FROM click_index WHERE conversion IN ` + rows,
			`DELETE FROM slot WHERE account = ?1 AND conversion IN ` + rows,
		} {
			if _, err := t.exec(ctx, text, args...); err != nil {
				return err
			}
		}
		var err error
		n, err = t.changed(ctx, `DELETE FROM identity WHERE seq IN
			(SELECT seq FROM event WHERE account = ?1 AND source = ?2 AND lead = ?3)`, args...)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget a lead of %s: %w", a, err)
	}
	s.writes.forgetLog(ctx)
	return n, nil
}

// forgetLog empties the write-ahead log if no reader needs it; see Forget.
func (w *writer) forgetLog(ctx context.Context) {
	select {
	case <-w.turn:
	case <-ctx.Done():
		return
	}
	defer func() { w.turn <- struct{}{} }()
	if w.conn != nil {
		_ = run(ctx, w.conn, "PRAGMA wal_checkpoint(TRUNCATE)") // what it leaves, the next one takes
	}
}
