package scheduler_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/sandbox"
	"closeloop/scheduler"
)

func diff(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestRunSendsBookedFirstThenTheNearestDeadline(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.happens("young", conversions.OutcomeQuoted, r.ago(8*time.Hour), click(clickID(1)), worth(100))
	r.happens("old", conversions.OutcomeQuoted, r.ago(3*day), click(clickID(2)), worth(200))
	r.happens("young", conversions.OutcomeBooked, r.ago(7*time.Hour), worth(300))
	r.happens("older", conversions.OutcomeBooked, r.ago(2*day), click(clickID(3)), worth(400))
	google := r.script(done)
	report := r.run(google)
	if len(google.made()) != 1 {
		t.Fatalf("%d calls, want 1", len(google.made()))
	}
	var got []string
	for _, it := range google.made()[0].batch.Items {
		got = append(got, it.OrderID+" "+it.Value.String())
	}
	diff(t, "items", got, []string{
		orderID("older", conversions.StageBooked) + " 4.00", orderID("young", conversions.StageBooked) + " 3.00",
		orderID("old", conversions.StageQuoted) + " 0.40", orderID("young", conversions.StageQuoted) + " 0.20",
	})
	diff(t, "answers", report.Answers, map[string]int{"done": 4})
}

func TestRunHonoursHoldAndSettle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	// Held until six hours after the call, and until an hour after the tag.
	r.happens("held", "", r.ago(5*time.Hour), click(clickID(1)))
	r.happens("held", conversions.OutcomeBooked, r.ago(5*time.Hour), worth(100))
	r.happens("settling", "", r.ago(day), click(clickID(2)))
	r.happens("settling", conversions.OutcomeBooked, r.ago(time.Hour-time.Second), worth(200))
	google := r.script(done)
	steps := []struct {
		wait time.Duration
		want []int
	}{{0, nil}, {time.Second, []int{1}}, {59*time.Minute + 58*time.Second, []int{1}}, {time.Second, []int{1, 1}}, {day, []int{1, 1}}}
	for _, step := range steps {
		r.clock.advance(step.wait)
		r.run(google)
		diff(t, fmt.Sprintf("calls after %v", step.wait), google.sizes(), step.want)
	}
	diff(t, "states", r.states(), map[string]string{"held booked": "done 1.00", "settling booked": "done 2.00"})
}

func TestRunSplitsAtTheLimitOfARequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(conversions.MaxItems + 1)
	box, google := r.google()
	report := r.run(google)
	if report.Batches != 2 || report.Rows != 2001 {
		t.Errorf("%d batches, %d rows, want 2, 2001", report.Batches, report.Rows)
	}
	var sizes []int
	for _, req := range box.Requests() {
		sizes = append(sizes, req.Rows)
	}
	diff(t, "requests", sizes, []int{2000, 1})
	if n := len(held(t, box)); n != 2001 {
		t.Errorf("the sandbox holds %d conversions, want 2001", n)
	}
	diff(t, "states", r.tally(), map[string]int{"done": 2001})
}

// Seven rows of a thousand are bad, each in its own way.
func TestRunRefusesBadRowsAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	box, google := r.google(func(c *sandbox.Config) {
		c.AnyClick = false
		c.Unproven.MaxClickID = 100
		for i := range 1000 {
			c.Clicks = append(c.Clicks, sandbox.Click{Kind: sandbox.GCLID, ID: clickID(i), Customer: customer, Time: start().Add(-8 * time.Hour)})
		}
		c.Customers = append(c.Customers, sandbox.Customer{ID: "2222222222", Allowlisted: true})
		c.Clicks = append(c.Clicks,
			sandbox.Click{Kind: sandbox.GCLID, ID: "CjwKCAjwClickOfAnotherAccountLongEnough", Customer: "2222222222", Time: start().Add(-8 * time.Hour)},
			sandbox.Click{Kind: sandbox.GCLID, ID: "CjwKCAjwClickOfNobodyWeKnowLongEnough", Customer: "7777777777", Time: start().Add(-8 * time.Hour)},
			sandbox.Click{Kind: sandbox.GCLID, ID: "CjwKCAjwClickAfterTheBookingLongEnough", Customer: customer, Time: start().Add(-6 * time.Hour)},
			sandbox.Click{Kind: sandbox.GCLID, ID: "CjwKCAjwClickOfLongAgoLongEnough", Customer: customer, Time: start().Add(-91 * day)},
		)
	})
	r.books(993)
	long := "CjwKCAjw" + string(slices.Repeat([]byte("A"), 100))
	bad := map[conversions.LeadID]struct{ click, code string }{
		"unknown":     {"CjwKCAjwNobodyKnowsThisClickLongEnough", "ConversionUploadError.EVENT_NOT_FOUND"},
		"cut":         {clickID(5)[:40], "ConversionUploadError.UNPARSEABLE_GCLID"},
		"other":       {"CjwKCAjwClickOfAnotherAccountLongEnough", "ConversionUploadError.INVALID_CUSTOMER_FOR_CLICK"},
		"out-of-hand": {"CjwKCAjwClickOfNobodyWeKnowLongEnough", "ConversionUploadError.UNAUTHORIZED_CUSTOMER"},
		"too-early":   {"CjwKCAjwClickAfterTheBookingLongEnough", "ConversionUploadError.CONVERSION_PRECEDES_EVENT"},
		"too-late":    {"CjwKCAjwClickOfLongAgoLongEnough", "ConversionUploadError.EXPIRED_EVENT"},
		"too-long":    {long, "StringLengthError.TOO_LONG"},
	}
	for l, b := range bad {
		r.happens(l, conversions.OutcomeBooked, r.ago(7*time.Hour), click(b.click), worth(1))
	}
	report := r.run(google)
	diff(t, "answers", report.Answers, map[string]int{"done": 993, "refused": 7})
	if n := len(held(t, box)); n != 993 {
		t.Errorf("the sandbox holds %d conversions, want 993", n)
	}
	rows := r.rows()
	for l, b := range bad {
		row := rows[string(l)+" booked"]
		if row.State != conversions.StateRefused || row.Last == nil || row.Last.Code != b.code {
			t.Errorf("%s: state %s, last answer %+v, want refused with %s", l, row.State, row.Last, b.code)
		}
	}
	n := 0
	for _, row := range rows {
		if row.State == conversions.StateDone {
			n++
		}
	}
	if n != 993 || len(rows) != 1000 {
		t.Errorf("%d of %d rows done, want 993 of 1000", n, len(rows))
	}
}

func TestRunOfAnUnknownAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, dry := range []bool{false, true} {
		if _, err := r.scheduler(r.script(done)).RunNow(t.Context(), "nobody", dry); !errors.Is(err, scheduler.ErrUnknownAccount) {
			t.Errorf("RunNow(dry %t) = %v, want ErrUnknownAccount", dry, err)
		}
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	box, google := r.google()
	r.happens("sent", conversions.OutcomeBooked, r.ago(2*day), click(clickID(1)), worth(100))
	r.run(google)
	// A queued row, a row whose time ran out, a row that waits, and events not folded yet.
	r.happens("queued", conversions.OutcomeBooked, r.ago(time.Hour), click(clickID(2)), worth(200))
	r.happens("waiting", conversions.OutcomeBooked, r.ago(8*day), worth(300))
	r.run(google)
	r.clock.advance(6 * time.Hour)
	r.happens("queued", conversions.OutcomeBooked, r.ago(2*time.Hour), worth(250))
	r.happens("fresh", conversions.OutcomeQuoted, r.ago(7*time.Hour), click(clickID(3)), worth(1000))
	r.happens("fresh", conversions.OutcomeBooked, r.ago(6*time.Hour), worth(1000))
	r.happens("not-yet", conversions.OutcomeBooked, r.ago(time.Minute), click(clickID(4)), worth(1))
	r.happens("sent", conversions.OutcomeSpam, r.ago(time.Minute))
	rows, ledger, counted, calls := r.rows(), r.ledger(), held(t, box), len(box.Requests())

	report, err := r.scheduler(google).RunNow(t.Context(), acme, true)
	if err != nil {
		t.Fatalf("dry run: %v", err)
	}
	if !report.DryRun || report.Folded != 4 || report.Batches != 1 || report.Rows != 3 || report.Answers["done"] != 3 {
		t.Errorf("report %+v, want 4 leads folded, 3 rows in 1 request, all done", report)
	}
	diff(t, "rows", r.rows(), rows)
	diff(t, "ledger", r.ledger(), ledger)
	diff(t, "what the sandbox holds", held(t, box), counted)
	requests := box.Requests()
	if len(requests) != calls+1 || !requests[calls].ValidateOnly {
		t.Errorf("%d requests, the last %+v, want one more, validate-only", len(requests), requests[len(requests)-1])
	}
	if work, err := r.store.Unfolded(t.Context(), acme, 100); err != nil || len(work) != 4 {
		t.Errorf("%d leads in the inbox (%v), want 4", len(work), err)
	}

	after := r.run(google)
	if after.Rows != report.Rows {
		t.Errorf("the run after it sent %d rows, want the dry run's %d", after.Rows, report.Rows)
	}
}

func TestDryRunNeedsNoLease(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.books(1)
	if _, err := r.store.Acquire(t.Context(), acme, "somebody", r.clock.now()); err != nil {
		t.Fatalf("acquire: %v", err)
	}
	google := r.script(done)
	if _, err := r.scheduler(google).RunNow(t.Context(), acme, true); err != nil || len(google.made()) != 1 {
		t.Errorf("dry run: %v, %d calls; want none wrong, 1", err, len(google.made()))
	}
}

