package postgres

import (
	"context"
	"encoding/binary"
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
// table that changes. What can be made ready while the server reads is: a row's
// entries are applied, and its new document written, as the row comes in.
type recorder struct {
	account conversions.AccountID
	entries []conversions.Entry // tidied, with the ids of new rows
	next    []int               // of an entry, the next one of the same row; 0 at the last
	rows    map[conversions.RowID]*recorded
	changed []*recorded
	ids     []conversions.RowID
	slab    []recorded // where rows points to
	bodies  [][]byte   // the entries' documents
	old     oldColumns
}

// recorded is a row as the entries leave it, and what matters of how it was.
type recorded struct {
	now         conversions.Row
	counted     totalKey // where it was counted
	sum         totalSum
	stood       place
	rested      rest
	cameBack    bool
	at          string // where the row stands in the table (ctid); empty if it is new
	click       string // what the click index is to hold
	clickSet    bool
	first, last int // its first and last entry
}

// newRecorder queues the reading of the rows that entries are about, and of
// ids for those that are to be created.
func newRecorder(t *tx, a conversions.AccountID, entries []conversions.Entry) *recorder {
	n := len(entries)
	r := &recorder{account: a, rows: make(map[conversions.RowID]*recorded, n), changed: make([]*recorded, 0, n)}
	r.entries, r.next, r.slab = make([]conversions.Entry, n), make([]int, n), make([]recorded, 0, n)
	ids := make([]conversions.RowID, 0, n)
	created := 0
	for i := range entries {
		r.entries[i] = tidyEntry(entries[i])
		e := &r.entries[i]
		switch {
		case e.Key != nil:
			created++
		case e.Row != 0:
			if r.note(e.Row, i) {
				ids = append(ids, e.Row)
			}
		}
	}
	if len(ids) > 0 {
		r.old.most = len(ids)
		t.query(r.load, selectRows, quoted(a), distinct(ids))
	}
	if created > 0 {
		t.query(func(rows pgx.Rows) error {
			id, err := scanned[conversions.RowID](rows)
			r.ids = append(r.ids, id)
			return err
		}, `SELECT nextval('conversion_id_seq') FROM generate_series(1, $1)`, created)
	}
	t.meanwhile = func() { r.bodies = bodiesOf(pointers(r.entries)) }
	return r
}

// note notes that entry i is about a row, and reports whether it is the row's
// first.
func (r *recorder) note(id conversions.RowID, i int) bool {
	c := r.rows[id]
	if c != nil {
		r.next[c.last], c.last = i, i
		return false
	}
	c = r.another()
	c.first, c.last = i, i
	r.rows[id] = c
	return true
}

// selectRows reads rows by id, and where they stand in the table. One scan with
// a list takes two thirds of the time of a look-up for each; made by a query,
// the list does not tell the planner how long it is, which might then rather
// read the account.
const selectRows = `SELECT doc, ctid::text, id FROM conversion WHERE account = $1 AND id = ANY (ARRAY(SELECT unnest($2::bigint[])))`

// distinct returns the ids in order, each once.
func distinct(ids []conversions.RowID) []conversions.RowID {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// load takes a row as it was, and applies its entries.
func (r *recorder) load(rows pgx.Rows) error {
	values := rows.RawValues()
	c := r.rows[conversions.RowID(binary.BigEndian.Uint64(values[2]))] //nolint:gosec // as it was asked for
	if c == nil || compact.ReadRow(values[0], &c.now) != nil {
		return fmt.Errorf("read row: %w", errUnreadable)
	}
	c.at, c.cameBack, c.stood = string(values[1]), c.now.CameBack(), placeOf(&c.now)
	c.counted, c.sum = counted(&c.now)
	c.rested = restOf(&c.now)
	r.apply(c)
	r.old.add(c)
	return nil
}

// apply applies a row's entries to it.
func (r *recorder) apply(c *recorded) {
	r.changed = append(r.changed, c)
	for i, more := c.first, true; more; i, more = r.next[i], r.next[i] != 0 {
		e := &r.entries[i]
		c.now = c.now.Apply(*e)
		if e.Kind == conversions.EntryDecided {
			c.click, c.clickSet = e.ClickID, true
		}
	}
}

// another returns room for one more row: there is one for every entry.
func (r *recorder) another() *recorded {
	r.slab = append(r.slab, recorded{})
	return &r.slab[len(r.slab)-1]
}

// record creates rows and queues everything to write. The reading must have
// been flushed. Entries with a Key create rows; an unknown row is
// conversions.ErrNotFound.
func (r *recorder) record(t *tx) error {
	for i := range r.entries {
		if err := r.create(i); err != nil {
			return err
		}
	}
	queueChunk(t, r.account, r.entries, r.bodies)
	r.queueRows(t)
	r.queueTotals(t)
	r.queuePending(t)
	r.queueResting(t)
	r.queueClicks(t)
	return nil
}

// create makes sure that the row of an entry is there.
func (r *recorder) create(i int) error {
	e := &r.entries[i]
	switch {
	case e.Account != r.account || e.Key != nil && e.Key.Account != r.account:
		return fmt.Errorf("%s entry: %w", e.Kind, errForeign)
	case e.Key != nil:
		e.Row, r.ids = r.ids[0], r.ids[1:]
		r.note(e.Row, i)
		r.apply(r.rows[e.Row])
	case e.Row != 0 && r.rows[e.Row].at == "":
		return fmt.Errorf("%s entry of row %d: %w", e.Kind, e.Row, conversions.ErrNotFound)
	}
	return nil
}

// recordAll is a whole guarded transaction that records entries: read, then
// write.
func (s *Store) recordAll(ctx context.Context, l conversions.Lease, entries []conversions.Entry) error {
	return s.guarded(ctx, l, func(ctx context.Context, t *tx) error {
		r := newRecorder(t, l.Account, entries)
		if err := t.flush(ctx); err != nil {
			return err
		}
		return r.record(t)
	})
}

// insertChunk appends entries to the account's ledger, in the order given.
// Nobody else does meanwhile: its lease is locked.
const insertChunk = `INSERT INTO ledger (account, seq, last, uploads, conversions, at, kinds, upload, bodies)
	SELECT $1, l.seq, l.seq + $2::bigint - 1, $3, $4, $5, $6, $7, $8
	FROM (SELECT nextval('ledger_seq') AS seq) AS l`

// queueEntries appends tidied entries to the ledger.
func queueEntries(t *tx, a conversions.AccountID, es []conversions.Entry) {
	queueChunk(t, a, es, bodiesOf(pointers(es)))
}

// queueChunk appends tidied entries, whose documents are made, to the ledger.
func queueChunk(t *tx, a conversions.AccountID, es []conversions.Entry, bodies [][]byte) {
	if len(es) == 0 {
		return
	}
	p := partsOf(pointers(es))
	t.queue(insertChunk, quoted(a), len(es), p.uploads, p.rows, p.at, p.kinds, p.upload, bodies)
}

func pointers(es []conversions.Entry) []*conversions.Entry {
	list := make([]*conversions.Entry, len(es))
	for i := range es {
		list[i] = &es[i]
	}
	return list
}

// parts are a chunk's entries as arrays, but for their documents.
type parts struct {
	uploads  int
	rows, at []int64
	kinds    []string
	upload   []bool
}

func partsOf(es []*conversions.Entry) parts {
	n := len(es)
	p := parts{rows: make([]int64, n), at: make([]int64, n), kinds: make([]string, n), upload: make([]bool, n)}
	for i, e := range es {
		p.rows[i], p.at[i], p.kinds[i] = int64(e.Row), micros(e.At), string(e.Kind)
		if p.upload[i] = answeredOp(e) == conversions.OpUpload; p.upload[i] {
			p.uploads++
		}
	}
	return p
}

func bodiesOf(es []*conversions.Entry) [][]byte {
	docs := newPaper(len(es), 320)
	for _, e := range es {
		docs.add(func(buf []byte) []byte { return compact.AppendEntry(buf, e) })
	}
	return docs.docs()
}

// paper is documents in one piece of memory.
type paper struct {
	buf  []byte
	ends []int
}

// newPaper has room for n documents of about so many bytes each.
func newPaper(n, each int) *paper {
	return &paper{buf: make([]byte, 0, each*n), ends: make([]int, 0, n)}
}

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
	if err := s.recordAll(ctx, l, es); err != nil {
		return fmt.Errorf("record %d entries of %s: %w", len(es), l.Account, err)
	}
	return nil
}
