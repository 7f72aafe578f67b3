package scheduler_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/sandbox"
)

// counted are the values the sandbox counts: of what was not retracted.
func counted(box *sandbox.Server) string {
	var values []string
	for _, c := range box.Conversions() {
		if !c.Retracted {
			values = append(values, fmt.Sprintf("%.2f %s", c.Value, c.Currency))
		}
	}
	return strings.Join(values, ", ")
}

// adjustments are what took effect on one order id: "RESTATEMENT 200.00".
func adjustments(box *sandbox.Server, order string) []string {
	var all []string
	for _, c := range box.Conversions() {
		if c.OrderID != order {
			continue
		}
		for _, a := range c.Adjustments {
			all = append(all, fmt.Sprintf("%s %.2f", a.Type, a.Value))
		}
	}
	return all
}

func generation(l conversions.LeadID, s conversions.Stage, n int) string {
	return conversions.OrderID("src_1", l, s, n)
}

// What was sent changes: each step is an event and how long after it a run is
// made.
func TestWhatWasSentChanges(t *testing.T) {
	t.Parallel()
	type step struct {
		outcome conversions.Outcome // none for ""
		cents   conversions.Cents
		wait    time.Duration
		state   string
		counted string // of any generation; "" for nothing
		calls   int
	}
	sent := step{conversions.OutcomeBooked, 10_000, 7 * time.Hour, "done 100.00", "100.00 USD", 1}
	tests := []struct {
		name  string
		steps []step
		made  []string // adjustments of the first generation
	}{
		{"another value", []step{
			sent,
			{conversions.OutcomeBooked, 20_000, time.Minute, "change_due 100.00", "100.00 USD", 1},
			{"", 0, time.Hour, "done 200.00", "200.00 USD", 2},
			{"", 0, day, "done 200.00", "200.00 USD", 2},
		}, []string{"RESTATEMENT 200.00"}},
		{"the value changes twice before a run", []step{
			sent,
			{conversions.OutcomeBooked, 20_000, 0, "change_due 100.00", "100.00 USD", 1},
			{conversions.OutcomeBooked, 30_000, 2 * time.Hour, "done 300.00", "300.00 USD", 2},
		}, []string{"RESTATEMENT 300.00"}},
		{"the value changes and changes back", []step{
			sent,
			{conversions.OutcomeBooked, 20_000, 0, "change_due 100.00", "100.00 USD", 1},
			{conversions.OutcomeBooked, 10_000, day, "done 100.00", "100.00 USD", 1},
		}, nil},
		{"taken back for a day", []step{
			sent,
			{conversions.OutcomeSpam, 0, day - time.Minute, "change_due withdrawn 100.00", "100.00 USD", 1},
			{"", 0, time.Minute, "retracted withdrawn", "", 2},
			{"", 0, day, "retracted withdrawn", "", 2},
		}, []string{"RETRACTION 0.00"}},
		{"taken back and back again within a day", []step{
			sent,
			{conversions.OutcomeSpam, 0, 23 * time.Hour, "change_due withdrawn 100.00", "100.00 USD", 1},
			{conversions.OutcomeBooked, 0, 2 * day, "done 100.00", "100.00 USD", 1},
		}, nil},
		{"back with another value", []step{
			sent,
			{conversions.OutcomeSpam, 0, 23 * time.Hour, "change_due withdrawn 100.00", "100.00 USD", 1},
			{conversions.OutcomeBooked, 30_000, 2 * day, "done 300.00", "300.00 USD", 2},
		}, []string{"RESTATEMENT 300.00"}},
		{"booked again after a retraction", []step{
			sent,
			{conversions.OutcomeSpam, 0, day, "retracted withdrawn", "", 2},
			{conversions.OutcomeBooked, 40_000, 7 * time.Hour, "done 400.00", "400.00 USD", 3},
			{conversions.OutcomeBooked, 50_000, 2 * time.Hour, "done 500.00", "500.00 USD", 4},
			{conversions.OutcomeNotInterested, 0, day, "retracted withdrawn", "", 5},
			{conversions.OutcomeBooked, 60_000, 7 * time.Hour, "done 600.00", "600.00 USD", 6},
		}, []string{"RETRACTION 0.00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			box, google := r.google()
			r.happens("a", "", click(clickID(1)))
			for i, s := range tt.steps {
				if s.outcome != "" {
					e := r.event("a", s.outcome)
					if s.cents > 0 {
						e.Amounts.Actual = &s.cents
					}
					r.append(e)
				}
				r.clock.advance(s.wait)
				r.run(google)
				name := fmt.Sprintf("step %d", i)
				diff(t, name+": state", r.newestState("a booked"), s.state)
				diff(t, name+": counted", counted(box), s.counted)
				diff(t, name+": calls", len(box.Requests()), s.calls)
			}
			diff(t, "adjustments", adjustments(box, generation("a", conversions.StageBooked, 0)), tt.made)
			r.checkLedger(t)
		})
	}
}

