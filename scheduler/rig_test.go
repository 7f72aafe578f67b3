package scheduler_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/gclid"
	"closeloop/googleads"
	"closeloop/googleauth"
	"closeloop/sandbox"
	"closeloop/scheduler"
	"closeloop/store/sqlite"
)

const (
	acme     = conversions.AccountID("acme")
	customer = "1234567890"
	booked   = "11"
	quoted   = "12"
	day      = 24 * time.Hour
)

// start is when tests begin: a Monday.
func start() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }

// clock is a clock that stands until it is moved.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(start().UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// rules are those of the account acme.
func rules() conversions.Rules {
	return conversions.Rules{
		Account: acme, Target: conversions.Target{API: conversions.APIGoogleAds, Customer: customer},
		Mode: conversions.ModeLive, Currency: "USD", Consent: conversions.ConsentRuleGranted,
		Hold: conversions.DefaultHold, Settle: conversions.DefaultSettle, ClickWait: conversions.DefaultClickWait,
		WithdrawWait: conversions.DefaultWithdrawWait,
		Stages: map[conversions.Stage]conversions.StageRules{
			conversions.StageBooked: {Action: booked, Share: conversions.Whole},
			conversions.StageQuoted: {Action: quoted, Share: 2000},
		},
	}
}

// rig is a store, a clock and what a scheduler needs beside them.
type rig struct {
	t       testing.TB
	clock   *clock
	path    string
	store   *sqlite.Store
	rules   conversions.Rules
	options sqlite.Options
	bodies  atomic.Int64
	names   atomic.Int64
}

func newRig(tb testing.TB) *rig {
	tb.Helper()
	return newRigIn(tb, tb.TempDir(), sqlite.Options{})
}

func newRigIn(tb testing.TB, dir string, o sqlite.Options) *rig {
	tb.Helper()
	r := &rig{t: tb, clock: newClock(), path: filepath.Join(dir, "closeloop.db"), rules: rules(), options: o}
	r.store = r.open()
	return r
}

// open opens the rig's file once more, as another process would.
func (r *rig) open() *sqlite.Store {
	r.t.Helper()
	s, err := sqlite.Open(context.Background(), r.path, r.options)
	if err != nil {
		r.t.Fatalf("open store: %v", err)
	}
	r.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			r.t.Errorf("close store: %v", err)
		}
	})
	return s
}

func (r *rig) newID() string { return "id" + strconv.FormatInt(r.names.Add(1), 10) }

// config is that of a scheduler of the account acme.
func (r *rig) config(d scheduler.Destination) scheduler.Config {
	return scheduler.Config{
		Store: r.store, Match: gclid.Belonging, Now: r.clock.now, NewID: r.newID, Holder: "one",
		Logger: slog.New(slog.DiscardHandler),
		Accounts: []scheduler.Account{{
			Rules: r.rules, Zone: time.UTC, Destinations: googleAds(d), Schedule: schedule(r.t, "0 * * * *", time.UTC),
		}},
	}
}

// googleAds is the connections of an account of the Google Ads API.
func googleAds(d scheduler.Destination) map[conversions.API]scheduler.Destination {
	return map[conversions.API]scheduler.Destination{conversions.APIGoogleAds: d}
}

func (r *rig) scheduler(d scheduler.Destination) *scheduler.Scheduler {
	return scheduler.New(r.config(d))
}

// run makes one run with a scheduler of its own.
func (r *rig) run(d scheduler.Destination) scheduler.Report {
	r.t.Helper()
	return r.runOn(r.scheduler(d))
}

func (r *rig) runOn(s *scheduler.Scheduler) scheduler.Report {
	r.t.Helper()
	report, err := s.RunNow(r.t.Context(), acme, false)
	if err != nil {
		r.t.Fatalf("RunNow: %v", err)
	}
	return report
}

// change makes variants of an event.
type change func(*conversions.Event)

func click(id string) change {
	return func(e *conversions.Event) {
		e.Person.Clicks = append(e.Person.Clicks, conversions.FoundClick{
			Click: conversions.Click{Kind: conversions.GCLID, ID: id}, Place: conversions.PlaceField,
		})
	}
}

func worth(c conversions.Cents) change {
	return func(e *conversions.Event) { e.Amounts.Actual = &c }
}

