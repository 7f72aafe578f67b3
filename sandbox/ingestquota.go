package sandbox

import (
	"net/http"
	"time"
)

// quotaPeriod is how long a limit lasts.
type quotaPeriod string

const (
	perMinute quotaPeriod = "PerMinute"
	perDay    quotaPeriod = "PerDay"
)

func (p quotaPeriod) length() time.Duration {
	if p == perDay {
		return day
	}
	return time.Minute
}

// window counts requests since its start.
type window struct {
	start time.Time
	used  int
}

// pace is what one kind of call has used of its limits.
type pace struct{ minute, day window }

// paceKey is whose pace it is: that of a kind of call in a project.
type paceKey struct {
	place   FaultPlace
	project string
}

// spendRequest counts one request of a kind against the limits of the project. A refused one does not count.
func (s *Server) spendRequest(place FaultPlace, project string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := paceKey{place, project}
	if s.paces[key] == nil {
		s.paces[key] = new(pace)
	}
	p, now := s.paces[key], s.cfg.Now().UTC()
	for _, l := range []struct {
		w      *window
		period quotaPeriod
		limit  int
	}{{&p.minute, perMinute, s.cfg.DataManager.PerMinute}, {&p.day, perDay, s.cfg.DataManager.PerDay}} {
		if start := now.Truncate(l.period.length()); !start.Equal(l.w.start) {
			*l.w = window{start: start}
		}
		if l.limit >= 0 && l.w.used >= l.limit {
			var retry time.Duration
			if s.cfg.Unproven.DataManager.QuotaRetryInfo {
				retry = l.w.start.Add(l.period.length()).Sub(now)
			}
			return quotaExceeded(place, l.period, retry)
		}
	}
	p.minute.used++
	p.day.used++
	return nil
}

// quotaExceeded names the limit as Google does: IngestionMutateRequestsPerDayPerProject is documented
// (developers.google.com/data-manager/api/devguides/concepts/understand-errors), the other three follow its form.
func quotaExceeded(place FaultPlace, period quotaPeriod, retry time.Duration) *apiError {
	kind := "Mutate"
	if place == OnStatus {
		kind = "Read"
	}
	limit := "Ingestion" + kind + "Requests" + string(period) + "PerProject"
	return &apiError{
		code: http.StatusTooManyRequests, status: "RESOURCE_EXHAUSTED",
		message: "Quota exceeded for quota metric '" + kind + " requests' and limit '" + limit + "'.",
		reason:  "RATE_LIMIT_EXCEEDED", domain: frontDomain,
		metadata: map[string]string{
			"service": ingestDomain, "consumer": "projects/sandbox", "quota_limit": limit,
		},
		quota: limit, retry: retry,
	}
}
