package scheduler_test

import (
	"maps"
	"testing"
	"time"

	"closeloop/conversions"
)

func TestSubmittedRowsAreAskedForUntilTheirFateIsKnown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.manages()
	m.patience = 3 * time.Hour
	r.books(3)
	r.runOn(r.through(m))
	diff(t, "states", r.tally(), map[string]int{"submitted": 3})
	r.clock.advance(29 * time.Minute)
	r.runOn(r.through(m))
	diff(t, "asked before half an hour", m.asked, 0)
	// Another process takes over: all it knows stands in the store.
	r.store = r.open()
	for _, wait := range []time.Duration{time.Minute, 30 * time.Minute, time.Hour} {
		r.clock.advance(wait)
		r.runOn(r.through(m))
	}
	diff(t, "asked within two hours", m.asked, 3)
	diff(t, "states", r.tally(), map[string]int{"submitted": 3})
	r.clock.advance(2 * time.Hour)
	report := r.runOn(r.through(m))
	diff(t, "processed", report.Processed, map[string]int{"done": 3})
	diff(t, "states", r.tally(), map[string]int{"done": 3})
	diff(t, "requests", m.sizes(), []int{3})
	if n := r.kinds(conversions.EntryProcessed); n != 3 {
		t.Errorf("%d entries say what became of a row, want 3", n)
	}
	r.clock.advance(day)
	r.runOn(r.through(m))
	diff(t, "asked after that", m.asked, 4)
}

// A status that never comes ends after three days, before a person's eyes.
func TestStatusThatNeverComes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		never func(m *manager)
	}{
		{"still processed", func(m *manager) { m.patience = 1000 * day }},
		{"a request that nobody knows", func(m *manager) { clear(m.requests) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			m := r.manages()
			r.books(2)
			r.runOn(r.through(m))
			tt.never(m)
			for range 71 {
				r.clock.advance(time.Hour)
				r.runOn(r.through(m))
			}
			diff(t, "states after 71 h", r.tally(), map[string]int{"submitted": 2})
			r.clock.advance(8 * time.Hour)
			r.runOn(r.through(m))
			diff(t, "states after 79 h", r.tally(), map[string]int{"unclear no_status": 2})
			asked := m.asked
			r.clock.advance(10 * day)
			r.runOn(r.through(m))
			diff(t, "asked after that", m.asked, asked)
			diff(t, "requests", m.sizes(), []int{2})
		})
	}
}

// Nobody asks for days, and the first question fails: Google is asked again.
func TestOneFailedQuestionAfterDaysIsNotTheLast(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.manages()
	r.books(2)
	r.runOn(r.through(m))
	requests := maps.Clone(m.requests)
	clear(m.requests)
	r.clock.advance(4 * day)
	r.runOn(r.through(m))
	diff(t, "states after four days", r.tally(), map[string]int{"submitted": 2})
	m.requests = requests
	r.clock.advance(2 * time.Minute)
	r.runOn(r.through(m))
	diff(t, "states", r.tally(), map[string]int{"done": 2})
}

// A person has a row sent again whose fate is not known: the vendor counts it
// once.
func TestUnclearRowIsSentAgainByAPerson(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.manages()
	r.books(1)
	r.runOn(r.through(m))
	clear(m.requests)
	for range 80 {
		r.clock.advance(time.Hour)
		r.runOn(r.through(m))
	}
	id := r.rows()["call-0000 booked"].ID
	if _, err := r.through(m).Resolve(t.Context(), acme, id, "retry", "ann@example.com", "checked"); err != nil {
		t.Fatalf("resolve: %v", err)
	}
	r.runOn(r.through(m))
	r.clock.advance(time.Hour)
	r.runOn(r.through(m))
	diff(t, "states", r.states(), map[string]string{"call-0000 booked": "done 100.00"})
	diff(t, "held", m.holds(), map[string]string{orderID("call-0000", conversions.StageBooked): "100.00"})
}

