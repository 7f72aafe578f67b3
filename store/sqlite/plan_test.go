package sqlite_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"closeloop/store/sqlite"
	"closeloop/store/storetest"
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

// TestHotStatementsScanNoBigTable: nor does any other statement that the store
// runs for a service and for looks at one account.
func TestHotStatementsScanNoBigTable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hot.db")
	s := open(t, path, sqlite.Options{Contacts: true})
	statements, err := s.Watch(path)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Hot(t, s)
	texts := statements()
	if len(texts) < 70 {
		t.Errorf("%d statements were noted: the test has lost sight of some", len(texts))
	}
	for _, text := range texts {
		if text == `SELECT last + 1 FROM ledger ORDER BY seq DESC LIMIT 1` {
			continue // one step from the end of the table
		}
		if plan := planOf(t, text, make([]any, 8*16)...); scansBigTable(plan) != "" {
			t.Errorf("plan reads a whole table: %s\nof\n%s\nfor\n%s", scansBigTable(plan), plan, text)
		}
	}
}

// scansBigTable is the step of a plan that reads a whole table, if one does.
// Lists within arguments, sums that are kept and what a part of the query
// came to are small.
func scansBigTable(plan string) string {
	small := regexp.MustCompile(`^SCAN (j|json_each|total|received|contact_mark|\(subquery-\d+\)|CONSTANT ROW|\d+-ROW VALUES CLAUSE|b USING INDEX batch_sending)( |$)`)
	for step := range strings.Lines(plan) {
		step = strings.TrimSpace(step)
		name, scans := strings.CutPrefix(step, "SCAN ")
		if scans && !small.MatchString(step) && !strings.Contains(plan, "CO-ROUTINE "+name+"\n") {
			return step
		}
	}
	return ""
}

// TestHotQueriesScanNoBigTable: what runs all day finds its rows by an index,
// however many there are.
func TestHotQueriesScanNoBigTable(t *testing.T) {
	t.Parallel()
	nothing := make([]any, 8*16)
	for name, text := range sqlite.HotQueries() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := planOf(t, text, nothing...)
			if step := scansBigTable(plan); step != "" {
				t.Errorf("plan reads a whole table: %s\nof\n%s", step, plan)
			}
		})
	}
}
