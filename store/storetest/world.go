package storetest

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/store"
)

// account is the account most cases are about, source its source.
const (
	account = conversions.AccountID("acme")
	source  = "varda"
)

// world is a store with a clock and the few moves that the program makes.
type world struct {
	*testing.T

	d       Driver
	name    string
	s       store.Store
	now     time.Time
	account conversions.AccountID
	api     conversions.API // of the account's target; empty is the Google Ads API
	lease   conversions.Lease
	bodies  int // how many events were made
	batches int
	added   []conversions.Event
}

func newWorld(t *testing.T, d Driver) *world {
	t.Helper()
	w := &world{T: t, d: d, name: d.New(t), account: account}
	w.now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	w.s = w.open()
	return w
}

// open returns another handle on the database.
func (w *world) open() store.Store {
	w.Helper()
	s, err := w.d.Open(w.Context(), w.name)
	w.must(err)
	w.Cleanup(func() {
		if err := s.Close(); err != nil {
			w.Errorf("Close: %v", err)
		}
	})
	return s
}

// reopen closes the store and opens it again.
func (w *world) reopen() {
	w.Helper()
	w.must(w.s.Close())
	w.s = w.open()
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// same fails the case if got is not want.
func (w *world) same(what string, want, got any) {
	w.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		w.Fatalf("%s: -want +got\n%s", what, diff)
	}
}

// tagged is an event of the lead that tags it, received ten hours ago, with a
// click id of the lead's own and an amount of 100.00.
func (w *world) tagged(lead conversions.LeadID, o conversions.Outcome) conversions.Event {
	w.bodies++
	sum := sha256.Sum256([]byte{byte(w.bodies >> 8), byte(w.bodies)})
	amount := conversions.Cents(100_00)
	at := w.now.Add(-10 * time.Hour)
	return conversions.Event{
		Account: w.account, Source: source, Body: [16]byte(sum[:16]), Kind: "call.outcome_tagged", Lead: lead,
		At: at, Received: at, Outcome: o, Amounts: conversions.Amounts{Actual: &amount},
		Person: conversions.Person{Clicks: []conversions.FoundClick{{
			Click: conversions.Click{Kind: conversions.GCLID, ID: click(lead)}, Place: conversions.PlaceField,
		}}},
	}
}

// click is the click id of a lead.
func click(lead conversions.LeadID) string { return "CjwKCAsecret-" + string(lead) }

// add stores events.
func (w *world) add(es ...conversions.Event) {
	w.Helper()
	for _, e := range es {
		r, err := w.s.Append(w.Context(), e)
		w.must(err)
		if r.Duplicate {
			w.Fatalf("Append: new event is called a duplicate of %d", r.Seq)
		}
		w.added = append(w.added, e)
	}
}

// hold takes the account's lease unless the world has it.
func (w *world) hold() conversions.Lease {
	w.Helper()
	if w.lease.Token == 0 {
		l, err := w.s.Acquire(w.Context(), w.account, "the case", w.now)
		w.must(err)
		w.lease = l
	}
	return w.lease
}

func (w *world) rules() conversions.Rules {
	return conversions.Rules{
		Account: w.account, Target: conversions.Target{API: cmp.Or(w.api, conversions.APIGoogleAds), Customer: "1234567890"},
		Mode: conversions.ModeLive, Currency: "EUR", Consent: conversions.ConsentRuleGranted,
		Hold: conversions.DefaultHold, Settle: conversions.DefaultSettle, ClickWait: conversions.DefaultClickWait,
		Stages: map[conversions.Stage]conversions.StageRules{
			conversions.StageBooked: {Action: "101", Share: conversions.Whole},
			conversions.StageQuoted: {Action: "102", Share: 2000},
		},
	}
}

// match takes the first click id of the lead.
func match(events []conversions.Event, _ int) conversions.Match {
	for _, e := range events {
		for i, c := range e.Person.Clicks {
			return conversions.Match{Click: c.Click, Ref: conversions.ClickRef{
				Event: e.Seq, N: i, Kind: c.Kind, Rule: conversions.MatchCall, Commitment: conversions.Commit(e.Person.Salt, c.Click),
			}}
		}
	}
	return conversions.Match{}
}

// decide is what the program makes of a lead.
func (w *world) decide(work conversions.LeadWork) conversions.Decision {
	d := conversions.Decision{Source: work.Source, Lead: work.Lead, Inbox: work.Inbox}
	for _, want := range conversions.Fold(work.Events, w.rules(), match) {
		row := w.newest(work, want)
		if e, ok := row.Decide(want, work.Events, w.now); ok {
			d.Entries = append(d.Entries, e)
		}
	}
	return d
}

// newest is the stage's row of the latest generation, or a new one.
func (w *world) newest(work conversions.LeadWork, want conversions.Want) conversions.Row {
	row := conversions.Row{Key: conversions.Key{Account: w.account, Source: work.Source, Lead: work.Lead, Stage: want.Stage}}
	for _, r := range work.Rows {
		if r.Key.Stage == want.Stage && r.Key.Generation >= row.Key.Generation {
			row = r
		}
	}
	if row.WantedAgain(want) {
		row = conversions.Row{Key: row.Key}
		row.Key.Generation++
	}
	return row
}

