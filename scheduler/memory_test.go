package scheduler_test

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/gclid"
	"closeloop/scheduler"
)

// memory is as much of a store as the clockwork of Run needs: leases, plans,
// notices, and rows that are due until their batch is settled. It is for tests
// inside a synctest bubble, which files would block; everything about rows is
// tested over the real store.
type memory struct {
	mu      sync.Mutex
	lease   conversions.Lease
	token   int64
	plan    conversions.Plan
	inbox   []conversions.LeadWork
	decided []conversions.Decision
	rows    []conversions.Row
	batches []conversions.Batch
	runs    []time.Time // when a run began
	taken   conversions.Batch
	pollAt  time.Time // when taken is asked for
	held    int       // refused attempts to take the lease
	pauses  []conversions.Paused
	refuse  func() error
	onRun   func()
	onFold  func()
}

var _ scheduler.Store = (*memory)(nil)

func (m *memory) Acquire(_ context.Context, a conversions.AccountID, holder string, now time.Time) (conversions.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lease.Holder != "" && now.Before(m.lease.Until) {
		m.held++
		return conversions.Lease{}, conversions.ErrHeld
	}
	m.token++
	m.lease = conversions.Lease{Account: a, Holder: holder, Token: m.token, Until: now.Add(conversions.LeaseTTL)}
	return m.lease, nil
}

func (m *memory) Polls(_ context.Context, _ conversions.AccountID, now time.Time, _ int) ([]conversions.Batch, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pollAt.IsZero() || m.pollAt.After(now) {
		return nil, nil
	}
	return []conversions.Batch{m.taken}, nil
}

func (m *memory) NextPoll(context.Context, conversions.AccountID) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pollAt, nil
}

func (m *memory) Polled(_ context.Context, _ conversions.Lease, p conversions.Polled) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pollAt = p.PollAt
	m.taken.Polls++
	return nil
}

// takes has a row taken for processing now.
func (m *memory) takes() {
	m.queue(1)
	m.rows[0].Pending, m.rows[0].Due = &conversions.Pending{Batch: "b"}, time.Now().Add(day)
	m.taken = conversions.Batch{
		ID: "b", Target: rules().Target, RequestID: "r", AnsweredAt: time.Now(),
		Items: []conversions.Item{{Row: m.rows[0].ID}},
	}
	m.pollAt = conversions.NextPoll(time.Now(), 0)
}

func (m *memory) Renew(_ context.Context, l conversions.Lease, now time.Time) (conversions.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse != nil {
		if err := m.refuse(); err != nil {
			return l, err
		}
	}
	if l.Token != m.lease.Token || m.lease.Holder == "" || !now.Before(m.lease.Until) {
		return l, conversions.ErrLeaseLost
	}
	m.lease.Until = now.Add(conversions.LeaseTTL)
	return m.lease, nil
}

func (m *memory) Release(_ context.Context, l conversions.Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.Token == m.lease.Token {
		m.lease.Holder = ""
	}
	return nil
}

func (m *memory) Plan(context.Context, conversions.AccountID) (conversions.Plan, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.plan, nil
}

func (m *memory) Advance(_ context.Context, old, next conversions.Plan) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old != m.plan {
		return false, nil
	}
	m.plan = next
	return true, nil
}

func (m *memory) Unfolded(_ context.Context, _ conversions.AccountID, limit int) ([]conversions.LeadWork, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.onFold != nil {
		m.onFold()
	}
	return slices.Clone(m.inbox[:min(limit, len(m.inbox))]), nil
}

func (m *memory) Decide(_ context.Context, _ conversions.Lease, ds []conversions.Decision) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.decided = append(m.decided, ds...)
	m.inbox = m.inbox[len(ds):]
	return nil
}

// Refold is asked for at the start of a process and of every run.
func (*memory) Refold(context.Context, conversions.Lease, string) (int, error) { return 0, nil }

func (m *memory) Due(_ context.Context, _ conversions.AccountID, c conversions.Claim) ([]conversions.Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.batches) > 0 {
		return nil, nil
	}
	if c.Only != conversions.OpNone && c.Only != conversions.OpUpload {
		return nil, nil // it only ever holds uploads
	}
	return slices.Clone(m.rows[:min(c.Limit, len(m.rows))]), nil
}

