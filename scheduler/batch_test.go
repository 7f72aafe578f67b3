package scheduler_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/sandbox"
)

func fix() conversions.Answer {
	return conversions.Answer{Verdict: conversions.FixBatch, Code: "ConversionUploadError.DUPLICATE_ORDER_ID"}
}

// spoils fails the whole upload as long as a bad row is in it.
func spoils(bad func(conversions.Item) bool, lone conversions.Answer) func(int, conversions.Batch) conversions.Reply {
	return func(n int, b conversions.Batch) conversions.Reply {
		if b.Items[0].Op != conversions.OpUpload || !slices.ContainsFunc(b.Items, bad) {
			return done(n, b)
		}
		if len(b.Items) > 1 {
			return failed(b, fix())
		}
		return failed(b, lone)
	}
}

func isLead(leads ...conversions.LeadID) func(conversions.Item) bool {
	return func(it conversions.Item) bool {
		return slices.ContainsFunc(leads, func(l conversions.LeadID) bool { return it.OrderID == orderID(l, conversions.StageBooked) })
	}
}

// One bad row that fails whole requests costs no good row anything.
func TestWholeRequestIsSplitUntilTheBadRowIsAlone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		lone conversions.Answer // what the bad row gets alone
		want string
	}{
		{"the batch's fault to the last", fix(), "refused refused_by_google"},
		{"refused", conversions.Answer{Verdict: conversions.Refused, Code: "X.Y"}, "refused refused_by_google"},
		{"there already", conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID}, "done"},
	}
	for _, tt := range tests {
		for _, mode := range []conversions.Mode{conversions.ModeLive, conversions.ModeTest} {
			t.Run(tt.name+", "+string(mode), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.rules.Mode = mode
				r.books(50)
				google := r.script(spoils(isLead(lead(3), lead(30)), tt.lone))
				report := r.run(google)
				good, bad := "done", tt.want
				if mode == conversions.ModeTest {
					good = "tested"
					if tt.lone.Verdict == conversions.AlreadyThere {
						bad = "tested"
					}
				}
				want := map[string]int{}
				want[good] += 48
				want[bad] += 2
				diff(t, "states after one run", r.tally(), want)
				if report.Failed != nil {
					t.Errorf("failed = %+v, want nil: no call failed for good", report.Failed)
				}
				calls := len(google.made())
				r.clock.advance(day)
				r.run(google)
				if n := len(google.made()); n != calls {
					t.Errorf("%d further calls a day later, want none", n-calls)
				}
				if last := google.made()[calls-1].batch; mode == conversions.ModeLive && tt.lone.Verdict == conversions.AlreadyThere &&
					(len(last.Items) != 2 || last.Items[0].Op != conversions.OpRestate) {
					t.Errorf("last call %+v, want restatements of both, whose value is unknown", last)
				}
			})
		}
	}
}

func TestRowsThatMustNotShareARequest(t *testing.T) {
	t.Parallel()
	for _, mode := range []conversions.Mode{conversions.ModeLive, conversions.ModeTest} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.rules.Mode = mode
			r.books(10)
			pair := isLead(lead(2), lead(7))
			google := r.script(func(n int, b conversions.Batch) conversions.Reply {
				reply := done(n, b)
				var at []int
				for i, it := range b.Items {
					if pair(it) {
						at = append(at, i)
					}
				}
				if len(at) > 1 {
					for _, i := range at {
						reply.Answers[i] = fix()
					}
				}
				return reply
			})
			r.run(google)
			diff(t, "calls", google.sizes(), []int{10, 1, 1})
			if n := r.tally()["done"] + r.tally()["tested"]; n != 10 {
				t.Errorf("states %v, want all 10 done or tested", r.tally())
			}
		})
	}
}

// The sandbox fails whole requests for a row, as Google may.
func TestWholeRequestRefusedByTheSandbox(t *testing.T) {
	t.Parallel()
	const eventNotFound = 45 // ConversionUploadError.EVENT_NOT_FOUND, Google Ads API v25
	r := newRig(t)
	box, google := r.google(func(c *sandbox.Config) {
		c.AnyClick = false
		c.Unproven.WholeRequest = []int32{eventNotFound}
		for i := range 30 {
			c.Clicks = append(c.Clicks, sandbox.Click{Kind: sandbox.GCLID, ID: clickID(i), Customer: customer, Time: start().Add(-8 * time.Hour)})
		}
	})
	r.books(30)
	r.happens("unknown", conversions.OutcomeBooked, r.ago(9*time.Hour), click("CjwKCAjwNobodyKnowsThisClickLongEnough"), worth(1))
	r.run(google)
	diff(t, "states", r.tally(), map[string]int{"done": 30, "refused unmatched": 1})
	if n := len(held(t, box)); n != 30 {
		t.Errorf("%d conversions counted, want 30", n)
	}
}

// Between the parts of a split batch events go on; a part is sent as things
// stand then.
func TestSplitPartsAreSentAsThingsStandThen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(2)
	folded := make(chan struct{}, 10)
	cfg := r.config(nil)
	cfg.Store = &hooked{Store: r.store, decided: func() { folded <- struct{}{} }}
	google := r.script(nil)
	cfg.Accounts[0].Destinations = googleAds(google)
	s := newScheduler(cfg)
	google.next = func(n int, b conversions.Batch) conversions.Reply {
		if n > 0 {
			return done(n, b)
		}
		for len(folded) > 0 {
			<-folded
		}
		r.clock.advance(time.Second)
		r.happens(lead(0), conversions.OutcomeSpam)
		r.happens(lead(1), conversions.OutcomeBooked, worth(20_000))
		for open := true; open; {
			<-folded // by the fold that goes on beside the call
			work, err := r.store.Unfolded(t.Context(), acme, 1)
			if err != nil {
				t.Errorf("look into inbox: %v", err)
			}
			open = len(work) > 0
		}
		return failed(b, fix())
	}
	r.runOn(s)
	r.clock.advance(2 * time.Hour)
	r.runOn(s)
	diff(t, "states", r.states(), map[string]string{
		"call-0000 booked": "skipped withdrawn", "call-0001 booked": "done 200.00",
	})
	for _, c := range google.made()[1:] {
		if isLead(lead(0))(c.batch.Items[0]) {
			t.Error("the withdrawn row was sent all the same")
		}
	}
}

func TestNothingPersonalIsLogged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var log strings.Builder
	cfg := r.config(nil)
	cfg.Logger = jsonLogger(&log)
	r.books(3)
	google := r.script(func(n int, b conversions.Batch) conversions.Reply {
		if n == 0 {
			return failed(b, fix())
		}
		return lost(b)
	})
	cfg.Accounts[0].Destinations = googleAds(google)
	r.runOn(newScheduler(cfg))
	if strings.Contains(log.String(), "CjwKCAjw") || strings.Contains(log.String(), orderID(lead(0), conversions.StageBooked)) {
		t.Errorf("the log names a click or an order: %s", log.String())
	}
	if !strings.Contains(log.String(), `"msg":"run"`) {
		t.Errorf("log %q, want the run's line", log.String())
	}
}
