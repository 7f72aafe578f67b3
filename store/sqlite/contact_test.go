package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/store/sqlite"
)

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
