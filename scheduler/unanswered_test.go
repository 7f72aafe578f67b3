package scheduler_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"closeloop/conversions"
	"closeloop/googleads"
	"closeloop/sandbox"
	"closeloop/scheduler"
)

func lose(t *testing.T, box *sandbox.Server, kind sandbox.FaultKind) {
	t.Helper()
	if err := box.Fault(sandbox.Fault{Kind: kind, AfterWork: true}); err != nil {
		t.Fatalf("fault: %v", err)
	}
}

// recorder passes a batch on and remembers it, and may do something first.
type recorder struct {
	scheduler.Destination
	batches []conversions.Batch
	before  func(conversions.Batch)
}

func (r *recorder) Upload(ctx context.Context, b conversions.Batch, validateOnly bool) conversions.Reply {
	r.batches = append(r.batches, b)
	if r.before != nil {
		r.before(b)
	}
	return r.Destination.Upload(ctx, b, validateOnly)
}

var _ scheduler.Destination = (*googleads.Client)(nil)

// The answer is lost after the work was done: the very same rows are sent
// again, once the call has surely ended, and counted once.
func TestLostAnswerIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, kind := range []sandbox.FaultKind{sandbox.FaultUnavailable, sandbox.FaultCut, sandbox.FaultInternal} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			box, client := r.google()
			google := &recorder{Destination: client}
			r.books(20)
			lose(t, box, kind)
			report := r.run(google)
			if report.Unanswered != 1 || !report.SendAgain.Equal(r.clock.now().Add(conversions.CallMargin)) {
				t.Errorf("report: %d unanswered, again at %v, want 1, 35 s from now", report.Unanswered, report.SendAgain)
			}
			diff(t, "states", r.tally(), map[string]int{"sending": 20})
			first := r.unanswered()

			r.clock.advance(conversions.CallMargin - time.Second)
			if report := r.run(google); report.Batches != 0 || report.Unanswered != 1 {
				t.Errorf("a second too early: report %+v, want no call", report)
			}
			// A change of the rules meanwhile changes nothing of what is sent again.
			r.rules.Stages[conversions.StageBooked] = conversions.StageRules{Action: booked, Share: 5000}
			r.clock.advance(time.Second)
			report = r.run(google)
			diff(t, "answers to the resend", report.Answers, map[string]int{"already there": 20})
			diff(t, "states", r.tally(), map[string]int{"done": 20})
			if n := len(r.unanswered()); n != 0 {
				t.Errorf("%d batches unanswered, want none", n)
			}
			if len(google.batches) != 2 {
				t.Fatalf("%d calls, want 2", len(google.batches))
			}
			a, b := google.batches[0], google.batches[1]
			if d := cmp.Diff(a, b, cmpopts.IgnoreFields(conversions.Batch{}, "Attempts", "SentAt")); d != "" {
				t.Errorf("the resend differs (-first +second):\n%s", d)
			}
			if b.Attempts != 2 || a.ID.JobID() != b.ID.JobID() {
				t.Errorf("attempt %d, job ids %d, %d; want 2 and one", b.Attempts, a.ID.JobID(), b.ID.JobID())
			}
			if d := cmp.Diff(first[0].Items, b.Items); d != "" {
				t.Errorf("the resend differs from the manifest (-manifest +sent):\n%s", d)
			}
			counted := held(t, box)
			for i := range 20 {
				row := r.rows()[string(lead(i))+" booked"]
				want := conversions.AmountOf(conversions.Cents(10_000 + i))
				if row.Known.Status != conversions.KnownThere || row.Known.Value != want {
					t.Errorf("row %d known %q %v, want there, %v", i, row.Known.Status, row.Known.Value, want)
				}
				if got := counted[row.OrderID]; got != want.String()+" USD" {
					t.Errorf("row %d is counted as %q, want %v USD", i, got, want)
				}
			}
			if len(counted) != 20 {
				t.Errorf("%d conversions counted, want 20", len(counted))
			}
		})
	}
}