// The answer is lost after the work, and meanwhile the value changes: the old
// value is never sent again, and never has the last word.
func TestLostAnswerIsSentAnewWithTheValueOfNow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.manages()
	m.lose = 1
	r.books(2)
	report := r.runOn(r.through(m))
	if report.Unanswered != 1 || report.SendAgain.IsZero() {
		t.Fatalf("report %+v, want one request without an answer", report)
	}
	r.happens("call-0001", conversions.OutcomeBooked, worth(99_900))
	r.clock.advance(2 * time.Hour)
	r.runOn(r.through(m))
	diff(t, "requests", m.sizes(), []int{2, 2})
	for _, it := range m.made[1].Items {
		if old := isLead("call-0001")(it) && it.Value != conversions.AmountOf(99_900); old {
			t.Errorf("sent again with %s, want the value of now", it.Value)
		}
	}
	for range 3 {
		r.clock.advance(time.Hour)
		r.runOn(r.through(m))
	}
	diff(t, "states", r.states(), map[string]string{"call-0000 booked": "done 100.00", "call-0001 booked": "done 999.00"})
	// What was lost may be processed last, so its value is overwritten once more.
	diff(t, "requests", m.sizes(), []int{2, 2, 1})
	diff(t, "held", m.holds(), map[string]string{
		orderID("call-0000", conversions.StageBooked): "100.00", orderID("call-0001", conversions.StageBooked): "999.00",
	})
}

// One request of a conversion is under way at a time.
func TestChangesWaitForTheFateOfWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.manages()
	r.books(1)
	r.runOn(r.through(m))
	r.happens("call-0000", conversions.OutcomeBooked, worth(55_500))
	r.clock.advance(10 * time.Minute)
	r.runOn(r.through(m))
	diff(t, "requests while it is processed", m.sizes(), []int{1})
	for range 3 {
		r.clock.advance(time.Hour)
		r.runOn(r.through(m))
	}
	diff(t, "requests", m.sizes(), []int{1, 1})
	diff(t, "states", r.states(), map[string]string{"call-0000 booked": "done 555.00"})

	r.happens("call-0000", conversions.OutcomeSpam)
	for range 3 {
		r.clock.advance(day)
		r.runOn(r.through(m))
	}
	diff(t, "states when withdrawn", r.states(), map[string]string{"call-0000 booked": "zeroed withdrawn 0.00"})
	diff(t, "held", m.holds(), map[string]string{orderID("call-0000", conversions.StageBooked): "0.00"})

	r.happens("call-0000", conversions.OutcomeBooked, worth(55_500))
	for range 3 {
		r.clock.advance(day)
		r.runOn(r.through(m))
	}
	diff(t, "states when booked again", r.states(), map[string]string{"call-0000 booked": "done 555.00"})
	diff(t, "held", m.holds(), map[string]string{orderID("call-0000", conversions.StageBooked): "555.00"})
}

// Rows that spoil a request cost the others nothing: in the same run, named or
// not.
func TestSpoiltRequests(t *testing.T) {
	t.Parallel()
	const all = conversions.MaxItems
	for _, tt := range []struct {
		name     string
		bad      int
		named    bool
		requests int // at most
		runs     int
	}{
		{"1 named", 1, true, 2, 1},
		{"7 named", 7, true, 2, 1},
		{"200 named", 200, true, 2, 1},
		{"1 not named", 1, false, 1 + 22, 1},
		{"7 not named", 7, false, 1 + 7*22, 1},
		{"200 not named", 200, false, 1800, 9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			m := r.manages()
			m.named, m.spoils = tt.named, isLead(everyNth(tt.bad, all)...)
			r.books(all)
			for range tt.runs {
				before := len(m.sizes())
				r.runOn(r.through(m))
				if n := len(m.sizes()) - before; n > 201 {
					t.Errorf("%d requests in one run, want at most 200 more than one", n)
				}
			}
			diff(t, "states", r.tally(), map[string]int{"submitted": all - tt.bad, "refused refused_by_google": tt.bad})
			if n := len(m.sizes()); n > tt.requests {
				t.Errorf("%d requests, want at most %d", n, tt.requests)
			}
			t.Logf("%d requests in %d runs", len(m.sizes()), tt.runs)
			r.clock.advance(time.Hour)
			r.runOn(r.through(m))
			diff(t, "states in the end", r.tally(), map[string]int{"done": all - tt.bad, "refused refused_by_google": tt.bad})
		})
	}
}

