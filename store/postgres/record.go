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
}

// recorded is a row as it was, and as the entries leave it.
type recorded struct {
	before, now conversions.Row
	at          string // where the row stands in the table (ctid); empty if it is new
	click       string // what the click index is to hold
	clickSet    bool
	touched     bool
}

// newRecorder queues the reading of the rows that entries are about, and of
// ids for those that are to be created.
func newRecorder(t *tx, a conversions.AccountID, entries []conversions.Entry) *recorder {
	r := &recorder{account: a, rows: make(map[conversions.RowID]*recorded, len(entries))}
	r.entries = make([]conversions.Entry, len(entries))
	var ids []conversions.RowID
	created := 0
	for i, e := range entries {
		r.entries[i] = tidyEntry(e)
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
	row, err := readRow(rows)
	if err != nil {
		return err
	}
	r.rows[row.ID] = &recorded{before: row, now: row, at: string(rows.RawValues()[1])}
	return nil
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
		r.rows[e.Row] = &recorded{}
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

// insertEntries appends to the ledger, in the order given; insertAnswers also
// notes where among them answers to uploads are.
const (
	insertEntries = `INSERT INTO ledger (account, conversion, at, kind, answered, body)
	SELECT $1, n.* FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bytea[]) AS n`
	insertAnswers = `WITH n AS (` + insertEntries + ` RETURNING seq, answered)
	INSERT INTO told (account, first, last) SELECT $1, min(seq), max(seq) FROM n WHERE answered = 'upload'`
)

// queueEntries appends tidied entries to the ledger.
func queueEntries(t *tx, a conversions.AccountID, es []conversions.Entry) {
	if len(es) == 0 {
		return
	}
	rows, at := make([]int64, len(es)), make([]int64, len(es))
	kinds, answered := make([]string, len(es)), make([]string, len(es))
	p := newPaper(len(es))
	for i := range es {
		e := &es[i]
		rows[i], at[i], kinds[i], answered[i] = int64(e.Row), micros(e.At), string(e.Kind), string(answeredOp(e))
		p.add(func(buf []byte) []byte { return compact.AppendEntry(buf, e) })
	}
	text := insertEntries
	if slices.Contains(answered, string(conversions.OpUpload)) {
		text = insertAnswers
	}
	t.queue(text, quoted(a), rows, at, kinds, answered, p.docs())
}

// paper is documents in one piece of memory.
type paper struct {
	buf  []byte
	ends []int
}

func newPaper(n int) *paper { return &paper{buf: make([]byte, 0, 400*n), ends: make([]int, 0, n)} }

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
