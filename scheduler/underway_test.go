package scheduler_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
)

// noConsent is a fault of the account that a status tells of.
func noConsent() conversions.Answer {
	return conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount, Code: "ProcessingErrorReason.NO_CONSENT"}
}

// While the account is paused because of what a status said, one row is tried
// at a time and no other before its fate is known or an hour has passed.
func TestProbeOfAnAccountPausedByAStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.manages()
	mended := false
	m.fails = func(conversions.Item) conversions.Answer {
		if mended {
			return conversions.Answer{Verdict: conversions.Done}
		}
		return noConsent()
	}
	r.books(20)
	r.runOn(r.through(m))
	r.clock.advance(30 * time.Minute)
	report := r.runOn(r.through(m))
	if len(report.Paused) != 1 || report.Paused[0].Action != "" {
		t.Fatalf("paused %+v, want the account", report.Paused)
	}
	r.clock.advance(time.Hour)
	for range 5 { // within half an hour
		r.runOn(r.through(m))
		r.clock.advance(5 * time.Minute)
	}
	diff(t, "requests", m.sizes(), []int{20, 1})
	mended = true
	for range 4 {
		r.clock.advance(time.Hour)
		report = r.runOn(r.through(m))
	}
	if len(report.Paused) != 0 {
		t.Errorf("paused %+v, want nothing", report.Paused)
	}
	diff(t, "states in the end", r.tally(), map[string]int{"done": 20})
}

// A test account leaves alone what may be there: a row whose fate is open is
// not checked in circles.
func TestTestModeLeavesAloneWhatMayBeThere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fails func(conversions.Item) conversions.Answer
		later func(conversions.Item) conversions.Answer // once it is live again
		want  map[string]int
	}{
		{"some failed", refusedLeads(lead(0)), refusedLeads(lead(0)), map[string]int{"done": 3, "refused refused_by_google": 1}},
		{"to be tried again", func(conversions.Item) conversions.Answer {
			return conversions.Answer{Verdict: conversions.Later, Wait: time.Minute}
		}, nil, map[string]int{"done": 4}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			m := r.manages()
			m.fails = tt.fails
			r.books(4)
			r.runOn(r.through(m))
			r.rules.Mode = conversions.ModeTest
			m.spoils = func(conversions.Item) bool {
				if len(m.made) > 20 {
					panic("checked in circles")
				}
				return false
			}
			for range 2 {
				r.clock.advance(time.Hour)
				r.runOn(r.through(m))
			}
			diff(t, "states in test mode", r.tally(), map[string]int{"queued": 4})
			diff(t, "requests", m.sizes(), []int{4})
			r.rules.Mode, m.fails = conversions.ModeLive, tt.later
			for range 3 {
				r.runOn(r.through(m))
				r.clock.advance(time.Hour)
			}
			diff(t, "states when live", r.tally(), tt.want)
		})
	}
}

// What changed while an account only tested is changed once it is live again.
func TestWhatChangedInTestModeIsSentWhenLive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.manages()
	r.books(1)
	r.runOn(r.through(m))
	r.clock.advance(time.Hour)
	r.runOn(r.through(m))
	r.rules.Mode = conversions.ModeTest
	r.happens("call-0000", conversions.OutcomeBooked, worth(55_500))
	r.runOn(r.through(m))
	diff(t, "states in test mode", r.tally(), map[string]int{"cannot_change account_only_tests": 1})
	r.rules.Mode = conversions.ModeLive
	for range 2 {
		r.clock.advance(2 * time.Hour)
		r.runOn(r.through(m))
	}
	diff(t, "states when live", r.states(), map[string]string{"call-0000 booked": "done 555.00"})
}

// Where every answer is lost, what is sent anew backs off as well.
func TestServiceBacksOffWhileAnswersAreLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, began := &memory{}, time.Now()
		m.queue(1)
		m.rows[0].Want.Target.API = conversions.APIDataManager
		var calls []time.Duration
		cfg := bubble(t, m, "1 0 * * *", nil)
		cfg.Accounts[0].Destinations = map[conversions.API]scheduler.Destination{
			conversions.APIDataManager: upload(func(_ context.Context, b conversions.Batch) conversions.Reply {
				calls = append(calls, time.Since(began))
				return lost(b)
			}),
		}
		serve(t, 12*time.Hour, scheduler.New(cfg))
		if len(calls) < 5 || len(calls) > 12 {
			t.Errorf("%d calls in twelve hours at %v, want a few that come ever later", len(calls), calls)
		}
	})
}

