package sqlite_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/store/sqlite"
)

// TestSecondsOutliveMigration4: rows of one click keep the seconds that they
// took under a schema that named them by account and hash.
func TestSecondsOutliveMigration4(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "old.db")
	s := open(t, path, sqlite.Options{})
	lease, rows := sharing(t, s, 3)
	first := begun(t, s, lease, "first", rows)
	if err := s.Settle(t.Context(), lease, settlement(first, conversions.Answer{Verdict: conversions.Retry}, benchNow)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	asMigration3Left(t, path, first)
	s = open(t, path, sqlite.Options{})
	slices.Reverse(rows)
	second := begun(t, s, lease, "second", rows)
	slices.Reverse(second.Items)
	for i, it := range first.Items {
		if want := first.Items[0].At.Add(time.Duration(i) * time.Second); !it.At.Equal(want) || !second.Items[i].At.Equal(want) {
			t.Errorf("row %d was sent at %v and then at %v, want %v", it.Row, it.At, second.Items[i].At, want)
		}
	}
}

// sharing stores n due rows of one click and second.
func sharing(t *testing.T, s *sqlite.Store, n int) (conversions.Lease, []conversions.Row) {
	t.Helper()
	lease, err := s.Acquire(t.Context(), "acme", "test", benchNow)
	if err != nil {
		t.Fatal(err)
	}
	shared := event(0).Person.Clicks
	d := conversions.Decision{Source: "varda"}
	for i := range n {
		e := event(i)
		e.Person.Clicks = shared
		receipt, err := s.Append(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		e.Seq = receipt.Seq
		d.Entries = append(d.Entries, benchEntry(e))
	}
	if err := s.Decide(t.Context(), lease, []conversions.Decision{d}); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Due(t.Context(), "acme", conversions.Claim{Now: benchNow, Limit: n})
	if err != nil || len(rows) != n {
		t.Fatalf("Due: %d rows, %v", len(rows), err)
	}
	return lease, rows
}

func begun(t *testing.T, s *sqlite.Store, l conversions.Lease, id string, rows []conversions.Row) conversions.Batch {
	t.Helper()
	b := conversions.Batch{ID: conversions.BatchID(id), Account: "acme", Created: benchNow, Target: rows[0].Target()}
	for _, r := range rows {
		b.Items = append(b.Items, r.Item(time.UTC, benchNow))
	}
	b, err := s.Begin(t.Context(), l, b)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// asMigration3Left puts the seconds of a batch back to how they were kept.
func asMigration3Left(t *testing.T, path string, b conversions.Batch) {
	t.Helper()
	db := raw(t, path)
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`DROP TABLE slot`)
	exec(`CREATE TABLE slot (account TEXT NOT NULL, key BLOB NOT NULL, conversion INTEGER NOT NULL, PRIMARY KEY (account, key)) STRICT, WITHOUT ROWID`)
	exec(`CREATE INDEX slot_conversion ON slot (account, conversion)`)
	for _, it := range b.Items {
		second := binary.BigEndian.AppendUint64(nil, uint64(it.At.Unix()))
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s", it.Action, it.Click.Kind, it.ClickID, second))
		exec(`INSERT INTO slot (account, key, conversion) VALUES ('acme', ?, ?)`, append(second[3:8:8], sum[:11]...), int64(it.Row))
	}
	exec(`DROP TABLE total_window`)
	exec(`DROP TABLE received_window`)
	exec(`DROP INDEX conversion_rare`)
	exec(`PRAGMA user_version = 3`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