func TestTestModeSendsNothingUntilLive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	box, google := r.google()
	r.rules.Mode = conversions.ModeTest
	r.books(3)
	r.happens("bad", conversions.OutcomeBooked, r.ago(7*time.Hour), click("CjwKCAjw+Not+A+Click"), worth(1))
	report := r.run(google)
	if report.Mode != conversions.ModeTest {
		t.Errorf("report's mode %q, want test", report.Mode)
	}
	diff(t, "states", r.tally(), map[string]int{"tested": 3, "refused refused_by_google": 1})
	r.run(google)
	for _, req := range box.Requests() {
		if !req.ValidateOnly {
			t.Errorf("request %+v in test mode, want validate-only", req)
		}
	}
	if n, calls := len(held(t, box)), len(box.Requests()); n != 0 || calls != 1 {
		t.Errorf("the sandbox holds %d conversions after %d calls, want 0 after 1", n, calls)
	}

	r.rules.Mode = conversions.ModeLive
	r.run(google)
	diff(t, "states when live", r.tally(), map[string]int{"done": 3, "refused refused_by_google": 1})
	if n := len(held(t, box)); n != 3 {
		t.Errorf("the sandbox holds %d conversions, want 3", n)
	}
}

func TestRunClosesWhatTimeRanOutFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.happens("waits", conversions.OutcomeBooked, r.ago(day), worth(100))
	r.happens("expires", conversions.OutcomeBooked, r.ago(89*day), click(clickID(1)), worth(100))
	google := r.script(func(_ int, b conversions.Batch) conversions.Reply {
		return all(b, conversions.Answer{Verdict: conversions.Later, Wait: 12 * time.Hour})
	})
	r.run(google)
	diff(t, "states", r.states(), map[string]string{"waits booked": "waiting waiting_for_click_id", "expires booked": "queued"})
	r.clock.advance(day)
	if report := r.run(google); report.Closed != 1 || report.Batches != 0 {
		t.Errorf("report %+v, want 1 closed and no call", report)
	}
	diff(t, "a day later", r.states(), map[string]string{"waits booked": "waiting waiting_for_click_id", "expires booked": "expired expired"})
	r.clock.advance(5*day - time.Second)
	r.run(google)
	diff(t, "a second before the wait ends", r.states()["waits booked"], "waiting waiting_for_click_id")
	r.clock.advance(time.Second)
	r.run(google)
	diff(t, "when the wait ends", r.states()["waits booked"], "skipped no_click_id")
	// A click that comes late opens the row again.
	r.happens("waits", "", click(clickID(2)))
	r.run(r.script(done))
	diff(t, "after the click came", r.states()["waits booked"], "done 1.00")
}

func TestRunMovesForeignConversionsOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		foreign int // answers that somebody else uploaded it
		want    string
		calls   int
	}{
		{"once", 1, "done 100.00", 2},
		{"twice", 2, "refused uploaded_by_another_tool", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.books(1)
			google := r.script(func(n int, b conversions.Batch) conversions.Reply {
				if n < tt.foreign {
					return all(b, conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByClickTime})
				}
				return done(n, b)
			})
			r.run(google)
			r.clock.advance(7 * day)
			r.run(google)
			diff(t, "state", r.states()[string(lead(0))+" booked"], tt.want)
			calls := google.made()
			if len(calls) != tt.calls {
				t.Fatalf("%d calls, want %d", len(calls), tt.calls)
			}
			first, second := calls[0].batch.Items[0], calls[1].batch.Items[0]
			if moved := second.At.Sub(first.At); moved != time.Second || second.OrderID != first.OrderID {
				t.Errorf("second try moved by %v, order ids %s, %s; want a second and the same", moved, first.OrderID, second.OrderID)
			}
		})
	}
}

// The sandbox recognises what another tool has uploaded.
func TestRunBesideAnotherTool(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	box, google := r.google()
	r.books(1)
	taken := r.clock.now().Add(-7*time.Hour - time.Second)
	google.Upload(t.Context(), conversions.Batch{
		ID: "theirs", Target: r.rules.Target, Items: []conversions.Item{{
			Op: conversions.OpUpload, OrderID: "their-order", Action: booked, ClickID: clickID(0),
			Click: conversions.ClickRef{Kind: conversions.GCLID}, At: taken, Value: conversions.AmountOf(5), Currency: "USD",
		}},
	}, false)
	r.run(google)
	diff(t, "state", r.states(), map[string]string{"call-0000 booked": "done 100.00"})
	diff(t, "held", held(t, box), map[string]string{"their-order": "0.05 USD", orderID(lead(0), conversions.StageBooked): "100.00 USD"})
}

// A click comes at the very moment at which the wait for it ends: the row is
// closed before the click is folded, or not at all.
func TestClickAtTheEndOfTheWait(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.happens("waits", conversions.OutcomeBooked, r.ago(6*day), worth(100))
	r.run(r.script(done))
	r.clock.advance(2 * day)
	folded, closing := make(chan struct{}, 10), true
	cfg := r.config(r.script(done))
	var s *scheduler.Scheduler
	cfg.Store = &hooked{
		Store:   r.store,
		decided: func() { folded <- struct{}{} },
		due: func(rows []conversions.Row) {
			if !closing || len(rows) == 0 {
				return
			}
			closing = false
			r.happens("waits", "", click(clickID(1)))
			s.Wake(acme)
			select { // a fold that could come between would come at once
			case <-folded:
			case <-time.After(300 * time.Millisecond):
			}
		},
	}
	s = newScheduler(cfg)
	r.runOn(s)
	r.run(r.script(done))
	diff(t, "states", r.states(), map[string]string{"waits booked": "done 1.00"})
}
