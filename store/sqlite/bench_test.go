package sqlite_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/store/sqlite"
)

var benchNow = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant in all but syntax

// benchEvent is a delivery as they come: a tag with a click id, a contact and
// a hash.
func benchEvent(i int64, lead string) conversions.Event {
	var text [8]byte
	binary.BigEndian.PutUint64(text[:], uint64(i))
	sum := sha256.Sum256(text[:])
	amount := conversions.Cents(250_00)
	return conversions.Event{
		Account: "acme", Source: "varda", Delivery: fmt.Sprintf("dlv_%012d", i), Body: [16]byte(sum[:16]),
		Kind: "call.outcome_tagged", Lead: conversions.LeadID(lead), At: benchNow.Add(-10 * time.Hour),
		Received: benchNow.Add(-10 * time.Hour), CallStart: benchNow.Add(-11 * time.Hour), Outcome: "booked", OutcomeID: "77812",
		Amounts: conversions.Amounts{Actual: &amount}, Channel: "google_ads/cpc", Landing: "example.com/roof-repair",
		Person: conversions.Person{
			Clicks: []conversions.FoundClick{{
				Click: conversions.Click{Kind: conversions.GCLID, ID: fmt.Sprintf("Cj0KCQjwtest%x", sum)},
				Place: conversions.PlaceField,
			}},
			Contact: "contact-1", PhoneHash: hex.EncodeToString(sum[:]),
		},
	}
}

