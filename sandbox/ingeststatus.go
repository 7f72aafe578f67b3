package sandbox

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
)

type statusResponse struct {
	PerDestination []destinationStatus `json:"requestStatusPerDestination"`
}

type destinationStatus struct {
	Destination destination     `json:"destination"`
	Status      string          `json:"requestStatus"`
	ErrorInfo   *statusErrors   `json:"errorInfo,omitempty"`
	Events      *ingestedEvents `json:"eventsIngestionStatus,omitempty"`
}

type statusErrors struct {
	ErrorCounts []errorCount `json:"errorCounts,omitempty"`
}

type errorCount struct {
	RecordCount string `json:"recordCount"`
	Reason      string `json:"reason"`
	// RecordIndices are numbers, or texts.
	RecordIndices []any `json:"recordIndices,omitempty"`
}

type ingestedEvents struct {
	RecordCount string `json:"recordCount"`
}

// handleStatus implements requestStatus:retrieve of the Data Manager API v1.
func (s *Server) handleStatus(w http.ResponseWriter, r *http.Request) {
	c := s.newWebCall(methodStatus, OnStatus)
	id := r.URL.Query().Get("requestId")
	c.serve(w, r, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if b := s.batches[id]; b != nil {
			c.record.Customer = b.customer
		}
		return nil
	}, func() (any, error) { return c.status(id) })
}

func (c *webCall) status(id string) (any, error) {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	b := s.batches[id]
	switch {
	case id == "":
		return nil, badRequest(violation{"request_id", "Required field is missing.", "REQUIRED_FIELD_MISSING"})
	case b == nil || c.record.Time.Sub(b.arrived) < s.cfg.Unproven.DataManager.StatusUnknownFor:
		return nil, s.unknownRequest(b != nil)
	}
	out := statusResponse{PerDestination: make([]destinationStatus, len(b.targets))}
	for i := range b.targets {
		out.PerDestination[i] = s.statusOfTarget(b, &b.targets[i])
		if c.fault.Kind == FaultShape && c.fault.Reason != "" {
			out.PerDestination[i].Status = c.fault.Reason
		}
	}
	return out, nil
}

func (s *Server) unknownRequest(fresh bool) *apiError {
	if fresh && s.cfg.Unproven.DataManager.FreshStatusNotFound {
		return &apiError{
			code: http.StatusNotFound, status: "NOT_FOUND", message: "Resource not found.",
			reason: "NOT_FOUND", domain: ingestDomain,
		}
	}
	return badRequest(violation{"request_id", "The request ID is not valid.", "INVALID_REQUEST_ID"})
}

func (s *Server) statusOfTarget(b *batch, t *target) destinationStatus {
	out := destinationStatus{Destination: t.sent, Status: "PROCESSING"}
	if !b.done || s.cfg.Unproven.DataManager.StatusStuck {
		return out
	}
	out.Events = &ingestedEvents{RecordCount: strconv.Itoa(b.total)}
	switch len(t.failed) {
	case 0:
		out.Status = "SUCCESS"
		return out
	case t.aimed:
		out.Status = "FAILED"
	default:
		out.Status = "PARTIAL_SUCCESS"
	}
	out.ErrorInfo = &statusErrors{ErrorCounts: s.errorCounts(t.failed)}
	return out
}

// errorCounts groups failures by reason, in the order of the reasons' names.
func (s *Server) errorCounts(failed []failedEvent) []errorCount {
	unproven := s.cfg.Unproven.DataManager
	if unproven.NoErrorCounts {
		return nil
	}
	sorted := slices.Clone(failed)
	slices.SortStableFunc(sorted, func(a, b failedEvent) int { return cmp.Compare(a.reason, b.reason) })
	var out []errorCount
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].reason == sorted[0].reason {
			n++
		}
		out = append(out, errorCount{
			RecordCount: strconv.Itoa(n), Reason: sorted[0].reason, RecordIndices: unproven.indices(sorted[:n]),
		})
		sorted = sorted[n:]
	}
	return out
}

func (u *DataManagerUnproven) indices(failed []failedEvent) []any {
	if u.RecordIndices == IndicesAbsent {
		return nil
	}
	out := make([]any, len(failed))
	for i, f := range failed {
		index := f.index
		if u.IndicesPerDestination {
			index = f.own
		}
		if out[i] = index; u.RecordIndices == IndicesAsText {
			out[i] = strconv.Itoa(index)
		}
	}
	return out
}
