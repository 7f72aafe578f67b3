package datamanager

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"closeloop/conversions"
)

// The quota of one Google Cloud project, for ingestion and for retrieval each (Data Manager API, quotas, November 2026).
const (
	perMinute = 300
	perDay    = 100_000
)

// Limiter keeps calls within a replica's share of the project's quota. Share one among the clients of one project. It
// remembers nothing across restarts; Google's own answer is the last word. Safe for concurrent use.
type Limiter struct{ ingest, retrieve *share }

// NewLimiter returns a limiter for one of replicas processes; below 1 counts as 1.
func NewLimiter(replicas int) *Limiter {
	n := max(replicas, 1)
	return &Limiter{ingest: newShare(n), retrieve: newShare(n)}
}

// share is the right to one kind of call.
type share struct{ minute, day *rate.Limiter }

func newShare(replicas int) *share {
	n := float64(replicas)
	return &share{
		minute: bucket(perMinute/n, time.Minute, perMinute/n/10),
		day:    bucket(perDay/n, 24*time.Hour, perDay/n/2),
	}
}

// bucket allows at most total calls in any period: what it holds at first and what flows in meanwhile. It always holds one.
func bucket(total float64, period time.Duration, burst float64) *rate.Limiter {
	burst = max(1, float64(int(burst)))
	flow := total - burst
	if flow < total/2 {
		flow = total / 2
	}
	return rate.NewLimiter(rate.Limit(flow/period.Seconds()), int(burst))
}

// take waits until a call may be made, for patience at most. When that is too short, or ctx ends, no call may be made, and
// wait says when to ask again; it is 0 when ctx has ended.
func (s *share) take(ctx context.Context, patience time.Duration) (wait time.Duration, ok bool) {
	if ctx.Err() != nil {
		return 0, false
	}
	day := s.day.Reserve()
	if wait = day.Delay(); wait > 0 {
		day.Cancel()
		return wait, false
	}
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if s.minute.Wait(patient) == nil {
		return 0, true
	}
	day.Cancel()
	if ctx.Err() != nil {
		return 0, false
	}
	next := s.minute.Reserve()
	defer next.Cancel()
	return max(next.Delay(), time.Second), false
}

// shareUsedUp is the answer to a call that was not made.
func shareUsedUp(wait time.Duration) conversions.Answer {
	a := later(max(wait, time.Second), "The project's calls to Google are used up for now, so this one was not made.")
	a.Code = codeShare
	return a
}
