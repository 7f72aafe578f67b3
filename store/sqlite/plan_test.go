package sqlite_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"closeloop/store/sqlite"
)

// planOf is how SQLite runs a query in a new database.
func planOf(t *testing.T, text string, args ...any) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plan.db")
	s := open(t, path, sqlite.Options{Contacts: true})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	rows, err := raw(t, path).QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}

// TestQueriesSeek: a query reads along one index, scans nothing else and sorts
// nothing.
func TestQueriesSeek(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		args []any
		want string
	}{
		"clicks of a contact": {
			sqlite.SelectContactClicks,
			[]any{"acme", "varda", "c1", 0, 1, 10},
			"SEARCH c USING PRIMARY KEY (account=? AND source=? AND contact=? AND at>? AND at<?)",
		},
		"statuses that are due": {
			sqlite.SelectPolls, []any{"acme", 1, 10}, "SEARCH batch USING INDEX batch_polled (account=? AND poll_at<?)",
		},
		"when a status is due": {
			sqlite.SelectNextPoll, []any{"acme"}, "SEARCH batch USING COVERING INDEX batch_polled (account=? AND poll_at>?)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := planOf(t, c.text, c.args...)
			if !strings.HasPrefix(got, c.want) || strings.Contains(got, "SCAN") || strings.Contains(got, "TEMP") {
				t.Errorf("plan:\n%s\nwant it to start with\n%s\nand neither to scan nor to sort", got, c.want)
			}
		})
	}
}

// TestHotQueriesScanNoBigTable: what runs all day finds its rows by an index,
// however many there are. Lists within arguments and the sums that are kept are
// small.
func TestHotQueriesScanNoBigTable(t *testing.T) {
	t.Parallel()
	small := regexp.MustCompile(`^SCAN (j|json_each|total|received|\(subquery-\d+\)|CONSTANT ROW|b USING INDEX batch_sending)( |$)`)
	nothing := make([]any, 12)
	for name, text := range sqlite.HotQueries() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := planOf(t, text, nothing...)
			for step := range strings.Lines(plan) {
				if strings.HasPrefix(step, "SCAN") && !small.MatchString(strings.TrimSpace(step)) {
					t.Errorf("plan reads a whole table: %s\nof\n%s", strings.TrimSpace(step), plan)
				}
			}
		})
	}
}