// newestState is the state of the latest generation.
func (r *rig) newestState(name string) string {
	r.t.Helper()
	states := r.states()
	state := states[name]
	for n := 1; ; n++ {
		next, is := states[fmt.Sprintf("%s %d", name, n)]
		if !is {
			return state
		}
		state = next
	}
}

// An adjustment whose answer is lost is sent again exactly as it was, and
// recognised.
func TestLostAnswerOfAnAdjustment(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		outcome  conversions.Outcome
		unproven sandbox.Unproven
		after    bool // the first attempt did the work
		state    string
		made     []string
	}{
		{"restated", conversions.OutcomeBooked, sandbox.Unproven{}, true, "done 200.00", []string{"RESTATEMENT 200.00"}},
		{"restated, repeats ignored", conversions.OutcomeBooked, sandbox.Unproven{IgnoreRepeated: true}, true, "done 200.00", []string{"RESTATEMENT 200.00"}},
		{"not restated", conversions.OutcomeBooked, sandbox.Unproven{}, false, "done 200.00", []string{"RESTATEMENT 200.00"}},
		{"retracted", conversions.OutcomeSpam, sandbox.Unproven{}, true, "retracted withdrawn", []string{"RETRACTION 0.00"}},
		{"retracted, more ignored", conversions.OutcomeSpam, sandbox.Unproven{IgnoreRetracted: true}, true, "retracted withdrawn", []string{"RETRACTION 0.00"}},
		{"not retracted", conversions.OutcomeSpam, sandbox.Unproven{}, false, "retracted withdrawn", []string{"RETRACTION 0.00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			box, client := r.google(func(c *sandbox.Config) { c.Unproven = tt.unproven })
			r.books(1)
			r.run(client)
			r.happens(lead(0), tt.outcome, worth(20_000))
			r.clock.advance(day)
			if err := box.Fault(sandbox.Fault{Kind: sandbox.FaultUnavailable, On: sandbox.OnAdjust, AfterWork: tt.after}); err != nil {
				t.Fatalf("fault: %v", err)
			}
			google := &recorder{Destination: client}
			r.run(google)
			diff(t, "while unanswered", r.rows()["call-0000 booked"].State, conversions.StateSending)
			r.clock.advance(time.Hour)
			r.run(google)
			diff(t, "state", r.states()["call-0000 booked"], tt.state)
			diff(t, "adjustments", adjustments(box, orderID(lead(0), conversions.StageBooked)), tt.made)
			if len(google.batches) != 2 {
				t.Fatalf("%d calls, want the same twice", len(google.batches))
			}
			diff(t, "what was sent again", google.batches[1].Items, google.batches[0].Items)
			r.clock.advance(2 * day)
			r.run(google)
			if len(google.batches) != 2 {
				t.Errorf("%d calls in the end, want no more", len(google.batches))
			}
			r.checkLedger(t)
		})
	}
}

// The outcome changes while an adjustment of it is in flight.
func TestChangeDuringAnAdjustment(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		first, then conversions.Outcome
		lost        bool
		state       string
		counted     string
	}{
		{"another value during a restatement", conversions.OutcomeBooked, conversions.OutcomeBooked, false, "done 300.00", "300.00 USD"},
		{"another value, answer lost", conversions.OutcomeBooked, conversions.OutcomeBooked, true, "done 300.00", "300.00 USD"},
		{"taken back during a restatement", conversions.OutcomeBooked, conversions.OutcomeSpam, false, "retracted withdrawn", ""},
		{"taken back, answer lost", conversions.OutcomeBooked, conversions.OutcomeSpam, true, "retracted withdrawn", ""},
		{"back during the retraction", conversions.OutcomeSpam, conversions.OutcomeBooked, false, "done 300.00", "300.00 USD"},
		{"back, answer lost", conversions.OutcomeSpam, conversions.OutcomeBooked, true, "done 300.00", "300.00 USD"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			box, client := r.google()
			r.books(1)
			r.run(client)
			r.happens(lead(0), tt.first, worth(20_000))
			r.clock.advance(day)
			if tt.lost {
				if err := box.Fault(sandbox.Fault{Kind: sandbox.FaultCut, On: sandbox.OnAdjust, AfterWork: true}); err != nil {
					t.Fatalf("fault: %v", err)
				}
			}
			during := false
			google := &recorder{Destination: client, before: func(conversions.Batch) {
				if !during {
					during = true
					r.clock.advance(time.Second)
					r.happens(lead(0), tt.then, worth(30_000))
				}
			}}
			for range 5 {
				r.run(google)
				r.clock.advance(12 * time.Hour)
			}
			diff(t, "state", r.newestState("call-0000 booked"), tt.state)
			diff(t, "counted", counted(box), tt.counted)
			r.checkLedger(t)
		})
	}
}

