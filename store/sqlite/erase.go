package sqlite

import (
	"context"
	"fmt"

	"closeloop/conversions"
)

// Forget implements store.Reports. Deleted rows are overwritten with zeros in
// the file (secure_delete). Older copies may stand in the write-ahead log; it
// is emptied at once unless a reader still needs it, and else by the next
// checkpoint that finds it unused. What the file system or a backup keeps of
// overwritten blocks is beyond a program.
func (s *Store) Forget(ctx context.Context, a conversions.AccountID, source string, lead conversions.LeadID) (int, error) {
	var n int
	err := s.writes.do(ctx, func(ctx context.Context, t tx) error {
		if err := forgetContacts(ctx, t, a, source, lead); err != nil {
			return err
		}
		args := []any{string(a), source, string(lead)}
		const rows = `(SELECT id FROM conversion WHERE account = ?1 AND source = ?2 AND lead = ?3)`
		for _, text := range []string{
			`DELETE FROM click_index WHERE conversion IN ` + rows,
			`DELETE FROM slot WHERE conversion IN ` + rows,
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
