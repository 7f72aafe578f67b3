package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"closeloop/conversions"
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
	cases, err := measureIngest(t.Context(), o, nil)
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
	rounds, err := measureUpload(t.Context(), o, nil)
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
	o.stores, o.dir = []string{onSQLite, onPostgres}, "" // a server that root starts cannot get into the test's own folder
	all, err := measureGrowth(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if text := growthPage(o, all); strings.Contains(text, "NaN") || len(all) != 2 || all[0].sizes[1].ingest <= 0 || all[1].sizes[1].ingest <= 0 {
		t.Errorf("page:\n%s", text)
	}
}

// TestPostgres is TestIngest on PostgreSQL, and with it one fold and one
// cycle.
func TestPostgres(t *testing.T) {
	t.Parallel()
	o := quickly(t)
	o.connections, o.dir = []int{4}, "" // as in TestGrowth
	pg, err := startServer(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := pg.close(); err != nil {
			t.Error(err)
		}
	}()
	var r results
	if r.ingest, err = measureIngest(t.Context(), o, pg); err != nil {
		t.Fatal(err)
	}
	if r.fold, err = measureFold(t.Context(), o, pg); err != nil {
		t.Fatal(err)
	}
	if r.upload, err = measureUpload(t.Context(), o, pg); err != nil {
		t.Fatal(err)
	}
	for _, s := range allSeries() {
		if got := r.ingest[0].rounds[s][0]; got.Counted == 0 || got.Stored < got.Accepted {
			t.Errorf("%s: got %+v", s, got)
		}
	}
	r.alone = []figures{{}}
	if text := postgresPage(o, r); !strings.Contains(text, "durable in PostgreSQL") || !strings.Contains(text, "**whole cycle**") {
		t.Errorf("page:\n%s", text)
	}
}

// TestFold: all events are folded, some leads more than once.
func TestFold(t *testing.T) {
	t.Parallel()
	o := quickly(t)
	rounds, err := measureFold(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := rounds[0]; r.store.wall <= 0 || r.pure.wall <= 0 || r.folds <= o.events/3 || r.folds > o.events {
		t.Errorf("got %+v", r)
	}
	if text := page(o, results{fold: rounds}); strings.Contains(text, "NaN") || !strings.Contains(text, "| fold alone |") {
		t.Errorf("page:\n%s", text)
	}
}

func TestLives(t *testing.T) {
	t.Parallel()
	parts, err := lives(500, time.Date(2026, 3, 25, 18, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	came, bodies, leads := 0, map[[16]byte]bool{}, map[conversions.LeadID]int{}
	for _, part := range parts {
		for _, e := range part {
			if came++; !bodies[e.Body] {
				bodies[e.Body] = true
				leads[e.Lead]++
			}
		}
	}
	most := slices.Max(slices.Collect(maps.Values(leads)))
	if len(parts) != foldTurns || came != 550 || len(bodies) != 500 || most != 5 || leads[""] != 0 {
		t.Errorf("%d parts, %d events, %d of them once, up to %d a lead, %d of none", len(parts), came, len(bodies), most, leads[""])
	}
}

func TestBuildTable(t *testing.T) {
	t.Parallel()
	f := figures{
		"googleads Build/closeloop rows/s": 700, "googleads Build/slabs rows/s": 1000, "googleads Build/closeloop allocs/row": 1.5,
		"datamanager Build/closeloop rows/s": 80, "datamanager Build/slabs rows/s": 100,
	}
	text := page(quickly(t), results{build: []figures{f}})
	for _, want := range []string{"| 700 | 1000 | **0.70** | 1.50 |", "| 80 | 100 | **0.80** |"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
}

// TestRenumbered: entries keep all but the number of their row.
func TestRenumbered(t *testing.T) {
	t.Parallel()
	entry := func(row int64, kind, doc string) []byte {
		b := binary.AppendVarint(binary.AppendVarint(nil, row), -5)
		b = append(binary.AppendUvarint(b, uint64(len(kind))), kind...)
		return append(binary.AppendUvarint(b, uint64(len(doc))), doc...)
	}
	chunk := slices.Concat(entry(1, "decided", "a"), entry(900, "decided", ""), entry(3, "sent", "c"))
	got, n, err := renumbered(chunk, 70_000, 2)
	want := slices.Concat(entry(70_000, "decided", "a"), entry(70_001, "decided", ""))
	if err != nil || n != 2 || !bytes.Equal(got, want) {
		t.Errorf("got %d entries %x, want 2 %x; %v", n, got, want, err)
	}
	if _, _, err := renumbered(chunk[:len(chunk)-1], 1, 3); err == nil {
		t.Error("a chunk that is cut short was taken")
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
		{"deliveries on PostgreSQL", []string{"-only", "postgres-ingest"}, true},
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

// TestStepFailsLate: what is ended after a long time is a figure, what fails
// at once is an error.
func TestStepFailsLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &grown{g: &growth{size: 1}}
		slow := readStep{"slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		for range 2 {
			if err := m.step("slow", func() error { return slow.within(t.Context(), growthLimit) }); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.step("broken", func() error { return io.ErrUnexpectedEOF }); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a step that failed at once: %v", err)
		}
		m.g.steps = m.g.steps[:1]
		larger := growth{size: 2, slow: m.g.tooSlow(), steps: []growthStep{{name: "slow"}}}
		text := growthTable(growthOf{onSQLite, []growth{*m.g, larger}})
		if !strings.Contains(text, "| slow | failed | – |  |") {
			t.Errorf("table:\n%s", text)
		}
	})
}