// The work was not done: the resend does it.
func TestLostRequestIsSentAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	box, google := r.google()
	r.books(5)
	if err := box.Fault(sandbox.Fault{Kind: sandbox.FaultCut}, sandbox.Fault{Kind: sandbox.FaultUnavailable}); err != nil {
		t.Fatalf("fault: %v", err)
	}
	r.run(google)
	diff(t, "states", r.tally(), map[string]int{"sending": 5})
	r.clock.advance(time.Minute)
	r.run(google)
	diff(t, "states after another lost call", r.tally(), map[string]int{"sending": 5})
	// Each attempt waits longer than the one before.
	r.clock.advance(conversions.CallMargin)
	if report := r.run(google); report.Batches != 0 {
		t.Errorf("third attempt after 35 s: %d calls, want none before the back-off", report.Batches)
	}
	r.clock.advance(conversions.BackoffBase)
	diff(t, "answers", r.run(google).Answers, map[string]int{"done": 5})
	diff(t, "states in the end", r.tally(), map[string]int{"done": 5})
	if n := len(held(t, box)); n != 5 {
		t.Errorf("%d conversions counted, want 5", n)
	}
}

// What goes unanswered holds nothing else back for long: the run ends, and the
// next one sends the rest beside it.
func TestLostAnswerEndsTheRunOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(conversions.MaxItems + 5)
	google := r.script(func(n int, b conversions.Batch) conversions.Reply {
		if n == 0 {
			return lost(b)
		}
		return done(n, b)
	})
	r.run(google)
	r.run(google)
	diff(t, "calls", google.sizes(), []int{2000, 5})
	diff(t, "states", r.tally(), map[string]int{"sending": 2000, "done": 5})
	r.clock.advance(time.Minute)
	r.run(google)
	diff(t, "states in the end", r.tally(), map[string]int{"done": 2005})
}

// An event comes while its row is in flight.
func TestEventDuringTheCallIsNotLost(t *testing.T) {
	t.Parallel()
	cents := func(c conversions.Cents) func(*rig) {
		return func(r *rig) { r.happens(lead(0), conversions.OutcomeBooked, worth(c)) }
	}
	tests := []struct {
		name  string
		event func(*rig)
		lost  bool
		want  string // after the call
		later string // after everything came to rest
		calls int
	}{
		{"another amount", cents(20_000), false, "change_due 100.00", "done 200.00", 2},
		{"the same amount", cents(10_000), false, "done 100.00", "done 100.00", 1},
		{
			"withdrawn", func(r *rig) { r.happens(lead(0), conversions.OutcomeSpam) },
			false, "change_due withdrawn 100.00", "change_due withdrawn 100.00", 1,
		},
		{"another amount, answer lost", cents(20_000), true, "sending", "done 200.00", 3},
		{
			"withdrawn, answer lost", func(r *rig) { r.happens(lead(0), conversions.OutcomeSpam) },
			true, "sending withdrawn", "change_due withdrawn 100.00", 1,
		},
		{
			"consent denied, answer lost", func(r *rig) { r.happens(lead(0), "", denied) },
			true, "sending consent_denied", "retracted consent_denied", 2,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.books(1)
			google := r.script(func(n int, b conversions.Batch) conversions.Reply {
				if n > 0 {
					return there(n, b)
				}
				r.clock.advance(time.Second)
				tt.event(r)
				if tt.lost {
					return lost(b)
				}
				return done(n, b)
			})
			r.run(google)
			r.clock.advance(time.Second)
			r.run(google) // folds what the run left behind
			name := string(lead(0)) + " booked"
			diff(t, "state after the call", r.states()[name], tt.want)
			for range 3 {
				r.clock.advance(time.Hour)
				r.run(google)
			}
			diff(t, "state in the end", r.states()[name], tt.later)
			if n := len(google.made()); n != tt.calls {
				t.Errorf("%d calls, want %d", n, tt.calls)
			}
			for _, c := range google.made() {
				if it := c.batch.Items[0]; it.Op == conversions.OpUpload && it.Value != conversions.AmountOf(10_000) {
					t.Errorf("sent %v, want the manifest's 100.00", it.Value)
				}
			}
		})
	}
}

