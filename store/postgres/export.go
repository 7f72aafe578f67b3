package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
	"closeloop/store"
)

var _ store.Copying = (*Store)(nil)

// exportPage is how many records are read at once, batchPage how many
// batches, which have up to 2,000 items each.
const (
	exportPage = 2000
	batchPage  = 10
)

// errStopped says that whoever reads an export wants no more of it.
var errStopped = errors.New("the reader has stopped")

// Export implements store.Copying. It reads page after page along primary keys,
// in one transaction.
func (s *Store) Export(ctx context.Context) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		err := s.export(ctx, func(r store.Record) error {
			if !yield(r, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(store.Record{}, fmt.Errorf("export: %w", err))
		}
	}
}

// export is not tried again: what was handed on cannot be taken back.
func (s *Store) export(ctx context.Context, yield func(store.Record) error) error {
	conn, err := s.db.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", plain(err))
	}
	defer conn.Release()
	t := &tx{conn: conn, batch: &pgx.Batch{}}
	t.queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	t.queue("SET LOCAL idle_in_transaction_session_timeout = 0") // whoever takes the records may be slow
	x := &exporter{ctx: ctx, t: t, yield: yield}
	for _, step := range []func() error{
		x.numbers, x.events, x.quarantined, x.entries, x.rows, x.batches, x.notices, x.plans, x.facts, x.accounts, x.pauses,
	} {
		if err := step(); err != nil {
			t.abandon(context.WithoutCancel(ctx))
			return err
		}
	}
	t.queue("COMMIT")
	return t.flush(ctx)
}

// exporter is one export under way.
type exporter struct {
	ctx   context.Context //nolint:containedctx // of the one call that the exporter lives for
	t     *tx
	yield func(store.Record) error
}

// table is how a table is walked: a query with the last key as its first
// arguments and the size of a page as the last one.
type table[T any] struct {
	text  string
	page  int
	first []any
	read  func(pgx.Rows) (T, error)
	key   func(*T) []any
	also  func(page []T) error // completes a page; nil for nothing
	make  func(*T) store.Record
}

// walk yields every record of a table.
func walk[T any](x *exporter, tab table[T]) error {
	for last := tab.first; ; {
		page := make([]T, 0, tab.page)
		x.t.query(into(&page, tab.read), tab.text, append(last, tab.page)...)
		err := x.t.flush(x.ctx)
		if err == nil && tab.also != nil {
			err = tab.also(page)
		}
		if err != nil {
			return err
		}
		for i := range page {
			if err := x.yield(tab.make(&page[i])); err != nil {
				return err
			}
		}
		if len(page) < tab.page {
			return nil
		}
		last = tab.key(&page[len(page)-1])
	}
}

// start is before every key of an account and a number.
func start() []any { return []any{"", int64(math.MinInt64)} }

func (x *exporter) numbers() error {
	var n store.Numbers
	x.t.query(func(rows pgx.Rows) error { return scan(rows, &n.Quarantine) },
		`SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM quarantine_id_seq`)
	if err := x.t.flush(x.ctx); err != nil {
		return err
	}
	return x.yield(store.Record{Numbers: &n})
}

func (x *exporter) events() error {
	return walk(x, table[conversions.Event]{
		page: exportPage, first: start(), read: readEvent,
		text: `SELECT ` + eventColumns + ` FROM (
				SELECT * FROM event WHERE (account, seq) > ($1, $2) ORDER BY account, seq LIMIT $3) AS e
			LEFT JOIN LATERAL (SELECT doc FROM identity WHERE account = e.account AND seq = e.seq OFFSET 0) AS i ON true ORDER BY e.account, e.seq`,
		key:  func(e *conversions.Event) []any { return []any{quoted(e.Account), e.Seq} },
		make: func(e *conversions.Event) store.Record { return store.Record{Event: e} },
	})
}

func (x *exporter) quarantined() error {
	return walk(x, table[conversions.Quarantined]{
		page: exportPage, first: start(), read: readQuarantined,
		text: selectQuarantined + `WHERE (account, id) > ($1, $2) ORDER BY account, id LIMIT $3`,
		key:  func(q *conversions.Quarantined) []any { return []any{quoted(q.Account), q.ID} },
		make: func(q *conversions.Quarantined) store.Record { return store.Record{Quarantined: q} },
	})
}

func (x *exporter) entries() error {
	return walk(x, table[conversions.Entry]{
		page: exportPage, first: start(), read: readEntry,
		text: `SELECT ` + entryColumns + ` FROM (SELECT * FROM ledger WHERE (account, last) > ($1, $2) ORDER BY account, last OFFSET 0) AS l` +
			entriesOf + `WHERE (l.account, l.seq + n.ord - 1) > ($1, $2) ORDER BY l.account, l.last, n.ord LIMIT $3`,
		key:  func(e *conversions.Entry) []any { return []any{quoted(e.Account), e.Seq} },
		make: func(e *conversions.Entry) store.Record { return store.Record{Entry: e} },
	})
}

// clicked is a row with the click id that is wanted for it.
type clicked struct {
	row   conversions.Row
	click string
}

func (x *exporter) rows() error {
	return walk(x, table[clicked]{
		page: exportPage, first: start(),
		text: `SELECT c.doc, k.click FROM (
				SELECT account, id, doc FROM conversion WHERE (account, id) > ($1, $2) ORDER BY account, id LIMIT $3) AS c
			LEFT JOIN LATERAL (SELECT click FROM click_index WHERE account = c.account AND conversion = c.id OFFSET 0) AS k ON true
			ORDER BY c.account, c.id`,
		read: func(rows pgx.Rows) (c clicked, err error) {
			if c.row, err = readRow(rows); err != nil {
				return c, err
			}
			c.click = unquoted[string](string(rows.RawValues()[1]))
			return c, nil
		},
		key:  func(c *clicked) []any { return []any{quoted(c.row.Key.Account), int64(c.row.ID)} },
		make: func(c *clicked) store.Record { return store.Record{Row: &c.row, ClickID: c.click} },
	})
}