// Asking for a status does not make a failed call forgotten that is to be
// repeated.
func TestServiceAsksAndRepeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.takes()
		m.pollAt = time.Now().Add(61 * time.Second) // a second after the run
		m.rows = append(m.rows, conversions.Row{ID: 2, Version: 1, OrderID: "due", Want: m.rows[0].Want})
		m.rows[0], m.rows[1] = m.rows[1], m.rows[0]
		sent := 0
		cfg := bubble(t, m, "1 0 * * *", nil)
		cfg.Accounts[0].Destinations = googleAds(&statuses{upload: func(_ context.Context, b conversions.Batch) conversions.Reply {
			if sent++; sent == 1 {
				return failed(b, conversions.Answer{Verdict: conversions.Retry})
			}
			return done(0, b)
		}})
		serve(t, time.Hour, scheduler.New(cfg))
		diff(t, "calls", sent, 2)
	})
}

// What was sent is followed up also while sending is paused.
func TestStatusesAreAskedForWhilePaused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.manages()
	r.books(3)
	s := r.through(m)
	r.runOn(s)
	if err := s.PauseByHand(t.Context(), acme, "", "ann@example.com", "holiday"); err != nil {
		t.Fatalf("pause: %v", err)
	}
	r.clock.advance(time.Hour)
	r.runOn(s)
	diff(t, "states", r.tally(), map[string]int{"done": 3})
}

// A fault that a status tells of some rows of an action, and not of others, is
// those rows' own: the others are not held up, and a person sees them in the
// end.
func TestFaultOfSomeRowsPausesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.manages()
	m.indexed = true
	bad := isLead(lead(0), lead(1))
	m.fails = func(it conversions.Item) conversions.Answer {
		if bad(it) {
			return noConsent()
		}
		return conversions.Answer{Verdict: conversions.Done}
	}
	r.books(5)
	r.runOn(r.through(m))
	for range 30 {
		r.clock.advance(3 * time.Hour)
		if report := r.runOn(r.through(m)); len(report.Paused) != 0 {
			t.Fatalf("paused %+v, want nothing", report.Paused)
		}
	}
	diff(t, "states", r.tally(), map[string]int{"done": 3, "needs_a_person needs_a_person": 2})
}

// The row that is tried while sending is paused is not always the same: one
// that is at fault itself would hold up all others.
func TestProbesTakeTurns(t *testing.T) {
	t.Parallel()
	for _, scope := range []conversions.Scope{conversions.ScopeAccount, conversions.ScopeAction} {
		t.Run(string(scope), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			m := r.manages()
			bad := isLead(lead(0))
			m.fails = func(it conversions.Item) conversions.Answer {
				if a := noConsent(); bad(it) {
					a.Scope = scope
					return a
				}
				return conversions.Answer{Verdict: conversions.Done}
			}
			r.books(1)
			r.runOn(r.through(m))
			r.clock.advance(time.Hour)
			report := r.runOn(r.through(m))
			if len(report.Paused) != 1 {
				t.Fatalf("paused %+v, want one pause", report.Paused)
			}
			r.happens("good", conversions.OutcomeBooked, r.ago(7*time.Hour+time.Minute), click(clickID(500)), worth(1234))
			r.happens("later", conversions.OutcomeBooked, r.ago(7*time.Hour), click(clickID(501)), worth(1234))
			for range 8 {
				r.clock.advance(time.Hour)
				r.runOn(r.through(m))
			}
			states := r.states()
			diff(t, "good rows", []string{states["good booked"], states["later booked"]}, []string{"done 12.34", "done 12.34"})
		})
	}
}

