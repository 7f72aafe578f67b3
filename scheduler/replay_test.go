package scheduler_test

import (
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
)

// sentLives are three leads that were sent: two of source src_1, one of src_2,
// one of them a week later.
func sentLives(r *rig, google scheduler.Destination) {
	r.t.Helper()
	r.happens("a", conversions.OutcomeQuoted, r.ago(8*time.Hour), click(clickID(1)), worth(10_000))
	other := r.event("b", conversions.OutcomeQuoted, r.ago(8*time.Hour), click(clickID(2)), worth(20_000))
	other.Source = "src_2"
	r.append(other)
	r.run(google)
	r.clock.advance(7 * day)
	r.happens("c", conversions.OutcomeQuoted, r.ago(8*time.Hour), click(clickID(3)), worth(30_000))
	r.run(google)
}

// share sets the share of quotes that is sent.
func (r *rig) share(share conversions.BasisPoints) {
	stage := r.rules.Stages[conversions.StageQuoted]
	stage.Share = share
	r.rules.Stages[conversions.StageQuoted] = stage
}

// Changed rules change nothing that was sent, until a replay.
func TestReplay(t *testing.T) {
	t.Parallel()
	week := start().Add(3 * day)
	tests := []struct {
		name    string
		query   conversions.ReplayQuery
		apply   bool
		changed int
		want    map[string]string
	}{
		{"dry", conversions.ReplayQuery{}, false, 3, map[string]string{"a": "done 20.00", "b": "done 40.00", "c": "done 60.00"}},
		{"applied", conversions.ReplayQuery{}, true, 3, map[string]string{"a": "done 50.00", "b": "done 100.00", "c": "done 150.00"}},
		{"one source", conversions.ReplayQuery{Source: "src_2"}, true, 1, map[string]string{"a": "done 20.00", "b": "done 100.00", "c": "done 60.00"}},
		{"from a time on", conversions.ReplayQuery{From: week}, true, 1, map[string]string{"a": "done 20.00", "b": "done 40.00", "c": "done 150.00"}},
		{"until a time", conversions.ReplayQuery{To: week}, true, 2, map[string]string{"a": "done 50.00", "b": "done 100.00", "c": "done 60.00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			google := r.script(done)
			sentLives(r, google)
			r.share(5_000)
			r.run(google)
			diff(t, "calls after the rules changed", google.sizes(), []int{2, 1})
			rows, ledger := r.rows(), r.ledger()
			report, err := r.scheduler(google).Replay(t.Context(), acme, tt.query, tt.apply)
			if err != nil {
				t.Fatalf("Replay: %v", err)
			}
			if report.Applied != tt.apply || report.Changed != tt.changed || report.Operations["restate"] != tt.changed || len(report.Rows) != tt.changed {
				t.Errorf("report %+v, want %d restatements", report, tt.changed)
			}
			if !tt.apply {
				diff(t, "rows", r.rows(), rows)
				diff(t, "ledger", r.ledger(), ledger)
			}
			r.run(google)
			got := map[string]string{}
			for name, state := range r.states() {
				got[name[:1]] = state
			}
			diff(t, "states", got, tt.want)
			again, err := r.scheduler(google).Replay(t.Context(), acme, tt.query, true)
			if err != nil || (tt.apply && again.Changed != 0) {
				t.Errorf("replayed again: %+v, %v; want nothing changed", again, err)
			}
			r.checkLedger(t)
		})
	}
}

// A replay of more leads than fit a page, while events arrive.
func TestReplayWhileEventsArrive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	google := r.script(done)
	r.books(450)
	r.run(google)
	stage := r.rules.Stages[conversions.StageBooked]
	stage.Share = 5_000
	r.rules.Stages[conversions.StageBooked] = stage
	cfg := r.config(google)
	pages := 0
	cfg.Store = &hooked{Store: r.store, decided: func() {
		pages++
		r.happens(lead(pages), conversions.OutcomeBooked, worth(88_800))
		r.happens(lead(440+pages), conversions.OutcomeBooked, worth(99_900))
	}}
	report, err := scheduler.New(cfg).Replay(t.Context(), acme, conversions.ReplayQuery{}, true)
	if err != nil {
		t.Fatalf("Replay: %v", err)
	}
	if report.Leads != 450 || report.Changed != 450 || len(report.Rows) != scheduler.SampleRows || pages != 3 {
		t.Errorf("%d leads, %d changed, %d listed, %d pages; want 450, 450, 20, 3", report.Leads, report.Changed, len(report.Rows), pages)
	}
	r.clock.advance(2 * time.Hour)
	r.run(google)
	states := r.states()
	diff(t, "a lead that changed behind the replay", states["call-0001 booked"], "done 444.00")
	diff(t, "a lead that changed ahead of it", states["call-0441 booked"], "done 499.50")
	diff(t, "any other", states["call-0100 booked"], "done 50.50")
	diff(t, "states", r.tally(), map[string]int{"done": 450})
	r.checkLedger(t)
}
