package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"closeloop/conversions"
	"closeloop/store/sqlite"
)

// TestPagesOfManyPending: when more rows are pending than a page should sort,
// pages are looked for in the order of lists, and hold the same rows.
func TestPagesOfManyPending(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "crowd.db")
	s := open(t, path, sqlite.Options{})
	queued(t, s, 3)
	f := conversions.Filter{Account: "acme", State: conversions.StateQueued, Limit: 2}
	few := pagesOf(t, s, f)
	if crowded, err := s.Crowded(t.Context(), f); crowded || err != nil {
		t.Errorf("three rows: crowded %t, %v", crowded, err)
	}
	db := raw(t, path)
	for _, step := range []struct {
		rows int
		want bool
	}{{10_000, false}, {10_001, true}} {
		_, err := db.ExecContext(t.Context(), `WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1000 + ?1)
			INSERT OR IGNORE INTO pending (account, rank, deadline, conversion, due, op, action)
			SELECT 'acme', 9, i, i, 0, '', '' FROM n WHERE i < 1000 + ?1 - 3`, step.rows)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Crowded(t.Context(), f); got != step.want || err != nil {
			t.Errorf("%d rows: crowded %t, %v, want %t", step.rows, got, err, step.want)
		}
	}
	if many := pagesOf(t, s, f); fmt.Sprint(many) != fmt.Sprint(few) || len(many) != 3 {
		t.Errorf("pages of many: %v, want %v", many, few)
	}
}

// pagesOf are the ids of what pages hold.
func pagesOf(t *testing.T, s *sqlite.Store, f conversions.Filter) (ids []conversions.RowID) {
	t.Helper()
	for {
		rows, err := s.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			ids = append(ids, r.ID)
		}
		if len(rows) < f.Limit {
			return ids
		}
		f.After = &rows[len(rows)-1]
	}
}
