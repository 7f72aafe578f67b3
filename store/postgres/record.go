package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// errForeign: an entry or batch names another account than the lease it came
// under.
var errForeign = errors.New("belongs to another account than the lease")

// recorder applies entries to rows inside one write transaction. All rows are
// read with one query, and everything is written with one statement for each
// table that changes.
type recorder struct {
	account conversions.AccountID
	entries []conversions.Entry // tidied, with the ids of new rows
	rows    map[conversions.RowID]*recorded
	changed []*recorded // in the order of their first entry
	ids     []conversions.RowID
	slab    []recorded // where rows points to
}

// recorded is a row as the entries leave it, and what matters of how it was.
type recorded struct {
	now      conversions.Row
	counted  totalKey // where it was counted
	sum      totalSum
	stood    place
	known    conversions.KnownStatus
	at       string // where the row stands in the table (ctid); empty if it is new
	click    string // what the click index is to hold
	clickSet bool
	touched  bool
}

// newRecorder queues the reading of the rows that entries are about, and of
// ids for those that are to be created.
func newRecorder(t *tx, a conversions.AccountID, entries []conversions.Entry) *recorder {
	r := &recorder{account: a, rows: make(map[conversions.RowID]*recorded, len(entries))}
	r.entries, r.slab = make([]conversions.Entry, len(entries)), make([]recorded, 0, len(entries))
	ids := make([]conversions.RowID, 0, len(entries))
	created := 0
	for i := range entries {
		r.entries[i] = tidyEntry(entries[i])
		e := &r.entries[i]
		switch {
		case e.Key != nil:
			created++
		case e.Row != 0:
			ids = append(ids, e.Row)
		}
	}
	if len(ids) > 0 {
		t.query(r.load, selectRows, quoted(a), distinct(ids))
	}
	if created > 0 {
		t.query(func(rows pgx.Rows) error {
			id, err := scanned[conversions.RowID](rows)
			r.ids = append(r.ids, id)
			return err
		}, `SELECT nextval('conversion_id_seq') FROM generate_series(1, $1)`, created)
	}
	return r
}

// selectRows reads rows by id, and where they stand in the table.
const selectRows = `SELECT c.doc, c.ctid::text FROM unnest($2::bigint[]) AS n (id)
	CROSS JOIN LATERAL (SELECT doc, ctid FROM conversion WHERE account = $1 AND id = n.id OFFSET 0) AS c`

