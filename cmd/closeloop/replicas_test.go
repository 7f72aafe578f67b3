package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"closeloop/store/postgres/pgtest"
)

// fleetSize is how many accounts two replicas share: a few in a test, 200 for
// `make replicas`.
var fleetSize = flag.Int("replicas.accounts", 6, "how many accounts the replicas of TestReplicas share")

// fleetTick is the accounts' schedule: every so often.
const fleetTick = 5 * time.Second

// fleet is replicas that share a database, a configuration and a sandbox.
type fleet struct {
	loop

	dsn      string
	accounts int
	replicas []*replica

	mu        sync.Mutex
	delivered int // deliveries that were answered 202
	refused   int // deliveries that a dead replica did not take; each went to another then
}

// replica is one server.
type replica struct {
	*process

	url  string
	gone bool // guarded by the fleet's mu
}

func newFleet(t *testing.T, accounts int) *fleet {
	t.Helper()
	f := &fleet{loop: loop{dir: t.TempDir()}, dsn: server.Database(t), accounts: accounts}
	token, grpc := f.startSandbox(t)
	var text strings.Builder
	fmt.Fprintf(&text, "database: %s\nlisten: {address: \"127.0.0.1:0\"}\nschedule_spread: 0s\nreplicas: 2\nsources:\n", f.dsn)
	for n := range accounts {
		fmt.Fprintf(&text, "  - {name: s%d, key: s%d, type: varda, account: a%d, secrets: [%s], phone_region: US}\n", n, n, n, e2eSecret)
	}
	text.WriteString("accounts:\n")
	for n := range accounts {
		fmt.Fprintf(&text, "  - {name: a%d, customer: \"1234567890\", api: google_ads, mode: live, schedule: \"@every %s\", zone: America/New_York, "+
			"currency: USD, consent: granted, stages: {booked: {action: \"1001\"}}, "+
			"credentials: {refresh_token: {client_id: a, client_secret: b, refresh_token: c}, token_url: \"%s\"}, "+
			"endpoint: \"%s\", plaintext: true}\n", n, fleetTick, token, grpc)
	}
	f.config = filepath.Join(f.dir, "closeloop.yaml")
	if err := os.WriteFile(f.config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		p, url := f.serve(t)
		f.replicas = append(f.replicas, &replica{process: p, url: url})
	}
	return f
}

// deliver delivers the n-th outcome to a replica, and to another if that one
// is dead, as a load balancer would.
func (f *fleet) deliver(t *testing.T, n int) {
	t.Helper()
	body, path := outcome(n+1, "booked", 100_00+n, sampleID(n)), fmt.Sprintf("/webhooks/s%d", n%f.accounts)
	for _, i := range rand.Perm(len(f.replicas)) {
		r := f.replicas[i]
		f.mu.Lock()
		gone := r.gone
		f.mu.Unlock()
		if gone {
			continue
		}
		status, text, err := deliverTo(http.DefaultClient, r.url+path, body)
		f.mu.Lock()
		if err == nil && status == http.StatusAccepted {
			f.delivered++
			f.mu.Unlock()
			return
		}
		f.refused++
		f.mu.Unlock()
		if err == nil {
			t.Errorf("delivery %d is answered %d %s", n, status, text)
		}
	}
	t.Errorf("delivery %d is taken by nobody", n)
}

// deliverAll delivers without an end: first one outcome of every account, then
// one after the other. It returns when ctx ends.
func (f *fleet) deliverAll(ctx context.Context, t *testing.T) {
	t.Helper()
	gap := time.NewTicker(50 * time.Millisecond)
	defer gap.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		f.deliver(t, n)
		if n < f.accounts {
			continue
		}
		select {
		case <-ctx.Done():
		case <-gap.C:
		}
	}
}

// pid is how leases name a process.
func (r *replica) pid() string { return fmt.Sprintf("%%/%d/%%", r.cmd.Process.Pid) }

// leased are the accounts that a replica holds.
func (f *fleet) leased(t *testing.T, r *replica) int {
	t.Helper()
	return len(pgtest.Look(t, f.dsn, `SELECT account FROM lease WHERE holder LIKE '`+r.pid()+`'`))
}

// flying are the batches without an answer of accounts that a replica holds.
func (f *fleet) flying(t *testing.T, r *replica) []string {
	t.Helper()
	var ids []string
	for _, row := range pgtest.Look(t, f.dsn, `SELECT b.id FROM batch AS b JOIN lease AS l ON l.account = b.account
		WHERE b.settled IS NULL AND l.holder LIKE '`+r.pid()+`'`) {
		ids = append(ids, row[0])
	}
	return ids
}

// await waits until f says that it is so, and fails the test after limit.
func await(t *testing.T, what string, limit time.Duration, f func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !f() {
		if time.Since(began) > limit {
			t.Fatalf("after %s still not: %s", limit, what)
		}
		<-time.After(100 * time.Millisecond)
	}
	return time.Since(began)
}

