package sqlite_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/store/sqlite"
)

// TestWakingSeeks: waking reads what belongs to one contact.
func TestWakingSeeks(t *testing.T) {
	t.Parallel()
	plan := planOf(t, sqlite.WakeLeads, "acme", "varda", "c1", 7, 10)
	for _, seek := range []string{
		"SEARCH contact_lead USING PRIMARY KEY (account=? AND source=? AND contact=?)",
		"SEARCH r USING INDEX conversion_key (account=? AND lead=? AND source=?)",
		"SEARCH e USING COVERING INDEX event_lead (account=? AND source=? AND lead=? AND outcome>?)",
	} {
		if !strings.Contains(plan, seek) {
			t.Errorf("plan:\n%s\nwant it to hold\n%s", plan, seek)
		}
	}
	// l is what was just read of contact_lead.
	if strings.Contains(strings.ReplaceAll(plan, "SCAN l", ""), "SCAN") || strings.Contains(plan, "TEMP") {
		t.Errorf("plan:\n%s\nwant it neither to scan nor to sort", plan)
	}
}

// BenchmarkContactClicks20000 looks up the clicks of a contact, of five events
// each. With 1,000,000 events it took 1.0 ms, with 20,000 0.24 ms (two busy cores).
func BenchmarkContactClicks20000(b *testing.B) {
	const events, each = 20_000, 5
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "bench.db"), sqlite.Options{Contacts: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	inParallelN(b, events, func(i int) error {
		e := benchEvent(int64(i), fmt.Sprintf("call_%d", i))
		e.Person.Contact = fmt.Sprintf("contact-%d", i%(events/each))
		_, err := s.Append(b.Context(), e)
		return err
	})
	q := conversions.ContactQuery{Account: "acme", Source: "varda", From: benchNow.Add(-30 * 24 * time.Hour), To: benchNow, Limit: 100}
	for i := 0; b.Loop(); i++ {
		q.Contact = fmt.Sprintf("contact-%d", i*7919%(events/each))
		found, err := s.ContactClicks(b.Context(), q)
		if err != nil || len(found) != each {
			b.Fatalf("%d events, %v; want %d", len(found), err, each)
		}
	}
}