// fold decides everything that is unfolded.
func (w *world) fold() {
	w.Helper()
	works, err := w.s.Unfolded(w.Context(), w.account, 1000)
	w.must(err)
	var ds []conversions.Decision
	for _, work := range works {
		ds = append(ds, w.decide(work))
	}
	w.must(w.s.Decide(w.Context(), w.hold(), ds))
}

// rows lists the account's rows, oldest id first.
func (w *world) rows() []conversions.Row {
	w.Helper()
	rows, err := w.s.List(w.Context(), conversions.Filter{Account: w.account})
	w.must(err)
	return byID(rows)
}

// row is the only row of a lead.
func (w *world) row(lead conversions.LeadID) conversions.Row {
	w.Helper()
	rows, err := w.s.List(w.Context(), conversions.Filter{Account: w.account, Lead: lead})
	w.must(err)
	if len(rows) != 1 {
		w.Fatalf("lead %s has %d rows, want 1", lead, len(rows))
	}
	return rows[0]
}

// due returns what is due now.
func (w *world) due(without ...string) []conversions.Row {
	w.Helper()
	return w.claimed(conversions.OpNone, without...)
}

// claimed returns what a claim of one operation selects now.
func (w *world) claimed(only conversions.Operation, without ...string) []conversions.Row {
	w.Helper()
	rows, err := w.s.Due(w.Context(), w.account, conversions.Claim{Now: w.now, Limit: 1000, Without: without, Only: only})
	w.must(err)
	return rows
}

// batch makes a batch of rows, not yet stored.
func (w *world) batch(rows ...conversions.Row) conversions.Batch {
	w.batches++
	b := conversions.Batch{
		ID: conversions.BatchID(fmt.Sprintf("%s-%d", w.account, w.batches)), Account: w.account, Run: "run",
		Target: w.rules().Target, Created: w.now,
	}
	for _, r := range rows {
		b.Items = append(b.Items, r.Item(time.FixedZone("", 2*60*60), w.now))
	}
	return b
}

// begin stores a batch of rows.
func (w *world) begin(rows ...conversions.Row) conversions.Batch {
	w.Helper()
	b, err := w.s.Begin(w.Context(), w.hold(), w.batch(rows...))
	w.must(err)
	return b
}

// settle answers every item of a batch alike.
func (w *world) settle(b conversions.Batch, a conversions.Answer) {
	w.Helper()
	w.must(w.s.Settle(w.Context(), w.hold(), w.settlement(b, a)))
}

func (w *world) settlement(b conversions.Batch, a conversions.Answer) conversions.Settlement {
	w.Helper()
	s := conversions.Settlement{Batch: b.ID, At: w.now, RequestID: "request", JobID: 42}
	for _, it := range b.Items {
		rows, err := w.s.Rows(w.Context(), w.account, []conversions.RowID{it.Row})
		w.must(err)
		s.Entries = append(s.Entries, rows[0].Answered(b, it, a, w.now))
	}
	return s
}

// booked stores and folds one booked event for each lead and returns their rows.
func (w *world) booked(leads ...conversions.LeadID) []conversions.Row {
	w.Helper()
	for _, lead := range leads {
		w.add(w.tagged(lead, conversions.OutcomeBooked))
	}
	w.fold()
	rows := make([]conversions.Row, len(leads))
	for i, lead := range leads {
		rows[i] = w.row(lead)
	}
	return rows
}

// uploaded has a booking of each lead uploaded and returns their rows.
func (w *world) uploaded(leads ...conversions.LeadID) []conversions.Row {
	w.Helper()
	w.settle(w.begin(w.booked(leads...)...), conversions.Answer{Verdict: conversions.Done})
	rows := make([]conversions.Row, len(leads))
	for i, lead := range leads {
		rows[i] = w.row(lead)
	}
	return rows
}

// retag stores another tag of the lead, two hours old, without a click id.
func (w *world) retag(lead conversions.LeadID, o conversions.Outcome, amount conversions.Cents) {
	w.Helper()
	e := w.tagged(lead, o)
	e.At, e.Received = w.now.Add(-2*time.Hour), w.now.Add(-2*time.Hour)
	e.Amounts.Actual, e.Person = &amount, conversions.Person{}
	w.add(e)
}

// retagged is retag, folded.
func (w *world) retagged(lead conversions.LeadID, o conversions.Outcome, amount conversions.Cents) conversions.Row {
	w.Helper()
	w.retag(lead, o, amount)
	w.fold()
	return w.row(lead)
}

// unfolded returns the leads in the inbox.
func (w *world) unfolded() []conversions.LeadWork {
	w.Helper()
	works, err := w.s.Unfolded(w.Context(), w.account, 1000)
	w.must(err)
	return works
}

// ledger returns all entries of the account.
func (w *world) ledger() []conversions.Entry {
	w.Helper()
	es, err := w.s.Ledger(w.Context(), w.account, 0, 1_000_000)
	w.must(err)
	return es
}

func byID(rows []conversions.Row) []conversions.Row {
	slices.SortFunc(rows, func(a, b conversions.Row) int { return int(a.ID - b.ID) })
	return rows
}
