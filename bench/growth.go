package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"closeloop/conversions"
	"closeloop/store/sqlite"
	"closeloop/webhook/varda"
)

// growthTimes are how often a step is timed at each size, and batches how many
// rows are due for it.
const (
	growthTimes = 5
	growthLive  = (growthTimes + 1) * conversions.MaxItems // one batch more is the pattern of the past
)

// growthStep is one thing that is timed on a store of every size.
type growthStep struct {
	name string
	took []time.Duration
}

// growth is what was measured at one size.
type growth struct {
	size      int // conversions
	steps     []growthStep
	ingest    float64 // durable events a second
	bytes     int64   // of the database, for each conversion
	allocated uint64  // by a batch, claim to settlement
	peak      string  // the largest resident size of the process while measured
}

// measureGrowth times the store's own steps at every size.
func measureGrowth(ctx context.Context, o options) ([]growth, error) {
	var all []growth
	for _, n := range o.sizes {
		g, err := o.growthOf(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("%d conversions: %w", n, err)
		}
		all = append(all, g)
	}
	return all, nil
}

func (o options) growthOf(ctx context.Context, n int) (g growth, err error) {
	dir, err := os.MkdirTemp(o.dir, "closeloop-bench-")
	if err != nil {
		return g, fmt.Errorf("make folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "grown.db")
	bytes, err := grow(ctx, path, n)
	if err != nil {
		return g, fmt.Errorf("seed: %w", err)
	}
	forgetPeak()
	store, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return g, err //nolint:wrapcheck // names the file
	}
	defer func() { _ = store.Close() }()
	m := &grown{store: store, now: time.Now(), g: growth{size: n, bytes: bytes / int64(n)}}
	if err := m.measure(ctx, o.span); err != nil {
		return g, err
	}
	m.g.peak = peakMemory()
	return m.g, nil
}

// grown is a store of some size that is measured.
type grown struct {
	store *sqlite.Store
	lease conversions.Lease
	now   time.Time
	g     growth
}

// step times f.
func (m *grown) step(name string, f func() error) error {
	begin := time.Now()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	took := time.Since(begin)
	i := slices.IndexFunc(m.g.steps, func(s growthStep) bool { return s.name == name })
	if i < 0 {
		i = len(m.g.steps)
		m.g.steps = append(m.g.steps, growthStep{name: name})
	}
	m.g.steps[i].took = append(m.g.steps[i].took, took)
	return nil
}

func (m *grown) measure(ctx context.Context, span time.Duration) (err error) {
	if m.lease, err = m.store.Acquire(ctx, account, "bench", m.now); err != nil {
		return err //nolint:wrapcheck // says what it was doing
	}
	vendor, err := varda.New(varda.Config{Secrets: []string{secret}, Region: region})
	if err != nil {
		return err //nolint:wrapcheck // says what is wrong
	}
	for range growthTimes {
		if err := m.batch(ctx); err != nil {
			return err
		}
		if err := m.reports(ctx); err != nil {
			return err
		}
		t := newTemplate(outcomeTagged, m.now.Add(-2*time.Hour))
		t.write(t.body, firstNumber)
		again := func() error { return appendBody(ctx, m.store, vendor, t.body, m.now) }
		if err := again(); err != nil { // the first time it is new
			return err
		}
		if err := m.step("a delivery that came before", again); err != nil {
			return err
		}
	}
	return m.deliveries(ctx, vendor, span)
}

// batch claims, and settles as accepted, one batch.
func (m *grown) batch(ctx context.Context) error {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b := conversions.Batch{
		ID: conversions.BatchID(rand.Text()), Account: account, Run: "bench", Created: m.now,
		Target: conversions.Target{API: conversions.APIGoogleAds, Customer: customer},
	}
	err := m.step("claim 2,000 and store the manifest", func() error {
		rows, err := m.store.Due(ctx, account, conversions.Claim{Now: m.now, Limit: conversions.MaxItems})
		if err != nil || len(rows) != conversions.MaxItems {
			return fmt.Errorf("%d rows are due: %w", len(rows), err)
		}
		for i := range rows {
			b.Items = append(b.Items, rows[i].Item(time.UTC, m.now))
		}
		b, err = m.store.Begin(ctx, m.lease, b)
		return err //nolint:wrapcheck // says what it was doing
	})
	if err != nil {
		return err
	}
	set := conversions.Settlement{Batch: b.ID, At: m.now, RequestID: "bench", JobID: 1}
	for _, it := range b.Items {
		set.Entries = append(set.Entries, conversions.Row{}.Answered(b, it, conversions.Answer{Verdict: conversions.Done}, m.now))
	}
	err = m.step("settle 2,000", func() error { return m.store.Settle(ctx, m.lease, set) })
	runtime.ReadMemStats(&after)
	m.g.allocated = after.TotalAlloc - before.TotalAlloc
	return err
}

// reports reads what people read.
func (m *grown) reports(ctx context.Context) error {
	newest, err := m.store.List(ctx, conversions.Filter{Account: account, Limit: 1})
	if err != nil || len(newest) == 0 {
		return fmt.Errorf("list %d rows: %w", len(newest), err)
	}
	row := newest[0]
	for _, s := range []struct {
		name string
		read func() error
	}{
		{"list, newest 50 of an account", func() error {
			_, err := m.store.List(ctx, conversions.Filter{Account: account, Limit: 50})
			return err //nolint:wrapcheck // says what it was doing
		}},
		{"list, 50 from the middle", func() error {
			middle := conversions.Row{ID: row.ID, Want: conversions.Want{At: m.now.AddDate(0, 0, -45)}}
			_, err := m.store.List(ctx, conversions.Filter{Account: pastAccount(1), Limit: 50, After: &middle})
			return err //nolint:wrapcheck // says what it was doing
		}},
		{"look up a click id", func() error {
			_, err := m.store.List(ctx, conversions.Filter{Account: account, ClickID: "Cj0none"})
			return err //nolint:wrapcheck // says what it was doing
		}},
		{"summary, whole store: outcomes", func() error { _, err := m.store.Totals(ctx, conversions.Filter{}); return err }},     //nolint:wrapcheck // as above
		{"summary, whole store: deliveries", func() error { _, err := m.store.Received(ctx, conversions.Filter{}); return err }}, //nolint:wrapcheck // as above
		{"summary, one account, 30 days: outcomes", func() error {
			_, err := m.store.Totals(ctx, conversions.Filter{Account: pastAccount(1), From: m.now.AddDate(0, 0, -60), To: m.now.AddDate(0, 0, -30)})
			return err //nolint:wrapcheck // says what it was doing
		}},
		{"history of a row", func() error { _, err := m.store.History(ctx, account, row.ID); return err }},   //nolint:wrapcheck // as above
		{"ledger, 100 entries", func() error { _, err := m.store.Ledger(ctx, account, 1, 100); return err }}, //nolint:wrapcheck // as above
		{"uploads of 30 days", func() error {
			_, err := m.store.Uploaded(ctx, account, m.now.AddDate(0, 0, -30))
			return err //nolint:wrapcheck // says what it was doing
		}},
		{"accounts", func() error { _, err := m.store.Accounts(ctx); return err }}, //nolint:wrapcheck // as above
	} {
		if err := m.step(s.name, s.read); err != nil {
			return err
		}
	}
	return nil
}

// deliveries appends events from 64 callers for a while.
func (m *grown) deliveries(ctx context.Context, vendor *varda.Source, span time.Duration) error {
	const callers = 64
	t := newTemplate(outcomeTagged, m.now.Add(-2*time.Hour))
	var next, stored atomic.Int64
	next.Store(2 * firstNumber)
	errs := make([]error, callers)
	until := time.Now().Add(span)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			body := slices.Clone(t.body)
			for errs[c] == nil && time.Now().Before(until) {
				t.write(body, int(next.Add(1)))
				if errs[c] = appendBody(ctx, m.store, vendor, body, m.now); errs[c] == nil {
					stored.Add(1)
				}
			}
		})
	}
	wg.Wait()
	m.g.ingest = float64(stored.Load()) / span.Seconds()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// seedLive stores rows that are due, as the service would, and settles one
// batch of them: the pattern of the past.
func seedLive(ctx context.Context, path string) error {
	store, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err //nolint:wrapcheck // names the file
	}
	defer func() { _ = store.Close() }()
	if err := seed(ctx, store, time.Now().Add(-2*time.Hour), growthLive); err != nil {
		return err
	}
	clock := &clock{behind: 90 * time.Minute}
	sched, err := newScheduler(store, slog.New(slog.DiscardHandler), clock.now, never{})
	if err != nil {
		return err
	}
	if _, err := runOnce(ctx, sched, 0); err != nil {
		return err
	}
	m := &grown{store: store, now: time.Now()}
	if m.lease, err = store.Acquire(ctx, account, "bench", m.now); err != nil {
		return err //nolint:wrapcheck // says what it was doing
	}
	if err := m.batch(ctx); err != nil {
		return err
	}
	return store.Release(ctx, m.lease) //nolint:wrapcheck // says what it was doing
}
