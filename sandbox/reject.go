package sandbox

import (
	"fmt"
	"maps"
	"strings"
)

// Rejection makes the Data Manager API fail one transaction id, in whatever request it comes.
type Rejection struct {
	TransactionID string `json:"transaction_id"`
	// Reason is a ProcessingErrorReason ("PROCESSING_ERROR_REASON_INVALID_CLICK"), then the event fails when it is
	// processed, or an ErrorReason ("INVALID_EVENT"), then it refuses the whole request; in either case one that Google does
	// not have is taken too. "" lifts the rejection.
	Reason string `json:"reason"`
}

// Reject adds rejections; they hold until they are lifted. The error is [ErrConfig] for one without a transaction id; then
// none is added.
func (s *Server) Reject(rejections ...Rejection) error {
	for _, r := range rejections {
		if r.TransactionID == "" {
			return fmt.Errorf("%w: rejection without a transaction id", ErrConfig)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rejected := maps.Clone(s.rejected) // requests in progress read the old one
	for _, r := range rejections {
		if delete(rejected, r.TransactionID); r.Reason != "" {
			rejected[r.TransactionID] = r.Reason
		}
	}
	s.rejected = rejected
	return nil
}

func (s *Server) rejections() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rejected
}

// awaitsProcessing says whether a reason shows only when events are processed.
func awaitsProcessing(reason string) bool { return strings.HasPrefix(reason, "PROCESSING_ERROR_") }
