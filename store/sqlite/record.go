package sqlite

import (
	"context"
	"errors"
	"fmt"

	"closeloop/conversions"
)

// errForeign: an entry or batch names another account than the lease it came
// under.
var errForeign = errors.New("belongs to another account than the lease")

// recorder applies entries to rows inside one write transaction: rows are read
// once, entries appended in order, rows written once.
type recorder struct {
	account conversions.AccountID
	rows    map[conversions.RowID]*recorded
	changed []*recorded // in the order of their first entry
	last    conversions.RowID
}

// recorded is a row as it was, and as the entries leave it.
type recorded struct {
	before, now conversions.Row
	isNew       bool
	click       string // what the click index is to hold
	clickSet    bool
	touched     bool
}

// record appends entries to the ledger and applies them to the rows as they
// are now. Entries with a Key create rows; an unknown row is
// conversions.ErrNotFound.
func record(ctx context.Context, t tx, l conversions.Lease, entries []conversions.Entry) error {
	_, err := recordRows(ctx, t, l, entries)
	return err
}

// recordRows is record for a caller that wants to see the changed rows.
func recordRows(ctx context.Context, t tx, l conversions.Lease, entries []conversions.Entry) ([]*recorded, error) {
	r := recorder{account: l.Account}
	if err := r.load(ctx, t, entries); err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := r.append(ctx, t, tidyEntry(e)); err != nil {
			return nil, err
		}
	}
	for _, c := range r.changed {
		if err := c.save(ctx, t); err != nil {
			return nil, err
		}
	}
	return r.changed, nil
}

// load reads the rows that entries are about, in one query.
func (r *recorder) load(ctx context.Context, t tx, entries []conversions.Entry) error {
	var ids []conversions.RowID
	for _, e := range entries {
		if e.Key == nil && e.Row != 0 {
			ids = append(ids, e.Row)
		}
	}
	rows, err := rowsByID(ctx, t.query, r.account, ids)
	if err != nil {
		return err
	}
	r.rows = make(map[conversions.RowID]*recorded, len(rows))
	for _, row := range rows {
		r.rows[row.ID] = &recorded{before: row, now: row}
	}
	if err := t.one(ctx, []any{&r.last}, `SELECT coalesce(max(id), 0) FROM conversion`); err != nil {
		return fmt.Errorf("read last row id: %w", err)
	}
	return nil
}

func rowsByID(ctx context.Context, q queryer, a conversions.AccountID, ids []conversions.RowID) ([]conversions.Row, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	// The plus keeps SQLite from reading all of the account to find the ids.
	return collect(ctx, q, document[conversions.Row],
		`SELECT doc FROM conversion WHERE id IN (SELECT value FROM json_each(?)) AND +account = ?`, list(ids), string(a))
}

func (r *recorder) append(ctx context.Context, t tx, e conversions.Entry) error {
	if e.Account != r.account || e.Key != nil && e.Key.Account != r.account {
		return fmt.Errorf("%s entry: %w", e.Kind, errForeign)
	}
	if e.Key != nil {
		r.last++
		e.Row = r.last
		r.rows[e.Row] = &recorded{isNew: true}
	}
	if e.Row != 0 {
		c := r.rows[e.Row]
		if c == nil {
			return fmt.Errorf("%s entry of row %d: %w", e.Kind, e.Row, conversions.ErrNotFound)
		}
		r.apply(c, e)
	}
	return appendEntry(ctx, t, e)
}

func (r *recorder) apply(c *recorded, e conversions.Entry) {
	if !c.touched {
		c.touched = true
		r.changed = append(r.changed, c)
	}
	c.now = c.now.Apply(e)
	if e.Kind == conversions.EntryDecided {
		c.click, c.clickSet = e.ClickID, true
	}
}

// appendEntry writes a tidied entry to the ledger.
func appendEntry(ctx context.Context, t tx, e conversions.Entry) error {
	body, err := encode(e)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO ledger (account, conversion, at, kind, batch, answered, body) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		string(e.Account), int64(e.Row), micros(e.At), string(e.Kind), string(e.Batch), string(answeredOp(e)), body)
	if err != nil {
		return fmt.Errorf("append %s entry: %w", e.Kind, err)
	}
	return nil
}

