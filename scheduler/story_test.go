package scheduler_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/sandbox"
)

// holds is all that the sandbox holds of a lead, in words.
func holds(box *sandbox.Server, l conversions.LeadID) []string {
	var all []string
	for _, stage := range conversions.Stages() {
		for n := range 5 {
			for _, c := range box.Conversions() {
				if c.OrderID != generation(l, stage, n) {
					continue
				}
				text := fmt.Sprintf("%s %d: %.2f", stage, n, c.Value)
				if c.Retracted {
					text = fmt.Sprintf("%s %d: retracted", stage, n)
				}
				all = append(all, text)
			}
		}
	}
	return all
}

// The story of one lead: quoted, booked, worth more, spam by mistake, spam
// after all, and booked again.
func TestStoryOfOneLead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	box, google := r.google()
	steps := []struct {
		name    string
		outcome conversions.Outcome // none for ""
		cents   conversions.Cents
		wait    time.Duration // until the run
		holds   []string
		states  map[string]string
	}{
		{
			"quoted on Monday", conversions.OutcomeQuoted, 100_000, 7 * time.Hour,
			[]string{"quoted 0: 200.00"},
			map[string]string{"a quoted": "done 200.00"},
		},
		{
			"booked on Thursday", conversions.OutcomeBooked, 250_000, 3 * day,
			[]string{"booked 0: 2500.00", "quoted 0: 200.00"},
			map[string]string{"a booked": "done 2500.00", "a quoted": "done 200.00"},
		},
		{
			"the invoice is higher", conversions.OutcomeBooked, 310_000, 2 * time.Hour,
			[]string{"booked 0: 3100.00", "quoted 0: 200.00"},
			map[string]string{"a booked": "done 3100.00", "a quoted": "done 200.00"},
		},
		{
			"spam, by mistake", conversions.OutcomeSpam, 0, 20 * time.Hour,
			[]string{"booked 0: 3100.00", "quoted 0: 200.00"},
			map[string]string{"a booked": "change_due withdrawn 3100.00", "a quoted": "change_due withdrawn 200.00"},
		},
		{
			"booked, as it was", conversions.OutcomeBooked, 0, 3 * time.Hour,
			[]string{"booked 0: 3100.00", "quoted 0: 200.00"},
			map[string]string{"a booked": "done 3100.00", "a quoted": "change_due withdrawn 200.00"},
		},
		{
			"spam after all", conversions.OutcomeSpam, 0, 23 * time.Hour,
			[]string{"booked 0: 3100.00", "quoted 0: retracted"},
			map[string]string{"a booked": "change_due withdrawn 3100.00", "a quoted": "retracted withdrawn"},
		},
		{
			"a day later", "", 0, time.Hour,
			[]string{"booked 0: retracted", "quoted 0: retracted"},
			map[string]string{"a booked": "retracted withdrawn", "a quoted": "retracted withdrawn"},
		},
		{
			"booked again", conversions.OutcomeBooked, 120_000, 7 * time.Hour,
			[]string{"booked 0: retracted", "booked 1: 1200.00", "quoted 0: retracted"},
			map[string]string{"a booked": "retracted withdrawn", "a booked 1": "done 1200.00", "a quoted": "retracted withdrawn"},
		},
	}
	r.happens("a", "", click(clickID(1)))
	for _, s := range steps {
		if s.outcome != "" {
			e := r.event("a", s.outcome)
			if s.cents > 0 {
				e.Amounts.Actual = &s.cents
			}
			r.append(e)
		}
		r.clock.advance(s.wait)
		r.run(google)
		diff(t, s.name+": the sandbox holds", holds(box, "a"), s.holds)
		diff(t, s.name+": states", r.states(), s.states)
	}
	times := map[conversions.Operation]int{}
	for _, e := range r.ledger() {
		if e.Kind == conversions.EntryAnswered {
			times[e.Item.Op]++
		}
	}
	diff(t, "operations", times, map[conversions.Operation]int{
		conversions.OpUpload: 3, conversions.OpRestate: 1, conversions.OpRetract: 2,
	})
	r.checkLedger(t)
}

// A run leaves everything as one that is told apart: a booking with another
// outcome id, or tags that come in another order, end in the same place.
func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	t.Parallel()
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			box, google := r.google()
			r.happens("a", "", click(clickID(1)), r.ago(2*day))
			tags := []conversions.Event{
				r.event("a", conversions.OutcomeQuoted, worth(100_000), r.ago(30*time.Hour)),
				r.event("a", conversions.OutcomeSpam, r.ago(20*time.Hour)),
				r.event("a", conversions.OutcomeBooked, worth(250_000), r.ago(10*time.Hour)),
			}
			for _, i := range order {
				e := tags[i]
				e.Received = r.clock.now()
				r.append(e)
				r.run(google)
				r.clock.advance(time.Minute)
			}
			for range 4 {
				r.clock.advance(12 * time.Hour)
				r.run(google)
			}
			if got := holds(box, "a"); !slices.Contains(got, "booked 0: 2500.00") || slices.Contains(got, "quoted 0: 200.00") {
				t.Errorf("the sandbox holds %q, want the booking and no quote", got)
			}
			r.checkLedger(t)
		})
	}
}