func at(when time.Time) change {
	return func(e *conversions.Event) { e.At, e.Received = when, when.Add(time.Second) }
}

func denied(e *conversions.Event) { e.Consent = conversions.ConsentDenied }

// ago is how long before the clock's now the event happened.
func (r *rig) ago(d time.Duration) change { return at(r.clock.now().Add(-d)) }

func (r *rig) event(lead conversions.LeadID, outcome conversions.Outcome, changes ...change) conversions.Event {
	now := r.clock.now()
	e := conversions.Event{
		Account: acme, Source: "src_1", Kind: "call.outcome_tagged", Lead: lead, Outcome: outcome, At: now, Received: now,
	}
	sum := sha256.Sum256([]byte(strconv.FormatInt(r.bodies.Add(1), 10)))
	copy(e.Body[:], sum[:])
	for _, c := range changes {
		c(&e)
	}
	return e
}

// happens stores an event.
func (r *rig) happens(lead conversions.LeadID, outcome conversions.Outcome, changes ...change) {
	r.t.Helper()
	r.append(r.event(lead, outcome, changes...))
}

func (r *rig) append(events ...conversions.Event) {
	r.t.Helper()
	var wg sync.WaitGroup
	errs := make(chan error, len(events))
	for part := range slices.Chunk(events, max(1, len(events)/64)) {
		wg.Go(func() {
			for _, e := range part {
				_, err := r.store.Append(context.Background(), e)
				errs <- err
			}
		})
	}
	wg.Wait()
	for range events {
		if err := <-errs; err != nil {
			r.t.Fatalf("append: %v", err)
		}
	}
}

// books stores n bookings of 100.00, 100.01 ..., each a second and each with
// a click of its own, which have been due for an hour.
func (r *rig) books(n int) {
	r.t.Helper()
	events := make([]conversions.Event, n)
	for i := range events {
		when := r.clock.now().Add(-7*time.Hour - time.Duration(n-i)*time.Second)
		events[i] = r.event(lead(i), conversions.OutcomeBooked, at(when), click(clickID(i)), worth(conversions.Cents(10_000+i)))
	}
	r.append(events...)
}

func lead(i int) conversions.LeadID { return conversions.LeadID(fmt.Sprintf("call-%04d", i)) }

func clickID(i int) string { return fmt.Sprintf("CjwKCAjwTestClickNumber%06dLongEnough-AAA_EiwA", i) }

func orderID(l conversions.LeadID, s conversions.Stage) string {
	return conversions.OrderID("src_1", l, s, 0)
}

// rows are all rows of the account, by lead and stage.
func (r *rig) rows() map[string]conversions.Row {
	r.t.Helper()
	list := r.list()
	rows := make(map[string]conversions.Row, len(list))
	for _, row := range list {
		name := string(row.Key.Lead) + " " + string(row.Key.Stage)
		if row.Key.Generation > 0 {
			name += " " + strconv.Itoa(row.Key.Generation)
		}
		rows[name] = row
	}
	return rows
}

// states is how every row stands: "call-1 booked": "done 100.00".
func (r *rig) states() map[string]string {
	r.t.Helper()
	states := map[string]string{}
	for name, row := range r.rows() {
		text := string(row.State)
		if row.Reason != "" {
			text += " " + string(row.Reason)
		}
		if row.Known.Status == conversions.KnownThere || row.Known.Status == conversions.KnownUnanswered {
			text += " " + row.Known.Value.String()
		}
		states[name] = text
	}
	return states
}

// tally counts the states.
func (r *rig) tally() map[string]int {
	r.t.Helper()
	n := map[string]int{}
	for _, row := range r.rows() {
		text := string(row.State)
		if row.Reason != "" {
			text += " " + string(row.Reason)
		}
		n[text]++
	}
	return n
}

func (r *rig) ledger() []conversions.Entry {
	r.t.Helper()
	entries, err := r.store.Ledger(context.Background(), acme, 0, 100_000)
	if err != nil {
		r.t.Fatalf("read ledger: %v", err)
	}
	return entries
}

func (r *rig) unanswered() []conversions.Batch {
	r.t.Helper()
	batches, err := r.store.Unanswered(context.Background(), acme)
	if err != nil {
		r.t.Fatalf("read unanswered batches: %v", err)
	}
	return batches
}