// Rows that are not sent, because their connection is missing, keep nobody from
// the others.
func TestRowsThatCannotBeSentHoldUpNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	google := r.script(done)
	r.books(conversions.MaxItems)
	r.run(google)
	var changed []conversions.Event
	for i := range conversions.MaxItems {
		changed = append(changed, r.event(lead(i), conversions.OutcomeBooked, worth(77_700)))
	}
	r.append(changed...)
	r.clock.advance(2 * time.Hour)
	m := r.manages()
	r.happens("new", conversions.OutcomeBooked, r.ago(8*time.Hour), click(clickID(5000)), worth(1234))
	r.runOn(r.through(m))
	diff(t, "requests", m.sizes(), []int{1})
}

// How often a status could not be learnt does not put off when a row under
// processing is asked for next.
func TestStatusesThatFailPutNothingOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.manages()
	m.patience = 50 * time.Minute
	r.books(1)
	r.runOn(r.through(m))
	r.clock.advance(30 * time.Minute)
	busy := &unlearnt{manager: m, answer: conversions.Answer{Verdict: conversions.Later, Wait: time.Second, Code: "ErrorReason.RESOURCE_EXHAUSTED"}}
	for range 600 { // ten minutes of looking every second
		r.runOn(r.through(busy))
		r.clock.advance(time.Second)
	}
	if busy.asked > 12 {
		t.Errorf("asked %d times within ten minutes, want once a minute at most", busy.asked)
	}
	for range 2 {
		r.runOn(r.through(m))
		r.clock.advance(30 * time.Minute)
	}
	r.runOn(r.through(m))
	diff(t, "states an hour later", r.tally(), map[string]int{"done": 1})
}

// unlearnt is a manager that cannot tell a status.
type unlearnt struct {
	*manager

	answer conversions.Answer
	asked  int
}

// Status implements scheduler.Poller.
func (u *unlearnt) Status(_ context.Context, b conversions.Batch) conversions.Reply {
	u.asked++
	return failed(b, u.answer)
}

// What the API answers that an account has left, about itself or about its
// credentials, holds up nothing at the account's own.
func TestFaultOfTheOtherAPI(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer conversions.Answer
		calls  int // within three hours, a run each half
	}{
		{"credentials do not fit", conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount, Code: "AuthorizationError.X"}, 3},
		{"cannot be reached", conversions.Answer{Verdict: conversions.Retry, Code: "UNAVAILABLE"}, 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.books(2)
			broken := false
			google := r.script(func(n int, b conversions.Batch) conversions.Reply {
				if broken {
					return failed(b, tt.answer)
				}
				return done(n, b)
			})
			r.run(google)
			broken = true
			m := r.manages()
			cfg := r.config(google)
			cfg.Accounts[0].Destinations[conversions.APIDataManager] = m
			s := newScheduler(cfg)
			r.happens("call-0000", conversions.OutcomeBooked, worth(70_000))
			r.clock.advance(2 * time.Hour)
			for i := range 6 {
				r.happens(conversions.LeadID("new"+string(rune('0'+i))), conversions.OutcomeBooked, r.ago(8*time.Hour), click(clickID(500+i)), worth(1234))
				if report := r.runOn(s); len(report.Paused) != 0 {
					t.Errorf("paused %+v, want nothing", report.Paused)
				}
				r.clock.advance(30 * time.Minute)
			}
			diff(t, "requests", m.sizes(), []int{1, 1, 1, 1, 1, 1})
			if n := len(google.made()) - 1; n != tt.calls {
				t.Errorf("%d calls of the other API, want %d", n, tt.calls)
			}
			broken = false
			r.clock.advance(time.Hour)
			r.runOn(s)
			r.clock.advance(time.Hour)
			r.runOn(s)
			diff(t, "states", r.tally(), map[string]int{"done": 8})
		})
	}
}

// A request whose answer was lost before the account moved, and that fails
// again, holds up nothing at the account's own API.
func TestResendToTheOtherAPIThatFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(1)
	google := r.script(func(_ int, b conversions.Batch) conversions.Reply { return lost(b) })
	r.run(google)
	m := r.manages()
	cfg := r.config(google)
	cfg.Accounts[0].Destinations[conversions.APIDataManager] = m
	r.happens("new", conversions.OutcomeBooked, r.ago(8*time.Hour), click(clickID(500)), worth(1234))
	r.clock.advance(2 * time.Hour)
	report := r.runOn(newScheduler(cfg))
	diff(t, "unanswered", report.Unanswered, 1)
	diff(t, "requests", m.sizes(), []int{1})
}
