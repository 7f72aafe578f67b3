package scheduler_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"closeloop/conversions"
	"closeloop/sandbox"
	"closeloop/scheduler"
)

// A call that failed and may simply be repeated is repeated before the
// schedule fires again, later with every failure, until it goes well. One that
// says when, or that pauses, is not.
func TestFailedCallIsRepeatedSooner(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer conversions.Answer
		calls  int // within six hours, failing the first three
	}{
		{"may be repeated", conversions.Answer{Verdict: conversions.Retry}, 4},
		{"not before a time", conversions.Answer{Verdict: conversions.Retry, Wait: time.Hour}, 1},
		{"later", conversions.Answer{Verdict: conversions.Later, Wait: time.Hour}, 1},
		{"pause", conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, began := &memory{}, time.Now()
				m.queue(1)
				var calls []time.Time
				google := upload(func(_ context.Context, b conversions.Batch) conversions.Reply {
					if calls = append(calls, time.Now()); len(calls) < 4 {
						return failed(b, tt.answer)
					}
					return done(0, b)
				})
				cfg := bubble(t, m, "0 0 * * *", google)
				m.plan = conversions.Plan{Account: acme, Spec: cfg.Accounts[0].Schedule.Spec(), Next: began.Add(-time.Minute)}
				serve(t, 6*time.Hour, scheduler.New(cfg))
				if len(calls) != tt.calls {
					t.Fatalf("%d calls at %v, want %d", len(calls), calls, tt.calls)
				}
				for i, at := range calls[1:] {
					if gap, want := at.Sub(calls[i]), conversions.Backoff(i+1, string(acme)); gap != want {
						t.Errorf("call %d came %v after the one before, want the back-off %v", i+2, gap, want)
					}
				}
				if tt.calls > 1 && len(m.rows) != 0 {
					t.Errorf("%d rows left, want none", len(m.rows))
				}
			})
		})
	}
}

// A resend that has to be divided costs more than a day's quota: what each day
// told is kept, so that it comes to an end.
func TestResendInPartsOutlastsAQuota(t *testing.T) {
	t.Parallel()
	for quota := 15; quota < 33; quota++ {
		t.Run(strconv.Itoa(quota), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			box, google := r.google(func(cfg *sandbox.Config) {
				cfg.Unproven = sandbox.Unproven{OperationsPerDay: quota, OperationsPerRow: true, WholeRequest: []int32{15, 23}}
			})
			r.books(8)
			lose(t, box, sandbox.FaultUnavailable)
			r.run(google)
			for range 8 {
				r.clock.advance(day)
				r.run(google)
			}
			diff(t, "states", r.tally(), map[string]int{"done": 8})
			if n := len(held(t, box)); n != 8 {
				t.Errorf("%d conversions counted, want 8", n)
			}
			r.checkLedger(t)
		})
	}
}
