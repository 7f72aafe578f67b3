package scheduler_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
)

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
