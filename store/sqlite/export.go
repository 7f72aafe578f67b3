package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"closeloop/conversions"
	"closeloop/store"
	"closeloop/store/compact"
)

var _ store.Copying = (*Store)(nil)

// exportPage is how many records are read at once, batchPage how many batches,
// and chunkPage how many chunks of the ledger, which hold up to 2,000 each.
const (
	exportPage = 2000
	batchPage  = 10
	chunkPage  = 10
)

// errStopped says that whoever reads an export wants no more of it.
var errStopped = errors.New("the reader has stopped")

// Export implements store.Copying. It reads page after page along primary keys,
// in one transaction.
func (s *Store) Export(ctx context.Context) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		err := s.snapshot(ctx, func(q queryer) error {
			return (&exporter{ctx: ctx, q: q, yield: func(r store.Record) error {
				if !yield(r, nil) {
					return errStopped
				}
				return nil
			}}).all()
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(store.Record{}, fmt.Errorf("export: %w", err))
		}
	}
}

// exporter is one export under way.
type exporter struct {
	ctx   context.Context //nolint:containedctx // of the one call that the exporter lives for
	q     queryer
	yield func(store.Record) error
}

func (x *exporter) all() error {
	for _, step := range []func() error{
		x.numbers, x.events, x.quarantined, x.entries, x.rows, x.batches, x.notices, x.plans, x.facts, x.accounts, x.pauses,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// table is how a table is walked: a query with the last key as its first
// arguments and the size of a page as the last one.
type table[T any] struct {
	text  string
	page  int
	first []any
	read  func(*sql.Rows) (T, error)
	key   func(*T) []any
	also  func(page []T) error // completes a page; nil for nothing
	make  func(*T) store.Record
	each  func(*T, func(store.Record) error) error // instead of make, for many records
}

// walk yields every record of a table.
func walk[T any](x *exporter, tab table[T]) error {
	for last := tab.first; ; {
		page, err := collect(x.ctx, x.q, tab.read, tab.text, append(last, tab.page)...)
		if err == nil && tab.also != nil {
			err = tab.also(page)
		}
		if err != nil {
			return err
		}
		for i := range page {
			if tab.each != nil {
				err = tab.each(&page[i], x.yield)
			} else {
				err = x.yield(tab.make(&page[i]))
			}
			if err != nil {
				return err
			}
		}
		if len(page) < tab.page {
			return nil
		}
		last = tab.key(&page[len(page)-1])
	}
}

// start is before every number.
func start() []any { return []any{int64(math.MinInt64)} }

func (x *exporter) numbers() error {
	last, err := collect(x.ctx, x.q, scanned[int64], `SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'quarantine'`)
	if err != nil {
		return err
	}
	return x.yield(store.Record{Numbers: &store.Numbers{Quarantine: last[0]}})
}

func (x *exporter) events() error {
	return walk(x, table[conversions.Event]{
		page: exportPage, first: start(), read: readEvent,
		text: `SELECT ` + eventColumns + ` FROM event AS e LEFT JOIN identity AS i ON i.seq = e.seq WHERE e.seq > ? ORDER BY e.seq LIMIT ?`,
		key:  func(e *conversions.Event) []any { return []any{e.Seq} },
		make: func(e *conversions.Event) store.Record { return store.Record{Event: e} },
	})
}

func (x *exporter) quarantined() error {
	return walk(x, table[conversions.Quarantined]{
		page: exportPage, first: start(), read: readQuarantined,
		text: selectQuarantined + `WHERE id > ? ORDER BY id LIMIT ?`,
		key:  func(q *conversions.Quarantined) []any { return []any{q.ID} },
		make: func(q *conversions.Quarantined) store.Record { return store.Record{Quarantined: q} },
	})
}

// entries reads the ledger chunk by chunk.
func (x *exporter) entries() error {
	return walk(x, table[[]conversions.Entry]{
		page: chunkPage, first: start(), text: selectChunks + `WHERE seq > ? ORDER BY seq LIMIT ?`,
		read: func(rows *sql.Rows) ([]conversions.Entry, error) {
			return readChunk(rows, nil, func(int64, conversions.RowID) bool { return true })
		},
		key: func(es *[]conversions.Entry) []any { return []any{(*es)[0].Seq} },
		each: func(es *[]conversions.Entry, yield func(store.Record) error) error {
			for i := range *es {
				if err := yield(store.Record{Entry: &(*es)[i]}); err != nil {
					return err
				}
			}
			return nil
		},
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
		text: `SELECT c.doc, coalesce(k.click, '') FROM conversion AS c LEFT JOIN click_index AS k ON k.conversion = c.id
			WHERE c.id > ? ORDER BY c.id LIMIT ?`,
		read: func(rows *sql.Rows) (c clicked, err error) {
			var doc sql.RawBytes
			if err := rows.Scan(&doc, &c.click); err != nil {
				return c, fmt.Errorf("scan row: %w", err)
			}
			return c, readable("row", compact.ReadRow(doc, &c.row))
		},
		key:  func(c *clicked) []any { return []any{int64(c.row.ID)} },
		make: func(c *clicked) store.Record { return store.Record{Row: &c.row, ClickID: c.click} },
	})
}

func (x *exporter) batches() error {
	return walk(x, table[store.Batch]{
		page: batchPage, first: start(), read: readWholeBatch,
		text: `SELECT account, id, run, api, customer, created, sent_at, attempts, request_id, settled, polls, manifest,
			seq, uploaded, job_id, poll_at, call FROM batch WHERE seq > ? ORDER BY seq LIMIT ?`,
		key:  func(b *store.Batch) []any { return []any{b.Seq} },
		make: func(b *store.Batch) store.Record { return store.Record{Batch: b} },
		also: func(page []store.Batch) error {
			for i := range page {
				if err := fillClicks(x.ctx, x.q, page[i].Items); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

func readWholeBatch(rows *sql.Rows) (store.Batch, error) {
	var b store.Batch
	var created, sent int64
	var settled, pollAt sql.NullInt64
	var manifest, call sql.RawBytes
	err := rows.Scan(&b.Account, &b.ID, &b.Run, &b.Target.API, &b.Target.Customer, &created, &sent, &b.Attempts,
		&b.RequestID, &settled, &b.Polls, &manifest, &b.Seq, &b.Uploaded, &b.JobID, &pollAt, &call)
	if err != nil {
		return b, fmt.Errorf("scan batch: %w", err)
	}
	b.Created, b.SentAt, b.AnsweredAt, b.PollAt = fromMicros(created), fromMicros(sent), fromNull(settled), fromNull(pollAt)
	if call != nil {
		b.Call = &conversions.Answer{}
		if err := decode(call, b.Call); err != nil {
			return b, err
		}
	}
	b.Items, err = compact.ReadItems(manifest)
	return b, readable("manifest", err)
}

func (x *exporter) notices() error {
	return walk(x, table[store.Notice]{
		page: exportPage, first: []any{"", int64(math.MinInt64), "", ""},
		text: `SELECT account, notice, source, lead FROM inbox WHERE (account, notice, source, lead) > (?, ?, ?, ?)
			ORDER BY account, notice, source, lead LIMIT ?`,
		read: func(rows *sql.Rows) (n store.Notice, err error) {
			if err := rows.Scan(&n.Account, &n.Number, &n.Source, &n.Lead); err != nil {
				return n, fmt.Errorf("scan notice: %w", err)
			}
			return n, nil
		},
		key:  func(n *store.Notice) []any { return []any{string(n.Account), n.Number, n.Source, string(n.Lead)} },
		make: func(n *store.Notice) store.Record { return store.Record{Notice: n} },
	})
}

// few yields a record for every row of a small table.
func few[T any](x *exporter, read func(*sql.Rows) (T, error), record func(*T) store.Record, text string) error {
	all, err := collect(x.ctx, x.q, read, text)
	if err != nil {
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
	return few(x, func(rows *sql.Rows) (p conversions.Plan, err error) {
		var next, owed int64
		if err := rows.Scan(&p.Account, &p.Spec, &next, &owed); err != nil {
			return p, fmt.Errorf("scan plan: %w", err)
		}
		p.Next, p.Owed = fromMicros(next), fromMicros(owed)
		return p, nil
	}, func(p *conversions.Plan) store.Record { return store.Record{Plan: p} }, `SELECT account, spec, next, owed FROM plan`)
}

func (x *exporter) facts() error {
	return few(x, document[conversions.Facts], func(f *conversions.Facts) store.Record { return store.Record{Facts: f} }, `SELECT doc FROM facts`)
}

func (x *exporter) accounts() error {
	return few(x, func(rows *sql.Rows) (a store.Account, err error) {
		if err := rows.Scan(&a.Account, &a.Fingerprint, &a.Refolded); err != nil {
			return a, fmt.Errorf("scan account: %w", err)
		}
		return a, nil
	}, func(a *store.Account) store.Record { return store.Record{Account: a} }, `SELECT account, fingerprint, refolded FROM account`)
}

func (x *exporter) pauses() error {
	return few(x, document[conversions.Paused], func(p *conversions.Paused) store.Record { return store.Record{Paused: p} }, `SELECT doc FROM pause`)
}

// Leased implements store.Copying.
func (s *Store) Leased(ctx context.Context, now time.Time) ([]conversions.AccountID, error) {
	accounts, err := collect(ctx, s.reads.QueryContext, scanned[conversions.AccountID],
		`SELECT account FROM lease WHERE holder <> '' AND until > ? ORDER BY account`, micros(now))
	if err != nil {
		return nil, fmt.Errorf("read leases: %w", err)
	}
	return accounts, nil
}