func (x *exporter) batches() error {
	return walk(x, table[store.Batch]{
		page: batchPage, first: start(), read: readWholeBatch,
		text: selectWholeBatch + `WHERE (account, seq) > ($1, $2) ORDER BY account, seq LIMIT $3`,
		key:  func(b *store.Batch) []any { return []any{quoted(b.Account), b.Seq} },
		make: func(b *store.Batch) store.Record { return store.Record{Batch: b} },
		also: func(page []store.Batch) error {
			if len(page) == 0 {
				return nil
			}
			found := make([]people, len(page))
			for i := range page {
				found[i] = queuePeople(x.t, page[i].Account, page[i].Items)
			}
			err := x.t.flush(x.ctx)
			for i := range page {
				found[i].fill(page[i].Items)
			}
			return err
		},
	})
}

// selectWholeBatch is selectBatch with what a server does not ask for.
const selectWholeBatch = `SELECT account, id, run, api, customer, created, sent_at, attempts,
	request_id, settled, polls, manifest, seq, uploaded, job_id, poll_at, call FROM batch `

// readWholeBatch reads the first columns as readBatch does.
func readWholeBatch(rows pgx.Rows) (store.Batch, error) {
	var b store.Batch
	var pollAt *int64
	var call *string
	whole, err := readBatch(head{rows})
	if err != nil {
		return b, err
	}
	b.Batch = whole
	var skip [12]any
	err = scan(rows, append(skip[:], &b.Seq, &b.Uploaded, &b.JobID, &pollAt, &call)...)
	b.PollAt = fromNull(pollAt)
	if err == nil && call != nil {
		b.Call = &conversions.Answer{}
		err = decode(*call, b.Call)
	}
	return b, err
}

// head are the columns of rows that are asked for, from the first on.
type head struct{ pgx.Rows }

// Scan implements pgx.Rows.
func (h head) Scan(dest ...any) error {
	rest := make([]any, len(h.FieldDescriptions())-len(dest))
	return h.Rows.Scan(append(dest, rest...)...) //nolint:wrapcheck // scan wraps it
}

func (x *exporter) notices() error {
	return walk(x, table[store.Notice]{
		page: exportPage, first: []any{"", int64(math.MinInt64), "", ""},
		text: `SELECT account, notice, source, lead FROM inbox WHERE (account, notice, source, lead) > ($1, $2, $3, $4)
			ORDER BY account, notice, source, lead LIMIT $5`,
		read: func(rows pgx.Rows) (n store.Notice, err error) {
			var account, source, lead string
			err = scan(rows, &account, &n.Number, &source, &lead)
			n.Account, n.Source, n.Lead = unquoted[conversions.AccountID](account), unquoted[string](source), unquoted[conversions.LeadID](lead)
			return n, err
		},
		key: func(n *store.Notice) []any {
			return []any{quoted(n.Account), n.Number, quoted(n.Source), quoted(n.Lead)}
		},
		make: func(n *store.Notice) store.Record { return store.Record{Notice: n} },
	})
}

// each yields a record for every row of a small table.
func each[T any](x *exporter, read func(pgx.Rows) (T, error), record func(*T) store.Record, text string) error {
	var all []T
	x.t.query(into(&all, read), text)
	if err := x.t.flush(x.ctx); err != nil {
		return err
	}
	for i := range all {
		if err := x.yield(record(&all[i])); err != nil {
			return err
		}
	}
	return nil
}

func (x *exporter) plans() error {
	return each(x, func(rows pgx.Rows) (p conversions.Plan, err error) {
		var account string
		var next, owed int64
		err = scan(rows, &account, &p.Spec, &next, &owed)
		p.Account, p.Next, p.Owed = unquoted[conversions.AccountID](account), fromMicros(next), fromMicros(owed)
		return p, err
	}, func(p *conversions.Plan) store.Record { return store.Record{Plan: p} }, `SELECT account, spec, next, owed FROM plan`)
}

func (x *exporter) facts() error {
	return each(x, document[conversions.Facts], func(f *conversions.Facts) store.Record { return store.Record{Facts: f} }, `SELECT doc FROM facts`)
}

func (x *exporter) accounts() error {
	return each(x, func(rows pgx.Rows) (a store.Account, err error) {
		var account string
		err = scan(rows, &account, &a.Fingerprint, &a.Refolded)
		a.Account = unquoted[conversions.AccountID](account)
		return a, err
	}, func(a *store.Account) store.Record { return store.Record{Account: a} }, `SELECT account, fingerprint, refolded FROM account`)
}

func (x *exporter) pauses() error {
	return each(x, document[conversions.Paused], func(p *conversions.Paused) store.Record { return store.Record{Paused: p} }, `SELECT doc FROM pause`)
}

// Leased implements store.Copying.
func (s *Store) Leased(ctx context.Context, now time.Time) ([]conversions.AccountID, error) {
	accounts, err := query(ctx, s.db, func(rows pgx.Rows) (conversions.AccountID, error) {
		account, err := scanned[string](rows)
		return unquoted[conversions.AccountID](account), err
	}, `SELECT account FROM lease WHERE holder <> '' AND until > $1 ORDER BY account`, micros(now))
	if err != nil {
		return nil, fmt.Errorf("read leases: %w", err)
	}
	return accounts, nil
}
