package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"closeloop/audit"
	"closeloop/conversions"
	"closeloop/store"
	"closeloop/webhook/varda"
)

// incoming is the account whose deliveries are measured: nothing of it is
// folded, so that each size begins alike.
const incoming = conversions.AccountID("incoming")

// grown is a store of some size that is measured.
type grown struct {
	store store.Store
	lease conversions.Lease
	now   time.Time
	g     *growth
}

// step times f, unless it was timed often enough. That it fails after a long
// time is a figure too: the store or the limit has ended it.
func (m *grown) step(name string, f func() error) error {
	i := slices.IndexFunc(m.g.steps, func(s growthStep) bool { return s.name == name })
	if i < 0 {
		i = len(m.g.steps)
		m.g.steps = append(m.g.steps, growthStep{name: name})
	}
	s := &m.g.steps[i]
	if slices.Contains(m.g.slow, name) || len(s.took) > 0 && s.took[0] > growthPatience {
		return nil
	}
	begin := time.Now()
	err := f()
	took := time.Since(begin)
	s.failed = err != nil
	if err != nil && took < growthPatience {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.took = append(s.took, took)
	return nil
}

func (m *grown) measure(ctx context.Context, o options) (err error) {
	if m.lease, err = m.store.Acquire(ctx, account, "bench", m.now); err != nil {
		return err //nolint:wrapcheck // says what it was doing
	}
	vendor, err := varda.New(varda.Config{Secrets: []string{secret}, Region: region})
	if err != nil {
		return err //nolint:wrapcheck // says what is wrong
	}
	one, err := m.aPast(ctx)
	if err != nil {
		return err
	}
	for i := range o.rounds {
		if err := m.serving(ctx, vendor, one, i); err != nil {
			return err
		}
	}
	if err := m.store.Release(ctx, m.lease); err != nil {
		return err //nolint:wrapcheck // says what it was doing
	}
	if err := m.deliveries(ctx, vendor, o.span); err != nil {
		return err
	}
	for range o.rounds {
		if err := m.readAll(ctx, m.reports(one.Key.Account, one), runtime.GC); err != nil {
			return err
		}
	}
	return nil
}

// serving is one round of what the service does and what people look up. It
// comes before all reports, which push out of memory what the store had there
// and leave much to collect.
func (m *grown) serving(ctx context.Context, vendor *varda.Source, one conversions.Row, round int) error {
	if round == 0 {
		forgetPeak()
	}
	if err := m.batch(ctx); err != nil {
		return err
	}
	if round == 0 {
		m.g.batchPeak = peakMemory()
	}
	if err := m.again(ctx, vendor); err != nil {
		return err
	}
	nothing := func() {}
	if err := m.readAll(ctx, m.looking(one, round), nothing); err != nil {
		return err
	}
	return m.readAll(ctx, m.reading(one.Key.Account), nothing)
}

// readAll times each of the steps after something that is not timed.
func (m *grown) readAll(ctx context.Context, steps []readStep, before func()) error {
	for _, s := range steps {
		before()
		if err := m.step(s.name, func() error { return s.within(ctx, growthLimit) }); err != nil {
			return err
		}
	}
	return nil
}

// again times a delivery that came before.
func (m *grown) again(ctx context.Context, vendor *varda.Source) error {
	t := newTemplate(outcomeTagged, m.now.Add(-2*time.Hour))
	t.write(t.body, firstNumber)
	in := delivered{m.store, incoming, vendor}
	again := func() error { return in.append(ctx, t.body, m.now) }
	if err := again(); err != nil { // the first time it is new
		return err
	}
	return m.step("dedup: a delivery that came before", again)
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

// readStep is something to read.
type readStep struct {
	name string
	read func(context.Context) error
}

// within reads, and gives up after a time.
func (s readStep) within(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return s.read(ctx)
}

// aPast is a conversion of the past that was checked.
func (m *grown) aPast(ctx context.Context) (conversions.Row, error) {
	rows, err := m.store.List(ctx, conversions.Filter{Account: pastAccount(1), Limit: pastBatch / 2})
	if err != nil || len(rows) == 0 {
		return conversions.Row{}, fmt.Errorf("list %d rows: %w", len(rows), err)
	}
	middle := rows[len(rows)-1]
	return middle, m.isPast(ctx, middle)
}

// looking lists what looks at few conversions of a past account: at others each
// time, as those do who ask, so that what was read before says nothing of
// what is read now.
func (m *grown) looking(one conversions.Row, round int) []readStep {
	const picks = 3
	pick := func(n int) int64 { return pastPick(m.g.size, round*picks+n) }
	a := one.Key.Account
	after := conversions.Row{ID: one.ID}
	after.Want.At = one.Want.At.AddDate(0, 0, -round)
	var found conversions.Row
	steps := []readStep{
		{"list, 50 from the middle", ignored(m.store.List, conversions.Filter{Account: a, Limit: 50, After: &after})},
		{"list, 50 that are queued", ignored(m.store.List, conversions.Filter{Account: a, Limit: 50, State: conversions.StateQueued})},
	}
	for _, s := range []readStep{
		{"list by click id", m.single(conversions.Filter{Account: a, ClickID: pastClick(pick(0))}, nil)},
		{"list by lead", m.single(conversions.Filter{Account: a, Lead: pastLead(pick(1))}, &found)},
		{"list by order id, whole store", m.single(conversions.Filter{OrderID: pastOrder(pick(2))}, nil)},
	} {
		// Once more shows apart how much there is to do, and how much of it had to be read from disk.
		steps = append(steps, s, readStep{s.name + ", the same again", s.read})
	}
	return append(steps,
		readStep{"ledger, 100 entries", func(ctx context.Context) error { return only(m.store.Ledger(ctx, a, 1, 100)) }},
		readStep{"history of a row", func(ctx context.Context) error { return only(m.store.History(ctx, a, found.ID)) }},
	)
}

// single lists a conversion that is the only one with something.
func (m *grown) single(f conversions.Filter, found *conversions.Row) func(context.Context) error {
	return func(ctx context.Context) error {
		rows, err := m.store.List(ctx, f)
		switch {
		case err != nil:
			return err //nolint:wrapcheck // says what it was doing
		case len(rows) != 1:
			return fmt.Errorf("%d rows have it: the stores changed, and what copies did not", len(rows))
		case found != nil:
			*found = rows[0]
		}
		return nil
	}
}

// reading lists what else is read beside batches.
func (m *grown) reading(one conversions.AccountID) []readStep {
	month := m.now.AddDate(0, 0, -30)
	all, lately := conversions.Filter{}, conversions.Filter{From: month.AddDate(0, 0, -30), To: month}
	ofOne := lately
	ofOne.Account = one
	return []readStep{
		{"uploads of 30 days", func(ctx context.Context) error { return only(m.store.Uploaded(ctx, account, month)) }},
		{"latest 20 answers", func(ctx context.Context) error { return only(m.store.LastAnswers(ctx, account, 20)) }},
		{"unanswered batches", ignored(m.store.Unanswered, account)},
		{"statuses that are due", func(ctx context.Context) error { return only(m.store.Polls(ctx, account, m.now, 10)) }},
		{"gather 500 leads for a replay", func(ctx context.Context) error {
			return only(m.store.Leads(ctx, one, conversions.ReplayQuery{Limit: 500}))
		}},
		{"accounts", func(ctx context.Context) error { return only(m.store.Accounts(ctx)) }},
		{"deliveries by kind, whole store", ignored(m.store.Received, all)},
		{"deliveries by kind, one account, 30 days", ignored(m.store.Received, ofOne)},
		{"outcomes by state, whole store", ignored(m.store.Totals, all)},
		{"outcomes by state, whole store, 30 days", ignored(m.store.Totals, lately)},
	}
}

// ignored reads and looks at the error only.
func ignored[F, R any](read func(context.Context, F) (R, error), f F) func(context.Context) error {
	return func(ctx context.Context) error { return only(read(ctx, f)) }
}

// only is what matters of something that is timed.
func only[R any](_ R, err error) error { return err }

// isPast checks that a copied conversion is one to the store.
func (m *grown) isPast(ctx context.Context, row conversions.Row) error {
	h, err := m.store.History(ctx, row.Key.Account, row.ID)
	if err != nil {
		return err //nolint:wrapcheck // says what it was doing
	}
	if len(h.Events) != 1 || len(h.Entries) != 2 || h.Entries[1].Kind != conversions.EntryAnswered || h.Row.Key != row.Key {
		return fmt.Errorf("a copied row has %d events and %d entries: the stores changed, and what copies did not", len(h.Events), len(h.Entries))
	}
	totals, err := m.store.Totals(ctx, conversions.Filter{})
	if err != nil {
		return err //nolint:wrapcheck // says what it was doing
	}
	windowed, err := m.store.Totals(ctx, conversions.Filter{To: m.now.AddDate(1, 0, 0)})
	if err != nil {
		return err //nolint:wrapcheck // says what it was doing
	}
	if n, w := countRows(totals), countRows(windowed); n < m.g.size || n != w {
		return fmt.Errorf("%d rows are summed up, %d of all time, and %d were copied: the stores changed, and what copies did not", n, w, m.g.size)
	}
	return nil
}

func countRows(totals []conversions.Total) (n int) {
	for _, t := range totals {
		n += t.Rows
	}
	return n
}

// reports are those of the command line.
func (m *grown) reports(a conversions.AccountID, row conversions.Row) []readStep {
	subjects := map[string]string{"audit show": strconv.FormatInt(int64(row.ID), 10), "quarantine show": "1"}
	var steps []readStep
	for _, r := range audit.Reports() {
		name := r.Group + " " + r.Name
		run := func(f conversions.Filter, subject string) func(context.Context) error {
			return func(ctx context.Context) error {
				made, err := r.Run(ctx, m.store, audit.Query{Filter: f, Subject: subject, Now: m.now})
				if err != nil {
					return err //nolint:wrapcheck // says what it was doing
				}
				return audit.Write(io.Discard, made, audit.FormatJSON)
			}
		}
		if r.Subject != "" {
			steps = append(steps, readStep{"`" + name + "`, whole store", run(conversions.Filter{}, subjects[name])})
			continue
		}
		month := conversions.Filter{Account: a, Limit: 50, From: m.now.AddDate(0, 0, -60), To: m.now.AddDate(0, 0, -30)}
		steps = append(steps,
			readStep{"`" + name + "`, one account", run(conversions.Filter{Account: a, Limit: 50}, "")},
			readStep{"`" + name + "`, one account, 30 days", run(month, "")},
			readStep{"`" + name + "`, whole store", run(conversions.Filter{Limit: 50}, "")})
	}
	return steps
}

// deliveries appends events from 64 callers for a while.
func (m *grown) deliveries(ctx context.Context, vendor *varda.Source, span time.Duration) error {
	const callers = 64
	t := newTemplate(outcomeTagged, m.now.Add(-2*time.Hour))
	in := delivered{m.store, incoming, vendor}
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
				if errs[c] = in.append(ctx, body, m.now); errs[c] == nil {
					stored.Add(1)
				}
			}
		})
	}
	wg.Wait()
	m.g.ingest = float64(stored.Load()) / span.Seconds()
	return errors.Join(errs...)
}