func openBench(b *testing.B) *sqlite.Store {
	b.Helper()
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "bench.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// inParallel runs f from c goroutines, b.N times in all.
func inParallel(b *testing.B, c int, f func(i int64) error) {
	b.Helper()
	b.SetParallelism(max(1, c/2)) // of GOMAXPROCS, which is 2 where the figures come from
	if c == 1 {
		for i := range int64(b.N) {
			if err := f(i); err != nil {
				b.Fatal(err)
			}
		}
		return
	}
	var next atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := f(next.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for _, c := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("c=%d", c), func(b *testing.B) {
			s := openBench(b)
			b.ResetTimer()
			inParallel(b, c, func(i int64) error {
				_, err := s.Append(context.Background(), benchEvent(i, fmt.Sprintf("call_%d", i/4)))
				return err
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkBare is the ceiling beside BenchmarkAppend: one table, one
// deduplicating index, the same group commit, nothing else.
func BenchmarkBare(b *testing.B) {
	for _, c := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("c=%d", c), func(b *testing.B) {
			put := openBare(b)
			payload := string(make([]byte, 0, 800))
			for len(payload) < 800 {
				payload += "0123456789"
			}
			b.ResetTimer()
			inParallel(b, c, func(i int64) error { return put(benchEvent(i, "L").Body, payload) })
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

type bareRow struct {
	key     [16]byte
	payload string
	done    chan error
}

func openBare(b *testing.B) func([16]byte, string) error {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "bare.db")+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`CREATE TABLE bare (id INTEGER PRIMARY KEY, key BLOB NOT NULL, payload TEXT NOT NULL);
		CREATE UNIQUE INDEX bare_key ON bare (key)`); err != nil {
		b.Fatal(err)
	}
	insert, err := db.Prepare(`INSERT INTO bare (key, payload) VALUES (?, ?) ON CONFLICT DO NOTHING`)
	if err != nil {
		b.Fatal(err)
	}
	queue := make(chan bareRow, 512)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for first := range queue {
			bareGroup(db, insert, queue, first)
		}
	}()
	b.Cleanup(func() { close(queue); <-ended; _ = db.Close() })
	return func(key [16]byte, payload string) error {
		r := bareRow{key, payload, make(chan error, 1)}
		queue <- r
		return <-r.done
	}
}

func bareGroup(db *sql.DB, insert *sql.Stmt, queue chan bareRow, first bareRow) {
	group := []bareRow{first}
	for more := true; more && len(group) < 512; {
		select {
		case r, ok := <-queue:
			if more = ok; ok {
				group = append(group, r)
			}
		default:
			more = false
		}
	}
	tx, err := db.Begin()
	for _, r := range group {
		if err == nil {
			_, err = tx.Stmt(insert).Exec(r.key[:], r.payload) //nolint:sqlclosecheck // closed with the transaction
		}
	}
	if err == nil {
		err = tx.Commit()
	}
	for _, r := range group {
		r.done <- err
	}
}

// queued fills a store with n rows that are due, on top of others.
func queued(tb testing.TB, s *sqlite.Store, n int) conversions.Lease {
	tb.Helper()
	ctx := tb.Context()
	lease, err := s.Acquire(ctx, "acme", "bench", benchNow)
	if err != nil {
		tb.Fatal(err)
	}
	var ds []conversions.Decision
	for i := range n {
		e := benchEvent(int64(i), fmt.Sprintf("call_%d", i))
		e.Seq = int64(i + 1)
		ds = append(ds, conversions.Decision{Source: "varda", Lead: e.Lead, Entries: []conversions.Entry{benchEntry(e)}, Inbox: []int64{2 * e.Seq}})
	}
	fill(tb, s, n)
	if err := s.Decide(ctx, lease, ds); err != nil {
		tb.Fatal(err)
	}
	return lease
}

func benchEntry(e conversions.Event) conversions.Entry {
	key := conversions.Key{Account: "acme", Source: "varda", Lead: e.Lead, Stage: conversions.StageBooked}
	return conversions.Entry{
		Account: "acme", Kind: conversions.EntryDecided, At: benchNow, Key: &key, Version: 1, ClickID: e.Person.Clicks[0].ID,
		Want: &conversions.Want{
			Stage: conversions.StageBooked, Wanted: true, Outcome: "booked", Tag: e.Seq,
			Click: conversions.ClickRef{
				Event: e.Seq, Kind: conversions.GCLID, Rule: conversions.MatchOwn,
				Commitment: conversions.Commit([]byte("salt"), e.Person.Clicks[0].Click),
			},
			Value: conversions.AmountOf(250_00), Field: conversions.FieldActual, Amount: 250_00, ValueEvent: e.Seq, Currency: "EUR",
			Consent: conversions.ConsentGranted, Action: "987654321",
			Target: conversions.Target{API: conversions.APIGoogleAds, Customer: "1234567890"},
			At:     benchNow.Add(-10 * time.Hour), Lead: benchNow.Add(-11 * time.Hour), Due: benchNow.Add(-4 * time.Hour),
			Deadline: benchNow.Add(80 * 24 * time.Hour),
		},
	}
}

// fill appends n events, one after the other, so that event i+1 is of lead i.
func fill(tb testing.TB, s *sqlite.Store, n int) {
	tb.Helper()
	for i := range n {
		if _, err := s.Append(tb.Context(), benchEvent(int64(i), fmt.Sprintf("call_%d", i))); err != nil {
			tb.Fatal(err)
		}
	}
}

const claim = 2000

func BenchmarkDecide2000(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s := openBench(b)
		fill(b, s, claim)
		lease, err := s.Acquire(b.Context(), "acme", "bench", benchNow)
		if err != nil {
			b.Fatal(err)
		}
		works, err := s.Unfolded(b.Context(), "acme", claim)
		if err != nil {
			b.Fatal(err)
		}
		var ds []conversions.Decision
		for _, w := range works {
			ds = append(ds, conversions.Decision{Source: w.Source, Lead: w.Lead, Inbox: w.Inbox, Entries: []conversions.Entry{benchEntry(w.Events[0])}})
		}
		b.StartTimer()
		if err := s.Decide(b.Context(), lease, ds); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDue2000(b *testing.B) {
	s := openBench(b)
	queued(b, s, 3*claim)
	for b.Loop() {
		rows, err := s.Due(b.Context(), "acme", conversions.Claim{Now: benchNow, Limit: claim})
		if err != nil || len(rows) != claim {
			b.Fatalf("%d rows, %v", len(rows), err)
		}
	}
}

// batchOf is a batch of the rows that are due.
func batchOf(b *testing.B, s *sqlite.Store, id int) conversions.Batch {
	b.Helper()
	rows, err := s.Due(b.Context(), "acme", conversions.Claim{Now: benchNow, Limit: claim})
	if err != nil || len(rows) != claim {
		b.Fatalf("%d rows, %v", len(rows), err)
	}
	batch := conversions.Batch{
		ID: conversions.BatchID(fmt.Sprintf("b%d", id)), Account: "acme", Run: "r",
		Target: conversions.Target{API: conversions.APIGoogleAds, Customer: "1234567890"}, Created: benchNow,
	}
	zone := time.FixedZone("", 7200)
	for _, r := range rows {
		batch.Items = append(batch.Items, r.Item(zone, benchNow))
	}
	return batch
}

func settlement(batch conversions.Batch, a conversions.Answer, now time.Time) conversions.Settlement {
	set := conversions.Settlement{Batch: batch.ID, At: now, RequestID: "r", JobID: 1}
	for _, it := range batch.Items {
		set.Entries = append(set.Entries, conversions.Row{}.Answered(batch, it, a, now))
		set.Entries[len(set.Entries)-1].NotBefore = time.Time{}
	}
	return set
}

// BenchmarkBegin2000 is the claim of fresh rows: the manifest and a slot each.
func BenchmarkBegin2000(b *testing.B) { benchCycle(b, true) }

// BenchmarkSettle2000 is the answer to a batch of 2,000.
func BenchmarkSettle2000(b *testing.B) { benchCycle(b, false) }

// benchCycle claims and settles fresh rows again and again, and times one of
// the two.
func benchCycle(b *testing.B, timeBegin bool) {
	b.Helper()
	const rounds = 8
	var s *sqlite.Store
	var lease conversions.Lease
	b.StopTimer()
	b.ResetTimer()
	for i := range b.N {
		if i%rounds == 0 {
			s = openBench(b)
			lease = queued(b, s, rounds*claim)
		}
		batch := batchOf(b, s, i)
		if timeBegin {
			b.StartTimer()
		}
		batch, err := s.Begin(b.Context(), lease, batch)
		b.StopTimer()
		if err != nil {
			b.Fatal(err)
		}
		set := settlement(batch, conversions.Answer{Verdict: conversions.Done}, benchNow)
		if !timeBegin {
			b.StartTimer()
		}
		err = s.Settle(b.Context(), lease, set)
		b.StopTimer()
		if err != nil {
			b.Fatal(err)
		}
	}
}
