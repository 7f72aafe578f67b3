package sandbox

import (
	"net/http"
	"slices"
	"time"
)

// Full method names of the Data Manager API v1 (google/ads/datamanager/v1/ingestion_service.proto).
const (
	methodIngest = "/google.ads.datamanager.v1.IngestionService/IngestEvents"
	methodStatus = "/google.ads.datamanager.v1.IngestionService/RetrieveRequestStatus"
)

// batch is an accepted request that waits to be processed, or was.
type batch struct {
	id       string
	customer string
	arrived  time.Time
	due      time.Time
	targets  []target
	// events, consent and fault are let go once the batch is processed.
	req   *ingestRequest
	fault Fault
	// total is how many events were sent.
	total int
	done  bool
}

// target is one destination of a batch.
type target struct {
	sent     destination
	customer *Customer
	action   *Action
	// aimed is how many events were meant for it; failed are those that were not taken.
	aimed  int
	failed []failedEvent
}

// failedEvent is an event that was not taken, with its place in the request and its place among those of its target.
type failedEvent struct {
	index, own int
	reason     string
}

type ingestResponse struct {
	RequestID string `json:"requestId"`
}

// handleIngest implements events:ingest of the Data Manager API v1.
func (s *Server) handleIngest(w http.ResponseWriter, r *http.Request) {
	c := s.newWebCall(methodIngest, OnIngest)
	var req *ingestRequest
	c.serve(w, r, func() (err error) {
		req, err = decodeIngest(http.MaxBytesReader(w, r.Body, maxMessage))
		if err == nil {
			c.describe(req)
		}
		return err
	}, func() (any, error) { return c.ingest(req) })
}

// describe fills what the log and the choice of a fault need.
func (c *webCall) describe(req *ingestRequest) {
	c.record.Rows, c.record.ValidateOnly = len(req.Events), req.ValidateOnly
	if len(req.Destinations) == 0 {
		return
	}
	d := &req.Destinations[0]
	c.record.Customer, c.record.LoginCustomer = d.OperatingAccount.id(), d.LoginAccount.id()
}

func (a *productAccount) id() string {
	if a == nil {
		return ""
	}
	return a.AccountID
}

func (c *webCall) ingest(req *ingestRequest) (any, error) {
	targets, err := c.checkIngest(req)
	if err != nil {
		return nil, err
	}
	c.record.Accepted = len(req.Events)
	if !req.ValidateOnly {
		c.server.enqueue(&batch{
			id: c.record.ID, customer: c.record.Customer, arrived: c.record.Time,
			targets: targets, req: req, fault: c.fault, total: len(req.Events),
		})
	}
	return ingestResponse{RequestID: c.record.ID}, nil
}

// enqueue lets b wait for its processing. It never overtakes an earlier one unless Unproven.OutOfOrder lets it.
func (s *Server) enqueue(b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	wait := s.cfg.DataManager.Processing
	if s.cfg.Unproven.DataManager.OutOfOrder && len(s.batches)%2 == 0 {
		wait *= 2
	}
	b.due = b.arrived.Add(wait + time.Duration(b.fault.Processing))
	if n := len(s.waiting); n > 0 && !s.cfg.Unproven.DataManager.OutOfOrder && b.due.Before(s.waiting[n-1].due) {
		b.due = s.waiting[n-1].due
	}
	s.batches[b.id] = b
	s.waiting = append(s.waiting, b)
	s.catchUp()
}

// catchUp processes the batches that are due. The caller holds the lock.
func (s *Server) catchUp() {
	now := s.cfg.Now()
	slices.SortStableFunc(s.waiting, func(a, b *batch) int { return a.due.Compare(b.due) })
	n := 0
	for ; n < len(s.waiting) && !now.Before(s.waiting[n].due); n++ {
		s.process(s.waiting[n])
	}
	s.waiting = slices.Delete(s.waiting, 0, n)
}
