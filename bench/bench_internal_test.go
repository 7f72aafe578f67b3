package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the server, the load generator and the
// sink that the benchmark starts.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(realMain(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func quickly(t *testing.T) options {
	t.Helper()
	o := options{dir: t.TempDir(), now: time.Date(2026, 3, 25, 18, 0, 0, 0, time.UTC)}
	return o.quick()
}

// TestIngest says nothing about speed: only that every series delivers and
// that what was accepted is stored.
func TestIngest(t *testing.T) {
	t.Parallel()
	o := quickly(t)
	cases, err := measureIngest(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) != len(o.connections) {
		t.Fatalf("got %d cases, want %d", len(cases), len(o.connections))
	}
	for _, c := range cases {
		for _, s := range allSeries() {
			for _, r := range c.rounds[s] {
				if r.Counted == 0 || r.Accepted < r.Counted || r.Stored < r.Accepted || r.P99 < r.P50 {
					t.Errorf("%s over %d connections: got %+v", s, c.connections, r)
				}
			}
		}
	}
	if text := page(o, results{ingest: cases}); strings.Contains(text, "NaN") || !strings.Contains(text, "| "+callEnded+" |") {
		t.Errorf("page:\n%s", text)
	}
}

func TestUpload(t *testing.T) {
	t.Parallel()
	o := quickly(t)
	rounds, err := measureUpload(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rounds {
		for name, s := range map[string]steps{"service": r.full, "bare": r.bare} {
			if s.claim.wall <= 0 || s.call.wall <= 0 || s.settle.wall <= 0 || s.whole.wall < s.claim.wall+s.call.wall+s.settle.wall {
				t.Errorf("%s: got %+v", name, s)
			}
		}
	}
	if text := page(o, results{upload: rounds}); strings.Contains(text, "NaN") || !strings.Contains(text, "**whole cycle**") {
		t.Errorf("page:\n%s", text)
	}
}

func TestGrowth(t *testing.T) {
	t.Parallel()
	o := quickly(t)
	all, err := measureGrowth(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if text := growthPage(o, all); strings.Contains(text, "NaN") || strings.Contains(text, " 0.00 | 0.00 |") || all[0].ingest <= 0 {
		t.Errorf("page:\n%s", text)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		of   []float64
		want float64
	}{
		{"one", []float64{3}, 3},
		{"odd", []float64{9, 1, 5}, 5},
		{"even", []float64{4, 1, 2, 9}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := median(tt.of); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, answer string
		want         bool
	}{
		{"head cut", "HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n", false},
		{"body cut", "HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nab", false},
		{"whole", "HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\nDate: x\r\n\r\nabc", true},
		{"no body", "HTTP/1.1 202 Accepted\r\n\r\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := whole([]byte(tt.answer)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
		ok   bool
	}{
		{"none", nil, true},
		{"quick", []string{"-quick"}, true},
		{"date", []string{"-now", "2026-03-25T18:00:00Z"}, true},
		{"no date", []string{"-now", "yesterday"}, false},
		{"PostgreSQL", []string{"-only", "postgres"}, true},
		{"no part", []string{"-only", "all"}, false},
		{"no rounds", []string{"-rounds", "0"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var said strings.Builder
			if _, err := parse(tt.args, &said); (err == nil) != tt.ok {
				t.Errorf("got %v, want ok %v", err, tt.ok)
			}
		})
	}
}
