package sqlite_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/store/sqlite"
)

// TestListsReadAFewRows: a list reads along the index that leads to its rows,
// and one by time or by a rare state sorts nothing.
func TestListsReadAFewRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		want  string
		sorts bool
	}{
		"list of an account": {"INDEX conversion_at (account=?)", false},
		"list page":          {"INDEX conversion_at (account=? AND at<?)", false},
		"list at rest":       {"INDEX conversion_rare (account=? AND state=?)", false},
		"list in flight":     {"INTEGER PRIMARY KEY (rowid=?)", true},
		"list pending":       {"INTEGER PRIMARY KEY (rowid=?)", true},
		"list many pending":  {"INDEX conversion_at (account=?)", false},
		"list by click id":   {"INTEGER PRIMARY KEY (rowid=?)", true},
		"list by lead":       {"INDEX conversion_key (account=? AND lead=?)", true},
		"list by order id":   {"INDEX conversion_order (account=? AND order_id=?)", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := planOf(t, sqlite.HotQueries()[name], make([]any, 16)...)
			if !strings.HasPrefix(got, "SEARCH conversion USING "+c.want) || strings.Contains(got, "TEMP") != c.sorts {
				t.Errorf("plan:\n%s\nwant it to start with\n%s\nsorting: %t", got, c.want, c.sorts)
			}
		})
	}
}

// TestWindowsOutliveMigration5: what was stored under a schema that kept no sums
// of hours and days is summed up.
func TestWindowsOutliveMigration5(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "old.db")
	s := open(t, path, sqlite.Options{})
	lease, _ := sharing(t, s, 3)
	early := event(7)
	early.Received = time.Date(1969, 12, 31, 23, 30, 0, 0, time.UTC)
	if _, err := s.Append(t.Context(), early); err != nil {
		t.Fatal(err)
	}
	entry := benchEntry(early)
	entry.Want.At = early.Received
	if err := s.Record(t.Context(), lease, []conversions.Entry{entry}); err != nil {
		t.Fatal(err)
	}
	want := kept(t, path)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db := raw(t, path)
	for _, text := range []string{
		`DROP TABLE total_window`, `DROP TABLE received_window`, `DROP INDEX conversion_rare`, `PRAGMA user_version = 4`,
	} {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, sqlite.Options{})
	if diff := cmp.Diff(want, kept(t, path)); diff != "" {
		t.Errorf("sums of hours and days: -before +after\n%s", diff)
	}
	f := conversions.Filter{Account: "acme", From: benchNow.AddDate(0, 0, -30), To: benchNow.AddDate(0, 0, 30)}
	if got, err := s.Totals(t.Context(), f); err != nil || len(got) != 1 || got[0].Rows != 3 {
		t.Errorf("Totals: %+v, %v, want 3 rows", got, err)
	}
}

// kept is what the sums of hours and days are, but for those that are 0.
func kept(t *testing.T, path string) (lines []string) {
	t.Helper()
	rows, err := raw(t, path).QueryContext(t.Context(), `
		SELECT concat_ws(' ', account, width, start, stage, state, reason, currency, rows, wanted, known) AS line FROM total_window WHERE rows > 0
		UNION ALL SELECT concat_ws(' ', account, width, start, source, kind, outcome, events, first, last) FROM received_window ORDER BY line`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(lines) < 6 {
		t.Fatalf("there are %d sums: %v", len(lines), lines)
	}
	return lines
}
