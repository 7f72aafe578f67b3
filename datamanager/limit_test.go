package datamanager_test

import (
	"testing"
	"testing/synctest"
	"time"

	"closeloop/conversions"
	"closeloop/datamanager"
)

// A replica never makes more calls in a minute than its share, and the waiting is short enough to leave time for the call.
func TestLimiterMinute(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ replicas, most, least int }{{0, 300, 280}, {1, 300, 280}, {4, 75, 65}, {100, 3, 2}} {
		synctest.Test(t, func(t *testing.T) {
			l := datamanager.NewLimiter(tt.replicas)
			start, through := time.Now(), 0
			for time.Since(start) < time.Minute {
				wait, ok := l.Take(t.Context())
				switch {
				case ok && time.Since(start) < time.Minute:
					through++
				case !ok && wait < time.Second:
					t.Fatalf("asked to wait %s", wait)
				case !ok:
					time.Sleep(wait)
				}
			}
			if through > tt.most || through < tt.least {
				t.Errorf("%d replicas: %d calls in a minute, want %d to %d", tt.replicas, through, tt.least, tt.most)
			}
		})
	}
}

func TestLimiterDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := datamanager.NewLimiter(50) // 2,000 a day, 6 a minute
		start, through := time.Now(), 0
		for time.Since(start) < 24*time.Hour {
			wait, ok := l.Take(t.Context())
			if ok {
				through++
				continue
			}
			time.Sleep(wait)
		}
		if through > 2001 || through < 1900 {
			t.Errorf("%d calls in a day, want about 2,000", through)
		}
	})
}

// When the share is used up beyond a call's patience, the call is not made and nothing is unknown.
func TestUploadBeyondShare(t *testing.T) {
	t.Parallel()
	g := serve(t, respond(200, `{"requestId":"r-1"}`))
	l := datamanager.NewLimiter(300) // one call a minute or two
	c := to(t, g, func(c *datamanager.Config) { c.Limiter, c.Timeout = l, time.Second })
	if r := c.Upload(t.Context(), batch(t, 1), false); r.Call != nil {
		t.Fatalf("call = %+v", r.Call)
	}
	r := c.Upload(t.Context(), batch(t, 2), false)
	if r.Call == nil || r.Unknown || r.Call.Verdict != conversions.Later || r.Call.Code != "Closeloop.QUOTA_SHARE" || r.Call.Wait < 30*time.Second ||
		r.Call.Wait > 3*time.Minute || len(r.Answers) != 2 {
		t.Errorf("call = %+v", r.Call)
	}
	if n := len(g.calls()); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
	b := batch(t, 1)
	b.RequestID = "r-1"
	if r := c.Status(t.Context(), b); r.Call != nil {
		t.Errorf("asking has a share of its own, and yet %+v", r.Call)
	}
	if r := c.Status(t.Context(), b); r.Call == nil || r.Call.Code != "Closeloop.QUOTA_SHARE" {
		t.Errorf("call = %+v", r.Call)
	}
}
