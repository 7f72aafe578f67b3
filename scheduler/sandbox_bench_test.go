package scheduler_test

import (
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/sandbox"
	"closeloop/scheduler"
)

// BenchmarkStoreToSandbox is a whole run of 10,000 due rows, from SQLite
// through the real client to the stand-in, for each API; through the Data
// Manager API with the status that settles them. rows/s leaves out the storing
// and the folding of the events.
func BenchmarkStoreToSandbox(b *testing.B) {
	const rows = 5 * conversions.MaxItems
	for name, open := range map[string]func(*rig) scheduler.Destination{
		"google ads": func(r *rig) scheduler.Destination { _, client := r.google(); return client },
		"data manager": func(r *rig) scheduler.Destination {
			_, client := r.ingest(sandbox.DataManagerUnproven{})
			return client
		},
	} {
		b.Run(name, func(b *testing.B) {
			var took time.Duration
			for range b.N {
				b.StopTimer()
				r := newRig(b)
				client := open(r)
				r.books(rows)
				cfg := r.config(client)
				cfg.Accounts[0].Destinations = map[conversions.API]scheduler.Destination{r.rules.Target.API: client}
				s := newScheduler(cfg)
				const early = 6 * time.Hour // nothing is due yet: this run only folds
				r.clock.advance(-early)
				if _, err := s.RunNow(b.Context(), acme, false); err != nil {
					b.Fatal(err)
				}
				r.clock.advance(early)
				b.StartTimer()
				for _, wait := range []time.Duration{0, time.Hour} { // the second asks for the status
					r.clock.advance(wait)
					began := time.Now()
					if _, err := s.RunNow(b.Context(), acme, false); err != nil {
						b.Fatal(err)
					}
					took += time.Since(began)
				}
				if n := r.tally()["done"]; n != rows {
					b.Fatalf("%d rows done, want %d", n, rows)
				}
			}
			b.ReportMetric(float64(rows*b.N)/took.Seconds(), "rows/s")
		})
	}
}