// google starts a sandbox that takes any well-formed click, and a client of it.
func (r *rig) google(changes ...func(*sandbox.Config)) (*sandbox.Server, *googleads.Client) {
	r.t.Helper()
	return google(r.t, r.clock.now, changes...)
}

func google(tb testing.TB, now func() time.Time, changes ...func(*sandbox.Config)) (*sandbox.Server, *googleads.Client) {
	tb.Helper()
	cfg := sandbox.Config{
		Now: now, AnyClick: true, AnyClickAge: time.Minute,
		Customers: []sandbox.Customer{{
			ID: customer, Name: "Acme", Currency: "USD", Zone: "UTC", Allowlisted: true,
			Actions: []sandbox.Action{{ID: 11, Name: "booked", LookbackDays: 90}, {ID: 12, Name: "quoted", LookbackDays: 90}},
		}},
		OAuth: sandbox.OAuth{ClientID: "client", ClientSecret: "client-secret", RefreshToken: "1//refresh", Now: time.Now},
	}
	for _, c := range changes {
		c(&cfg)
	}
	s, err := sandbox.Start(context.Background(), cfg)
	if err != nil {
		tb.Fatalf("start sandbox: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close sandbox: %v", err)
		}
	})
	tokens, err := googleauth.OpenTokens(googleauth.Credentials{
		ClientID: "client", ClientSecret: "client-secret", RefreshToken: "1//refresh", TokenURL: s.TokenURL(),
	}, googleauth.ScopeGoogleAds)
	if err != nil {
		tb.Fatalf("open tokens: %v", err)
	}
	c, err := googleads.Dial(googleads.Config{Endpoint: s.GRPCAddr(), Plaintext: true}, tokens)
	if err != nil {
		tb.Fatalf("dial sandbox: %v", err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Errorf("close client: %v", err)
		}
	})
	return s, c
}

// held is what the sandbox counts, by order id: "100.00 USD".
func held(tb testing.TB, s *sandbox.Server) map[string]string {
	tb.Helper()
	all := map[string]string{}
	for _, c := range s.Conversions() {
		if _, twice := all[c.OrderID]; twice {
			tb.Errorf("order id %s is counted twice", c.OrderID)
		}
		all[c.OrderID] = fmt.Sprintf("%.2f %s", c.Value, c.Currency)
	}
	return all
}

// sent is one call a script was asked to make.
type sent struct {
	batch    conversions.Batch
	validate bool
	at       time.Time
}

// script is a destination whose replies are written by the test. next is
// called without a lock, one call at a time per account.
type script struct {
	now  func() time.Time
	next func(n int, b conversions.Batch) conversions.Reply

	mu    sync.Mutex
	calls []sent
}

// Upload implements scheduler.Destination.
func (s *script) Upload(_ context.Context, b conversions.Batch, validateOnly bool) conversions.Reply {
	s.mu.Lock()
	n := len(s.calls)
	s.calls = append(s.calls, sent{b, validateOnly, s.now()})
	s.mu.Unlock()
	return s.next(n, b)
}

func (s *script) made() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// sizes are the rows of every call.
func (s *script) sizes() []int {
	var n []int
	for _, c := range s.made() {
		n = append(n, len(c.batch.Items))
	}
	return n
}

func (r *rig) script(next func(n int, b conversions.Batch) conversions.Reply) *script {
	return &script{now: r.clock.now, next: next}
}

// all answers every row alike.
func all(b conversions.Batch, a conversions.Answer) conversions.Reply {
	return conversions.Reply{Answers: slices.Repeat([]conversions.Answer{a}, len(b.Items))}
}

// failed is a call that failed as a whole.
func failed(b conversions.Batch, a conversions.Answer) conversions.Reply {
	r := all(b, a)
	r.Call = &a
	return r
}

// lost is a call whose answer never came.
func lost(b conversions.Batch) conversions.Reply {
	r := failed(b, conversions.Answer{Verdict: conversions.Retry, Code: "UNAVAILABLE"})
	r.Unknown = true
	return r
}

func done(_ int, b conversions.Batch) conversions.Reply {
	return all(b, conversions.Answer{Verdict: conversions.Done})
}

// there has every upload already, by its order id, and takes adjustments.
func there(n int, b conversions.Batch) conversions.Reply {
	if b.Items[0].Op != conversions.OpUpload {
		return done(n, b)
	}
	return all(b, conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID})
}