// A status that only counts failures: one round of small requests, and what
// stays open is said, never guessed.
func TestFailuresThatAreOnlyCounted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		all, bad int
		indexed  bool
		requests int
		want     map[string]int
	}{
		{"with indices", 2000, 7, true, 1, map[string]int{"done": 1993, "refused refused_by_google": 7}},
		{"few rows: each its own request", 40, 3, false, 1 + 40, map[string]int{"done": 37, "refused refused_by_google": 3}},
		// 45 groups of up to 45 rows; every bad row is in a group of its own.
		{"many rows", 2000, 7, false, 1 + 45, map[string]int{"done": 2000 - 7*45, "unclear failed_in_part": 7 * 45}},
		{"all of them", 10, 10, false, 1, map[string]int{"refused refused_by_google": 10}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			m := r.manages()
			m.indexed, m.fails = tt.indexed, refusedLeads(everyNth(tt.bad, tt.all)...)
			r.books(tt.all)
			for range 6 {
				r.runOn(r.through(m))
				r.clock.advance(time.Hour)
			}
			diff(t, "states", r.tally(), tt.want)
			if n := len(m.sizes()); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
			}
			good := 0
			for _, row := range r.rows() {
				if _, held := m.values[row.OrderID]; held {
					good++
				} else if row.State == conversions.StateDone {
					t.Errorf("row %d is done and the vendor does not hold it", row.ID)
				}
			}
			diff(t, "held", good, tt.all-tt.bad)
		})
	}
}

// A fault of the account that a status tells of pauses it until a status tells
// of something else: that a request is taken proves nothing then.
func TestPauseByAStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.manages()
	mended := false
	m.fails = func(conversions.Item) conversions.Answer {
		if mended {
			return conversions.Answer{Verdict: conversions.Done}
		}
		return conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAction, Code: "ProcessingErrorReason.NO_CONSENT"}
	}
	r.books(20)
	r.runOn(r.through(m))
	r.clock.advance(30 * time.Minute)
	report := r.runOn(r.through(m))
	if len(report.Paused) != 1 || report.Paused[0].Action != booked {
		t.Fatalf("paused %+v, want the action", report.Paused)
	}
	diff(t, "states", r.tally(), map[string]int{"queued": 20})
	for range 4 {
		r.clock.advance(time.Hour)
		r.runOn(r.through(m))
	}
	for _, n := range m.sizes()[1:] {
		if n != 1 {
			t.Errorf("requests %v, want one row each while the action is paused", m.sizes())
			break
		}
	}
	mended = true
	for range 4 {
		r.clock.advance(2 * time.Hour)
		report = r.runOn(r.through(m))
	}
	if len(report.Paused) != 0 {
		t.Errorf("paused %+v, want nothing", report.Paused)
	}
	diff(t, "states in the end", r.tally(), map[string]int{"done": 20})
}

// Refusals that a status brings count for the guard of mass refusals too.
func TestMassRefusalsByStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.manages()
	mended := false
	m.fails = func(conversions.Item) conversions.Answer {
		if mended {
			return conversions.Answer{Verdict: conversions.Done}
		}
		return conversions.Answer{Verdict: conversions.Refused, Suspect: true, Code: "ProcessingErrorReason.INVALID_OPERATING_ACCOUNT_FOR_CLICK"}
	}
	r.books(30)
	r.runOn(r.through(m))
	r.clock.advance(30 * time.Minute)
	report := r.runOn(r.through(m))
	if len(report.Paused) != 1 || report.Paused[0].Action != "" {
		t.Fatalf("paused %+v, want the account", report.Paused)
	}
	diff(t, "states", r.tally(), map[string]int{"queued": 30})
	mended = true
	for range 5 {
		r.clock.advance(2 * time.Hour)
		report = r.runOn(r.through(m))
	}
	if len(report.Paused) != 0 {
		t.Errorf("paused %+v, want nothing", report.Paused)
	}
	diff(t, "states in the end", r.tally(), map[string]int{"done": 30})
}

// An account that moved to another API goes on with what it sent where it was
// sent, and sends the rest through the new one.
func TestAccountThatMoved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, google := r.google()
	r.books(2)
	r.run(google)
	m := r.manages()
	cfg := r.config(google)
	cfg.Accounts[0].Destinations[conversions.APIDataManager] = m
	r.happens("call-0000", conversions.OutcomeBooked, worth(70_000))
	r.happens("new", conversions.OutcomeBooked, r.ago(8*time.Hour), click(clickID(500)), worth(1234))
	for range 3 {
		r.clock.advance(2 * time.Hour)
		r.runOn(newScheduler(cfg))
	}
	diff(t, "states", r.states(), map[string]string{
		"call-0000 booked": "done 700.00", "call-0001 booked": "done 100.01", "new booked": "done 12.34",
	})
	diff(t, "at the new API", m.holds(), map[string]string{orderID("new", conversions.StageBooked): "12.34"})
}
