package audit_test

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"closeloop/audit"
	"closeloop/conversions"
	"closeloop/gclid"
	"closeloop/store/sqlite"
)

// The accounts of the world: acme is live, trial only tests, tokyo is paused,
// gone is not configured any more, and nova goes through the Data Manager API.
const (
	acme  = conversions.AccountID("acme")
	trial = conversions.AccountID("trial")
	tokyo = conversions.AccountID("tokyo")
	gone  = conversions.AccountID("gone")
	nova  = conversions.AccountID("nova")
)

// world is a real store, filled by the moves that the program makes.
type world struct {
	*testing.T

	s       *sqlite.Store
	now     time.Time
	leases  map[conversions.AccountID]conversions.Lease
	bodies  int
	batches int
}

// noon is when reports are made: Monday 1 June 2026, 12:00 UTC.
func noon() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "closeloop.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return &world{T: t, s: s, now: noon(), leases: map[conversions.AccountID]conversions.Lease{}}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// query is what a person with the configuration sees.
func (w *world) query() audit.Query {
	w.Helper()
	return audit.Query{
		Now: noon(),
		Zones: map[conversions.AccountID]*time.Location{
			acme: w.zone("America/New_York"), trial: w.zone("Europe/Berlin"), tokyo: w.zone("Asia/Tokyo"),
			nova: w.zone("America/Chicago"),
		},
		Modes: map[conversions.AccountID]conversions.Mode{
			acme: conversions.ModeLive, trial: conversions.ModeTest, tokyo: conversions.ModeLive,
			nova: conversions.ModeLive,
		},
		Sources: map[string]conversions.AccountID{"varda": acme, "trial-crm": trial, "tokyo-crm": tokyo, "nova-crm": nova},
		Damage: func(name string) (sentence, hint string) {
			return gclid.Damage(name).Sentence(), gclid.Damage(name).Hint()
		},
	}
}

func (w *world) zone(name string) *time.Location {
	w.Helper()
	z, err := time.LoadLocation(name)
	w.must(err)
	return z
}

func rules(a conversions.AccountID) conversions.Rules {
	r := conversions.Rules{
		Account: a, Target: conversions.Target{API: conversions.APIGoogleAds, Customer: "1234567890"},
		Mode: conversions.ModeLive, Currency: "USD", Consent: conversions.ConsentRuleGranted,
		Hold: conversions.DefaultHold, Settle: conversions.DefaultSettle, ClickWait: conversions.DefaultClickWait,
		WithdrawWait: conversions.DefaultWithdrawWait,
		Stages: map[conversions.Stage]conversions.StageRules{
			conversions.StageBooked: {Action: "101", Share: conversions.Whole, Minimum: 10_00, LookBack: 30 * 24 * time.Hour},
			conversions.StageQuoted: {Action: "102", Share: 2000},
		},
	}
	switch a {
	case trial:
		r.Mode, r.Currency = conversions.ModeTest, "EUR"
		delete(r.Stages, conversions.StageQuoted)
	case tokyo:
		r.Currency = "JPY"
	case gone:
		r.WithdrawDenied = true
	case nova:
		r.Target.API, r.Hold = conversions.APIDataManager, conversions.DefaultHoldDataManager
	case acme:
		r.UploadFrom = noon().AddDate(0, 0, -100)
	}
	return r
}

func sourceOf(a conversions.AccountID) string {
	switch a {
	case trial:
		return "trial-crm"
	case tokyo:
		return "tokyo-crm"
	case gone:
		return "gone-crm"
	case nova:
		return "nova-crm"
	default:
		return "varda"
	}
}

// clickID is the click id of a lead.
func clickID(lead conversions.LeadID) string {
	return fmt.Sprintf("CjwKCAjwSample%08d_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789BoC_%04dQAvD_BwE", len(lead), sum(string(lead)))
}

func sum(s string) (n int) {
	for _, b := range []byte(s) {
		n = (n*31 + int(b)) % 10_000
	}
	return n
}

