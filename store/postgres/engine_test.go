package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/quick"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"closeloop/conversions"
	"closeloop/store/postgres"
	"closeloop/store/postgres/pgtest"
)

func TestLogsAreAppendOnly(t *testing.T) {
	t.Parallel()
	dsn := server.Database(t)
	s := open(t, dsn, postgres.Options{})
	queued(t, s, 3)
	conn := pool(t, dsn)
	for _, text := range []string{
		"UPDATE event SET kind = 'x'", "DELETE FROM event", "TRUNCATE event", "UPDATE ledger SET uploads = 0", "DELETE FROM ledger", "TRUNCATE ledger",
	} {
		if _, err := conn.Exec(t.Context(), text); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: got %v, want it refused", text, err)
		}
	}
}

// TestSettings: what the program relies on holds whatever the database says.
func TestSettings(t *testing.T) {
	t.Parallel()
	dsn := server.Database(t)
	conn := pool(t, dsn)
	name := conn.Config().ConnConfig.Database
	if _, err := conn.Exec(t.Context(), "ALTER DATABASE "+name+" SET synchronous_commit = off"); err != nil {
		t.Fatal(err)
	}
	s := open(t, dsn, postgres.Options{})
	for name, want := range map[string]string{
		"synchronous_commit": "on", "idle_in_transaction_session_timeout": "10s", "lock_timeout": "15s", "jit": "off",
		"enable_hashjoin": "off", "enable_mergejoin": "off", "enable_bitmapscan": "off", "enable_sort": "off",
	} {
		if got, err := s.Show(t.Context(), name); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestQuotedTextsComeBack(t *testing.T) {
	t.Parallel()
	check := func(text string) bool {
		stored := postgres.Quoted(text)
		return postgres.Unquoted(stored) == text && !strings.Contains(stored, "\x00") && strings.ToValidUTF8(stored, "") == stored
	}
	for _, text := range []string{"", "plain", "\x00", `\`, `\x00`, `\\x`, "a\xffb", "é\x00\\", "\xc3", `ends\`, "\uFFFD"} {
		if !check(text) {
			t.Errorf("%q is stored as %q and comes back as %q", text, postgres.Quoted(text), postgres.Unquoted(postgres.Quoted(text)))
		}
	}
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
	if err := quick.Check(func(raw []byte) bool { return check(string(raw)) }, nil); err != nil {
		t.Error(err)
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   error
		tries int
	}{
		{&pgconn.PgError{Code: "40001"}, 8},
		{&pgconn.PgError{Code: "40P01"}, 8},
		{&pgconn.PgError{Code: "57P01"}, 8},
		{&pgconn.PgError{Code: "08006"}, 8},
		{errors.New("broken pipe"), 8},
		{&pgconn.PgError{Code: "23505"}, 1},
		{&pgconn.PgError{Code: "53100"}, 1},
		{context.Canceled, 1},
		{nil, 1},
	} {
		n := 0
		waits, err := postgres.Retry(t.Context(), 0.5, func() error { n++; return c.err })
		if n != c.tries || len(waits) != c.tries-1 || (err == nil) != (c.err == nil) {
			t.Errorf("%v: tried %d times, waited %v, ended with %v; want %d tries", c.err, n, waits, err, c.tries)
		}
		for i, w := range waits {
			if want := 15 * time.Millisecond << i; w != want {
				t.Errorf("%v: wait %d is %v, want %v", c.err, i, w, want)
			}
		}
	}
	n := 0
	_, err := postgres.Retry(t.Context(), 0, func() error {
		if n++; n < 3 {
			return &pgconn.PgError{Code: "40001"}
		}
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("what passes: tried %d times, %v; want 3 and no error", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := postgres.Retry(ctx, 0, func() error { n++; return &pgconn.PgError{Code: "40001"} }); err == nil || n != 4 {
		t.Errorf("under an ended context: tried %d times, %v; want once", n-3, err)
	}
}

// TestErrorsQuoteNothing: PostgreSQL's own words would name the batch.
func TestErrorsQuoteNothing(t *testing.T) {
	t.Parallel()
	s := open(t, server.Database(t), postgres.Options{})
	lease := queued(t, s, 1)
	rows, err := s.Due(t.Context(), "acme", conversions.Claim{Now: benchNow, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.Begin(t.Context(), lease, batchOf(rows, 1)); err != nil {
		t.Fatal(err)
	}
	_, err = s.Begin(t.Context(), lease, batchOf(rows, 1))
	var e *postgres.Error
	if !errors.As(err, &e) || e.Code != "23505" || e.Constraint != "batch_id" || strings.Contains(err.Error(), "Key") {
		t.Errorf("Begin of a batch id that is taken: got %v, want its code and constraint", err)
	}
}

// TestSameDeliveriesOnTwoReplicas: each is stored once, and nobody deadlocks.
func TestSameDeliveriesOnTwoReplicas(t *testing.T) {
	t.Parallel()
	dsn := server.Database(t)
	replicas := []*postgres.Store{open(t, dsn, postgres.Options{}), open(t, dsn, postgres.Options{})}
	const n = 600
	var mu sync.Mutex
	first := map[int64]int{}
	seqs := map[int64]int64{}
	spread(t, 32, 2*n, func(i int64) error {
		body := i % n
		if i > n {
			body = (i * 7919) % n // the other replica has them in another order
		}
		r, err := replicas[i/(n+1)].Append(context.Background(), sample(body, "L"))
		mu.Lock()
		defer mu.Unlock()
		if !r.Duplicate {
			first[body]++
		}
		if seq, seen := seqs[body]; seen && seq != r.Seq {
			t.Errorf("copies of delivery %d have seqs %d and %d", body, seq, r.Seq)
		}
		seqs[body] = r.Seq
		return err
	})
	for body := range int64(n) {
		if first[body] != 1 {
			t.Errorf("delivery %d was stored %d times, want once", body, first[body])
		}
	}
}

// TestSourceThatMoved: a delivery of a source that is bound to another account
// by now is still the same delivery.
func TestSourceThatMoved(t *testing.T) {
	t.Parallel()
	dsn := server.Database(t)
	one, other := open(t, dsn, postgres.Options{}), open(t, dsn, postgres.Options{})
	e := sample(1, "L1")
	was, err := one.Append(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	e.Account = "another"
	is, err := other.Append(t.Context(), e)
	if want := (conversions.Receipt{Seq: was.Seq, Duplicate: true}); err != nil || is != want {
		t.Errorf("got %+v, %v; want %+v", is, err, want)
	}
}

// waiting waits until so many connections to the database wait for a lock, or
// until ended says that there is nothing to wait for.
func waiting(t *testing.T, conn *pgxpool.Pool, want int, ended func() bool) {
	t.Helper()
	for n := 0; n < want && !ended(); {
		err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTagBesideOtherEvent has an event of a lead on its way into the log, held
// up by another transaction, while another replica stores the lead's first tag
// and a third folds it. Neither saw the other; still the lead is folded again.
func TestTagBesideOtherEvent(t *testing.T) {
	t.Parallel()
	dsn := server.Database(t)
	one, two := open(t, dsn, postgres.Options{}), open(t, dsn, postgres.Options{})
	lease := queued(t, one, 1) // the sources are bound
	conn := pool(t, dsn)
	other, tag := sample(100, "L1"), sample(101, "L1")
	other.Outcome = ""
	hold, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = hold.Exec(t.Context(), `INSERT INTO event (received, account, source, body, lead, kind, outcome, doc)
		VALUES (1, 'acme', 'varda', $1, '', '', '', '')`, other.Body[:])
	if err != nil {
		t.Fatal(err)
	}
	stored := make(chan error, 1)
	go func() {
		_, err := two.Append(context.Background(), other)
		stored <- err
	}()
	waiting(t, conn, 1, func() bool { return len(stored) > 0 })
	if _, err := one.Append(t.Context(), tag); err != nil {
		t.Fatal(err)
	}
	works, err := one.Unfolded(t.Context(), "acme", 10)
	if err != nil || len(works) != 1 || len(works[0].Events) != 1 {
		t.Fatalf("leads to fold: %+v, %v; want the one that was tagged, without its other event", works, err)
	}
	if err := one.Decide(t.Context(), lease, []conversions.Decision{{Source: "varda", Lead: "L1", Inbox: works[0].Inbox}}); err != nil {
		t.Fatal(err)
	}
	if err := hold.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-stored; err != nil {
		t.Fatal(err)
	}
	works, err = one.Unfolded(t.Context(), "acme", 10)
	if err != nil || len(works) != 1 || len(works[0].Events) != 2 {
		t.Errorf("leads to fold when both are stored: %+v, %v; want the lead with both events", works, err)
	}
}

// TestDuplicateIsLookedAtAgain: whoever stored an event may have died before
// the second look.
func TestDuplicateIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	dsn := server.Database(t)
	s := open(t, dsn, postgres.Options{})
	plain, tag := sample(1, "L1"), sample(2, "L1")
	plain.Outcome = ""
	for _, e := range []conversions.Event{plain, tag} {
		if _, err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	sql(t, dsn, "DELETE FROM inbox") // folded, without having seen the other event
	for _, c := range []struct {
		e    conversions.Event
		want int
	}{{tag, 0}, {plain, 1}} {
		if r, err := s.Append(t.Context(), c.e); err != nil || !r.Duplicate {
			t.Fatalf("got %+v, %v; want a duplicate", r, err)
		}
		works, err := s.Unfolded(t.Context(), "acme", 10)
		if err != nil || len(works) != c.want {
			t.Errorf("leads to fold after the duplicate of a tag %t: %d, %v; want %d", c.e.Outcome != "", len(works), err, c.want)
		}
	}
}

// TestTakeoverWaitsForAWrite: a lease is not taken while its holder's write is
// under way, so that write is its last.
func TestTakeoverWaitsForAWrite(t *testing.T) {
	t.Parallel()
	dsn := server.Database(t)
	s := open(t, dsn, postgres.Options{})
	lease := queued(t, s, 1)
	conn := pool(t, dsn)
	hold, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hold.Exec(t.Context(), "LOCK TABLE ledger IN EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	write, taken := make(chan error, 1), make(chan conversions.Lease, 1)
	go func() {
		write <- s.Pause(context.Background(), lease, conversions.Paused{Account: "acme", Since: benchNow})
	}()
	waiting(t, conn, 1, func() bool { return len(write) > 0 })
	go func() {
		l, err := s.Acquire(context.Background(), "acme", "successor", lease.Until)
		if err != nil {
			t.Error(err)
		}
		taken <- l
	}()
	waiting(t, conn, 2, func() bool { return len(taken) > 0 })
	if len(taken) > 0 {
		t.Error("the lease was taken while a write was under way")
	}
	if err := hold.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-write; err != nil {
		t.Errorf("the write under way: %v", err)
	}
	if l := <-taken; l.Token != lease.Token+1 {
		t.Errorf("token of the successor: got %d, want %d", l.Token, lease.Token+1)
	}
	if err := s.Record(t.Context(), lease, nil); !errors.Is(err, conversions.ErrLeaseLost) {
		t.Errorf("a write of the predecessor: got %v, want ErrLeaseLost", err)
	}
}

// TestRestart crashes the server under a store that goes on.
func TestRestart(t *testing.T) {
	t.Parallel()
	own := pgtest.Server{Migrate: migrated}
	t.Cleanup(own.Close)
	s := open(t, own.Database(t), postgres.Options{Conns: 2})
	for i := range int64(5) {
		if _, err := s.Append(t.Context(), sample(i, "L1")); err != nil {
			t.Fatal(err)
		}
		own.Restart(t)
		if _, err := s.Pauses(t.Context(), "acme"); err != nil {
			t.Errorf("a query after a restart: %v", err)
		}
	}
	works, err := s.Unfolded(t.Context(), "acme", 1)
	if err != nil || len(works) != 1 || len(works[0].Events) != 5 {
		t.Errorf("after the restarts: %d leads, %v; want one with 5 events", len(works), err)
	}
}

// TestLostAnswers cuts connections between the server's commit and its answer.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	dsn := server.Database(t)
	p := newCutter(t, dsn)
	s := open(t, p.dsn, postgres.Options{Conns: 1})
	if _, err := s.Append(t.Context(), sample(1, "L1")); err != nil {
		t.Fatal(err)
	}
	p.cutAfter("event_seq_seq")
	r, err := s.Append(t.Context(), sample(2, "L1"))
	if err != nil || r.Duplicate || r.Seq == 0 {
		t.Errorf("Append whose answer was lost: got %+v, %v; want it stored, not a duplicate", r, err)
	}
	if p.cuts() != 1 {
		t.Fatalf("the connection was cut %d times, want once", p.cuts())
	}
	again, err := s.Append(t.Context(), sample(2, "L1"))
	if want := (conversions.Receipt{Seq: r.Seq, Duplicate: true}); err != nil || again != want {
		t.Errorf("the same delivery again: got %+v, %v; want %+v", again, err, want)
	}
	next := conversions.Plan{Account: "acme", Spec: "* * * * *", Next: benchNow}
	if _, err := s.Advance(t.Context(), conversions.Plan{}, next); err != nil {
		t.Fatal(err)
	}
	p.cutAfter("UPDATE plan")
	if won, err := s.Advance(t.Context(), next, conversions.Plan{Account: "acme", Spec: "x", Next: benchNow}); err == nil || won {
		t.Errorf("Advance whose answer was lost: got %t, %v; want an error, for nobody knows", won, err)
	}
}
