package scheduler_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
)

// withdrawn makes n uploads, takes back the first few of them and lets a day
// pass.
func withdrawn(r *rig, google scheduler.Destination, n, back int) {
	r.t.Helper()
	r.books(n)
	r.run(google)
	for i := range back {
		r.happens(lead(i), conversions.OutcomeSpam)
	}
	r.clock.advance(day)
}

// A run that would retract unusually many holds them for a person.
func TestMassWithdrawals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		uploads    int
		back, held int
	}{
		{"ten of eleven", 11, 10, 0},
		{"eleven of twelve", 12, 11, 11},
		{"a fifth", 60, 12, 0},
		{"more than a fifth", 60, 13, 13},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			google := r.script(done)
			withdrawn(r, google, tt.uploads, tt.back)
			report := r.run(google)
			diff(t, "held", report.Held, tt.held)
			want := map[string]int{"done": tt.uploads - tt.back}
			if tt.held > 0 {
				want["needs_a_person withdrawals_held"] = tt.held
			} else {
				want["retracted withdrawn"] = tt.back
			}
			diff(t, "states", r.tally(), want)
			calls := len(google.made())
			r.clock.advance(day)
			if again := r.run(google); len(google.made()) != calls || again.Held != 0 {
				t.Errorf("a day later %d calls, %d held; want neither", len(google.made())-calls, again.Held)
			}
		})
	}
}

// A dozen held retractions, and what becomes of each.
func TestHeldWithdrawals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	google := r.script(done)
	withdrawn(r, google, 12, 12)
	r.run(google)
	s := r.scheduler(google)
	id := func(i int) conversions.RowID { return r.rows()[string(lead(i))+" booked"].ID }
	for i := range 11 {
		row, err := s.Resolve(t.Context(), acme, id(i), scheduler.ResolveApprove, "ann", "really spam")
		if err != nil || row.State != conversions.StateChangeDue {
			t.Fatalf("approve: %s, %v", row.State, err)
		}
	}
	if row, err := s.Resolve(t.Context(), acme, id(11), scheduler.ResolveGiveUp, "ann", "leave it"); err != nil || row.State != conversions.StateStuck {
		t.Fatalf("give up: %s, %v", row.State, err)
	}
	// One of the approved comes back, one is taken back anew.
	r.happens(lead(0), conversions.OutcomeBooked)
	r.run(google)
	diff(t, "states", r.tally(), map[string]int{"done": 1, "retracted withdrawn": 10, "cannot_change given_up": 1})
	r.clock.advance(day)
	r.run(google)
	diff(t, "calls", google.sizes(), []int{12, 10})
	for _, e := range r.ledger() {
		if (e.Kind == conversions.EntryApproved || e.Kind == conversions.EntryGivenUp) && (e.By != "ann" || e.Note == "") {
			t.Errorf("%s by %q because %q, want who and why", e.Kind, e.By, e.Note)
		}
	}
	r.checkLedger(t)
}

// suspect is a refusal on suspicion.
func suspect() conversions.Answer {
	return conversions.Answer{Verdict: conversions.Refused, Suspect: true, Code: "ConversionUploadError.INVALID_CUSTOMER_FOR_CLICK"}
}

func TestMassRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		rows, bad int
		paused    bool
	}{
		{"sixteen of twenty", 20, 16, true},
		{"fifteen of twenty", 20, 15, false},
		{"all of nineteen", 19, 19, false},
		{"all of fifty", 50, 50, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.books(tt.rows)
			google := r.script(func(n int, b conversions.Batch) conversions.Reply {
				reply := done(n, b)
				for i := range b.Items {
					if i < tt.bad {
						reply.Answers[i] = suspect()
					}
				}
				return reply
			})
			report := r.run(google)
			want := map[string]int{"refused refused_by_google": tt.bad}
			if tt.paused {
				want = map[string]int{"queued": tt.bad}
			}
			if tt.rows > tt.bad {
				want["done"] = tt.rows - tt.bad
			}
			diff(t, "states", r.tally(), want)
			if got := len(report.Paused) == 1; got != tt.paused {
				t.Errorf("paused %+v, want paused %t", report.Paused, tt.paused)
			}
			if tt.paused && (report.Paused[0].Answer.Sentence == "" || report.Paused[0].Answer.Hint == "") {
				t.Errorf("paused %+v, want a sentence and a hint", report.Paused[0].Answer)
			}
		})
	}
}

