package sqlite_test

import (
	"context"
	"fmt"
	"testing"

	"closeloop/conversions"
)

// BenchmarkLeads20000 walks through all pages of a replay. Twice the leads take
// twice the time: 100,000 of two events each took 7 s, with 6 MB of heap.
func BenchmarkLeads20000(b *testing.B) {
	const leads = 20_000
	s := openBench(b)
	inParallelN(b, 2*leads, func(i int) error {
		_, err := s.Append(context.Background(), benchEvent(int64(i), fmt.Sprintf("call_%d", i%leads)))
		return err
	})
	for b.Loop() {
		n := 0
		q := conversions.ReplayQuery{Limit: 500}
		for {
			page, err := s.Leads(b.Context(), "acme", q)
			if err != nil {
				b.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			n += len(page)
			q.AfterSource, q.AfterLead = page[len(page)-1].Source, page[len(page)-1].Lead
		}
		if n != leads {
			b.Fatalf("%d leads, want %d", n, leads)
		}
	}
}

// inParallelN runs f n times, from many goroutines.
func inParallelN(b *testing.B, n int, f func(i int) error) {
	b.Helper()
	const workers = 128
	failed := make(chan error, workers)
	for g := range workers {
		go func() {
			var err error
			for i := g; i < n && err == nil; i += workers {
				err = f(i)
			}
			failed <- err
		}()
	}
	for range workers {
		if err := <-failed; err != nil {
			b.Fatal(err)
		}
	}
}