// runs are the runs in which a replica did something, by account and the tick
// that they began in.
func (r *replica) runs(t *testing.T) map[string]int {
	t.Helper()
	line := regexp.MustCompile(`(?m)^time=(\S+) level=INFO msg=run account=(\S+) .*? took=(\S+) `)
	runs := map[string]int{}
	for _, m := range line.FindAllStringSubmatch(r.printed(), -1) {
		ended, err := time.Parse(time.RFC3339, m[1])
		took, terr := time.ParseDuration(m[3])
		if err != nil || terr != nil {
			t.Fatalf("the line of a run cannot be read: %s", m[0])
		}
		runs[m[2]+" "+ended.Add(-took).Truncate(fleetTick).Format(time.TimeOnly)]++
	}
	return runs
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	f := newFleet(t, *fleetSize)
	// Calls take a while, so that no replica is done with an account before the other has looked at the next one.
	f.fault(t, `{"kind":"slow","delay":"500ms","times":-1}`)
	ctx, stop := context.WithCancel(t.Context())
	var deliveries sync.WaitGroup
	defer deliveries.Wait()
	defer stop()
	deliveries.Go(func() { f.deliverAll(ctx, t) })

	await(t, "every account has sent something", time.Minute, func() bool {
		sent := pgtest.Look(t, f.dsn, `SELECT count(DISTINCT account)::text FROM batch WHERE settled IS NOT NULL`)
		return sent[0][0] == strconv.Itoa(f.accounts)
	})
	await(t, "both replicas have made runs", time.Minute, func() bool {
		return len(f.replicas[0].runs(t)) > f.accounts/2 && len(f.replicas[1].runs(t)) > f.accounts/2
	})
	f.oneRunPerTick(t)

	// A slow Google, so that batches are under way: of every second one all is
	// done but the answer.
	f.mends(t)
	for n := range 20 {
		f.fault(t, fmt.Sprintf(`{"kind":"slow","delay":"8s","after_work":%t}`, n%2 == 0))
	}
	var dies, lives *replica
	await(t, "batches of a replica are under way", time.Minute, func() bool {
		for n, r := range f.replicas {
			if len(f.flying(t, r)) >= min(1+f.accounts/50, 4) { // the calls of a replica at a time
				dies, lives = r, f.replicas[1-n]
			}
		}
		return dies != nil
	})
	if err := dies.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	f.mends(t) // what is measured is the takeover, not how slow Google still is
	f.mu.Lock()
	dies.gone = true
	f.mu.Unlock()
	orphans := f.leased(t, dies)
	flying := f.flying(t, dies)
	takeover := await(t, "the dead replica's accounts are taken over", 75*time.Second, func() bool {
		return f.leased(t, dies) == 0 && f.settled(t, flying)
	})
	if takeover > time.Minute {
		t.Errorf("the dead replica's accounts were taken over after %s, want within a minute", takeover)
	}
	stop()
	deliveries.Wait()
	await(t, "everything that was delivered is done", time.Minute, func() bool {
		open := pgtest.Look(t, f.dsn, `SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM conversion WHERE state <> 'done')
			+ (SELECT count(*) FROM batch WHERE settled IS NULL)`)
		return open[0][0] == "0"
	})
	doubled, lost := f.compare(t)
	t.Logf("accounts %d, deliveries %d (%d sent to the dead replica first), rows %d, doubled %d, lost %d",
		f.accounts, f.delivered, f.refused, len(f.held(t)), doubled, lost)
	t.Logf("runs that sent or settled something: %d by the replica that was killed, %d by the other", sum(dies.runs(t)), sum(lives.runs(t)))
	t.Logf("killed at %s with %d accounts leased and %d batches under way; all taken over and answered %.1f s later",
		killed.Format(time.TimeOnly), orphans, len(flying), takeover.Seconds())
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// oneRunPerTick checks that no account was run twice for one tick of its
// schedule.
func (f *fleet) oneRunPerTick(t *testing.T) {
	t.Helper()
	ticks := map[string]int{}
	for _, r := range f.replicas {
		for tick, n := range r.runs(t) {
			ticks[tick] += n
		}
	}
	if len(ticks) < f.accounts {
		t.Errorf("the log tells of %d runs, want one of each of the %d accounts at least", len(ticks), f.accounts)
	}
	for tick, n := range ticks {
		if n > 1 {
			t.Errorf("account and tick %s: %d runs, want one", tick, n)
		}
	}
}

// settled reports whether the batches have answers.
func (f *fleet) settled(t *testing.T, ids []string) bool {
	t.Helper()
	open := map[string]bool{}
	for _, row := range pgtest.Look(t, f.dsn, `SELECT id FROM batch WHERE settled IS NULL`) {
		open[row[0]] = true
	}
	for _, id := range ids {
		if open[id] {
			return false
		}
	}
	return true
}

// compare counts what Google holds more than once, and what it lacks of what
// was answered 202.
func (f *fleet) compare(t *testing.T) (doubled, lost int) {
	t.Helper()
	clicks := map[any]int{}
	for _, c := range f.held(t) {
		clicks[c["click_id"]]++
		if clicks[c["click_id"]] > 1 {
			doubled++
		}
	}
	for n := range f.delivered {
		if clicks[sampleID(n)] == 0 {
			lost++
		}
	}
	if doubled > 0 || lost > 0 {
		t.Errorf("of %d deliveries %d are at Google twice and %d not at all", f.delivered, doubled, lost)
	}
	return doubled, lost
}