// A withdrawn row leaves the resend; the others go.
func TestResendLeavesOutWhatIsNotWanted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	box, client := r.google()
	r.books(3)
	lose(t, box, sandbox.FaultUnavailable)
	r.run(client)
	r.happens(lead(0), conversions.OutcomeSpam)
	if _, err := r.store.Forget(t.Context(), acme, "src_1", lead(1)); err != nil {
		t.Fatalf("forget: %v", err)
	}
	r.clock.advance(time.Minute)
	google := &recorder{Destination: client}
	report := r.run(google)
	if report.Abandoned != 2 || report.Rows != 1 {
		t.Errorf("%d abandoned, %d sent, want 2, 1", report.Abandoned, report.Rows)
	}
	if len(google.batches) != 1 || google.batches[0].Items[0].OrderID != orderID(lead(2), conversions.StageBooked) {
		t.Errorf("calls %+v, want one with the third row", google.batches)
	}
	states := r.states()
	diff(t, "withdrawn", states["call-0000 booked"], "change_due withdrawn 100.00")
	diff(t, "still wanted", states["call-0002 booked"], "done 100.02")
	if got := r.rows()["call-0001 booked"].Known.Status; got != conversions.KnownUnanswered {
		t.Errorf("erased row is known %q, want unanswered", got)
	}
	r.clock.advance(day)
	if report := r.run(google); report.Batches != 1 || report.Unanswered != 0 {
		t.Errorf("a day later %+v, want the withdrawn row retracted", report)
	}
	diff(t, "a day later", r.states()["call-0000 booked"], "retracted withdrawn")
}

// What was erased before it was ever sent is not sent without its click.
func TestErasedBeforeSending(t *testing.T) {
	t.Parallel()
	for _, mode := range []conversions.Mode{conversions.ModeLive, conversions.ModeTest} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.rules.Mode = mode
			google := r.script(done)
			r.books(3)
			r.clock.advance(-3 * time.Hour)
			r.run(google) // folded, not due
			r.clock.advance(3 * time.Hour)
			if _, err := r.store.Forget(t.Context(), acme, "src_1", lead(1)); err != nil {
				t.Fatalf("forget: %v", err)
			}
			r.run(google)
			for _, c := range google.made() {
				for _, it := range c.batch.Items {
					if it.ClickID == "" {
						t.Errorf("sent %s without a click", it.OrderID)
					}
				}
			}
			if got := r.states()["call-0001 booked"]; got != "skipped click_id_erased" {
				t.Errorf("erased row is %q, want skipped click_id_erased", got)
			}
			if n := r.tally()["done"] + r.tally()["tested"]; n != 2 || len(r.unanswered()) != 0 {
				t.Errorf("states %v, %d batches unanswered; want 2 done or tested, none", r.tally(), len(r.unanswered()))
			}
		})
	}
}

