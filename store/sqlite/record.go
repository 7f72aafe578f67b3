package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// errForeign: an entry or batch names another account than the lease it came
// under.
var errForeign = errors.New("belongs to another account than the lease")

// slabSize is how many rows share a piece of memory.
const slabSize = 64

// recorder applies entries to rows inside one write transaction: rows are read
// once, entries appended in order, rows written once.
type recorder struct {
	account conversions.AccountID
	rows    map[conversions.RowID]*recorded
	changed []*recorded // in the order of their first entry
	last    conversions.RowID
	slab    []recorded // what another gives is cut from
	chunk   *chunk
	gone    []*recorded // what is pending no more
	totals  totals
	doc     []byte // of one row
}

// recorded is a row as the entries leave it, and what matters of how it was.
type recorded struct {
	now      conversions.Row
	was      columns
	stood    place
	trail    []byte
	length   int // of the trail when it was read
	isNew    bool
	click    string // what the click index is to hold
	clickSet bool
	touched  bool
}

// record appends entries to the ledger and applies them to the rows as they
// are now. Entries with a Key create rows; an unknown row is
// conversions.ErrNotFound.
func record(ctx context.Context, t tx, l conversions.Lease, entries []conversions.Entry) error {
	_, err := recordRows(ctx, t, l, entries, nil)
	return err
}

// recordRows is record for a caller that wants to see the changed rows, and may
// know them as they were read before. It is errMoved if one of these is not so
// any more.
func recordRows(ctx context.Context, t tx, l conversions.Lease, entries []conversions.Entry, known []recorded) ([]*recorded, error) {
	r := recorder{account: l.Account}
	if err := r.load(ctx, t, entries, known); err != nil {
		return nil, err
	}
	for i := range entries {
		if err := r.append(tidyEntry(entries[i])); err != nil {
			return nil, err
		}
	}
	for _, c := range r.changed {
		if err := r.save(ctx, t, c); err != nil {
			return nil, err
		}
	}
	if err := r.leave(ctx, t); err != nil {
		return nil, err
	}
	if err := r.totals.save(ctx, t); err != nil {
		return nil, err
	}
	return r.changed, r.chunk.save(ctx, t)
}

// load reads the rows that entries are about and that are not known, in one
// query.
func (r *recorder) load(ctx context.Context, t tx, entries []conversions.Entry, known []recorded) (err error) {
	r.rows = make(map[conversions.RowID]*recorded, len(entries))
	for i := range known {
		r.rows[known[i].now.ID] = &known[i]
	}
	if ids := r.missing(entries); len(ids) > 0 {
		err = each(ctx, t.query, r.read, `SELECT trail, doc `+fromIDs, list(ids), string(r.account))
		if err != nil {
			return err
		}
	}
	if err := t.one(ctx, []any{&r.last}, `SELECT coalesce(max(id), 0) FROM conversion`); err != nil {
		return fmt.Errorf("read last row id: %w", err)
	}
	if r.chunk, err = newChunk(ctx, t, r.account); err == nil {
		r.chunk.entries = make([]byte, 0, documentSize*len(entries))
	}
	return err
}

// another returns room for one more row.
func (r *recorder) another() *recorded {
	if len(r.slab) == cap(r.slab) {
		r.slab = make([]recorded, 0, slabSize)
	}
	r.slab = append(r.slab, recorded{})
	return &r.slab[len(r.slab)-1]
}

// missing lists the rows that entries are about and that are not held.
func (r *recorder) missing(entries []conversions.Entry) []conversions.RowID {
	var ids []conversions.RowID
	for i := range entries {
		if e := &entries[i]; e.Key == nil && e.Row != 0 && r.rows[e.Row] == nil {
			ids = append(ids, e.Row)
		}
	}
	return ids
}

func (r *recorder) read(rows *sql.Rows) (bool, error) {
	c := r.another()
	if err := c.read(rows); err != nil {
		return false, err
	}
	r.rows[c.now.ID] = c
	return true, nil
}

// read reads a row of the columns trail and doc.
func (c *recorded) read(rows *sql.Rows) error {
	var trail, doc sql.RawBytes
	if err := rows.Scan(&trail, &doc); err != nil {
		return fmt.Errorf("scan row: %w", err)
	}
	c.trail = append(make([]byte, 0, len(trail)+binary.MaxVarintLen64), trail...)
	c.length = len(trail)
	if err := compact.ReadRow(doc, &c.now); err != nil {
		return readable("row", err)
	}
	c.was, c.stood = columnsOf(&c.now), placeOf(&c.now)
	return nil
}

// fromIDs selects conversions by a list of ids. The plus keeps SQLite from
// reading all of the account to find them.
const fromIDs = `FROM conversion WHERE id IN (SELECT value FROM json_each(?)) AND +account = ?`

func rowsByID(ctx context.Context, q queryer, a conversions.AccountID, ids []conversions.RowID) ([]conversions.Row, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return collectRows(ctx, q, len(ids), `SELECT doc `+fromIDs, list(ids), string(a))
}

