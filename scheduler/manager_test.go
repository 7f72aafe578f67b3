package scheduler_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
)

// manager is a vendor that takes requests whole, processes them later, counts
// an order id once and overwrites its value. The zero fields make it name
// neither the rows that spoil a request nor those that failed.
type manager struct {
	now func() time.Time
	// spoils makes a row spoil its request; named tells which ones did.
	spoils func(conversions.Item) bool
	named  bool
	// fails is what becomes of a row when it is processed; Done if nil.
	fails func(conversions.Item) conversions.Answer
	// indexed names the rows that failed.
	indexed bool
	// lose loses the next answers, the work being done.
	lose int
	// patience is how long processing takes.
	patience time.Duration

	mu       sync.Mutex
	made     []conversions.Batch
	requests map[string]time.Time
	values   map[string]conversions.Amount
	asked    int
}

var _ scheduler.Poller = (*manager)(nil)

// manages makes the rig's account one of the Data Manager API.
func (r *rig) manages() *manager {
	r.rules.Target.API = conversions.APIDataManager
	return &manager{
		now: r.clock.now, patience: 20 * time.Minute,
		requests: map[string]time.Time{}, values: map[string]conversions.Amount{},
	}
}

func (r *rig) through(m scheduler.Destination) *scheduler.Scheduler {
	cfg := r.config(m)
	cfg.Accounts[0].Destinations = map[conversions.API]scheduler.Destination{conversions.APIDataManager: m}
	return scheduler.New(cfg)
}

// Upload implements scheduler.Destination.
func (m *manager) Upload(_ context.Context, b conversions.Batch, _ bool) conversions.Reply {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.made = append(m.made, b)
	if m.spoils != nil && slices.ContainsFunc(b.Items, m.spoils) {
		return m.refuses(b)
	}
	for _, it := range b.Items {
		if m.answer(it).Verdict == conversions.Done {
			m.values[it.OrderID] = it.Value
		}
	}
	if m.lose > 0 {
		m.lose--
		return lost(b)
	}
	reply := all(b, conversions.Answer{Verdict: conversions.Submitted})
	reply.RequestID = "request-" + strconv.Itoa(len(m.made))
	m.requests[reply.RequestID] = m.now()
	return reply
}

func (m *manager) refuses(b conversions.Batch) conversions.Reply {
	bad := conversions.Answer{Verdict: conversions.Refused, Code: "ErrorReason.INVALID_FORMAT"}
	if !m.named && len(b.Items) > 1 {
		return failed(b, fix())
	}
	reply := all(b, fix())
	reply.Named = true
	for i, it := range b.Items {
		if m.spoils(it) {
			reply.Answers[i] = bad
		}
	}
	return reply
}

func (m *manager) answer(it conversions.Item) conversions.Answer {
	if m.fails == nil {
		return conversions.Answer{Verdict: conversions.Done}
	}
	return m.fails(it)
}

// Status implements scheduler.Poller.
func (m *manager) Status(_ context.Context, b conversions.Batch) conversions.Reply {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	since, known := m.requests[b.RequestID]
	if !known {
		return failed(b, conversions.Answer{Verdict: conversions.Retry, Code: "ErrorReason.INVALID_REQUEST_ID"})
	}
	if m.now().Before(since.Add(m.patience)) {
		return all(b, conversions.Answer{Verdict: conversions.Submitted})
	}
	var reply conversions.Reply
	bad := 0
	for _, it := range b.Items {
		a := m.answer(it)
		a.Evidence = conversions.EvidenceIndex
		if a.Verdict != conversions.Done {
			bad++
		}
		reply.Answers = append(reply.Answers, a)
	}
	if !m.indexed && bad > 0 && bad < len(b.Items) {
		return all(b, someFailed(bad, len(b.Items)))
	}
	return reply
}

func someFailed(failed, of int) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Unclear, Evidence: conversions.EvidenceCounts, Failed: failed, Of: of}
}

func (m *manager) sizes() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := make([]int, len(m.made))
	for i, b := range m.made {
		n[i] = len(b.Items)
	}
	return n
}

// holds is what the vendor counts and for how much.
func (m *manager) holds() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string]string{}
	for id, v := range m.values {
		all[id] = v.String()
	}
	return all
}

// refusedLeads makes the bookings of these leads fail.
func refusedLeads(leads ...conversions.LeadID) func(conversions.Item) conversions.Answer {
	is := isLead(leads...)
	return func(it conversions.Item) conversions.Answer {
		if is(it) {
			return conversions.Answer{Verdict: conversions.Refused, Code: "ProcessingErrorReason.INVALID_GCLID"}
		}
		return conversions.Answer{Verdict: conversions.Done}
	}
}

// everyNth are n of all bookings, evenly spread.
func everyNth(n, all int) []conversions.LeadID {
	leads := make([]conversions.LeadID, n)
	for i := range leads {
		leads[i] = lead(i * all / n)
	}
	return leads
}
