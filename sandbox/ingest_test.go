package sandbox_test

import (
	"net/http"
	"testing"
	"time"
)

func TestIngest(t *testing.T) {
	t.Parallel()
	r, clock := startTimed(t)
	id := r.take(t, event("a-1"), event("a-2", with("eventTimestamp", "2026-11-22T19:06:09Z")))
	first := r.look(t, id)
	if first.status != http.StatusOK || first.body.PerDestination[0].Status != "PROCESSING" {
		t.Errorf("status at once = %d %s, want PROCESSING", first.status, first.raw)
	}
	if held := r.server.Conversions(); len(held) != 0 {
		t.Errorf("held before the processing: %+v", held)
	}
	clock.add(30 * time.Minute)
	last := r.look(t, id)
	if d := last.body.PerDestination[0]; d.Status != "SUCCESS" || d.Events == nil || d.Events.RecordCount != "2" || d.ErrorInfo != nil {
		t.Errorf("status later = %s, want SUCCESS of 2", last.raw)
	}
	if held := r.server.Conversions(); len(held) != 2 || held[0].OrderID != "a-1" || held[0].Value != 2500 {
		t.Errorf("held = %+v, want both", held)
	}
}