// answeredOp is the operation whose fate an entry tells, at once or later.
func answeredOp(e conversions.Entry) conversions.Operation {
	told := e.Kind == conversions.EntryAnswered || e.Kind == conversions.EntryProcessed
	if !told || e.Item == nil || e.Answer == nil {
		return conversions.OpNone
	}
	if v := e.Answer.Verdict; v == conversions.Submitted || v == conversions.Unclear {
		return conversions.OpNone
	}
	return e.Item.Op
}

// save writes the row, its place among what is pending, and its click id.
func (c *recorded) save(ctx context.Context, t tx) error {
	if err := c.saveRow(ctx, t); err != nil {
		return fmt.Errorf("write row %d: %w", c.now.ID, err)
	}
	if err := c.savePending(ctx, t); err != nil {
		return fmt.Errorf("write due time of row %d: %w", c.now.ID, err)
	}
	if err := c.saveClick(ctx, t); err != nil {
		return fmt.Errorf("index row %d: %w", c.now.ID, err)
	}
	return nil
}

func (c *recorded) saveRow(ctx context.Context, t tx) error {
	r := &c.now
	doc, err := encode(r)
	if err != nil {
		return err
	}
	wanted, known := cents(r)
	if !c.isNew {
		const others = `state = ?, reason = ?, known = ?, currency = ?, wanted_cents = ?, known_cents = ?, doc = ? WHERE id = ?`
		text, args := `UPDATE conversion SET `+others, []any{
			string(r.State), string(r.Reason), string(r.Known.Status), r.Want.Currency, int64(wanted), int64(known), doc, int64(r.ID),
		}
		if !r.Want.At.Equal(c.before.Want.At) { // SQLite rewrites an index also for a value that stays
			text, args = `UPDATE conversion SET at = ?, `+others, append([]any{micros(r.Want.At)}, args...)
		}
		_, err = t.exec(ctx, text, args...)
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO conversion (id, account, source, lead, stage, generation, order_id,
		at, state, reason, known, currency, wanted_cents, known_cents, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(r.ID), string(r.Key.Account), r.Key.Source, string(r.Key.Lead), string(r.Key.Stage), r.Key.Generation, r.OrderID,
		micros(r.Want.At), string(r.State), string(r.Reason), string(r.Known.Status), r.Want.Currency,
		int64(wanted), int64(known), doc)
	return err
}

// cents is what a row adds to the sums.
func cents(r *conversions.Row) (wanted, known conversions.Cents) {
	if r.Want.Wanted {
		wanted = r.Want.Value.Cents
	}
	if r.Known.Status == conversions.KnownThere {
		known = r.Known.Value.Cents
	}
	return wanted, known
}

// place is where a row stands among what is pending; the zero place is not
// there.
type place struct {
	rank, deadline, due int64
	op                  conversions.Operation
	action              string
}

func placeOf(r *conversions.Row) place {
	if r.Due.IsZero() {
		return place{}
	}
	return place{int64(r.Key.Stage.Rank()), micros(r.Deadline()), micros(r.Due), r.Next(), r.Action()}
}

func (c *recorded) savePending(ctx context.Context, t tx) error {
	was, is := placeOf(&c.before), placeOf(&c.now)
	if was == is {
		return nil
	}
	if was != (place{}) {
		_, err := t.exec(ctx, `DELETE FROM pending WHERE account = ? AND rank = ? AND deadline = ? AND conversion = ?`,
			string(c.before.Key.Account), was.rank, was.deadline, int64(c.before.ID))
		if err != nil {
			return err
		}
	}
	if is == (place{}) {
		return nil
	}
	_, err := t.exec(ctx, `INSERT INTO pending (account, rank, deadline, conversion, due, op, action) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		string(c.now.Key.Account), is.rank, is.deadline, int64(c.now.ID), is.due, string(is.op), is.action)
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