func (r *recorder) append(e conversions.Entry) error {
	if e.Account != r.account || e.Key != nil && e.Key.Account != r.account {
		return fmt.Errorf("%s entry: %w", e.Kind, errForeign)
	}
	if e.Key != nil {
		r.last++
		e.Row = r.last
		r.rows[e.Row] = r.another()
		r.rows[e.Row].isNew = true
	}
	if e.Row != 0 {
		c := r.rows[e.Row]
		if c == nil {
			return fmt.Errorf("%s entry of row %d: %w", e.Kind, e.Row, conversions.ErrNotFound)
		}
		r.apply(c, e)
	}
	r.chunk.add(&e)
	return nil
}

func (r *recorder) apply(c *recorded, e conversions.Entry) {
	if !c.touched {
		c.touched = true
		c.trail = trailed(c.trail, r.chunk.first)
		r.changed = append(r.changed, c)
	}
	c.now = c.now.Apply(e)
	if e.Kind == conversions.EntryDecided {
		c.click, c.clickSet = e.ClickID, true
	}
}

// save writes the row, its place among what is pending, and its click id.
func (r *recorder) save(ctx context.Context, t tx, c *recorded) error {
	r.totals.move(c)
	r.doc = compact.AppendRow(r.doc[:0], &c.now)
	if err := c.saveRow(ctx, t, r.doc); err != nil {
		return fmt.Errorf("write row %d: %w", c.now.ID, err)
	}
	if err := r.savePending(ctx, t, c); err != nil {
		return fmt.Errorf("write due time of row %d: %w", c.now.ID, err)
	}
	if err := c.saveClick(ctx, t); err != nil {
		return fmt.Errorf("index row %d: %w", c.now.ID, err)
	}
	return nil
}

// columns are what is repeated of a row's document and may change.
type columns struct {
	at           int64
	state        conversions.State
	reason       conversions.Reason
	known        conversions.KnownStatus
	currency     string
	wanted, held conversions.Cents
	cameBack     bool
}

func columnsOf(r *conversions.Row) columns {
	wanted, known := cents(r)
	return columns{micros(r.Want.At), r.State, r.Reason, r.Known.Status, r.Want.Currency, wanted, known, r.CameBack()}
}

// saveRow writes what changed. SQLite rewrites an index also for a value that
// stays, and every value handed over costs.
func (c *recorded) saveRow(ctx context.Context, t tx, doc []byte) error {
	r := &c.now
	was, is := c.was, columnsOf(r)
	if c.isNew {
		_, err := t.exec(ctx, `INSERT INTO conversion (id, account, source, lead, stage, generation, order_id,
			at, state, reason, known, currency, wanted_cents, known_cents, trail, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			int64(r.ID), string(r.Key.Account), r.Key.Source, string(r.Key.Lead), string(r.Key.Stage), r.Key.Generation, r.OrderID,
			is.at, string(is.state), string(is.reason), string(is.known), is.currency, int64(is.wanted), int64(is.held), c.trail, doc)
		return err
	}
	const asRead = ` WHERE id = ? AND trail = ?`
	var n int
	var err error
	switch id, trail := int64(r.ID), c.trail[:c.length]; {
	case was.at != is.at:
		n, err = t.changed(ctx, `UPDATE conversion SET at = ?, state = ?, reason = ?, known = ?, currency = ?, wanted_cents = ?,
			known_cents = ?, trail = ?, doc = ?`+asRead,
			is.at, string(is.state), string(is.reason), string(is.known), is.currency, int64(is.wanted), int64(is.held), c.trail, doc, id, trail)
	case was.reason != is.reason || was.currency != is.currency || was.wanted != is.wanted:
		n, err = t.changed(ctx, `UPDATE conversion SET state = ?, reason = ?, known = ?, currency = ?, wanted_cents = ?,
			known_cents = ?, trail = ?, doc = ?`+asRead,
			string(is.state), string(is.reason), string(is.known), is.currency, int64(is.wanted), int64(is.held), c.trail, doc, id, trail)
	default: // what an answer changes
		n, err = t.changed(ctx, `UPDATE conversion SET state = ?, known = ?, known_cents = ?, trail = ?, doc = ?`+asRead,
			string(is.state), string(is.known), int64(is.held), c.trail, doc, id, trail)
	}
	if err == nil && n == 0 {
		err = errMoved
	}
	return err
}

func (c *recorded) saveClick(ctx context.Context, t tx) error {
	switch {
	case !c.clickSet, c.isNew && c.click == "":
		return nil
	case c.click == "":
		_, err := t.exec(ctx, `DELETE FROM click_index WHERE conversion = ?`, int64(c.now.ID))
		return err
	default:
		_, err := t.exec(ctx, `INSERT INTO click_index (conversion, account, click) VALUES (?, ?, ?)
			ON CONFLICT (conversion) DO UPDATE SET click = excluded.click WHERE click <> excluded.click`,
			int64(c.now.ID), string(c.now.Key.Account), c.click)
		return err
	}
}