// An API that takes whole events only cannot be told of another value once the
// click id was erased, nor of a withdrawal: the row says that, and not that no
// click id ever came. One that takes the order id is told.
func TestErasedBeforeAChange(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		manage bool
		change change
		as     conversions.Outcome
		want   string
	}{
		{"another value, Data Manager", true, worth(20_000), conversions.OutcomeBooked, "cannot_change click_id_erased 100.00"},
		{"withdrawn, Data Manager", true, worth(0), conversions.OutcomeSpam, "cannot_change click_id_erased 100.00"},
		{"another value, Google Ads", false, worth(20_000), conversions.OutcomeBooked, "done 200.00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := r.scheduler(r.script(done))
			if tt.manage {
				s = r.through(r.manages())
			}
			r.happens(lead(0), conversions.OutcomeBooked, r.ago(26*time.Hour), click(clickID(0)), worth(10_000))
			r.runOn(s)
			r.clock.advance(time.Hour)
			r.runOn(s)
			diff(t, "before", r.states()["call-0000 booked"], "done 100.00")
			r.happens(lead(0), tt.as, tt.change)
			r.runOn(s)
			if _, err := r.store.Forget(t.Context(), acme, "src_1", lead(0)); err != nil {
				t.Fatalf("forget: %v", err)
			}
			r.clock.advance(2 * day)
			r.runOn(s)
			diff(t, "after the change", r.states()["call-0000 booked"], tt.want)
		})
	}
}

// An account that was put into test mode sends nothing, what is unanswered
// included, and goes on when it is live again.
func TestTestModeDoesNotResend(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(2)
	google := r.script(func(n int, b conversions.Batch) conversions.Reply {
		if n == 0 {
			return lost(b)
		}
		return done(n, b)
	})
	r.run(google)
	r.rules.Mode = conversions.ModeTest
	r.clock.advance(time.Hour)
	r.run(google)
	for _, c := range google.made()[1:] {
		if !c.validate {
			t.Errorf("a call in test mode with %d items, want validate-only or none", len(c.batch.Items))
		}
	}
	r.rules.Mode = conversions.ModeLive
	r.run(google)
	diff(t, "states when live", r.tally(), map[string]int{"done": 2})
}

// A resend that is refused as a whole because of single rows is split until
// every row has its answer.
func TestResendIsSplitToo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	box, google := r.google(func(c *sandbox.Config) {
		c.Unproven.WholeRequest = []int32{orderIDInUse}
	})
	r.books(4)
	lose(t, box, sandbox.FaultUnavailable)
	r.run(google)
	r.clock.advance(time.Hour)
	r.run(google)
	diff(t, "states", r.tally(), map[string]int{"done": 4})
	if n := len(held(t, box)); n != 4 {
		t.Errorf("%d conversions counted, want 4", n)
	}
}

// ConversionUploadError.ORDER_ID_ALREADY_IN_USE, Google Ads API v25.
const orderIDInUse = 15

// A resend whose answer is "try again" leaves open whether the first attempt
// did the work: what Google holds is the first manifest's value, whatever is
// sent later.
func TestResendThatMustBeTriedAgain(t *testing.T) {
	t.Parallel()
	answers := []conversions.Answer{
		{Verdict: conversions.Retry, Counts: true, Code: "InternalError.INTERNAL_ERROR"},
		{Verdict: conversions.Later, Wait: time.Hour},
		{Verdict: conversions.Pause, Scope: conversions.ScopeAccount},
		{Verdict: conversions.Pause, Scope: conversions.ScopeAction},
	}
	for _, a := range answers {
		for _, lostAgain := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %s, lost again %t", a.Verdict, a.Scope, lostAgain), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.books(1)
				google := r.script(func(n int, b conversions.Batch) conversions.Reply {
					switch {
					case n == 0, n == 2 && lostAgain:
						return lost(b)
					case n == 1:
						return all(b, a)
					default:
						return there(n, b)
					}
				})
				r.run(google)
				r.clock.advance(time.Hour)
				r.run(google)
				r.happens(lead(0), conversions.OutcomeBooked, worth(20_000))
				for range 3 {
					r.clock.advance(7 * time.Hour)
					r.run(google)
				}
				diff(t, "state", r.states(), map[string]string{"call-0000 booked": "done 200.00"})
				last := google.made()[len(google.made())-1].batch.Items[0]
				if last.Op != conversions.OpRestate || last.Value != conversions.AmountOf(20_000) {
					t.Errorf("the last call was %s of %v, want a restatement of 200.00", last.Op, last.Value)
				}
			})
		}
	}
}
