package postgres_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/store/postgres"
)

// TestCountsAreAddedUp has replicas that start, take a few deliveries and end,
// again and again: each adds up what there is while others go on counting.
func TestCountsAreAddedUp(t *testing.T) {
	t.Parallel()
	const replicas, lives, each = 4, 5, 12
	dsn := server.Database(t)
	var wg sync.WaitGroup
	for r := range replicas {
		wg.Go(func() {
			for life := range lives {
				takeDeliveries(t, dsn, each, int64(r*lives+life)*each)
			}
		})
	}
	wg.Wait()
	takeDeliveries(t, dsn, 1, replicas*lives*each)
	s := open(t, dsn, postgres.Options{})
	got, err := s.Received(t.Context(), conversions.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, n := range got {
		sum += n.Events
	}
	if want := replicas*lives*each + 1; sum != want || len(got) != 2 {
		t.Errorf("counted %d events in %d kinds, want %d in 2: %+v", sum, len(got), want, got)
	}
	part, err := s.Received(t.Context(), conversions.Filter{To: benchNow.Add(-10*time.Hour + time.Microsecond)})
	if diff := cmp.Diff(got, part); err != nil || diff != "" {
		t.Errorf("counted one by one: %v (-want +got):\n%s", err, diff)
	}
	var lines, sums int
	err = pool(t, dsn).QueryRow(t.Context(), "SELECT (SELECT count(*) FROM received), (SELECT count(*) FROM received_total WHERE width = 0)").Scan(&lines, &sums)
	if err != nil || lines != 0 || sums != 2 {
		t.Errorf("%d lines of counts and %d sums of all time are left, %v; want none, and one of each kind", lines, sums, err)
	}
}

// takeDeliveries is a short life of a replica.
func takeDeliveries(t *testing.T, dsn string, n int, first int64) {
	t.Helper()
	s, err := postgres.Open(t.Context(), dsn, postgres.Options{Conns: 2})
	if err != nil {
		t.Error(err)
		return
	}
	for i := first; i < first+int64(n); i++ {
		e := sample(i, fmt.Sprintf("call_%d", i))
		if i%2 == 0 {
			e.Outcome = "quoted"
		}
		if _, err := s.Append(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
