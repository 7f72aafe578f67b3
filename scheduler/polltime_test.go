package scheduler_test

import (
	"context"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
)

// hanging is a manager whose statuses never come: each question takes as long
// as a call may.
type hanging struct {
	*manager

	r       *rig
	asked   map[conversions.BatchID]int
	answers bool
}

// Status implements scheduler.Poller.
func (h *hanging) Status(ctx context.Context, b conversions.Batch) conversions.Reply {
	h.asked[b.ID]++
	if h.answers {
		return h.manager.Status(ctx, b)
	}
	h.r.clock.advance(conversions.CallTimeout)
	return failed(b, conversions.Answer{Verdict: conversions.Retry, Code: "HTTP.TIMEOUT"})
}

// hang has n requests taken for processing whose statuses are due and hang.
func hang(r *rig, n int) *hanging {
	h := &hanging{manager: r.manages(), r: r, asked: map[conversions.BatchID]int{}}
	for i := range n {
		r.happens(lead(i), conversions.OutcomeBooked, r.ago(26*time.Hour), click(clickID(i)), worth(100))
		r.runOn(r.through(h))
	}
	r.clock.advance(time.Hour)
	return h
}

// Statuses that hang do not hold up what is to be sent, and each is asked for in
// its turn.
func TestStatusesThatHangDoNotHoldUpSending(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const requests = 8
	h := hang(r, requests)
	r.happens("due", conversions.OutcomeBooked, r.ago(26*time.Hour), click(clickID(100)), worth(100))
	began := r.clock.now()
	report := r.runOn(r.through(h))
	if took := r.clock.now().Sub(began); report.Rows != 1 || took > time.Minute {
		t.Errorf("%d rows sent after %v, want 1 within a minute", report.Rows, took)
	}
	for range requests {
		r.runOn(r.through(h))
	}
	if len(h.asked) != requests {
		t.Errorf("asked for %d of %d requests", len(h.asked), requests)
	}
	h.answers = true
	r.clock.advance(time.Hour)
	r.runOn(r.through(h))
	diff(t, "states in the end", r.tally(), map[string]int{"done": requests + 1})
}

// Questions out of turn take no longer either: a run may be waiting for them.
func TestStatusesThatHangDoNotHoldUpARun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := hang(r, 4)
	began := r.clock.now()
	if err := r.through(h).PollAlone(t.Context(), acme); err != nil {
		t.Fatalf("poll: %v", err)
	}
	if took := r.clock.now().Sub(began); took == 0 || took > time.Minute {
		t.Errorf("it took %v, want a question, and no more than a minute", took)
	}
}

// The connection that a request went through is gone from the configuration: it
// is nobody's word that Google kept silent. It is asked for when it is back, and
// others meanwhile.
func TestStatusesWaitForTheirConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.manages()
	r.books(2)
	r.runOn(r.through(m))
	r.rules.Target.API = conversions.APIGoogleAds
	without := r.scheduler(r.script(done))
	for range 12 {
		r.clock.advance(10 * time.Hour)
		r.runOn(without)
	}
	diff(t, "states without the connection", r.tally(), map[string]int{"submitted": 2})
	cfg := r.config(r.script(done))
	cfg.Accounts[0].Destinations[conversions.APIDataManager] = m
	r.runOn(scheduler.New(cfg))
	diff(t, "states when it is back", r.tally(), map[string]int{"done": 2})
}