// tag is an event that tags a lead some hours before the world's time, with a
// click id of the lead's own.
func (w *world) tag(a conversions.AccountID, lead conversions.LeadID, o conversions.Outcome, cents conversions.Cents, ago time.Duration) conversions.Event {
	w.bodies++
	body := sha256.Sum256([]byte{byte(w.bodies)})
	at := w.now.Add(-ago)
	e := conversions.Event{
		Account: a, Source: sourceOf(a), Delivery: fmt.Sprintf("dlv_%03d", w.bodies), Body: [16]byte(body[:16]),
		Kind: "call.outcome_tagged", Lead: lead, At: at, Received: at.Add(2 * time.Second), Outcome: o,
		Person: conversions.Person{Clicks: []conversions.FoundClick{{
			Click: conversions.Click{Kind: conversions.GCLID, ID: clickID(lead)}, Place: conversions.PlaceField,
		}}},
	}
	if cents > 0 {
		e.Amounts.Actual = &cents
	}
	return e
}

// take stores events and folds them.
func (w *world) take(es ...conversions.Event) {
	w.Helper()
	for _, e := range es {
		_, err := w.s.Append(w.Context(), e)
		w.must(err)
		w.fold(e.Account)
	}
}

func (w *world) hold(a conversions.AccountID) conversions.Lease {
	w.Helper()
	if _, held := w.leases[a]; !held {
		l, err := w.s.Acquire(w.Context(), a, "the test", w.now)
		w.must(err)
		w.leases[a] = l
	}
	return w.leases[a]
}

func (w *world) fold(a conversions.AccountID) {
	w.Helper()
	works, err := w.s.Unfolded(w.Context(), a, 1000)
	w.must(err)
	for _, work := range works {
		d := conversions.Decision{Source: work.Source, Lead: work.Lead, Inbox: work.Inbox}
		for _, want := range conversions.Fold(work.Events, rules(a), gclid.Belonging) {
			row := conversions.Row{Key: conversions.Key{Account: a, Source: work.Source, Lead: work.Lead, Stage: want.Stage}}
			for _, r := range work.Rows {
				if r.Key.Stage == want.Stage {
					row = r
				}
			}
			if row.WantedAgain(want) {
				row = conversions.Row{Key: row.Key}
				row.Key.Generation++
			}
			if e, changed := row.Decide(want, work.Events, w.now); changed {
				d.Entries = append(d.Entries, e)
			}
		}
		w.must(w.s.Decide(w.Context(), w.hold(a), []conversions.Decision{d}))
	}
}

// row is the only row of a lead, or that of its latest generation.
func (w *world) row(a conversions.AccountID, lead conversions.LeadID) conversions.Row {
	w.Helper()
	rows, err := w.s.List(w.Context(), conversions.Filter{Account: a, Lead: lead})
	w.must(err)
	for i, r := range rows {
		if r.Key.Generation == len(rows)-1 {
			return rows[i]
		}
	}
	w.Fatalf("lead %q has %d rows, want generations of one", lead, len(rows))
	return conversions.Row{}
}

func (w *world) batch(a conversions.AccountID, leads ...conversions.LeadID) conversions.Batch {
	w.Helper()
	zone := w.query().Zones[a]
	if zone == nil {
		zone = time.UTC
	}
	w.batches++
	b := conversions.Batch{
		ID: conversions.BatchID(fmt.Sprintf("batch-%d", w.batches)), Account: a, Run: "run",
		Target: rules(a).Target, Created: w.now,
	}
	for _, lead := range leads {
		b.Items = append(b.Items, w.row(a, lead).Item(zone, w.now))
	}
	return b
}

// send stores a batch of leads' rows, as sent and unanswered.
func (w *world) send(a conversions.AccountID, leads ...conversions.LeadID) conversions.Batch {
	w.Helper()
	b, err := w.s.Begin(w.Context(), w.hold(a), w.batch(a, leads...))
	w.must(err)
	return b
}

// answer settles a batch, every row alike, a minute after it was sent.
func (w *world) answer(b conversions.Batch, answer conversions.Answer) {
	w.Helper()
	at := w.now.Add(time.Minute)
	s := conversions.Settlement{Batch: b.ID, At: at, RequestID: "req-" + b.Created.Format("0102T15"), JobID: int64(b.ID.JobID())}
	if answer.Verdict == conversions.Submitted {
		s.PollAt = conversions.NextPoll(at, 0)
	}
	for _, it := range b.Items {
		rows, err := w.s.Rows(w.Context(), b.Account, []conversions.RowID{it.Row})
		w.must(err)
		s.Entries = append(s.Entries, rows[0].Answered(b, it, answer, at))
	}
	w.must(w.s.Settle(w.Context(), w.hold(b.Account), s))
}

func (w *world) record(e conversions.Entry) {
	w.Helper()
	w.must(w.s.Record(w.Context(), w.hold(e.Account), []conversions.Entry{e}))
}