// distinct returns the ids in order, each once.
func distinct(ids []conversions.RowID) []conversions.RowID {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (r *recorder) load(rows pgx.Rows) error {
	c := r.another()
	values := rows.RawValues()
	if compact.ReadRow(values[0], &c.now) != nil {
		return fmt.Errorf("read row: %w", errUnreadable)
	}
	c.at, c.known, c.stood = string(values[1]), c.now.Known.Status, placeOf(&c.now)
	c.counted, c.sum = counted(&c.now)
	r.rows[c.now.ID] = c
	return nil
}

// another returns room for one more row: there is one for every entry.
func (r *recorder) another() *recorded {
	r.slab = append(r.slab, recorded{})
	return &r.slab[len(r.slab)-1]
}

// record applies the entries and queues everything to write. The reading must
// have been flushed. Entries with a Key create rows; an unknown row is
// conversions.ErrNotFound.
func (r *recorder) record(t *tx) error {
	for i := range r.entries {
		if err := r.apply(&r.entries[i]); err != nil {
			return err
		}
	}
	queueEntries(t, r.account, r.entries)
	r.queueRows(t)
	r.queueTotals(t)
	r.queuePending(t)
	r.queueClicks(t)
	return nil
}

func (r *recorder) apply(e *conversions.Entry) error {
	if e.Account != r.account || e.Key != nil && e.Key.Account != r.account {
		return fmt.Errorf("%s entry: %w", e.Kind, errForeign)
	}
	if e.Key != nil {
		e.Row, r.ids = r.ids[0], r.ids[1:]
		r.rows[e.Row] = r.another()
	}
	if e.Row == 0 {
		return nil
	}
	c := r.rows[e.Row]
	if c == nil {
		return fmt.Errorf("%s entry of row %d: %w", e.Kind, e.Row, conversions.ErrNotFound)
	}
	if !c.touched {
		c.touched = true
		r.changed = append(r.changed, c)
	}
	c.now = c.now.Apply(*e)
	if e.Kind == conversions.EntryDecided {
		c.click, c.clickSet = e.ClickID, true
	}
	return nil
}

// recordAll is a whole guarded transaction that records entries: read, queue
// what comes with them, write.
func (s *Store) recordAll(ctx context.Context, l conversions.Lease, entries []conversions.Entry, also func(*tx, *recorder)) error {
	return s.guarded(ctx, l, func(ctx context.Context, t *tx) error {
		r := newRecorder(t, l.Account, entries)
		if err := t.flush(ctx); err != nil {
			return err
		}
		if err := r.record(t); err != nil {
			return err
		}
		if also != nil {
			also(t, r)
		}
		return nil
	})
}

// insertChunk appends entries to the account's ledger, in the order given.
// Nobody else does meanwhile: its lease is locked.
const insertChunk = `INSERT INTO ledger (account, seq, last, uploads, conversions, at, kinds, upload, bodies)
	SELECT $1, l.seq, l.seq + $2::bigint - 1, $3, $4, $5, $6, $7, $8
	FROM (SELECT nextval('ledger_seq') AS seq) AS l`

// queueEntries appends tidied entries to the ledger.
func queueEntries(t *tx, a conversions.AccountID, es []conversions.Entry) {
	if len(es) == 0 {
		return
	}
	list := make([]*conversions.Entry, len(es))
	for i := range es {
		list[i] = &es[i]
	}
	p := partsOf(list)
	t.queue(insertChunk, quoted(a), len(es), p.uploads, p.rows, p.at, p.kinds, p.upload, p.bodies)
}

// parts are a chunk's entries as arrays.
type parts struct {
	uploads  int
	rows, at []int64
	kinds    []string
	upload   []bool
	bodies   [][]byte
}

func partsOf(es []*conversions.Entry) parts {
	n := len(es)
	p := parts{rows: make([]int64, n), at: make([]int64, n), kinds: make([]string, n), upload: make([]bool, n)}
	docs := newPaper(n)
	for i, e := range es {
		p.rows[i], p.at[i], p.kinds[i] = int64(e.Row), micros(e.At), string(e.Kind)
		if p.upload[i] = answeredOp(e) == conversions.OpUpload; p.upload[i] {
			p.uploads++
		}
		docs.add(func(buf []byte) []byte { return compact.AppendEntry(buf, e) })
	}
	p.bodies = docs.docs()
	return p
}

// paper is documents in one piece of memory.
type paper struct {
	buf  []byte
	ends []int
}

func newPaper(n int) *paper { return &paper{buf: make([]byte, 0, 256*n), ends: make([]int, 0, n)} }

func (p *paper) add(write func([]byte) []byte) {
	p.buf = write(p.buf)
	p.ends = append(p.ends, len(p.buf))
}

func (p *paper) docs() [][]byte {
	docs, start := make([][]byte, len(p.ends)), 0
	for i, end := range p.ends {
		docs[i], start = p.buf[start:end:end], end
	}
	return docs
}

// answeredOp is the operation whose fate an entry tells, at once or later.
func answeredOp(e *conversions.Entry) conversions.Operation {
	told := e.Kind == conversions.EntryAnswered || e.Kind == conversions.EntryProcessed
	if !told || e.Item == nil || e.Answer == nil {
		return conversions.OpNone
	}
	if v := e.Answer.Verdict; v == conversions.Submitted || v == conversions.Unclear {
		return conversions.OpNone
	}
	return e.Item.Op
}

// Record implements store.Sending.
func (s *Store) Record(ctx context.Context, l conversions.Lease, es []conversions.Entry) error {
	if err := s.recordAll(ctx, l, es, nil); err != nil {
		return fmt.Errorf("record %d entries of %s: %w", len(es), l.Account, err)
	}
	return nil
}
