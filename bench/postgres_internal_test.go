package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadFigures(t *testing.T) {
	t.Parallel()
	got := figures{}
	got.read(`goos: linux
BenchmarkAppend/c=64/tag-2     	   20000	     54321 ns/op	     18409 events/s
BenchmarkBatch2000/bare-2      	      10	  12671595 ns/op	         4.435 claim-ms	         8.236 settle-ms
BenchmarkBatch2000/closeloop   	--- FAIL
PASS
`)
	want := figures{
		"Append/c=64/tag ns/op": 54321, "Append/c=64/tag events/s": 18409,
		"Batch2000/bare ns/op": 12671595, "Batch2000/bare claim-ms": 4.435, "Batch2000/bare settle-ms": 8.236,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
}

func TestPostgresPage(t *testing.T) {
	t.Parallel()
	round := func(full float64) figures {
		return figures{
			"Append/c=64/tag events/s": 100 * full, "Append/c=64/bare events/s": 200,
			"Batch2000/closeloop settle-ms": 10 * full, "Batch2000/bare settle-ms": 5,
		}
	}
	page := postgresPage(options{rounds: 3}, results{alone: []figures{round(1), round(3), round(2)}})
	for _, want := range []string{"# Benchmarks on PostgreSQL", "`make bench-postgres`", "| 64 | tag | 200 | 200 | **1.00** |", "| settle | 20.0 | 5.0 | 4.0 times |"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}