func (m *memory) Leads(context.Context, conversions.AccountID, conversions.ReplayQuery) ([]conversions.LeadWork, error) {
	return nil, nil
}

func (m *memory) Uploaded(context.Context, conversions.AccountID, time.Time) (int, error) {
	return 0, nil
}

func (m *memory) LastAnswers(context.Context, conversions.AccountID, int) ([]conversions.Entry, error) {
	return nil, nil
}

func (m *memory) Facts(_ context.Context, a conversions.AccountID) (conversions.Facts, error) {
	return conversions.Facts{Account: a}, nil
}

func (m *memory) SaveFacts(context.Context, conversions.Lease, conversions.Facts) error { return nil }

func (m *memory) Begin(_ context.Context, _ conversions.Lease, b conversions.Batch) (conversions.Batch, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range b.Items {
		b.Items[i].ClickID = clickID(i)
	}
	m.batches = append(m.batches, b)
	return b, nil
}

func (m *memory) Fill(_ context.Context, _ conversions.AccountID, items []conversions.Item) ([]conversions.Item, error) {
	return items, nil
}

func (m *memory) Unanswered(context.Context, conversions.AccountID) ([]conversions.Batch, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.batches), nil
}

func (m *memory) Again(_ context.Context, _ conversions.Lease, _ conversions.BatchID, now time.Time) (conversions.Batch, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches[0].Attempts++
	m.batches[0].SentAt = now
	return m.batches[0], nil
}

func (m *memory) Rows(context.Context, conversions.AccountID, []conversions.RowID) ([]conversions.Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.rows), nil
}

func (m *memory) Settle(_ context.Context, l conversions.Lease, s conversions.Settlement) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.Token != m.lease.Token || m.lease.Holder == "" {
		return conversions.ErrLeaseLost
	}
	m.batches = nil
	for _, e := range s.Entries {
		if e.Kind == conversions.EntryAnswered {
			m.rows = m.rows[1:]
		}
	}
	return nil
}

func (*memory) Record(context.Context, conversions.Lease, []conversions.Entry) error { return nil }

// Pauses is what only a run asks for under the lease, once.
func (m *memory) Pauses(context.Context, conversions.AccountID) ([]conversions.Paused, error) {
	m.mu.Lock()
	paused := slices.Clone(m.pauses)
	if m.lease.Holder == "" {
		m.mu.Unlock()
		return paused, nil
	}
	m.runs = append(m.runs, time.Now())
	f := m.onRun
	m.mu.Unlock()
	if f != nil {
		f()
	}
	return paused, nil
}

func (*memory) Pause(context.Context, conversions.Lease, conversions.Paused) error { return nil }

func (m *memory) Resume(context.Context, conversions.Lease, string, time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pauses = nil
	return nil
}

// runsAt are the minutes after the start at which runs began.
func (m *memory) runsAt(since time.Time) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, at := range m.runs {
		all = append(all, at.Sub(since).Truncate(time.Second).String())
	}
	return all
}

func (m *memory) open() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.batches)
}

func (m *memory) refused() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// due puts n rows in the queue.
func (m *memory) queue(n int) {
	for i := range n {
		row := conversions.Row{ID: conversions.RowID(i + 1), Version: 1, OrderID: "order-" + strconv.Itoa(i)}
		row.Want.Wanted, row.Want.Deadline, row.Want.Target = true, time.Now().Add(day), rules().Target
		m.rows = append(m.rows, row)
	}
}

// bubble is the scheduler's configuration inside a synctest bubble, where time
// is the bubble's.
func bubble(t *testing.T, m *memory, spec string, d scheduler.Destination) scheduler.Config {
	t.Helper()
	var names atomic.Int64
	return scheduler.Config{
		Store: m, Match: gclid.Belonging, Now: time.Now, Holder: "one", Logger: slog.New(slog.DiscardHandler),
		NewID: func() string { return strconv.FormatInt(names.Add(1), 10) },
		Accounts: []scheduler.Account{{
			Rules: rules(), Zone: time.UTC, Destinations: googleAds(d), Schedule: schedule(t, spec, time.UTC),
		}},
	}
}

// upload is a destination made of a function.
type upload func(ctx context.Context, b conversions.Batch) conversions.Reply

// Upload implements scheduler.Destination.
func (u upload) Upload(ctx context.Context, b conversions.Batch, _ bool) conversions.Reply {
	return u(ctx, b)
}