// The pause ends when a probe goes well, and then nothing is lost: not the
// probes either, nor for a row that really is wrong.
func TestMassRefusalIsMended(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(40)
	mended := false
	really := isLead(lead(0)) // first in line, and wrong for good
	google := r.script(func(n int, b conversions.Batch) conversions.Reply {
		reply := done(n, b)
		for i, it := range b.Items {
			if !mended || really(it) {
				reply.Answers[i] = suspect()
			}
		}
		return reply
	})
	r.run(google)
	for range 3 {
		r.clock.advance(conversions.ProbeEvery)
		r.run(google)
	}
	diff(t, "calls with three probes", google.sizes(), []int{40, 1, 1, 1})
	diff(t, "states", r.tally(), map[string]int{"queued": 37, "refused refused_by_google": 3})
	mended = true
	r.clock.advance(conversions.ProbeEvery)
	r.run(google)
	diff(t, "states when mended", r.tally(), map[string]int{"done": 39, "refused refused_by_google": 1})
	if p, q := r.kinds(conversions.EntryPaused), r.kinds(conversions.EntryResumed); p != 1 || q != 1 {
		t.Errorf("ledger has %d pauses and %d resumptions, want 1 and 1", p, q)
	}
	r.checkLedger(t)
}

// inspected is a destination that tells look-back windows.
type inspected struct {
	scheduler.Destination
	asked []string
	says  map[string]time.Duration
	err   error
}

// LookBacks implements scheduler.Inspector.
func (i *inspected) LookBacks(_ context.Context, customer string) (map[string]time.Duration, error) {
	i.asked = append(i.asked, customer)
	return i.says, i.err
}

// Look-back windows are asked for once a day, and used where no rule names
// one.
func TestLookBacks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	google := &inspected{Destination: r.script(done), says: map[string]time.Duration{booked: 30 * day}}
	long := r.event("long", conversions.OutcomeBooked, click(clickID(1)), worth(100))
	long.CallStart = long.At.Add(-31 * day)
	r.append(long)
	r.happens("short", conversions.OutcomeBooked, click(clickID(2)), worth(100))
	r.run(google)
	diff(t, "states", r.states(), map[string]string{"long booked": "skipped after_look_back", "short booked": "queued"})
	for range 3 {
		r.clock.advance(7 * time.Hour)
		r.run(google)
	}
	diff(t, "asked on the first day", google.asked, []string{customer})
	// The window was made longer: what was never sent is decided anew.
	google.says = map[string]time.Duration{booked: 60 * day}
	r.clock.advance(3 * time.Hour)
	r.run(google)
	diff(t, "asked a day later", len(google.asked), 2)
	diff(t, "states with a longer window", r.states(), map[string]string{"long booked": "done 1.00", "short booked": "done 1.00"})

	// A rule of the configuration beats what Google says.
	stage := r.rules.Stages[conversions.StageBooked]
	stage.LookBack = 10 * day
	r.rules.Stages[conversions.StageBooked] = stage
	late := r.event("late", conversions.OutcomeBooked, click(clickID(3)), worth(100))
	late.CallStart = late.At.Add(-11 * day)
	r.append(late)
	r.run(google)
	diff(t, "state under a rule", r.states()["late booked"], "skipped after_look_back")
}

func TestLookBacksUnknownHarmNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	google := &inspected{Destination: r.script(done), err: errors.New("no permission")}
	r.books(1)
	r.run(google)
	r.run(google)
	diff(t, "states", r.tally(), map[string]int{"done": 1})
	diff(t, "asked in each run until it is known", len(google.asked), 2)
}

// What was refused before the pause is not held against the account again.
func TestOneSuspectAfterAMassRefusal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(20)
	mended := false
	really := isLead(lead(19))
	google := r.script(func(n int, b conversions.Batch) conversions.Reply {
		reply := done(n, b)
		for i, it := range b.Items {
			if !mended || really(it) {
				reply.Answers[i] = suspect()
			}
		}
		return reply
	})
	r.run(google)
	for i := range 17 {
		r.happens(lead(i), conversions.OutcomeSpam)
	}
	mended = true
	r.clock.advance(conversions.ProbeEvery)
	if report := r.run(google); len(report.Paused) != 0 {
		t.Errorf("paused %+v, want nothing: two of these three are fine", report.Paused)
	}
	diff(t, "states", r.tally(), map[string]int{"skipped withdrawn": 17, "done": 2, "refused refused_by_google": 1})
}
