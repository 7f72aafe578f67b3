package postgres_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"closeloop/conversions"
	"closeloop/store/postgres"
)

var benchNow = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant in all but syntax

// claim is how many rows a batch has.
const claim = 2000

// sample is a delivery as they come: a tag with a click id, a contact and a
// hash.
func sample(i int64, lead string) conversions.Event {
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
			Contact: fmt.Sprintf("contact-%d", i/5), PhoneHash: hex.EncodeToString(sum[:]),
		},
	}
}

func open(tb testing.TB, dsn string, opts postgres.Options) *postgres.Store {
	tb.Helper()
	s, err := postgres.Open(tb.Context(), dsn, opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// spread runs f from c goroutines, n times in all.
func spread(tb testing.TB, c, n int, f func(i int64) error) {
	tb.Helper()
	var next atomic.Int64
	failed := make(chan error, c)
	for range c {
		go func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := f(i); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range c {
		if err := <-failed; err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkAppend takes deliveries, tags and others, beside the ceiling: one
// table, one deduplicating index, the same group commit, nothing else.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("c=%d/tag", c), func(b *testing.B) { appendEvents(b, c, "booked") })
		b.Run(fmt.Sprintf("c=%d/bare", c), func(b *testing.B) { appendBare(b, c) })
		b.Run(fmt.Sprintf("c=%d/other", c), func(b *testing.B) { appendEvents(b, c, "") })
	}
}

func appendEvents(b *testing.B, c int, outcome conversions.Outcome) {
	b.Helper()
	s := open(b, disk.Database(b), postgres.Options{})
	b.ResetTimer()
	spread(b, c, b.N, func(i int64) error {
		e := sample(i, fmt.Sprintf("call_%d", i/4))
		e.Outcome = outcome
		_, err := s.Append(context.Background(), e)
		return err
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func appendBare(b *testing.B, c int) {
	b.Helper()
	put := openBare(b)
	payload := make([]byte, 800)
	for i := range payload {
		payload[i] = "0123456789abcdef"[i*7919%16]
	}
	b.ResetTimer()
	spread(b, c, b.N, func(i int64) error { return put(sample(i, "L").Body, payload) })
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

type bareRow struct {
	key     [16]byte
	payload []byte
	done    chan error
}

func pool(tb testing.TB, dsn string) *pgxpool.Pool {
	tb.Helper()
	p, err := pgxpool.New(tb.Context(), dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return p
}

func openBare(b *testing.B) func([16]byte, []byte) error {
	b.Helper()
	db := pool(b, disk.Empty(b))
	if _, err := db.Exec(b.Context(), `CREATE TABLE bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key bytea NOT NULL,
		payload bytea NOT NULL); CREATE UNIQUE INDEX bare_key ON bare (key)`); err != nil {
		b.Fatal(err)
	}
	queue := make(chan bareRow, 512)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for first := range queue {
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
			keys, payloads := make([][]byte, len(group)), make([][]byte, len(group))
			for i, r := range group {
				keys[i], payloads[i] = r.key[:], r.payload
			}
			_, err := db.Exec(context.Background(), `INSERT INTO bare (key, payload) SELECT * FROM unnest($1::bytea[], $2::bytea[])
				ON CONFLICT DO NOTHING`, keys, payloads)
			for _, r := range group {
				r.done <- err
			}
		}
	}()
	b.Cleanup(func() { close(queue); <-ended })
	return func(key [16]byte, payload []byte) error {
		r := bareRow{key, payload, make(chan error, 1)}
		queue <- r
		return <-r.done
	}
}

// queued fills a store with n rows that are due.
func queued(tb testing.TB, s *postgres.Store, n int) conversions.Lease {
	tb.Helper()
	ctx := tb.Context()
	lease, err := s.Acquire(ctx, "acme", "bench", benchNow)
	if err != nil {
		tb.Fatal(err)
	}
	spread(tb, 64, n, func(i int64) error {
		_, err := s.Append(ctx, sample(i, fmt.Sprintf("call_%d", i)))
		return err
	})
	for {
		works, err := s.Unfolded(ctx, "acme", claim)
		if err != nil {
			tb.Fatal(err)
		}
		if len(works) == 0 {
			return lease
		}
		if err := s.Decide(ctx, lease, decisions(works)); err != nil {
			tb.Fatal(err)
		}
	}
}

func decisions(works []conversions.LeadWork) []conversions.Decision {
	ds := make([]conversions.Decision, len(works))
	for i, w := range works {
		ds[i] = conversions.Decision{Source: w.Source, Lead: w.Lead, Inbox: w.Inbox, Entries: []conversions.Entry{decided(w.Events[0])}}
	}
	return ds
}

func decided(e conversions.Event) conversions.Entry {
	key := conversions.Key{Account: e.Account, Source: e.Source, Lead: e.Lead, Stage: conversions.StageBooked}
	return conversions.Entry{
		Account: e.Account, Kind: conversions.EntryDecided, At: benchNow, Key: &key, Version: 1, ClickID: e.Person.Clicks[0].ID,
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

func dueRows(tb testing.TB, s *postgres.Store) []conversions.Row {
	tb.Helper()
	rows, err := s.Due(tb.Context(), "acme", conversions.Claim{Now: benchNow, Limit: claim})
	if err != nil || len(rows) != claim {
		tb.Fatalf("%d rows are due, %v; want %d", len(rows), err, claim)
	}
	return rows
}

func batchOf(rows []conversions.Row, id int) conversions.Batch {
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

func settlement(rows []conversions.Row, batch conversions.Batch) conversions.Settlement {
	set := conversions.Settlement{Batch: batch.ID, At: benchNow, RequestID: "r", JobID: 1}
	for i, it := range batch.Items {
		set.Entries = append(set.Entries, rows[i].Answered(batch, it, conversions.Answer{Verdict: conversions.Done}, benchNow))
	}
	return set
}

// BenchmarkBatch2000 is claim and settlement, beside the ceiling.
func BenchmarkBatch2000(b *testing.B) {
	b.Run("closeloop", batch2000)
	b.Run("bare", bareBatch2000)
}

// batch2000 takes fresh rows through claim and settlement again and
// again and tells how long each step took: due, begin, settle, and decide, all
// of 2,000.
func batch2000(b *testing.B) {
	const rounds = 5
	var s *postgres.Store
	var lease conversions.Lease
	var due, begin, settle time.Duration
	for i := range b.N {
		if i%rounds == 0 {
			b.StopTimer()
			s = open(b, disk.Database(b), postgres.Options{})
			lease = queued(b, s, rounds*claim)
			b.StartTimer()
		}
		start := time.Now()
		rows := dueRows(b, s)
		due += time.Since(start)
		batch := batchOf(rows, i)
		start = time.Now()
		batch, err := s.Begin(b.Context(), lease, batch)
		begin += time.Since(start)
		if err != nil {
			b.Fatal(err)
		}
		set := settlement(rows, batch)
		start = time.Now()
		err = s.Settle(b.Context(), lease, set)
		settle += time.Since(start)
		if err != nil {
			b.Fatal(err)
		}
	}
	for name, d := range map[string]time.Duration{"due-ms": due, "begin-ms": begin, "settle-ms": settle, "claim-ms": due + begin} {
		b.ReportMetric(float64(d.Microseconds())/1000/float64(b.N), name)
	}
}

// bareBatch2000 is the same on a shape that is as narrow as it gets,
// statements alone: claim is the lease's row, the rows that are due, one
// manifest of their ids; settle deletes them and writes 2,000 ledger rows.
func bareBatch2000(b *testing.B) {
	const rounds = 5
	var db *pgxpool.Pool
	var claiming, settling time.Duration
	for i := range b.N {
		if i%rounds == 0 {
			b.StopTimer()
			db = pool(b, disk.Empty(b))
			if _, err := db.Exec(b.Context(), fmt.Sprintf(bareSchema, rounds*claim)); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
		start := time.Now()
		ids := bareClaim(b, db)
		claiming += time.Since(start)
		start = time.Now()
		bareSettle(b, db, ids)
		settling += time.Since(start)
	}
	b.ReportMetric(float64(claiming.Microseconds())/1000/float64(b.N), "claim-ms")
	b.ReportMetric(float64(settling.Microseconds())/1000/float64(b.N), "settle-ms")
}

const bareSchema = `
	CREATE TABLE lease (account bigint PRIMARY KEY, token bigint NOT NULL);
	CREATE TABLE pending (account bigint NOT NULL, due bigint NOT NULL, id bigint NOT NULL, PRIMARY KEY (account, due, id));
	CREATE TABLE batch (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, token bigint NOT NULL, ids bigint[] NOT NULL);
	CREATE TABLE ledger (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id bigint NOT NULL, body text NOT NULL);
	INSERT INTO lease VALUES (1, 0);
	INSERT INTO pending SELECT 1, i %% 97, i FROM generate_series(1, %d) AS i;
	ANALYZE`

func bareClaim(b *testing.B, db *pgxpool.Pool) []int64 {
	b.Helper()
	var ids []int64
	err := pgx.BeginFunc(b.Context(), db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(b.Context(), `UPDATE lease SET token = token + 1 WHERE account = 1`); err != nil {
			return err
		}
		rows, err := tx.Query(b.Context(), `SELECT id FROM pending WHERE account = 1 AND due <= 1000 ORDER BY due, id LIMIT $1`, claim)
		if err != nil {
			return err
		}
		if ids, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
			return err
		}
		_, err = tx.Exec(b.Context(), `INSERT INTO batch (token, ids) VALUES (1, $1)`, ids)
		return err
	})
	if err != nil || len(ids) != claim {
		b.Fatal(len(ids), err)
	}
	return ids
}

func bareSettle(b *testing.B, db *pgxpool.Pool, ids []int64) {
	b.Helper()
	err := pgx.BeginFunc(b.Context(), db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(b.Context(), `SELECT token FROM lease WHERE account = 1 FOR UPDATE`); err != nil {
			return err
		}
		if _, err := tx.Exec(b.Context(), `DELETE FROM pending WHERE account = 1 AND id = ANY ($1)`, ids); err != nil {
			return err
		}
		_, err := tx.Exec(b.Context(), `INSERT INTO ledger (id, body) SELECT id, $2 FROM unnest($1::bigint[]) AS id`, ids,
			`{"verdict":1,"batch":"b1","value":25000,"at":"2026-06-01T12:00:00Z"}`)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}