// What Google takes no adjustment of is not sent, and says so.
func TestWhatCannotBeAdjusted(t *testing.T) {
	t.Parallel()
	wbraid := func(e *conversions.Event) {
		e.Person.Clicks = []conversions.FoundClick{{
			Click: conversions.Click{Kind: conversions.WBRAID, ID: clickID(7)}, Place: conversions.PlaceField,
		}}
	}
	tests := []struct {
		name    string
		click   change
		wait    time.Duration // from the conversion to the change
		outcome conversions.Outcome
		state   string
	}{
		{"wbraid, another value", wbraid, day, conversions.OutcomeBooked, "cannot_change click_id_not_adjustable 100.00"},
		{"wbraid, taken back", wbraid, day, conversions.OutcomeSpam, "cannot_change click_id_not_adjustable 100.00"},
		{"54 days, another value", click(clickID(1)), 54 * day, conversions.OutcomeBooked, "cannot_change too_late_to_adjust 100.00"},
		{"54 days, taken back", click(clickID(1)), 54 * day, conversions.OutcomeSpam, "cannot_change too_late_to_adjust 100.00"},
		{"nearly 54 days, another value", click(clickID(1)), 54*day - 2*time.Hour, conversions.OutcomeBooked, "done 200.00"},
		{"the wait goes beyond 54 days", click(clickID(1)), 53*day + 10*time.Hour, conversions.OutcomeSpam, "cannot_change too_late_to_adjust 100.00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			box, google := r.google()
			r.happens("a", conversions.OutcomeBooked, tt.click, worth(10_000))
			conversion := r.clock.now()
			r.clock.advance(7 * time.Hour)
			r.run(google)
			r.clock.advance(conversion.Add(tt.wait).Sub(r.clock.now()))
			r.happens("a", tt.outcome, worth(20_000))
			calls := len(box.Requests())
			for range 3 {
				r.clock.advance(time.Hour)
				r.run(google)
			}
			for range 3 {
				r.clock.advance(day)
				r.run(google)
			}
			diff(t, "state", r.states()["a booked"], tt.state)
			if n := len(box.Requests()); n != calls && tt.state != "done 200.00" {
				t.Errorf("%d adjustments, want none", n-calls)
			}
		})
	}
}

// Adjustments go where the upload went, whatever the configuration says then.
func TestAdjustmentsGoWhereTheUploadWent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	google := r.script(done)
	r.books(2)
	r.run(google)
	r.rules.Target.Customer = "9999999999"
	stages := r.rules.Stages[conversions.StageBooked]
	stages.Action = "77"
	r.rules.Stages = map[conversions.Stage]conversions.StageRules{conversions.StageBooked: stages}
	r.happens(lead(0), conversions.OutcomeBooked, worth(20_000))
	r.happens(lead(1), conversions.OutcomeSpam)
	r.happens("new", conversions.OutcomeBooked, click(clickID(50)), worth(500))
	r.clock.advance(day)
	r.run(google)
	got := map[string]string{}
	for _, c := range google.made()[1:] {
		for _, it := range c.batch.Items {
			got[it.OrderID] = fmt.Sprintf("%s %s to %s", it.Op, it.Action, c.batch.Target.Customer)
		}
	}
	diff(t, "what was sent where", got, map[string]string{
		orderID(lead(0), conversions.StageBooked): "restate 11 to " + customer,
		orderID(lead(1), conversions.StageBooked): "retract 11 to " + customer,
		orderID("new", conversions.StageBooked):   "upload 77 to 9999999999",
	})
}
