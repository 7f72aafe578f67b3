package postgres

import (
	"errors"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// newestChunk names the chunk of the ledger that a transaction has just
// appended, for an account.
const newestChunk = `SELECT max(last) FROM ledger WHERE account = `

// The statements that write rows as a batch of entries leaves them.
const (
	insertRows = `INSERT INTO conversion (account, id, source, lead, stage, generation, order_id,
			at, wanted_cents, known_cents, state, reason, known, currency, doc, trail)
		SELECT $1, n.*, ARRAY[(` + newestChunk + `$1)] FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::text[],
			$8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::text[], $15::bytea[]) AS n`
	// Rows are found again where this transaction read them: nobody else changes
	// the account's rows meanwhile. By that alone: beside a condition on the
	// account the planner may read all of its rows for each (settling 2,000 then
	// took a second).
	updateRows = `UPDATE conversion AS c SET at = n.at, wanted_cents = n.wanted_cents, known_cents = n.known_cents, state = n.state,
			reason = n.reason, known = n.known, currency = n.currency, doc = n.doc,
			trail = c.trail || (` + newestChunk + `$10)
		FROM unnest($1::text[]::tid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
			$9::bytea[]) AS n (place, at, wanted_cents, known_cents, state, reason, known, currency, doc)
		WHERE c.ctid = n.place`
	deletePending = `DELETE FROM pending WHERE ctid = ANY (ARRAY(
		SELECT p.ctid FROM unnest($2::smallint[], $3::bigint[], $4::bigint[]) AS n (rank, deadline, conversion)
		CROSS JOIN LATERAL (SELECT ctid FROM pending
			WHERE account = $1 AND rank = n.rank AND deadline = n.deadline AND conversion = n.conversion OFFSET 0) AS p))`
	insertPending = `INSERT INTO pending (account, rank, deadline, conversion, due, op, action)
		SELECT $1, n.* FROM unnest($2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[]) AS n`
	upsertClicks = `INSERT INTO click_index AS c (account, conversion, click)
		SELECT $1, n.* FROM unnest($2::bigint[], $3::text[]) AS n
		ON CONFLICT (account, conversion) DO UPDATE SET click = excluded.click WHERE c.click <> excluded.click`
	deleteClicks = `DELETE FROM click_index WHERE ctid = ANY (ARRAY(
		SELECT c.ctid FROM unnest($2::bigint[]) AS n (id)
		CROSS JOIN LATERAL (SELECT ctid FROM click_index WHERE account = $1 AND conversion = n.id OFFSET 0) AS c))`
)

// rowColumns are rows as arrays.
type rowColumns struct {
	ids, at, wanted, known          []int64
	state, reason, status, currency []string
	docs                            *paper
	most                            int
}

func (c *rowColumns) add(r *conversions.Row) {
	if c.docs == nil { // nearly always all rows are new, or none
		c.docs = newPaper(c.most, 576) // as long as one is once it was answered
	}
	wanted, known := cents(r)
	c.ids, c.at = append(c.ids, int64(r.ID)), append(c.at, micros(r.Want.At))
	c.wanted, c.known = append(c.wanted, int64(wanted)), append(c.known, int64(known))
	c.state, c.reason = append(c.state, string(r.State)), append(c.reason, string(r.Reason))
	c.status, c.currency = append(c.status, string(r.Known.Status)), append(c.currency, r.Want.Currency)
	c.docs.add(func(buf []byte) []byte { return compact.AppendRow(buf, r) })
}

// oldColumns are rows that were there, and where, as arrays.
type oldColumns struct {
	rowColumns
	places []string
}

func (c *oldColumns) add(r *recorded) {
	c.rowColumns.add(&r.now)
	c.places = append(c.places, r.at)
}

// queueRows writes the rows. Two of one key cannot be: the second is refused.
func (r *recorder) queueRows(t *tx) {
	fresh, old := rowColumns{most: len(r.changed) - len(r.old.places)}, &r.old
	var source, lead, stage, orderID []string
	var generation []int32
	for _, c := range r.changed {
		if c.at != "" {
			continue
		}
		fresh.add(&c.now)
		key := c.now.Key
		source, lead = append(source, quoted(key.Source)), append(lead, quoted(key.Lead))
		stage, orderID = append(stage, string(key.Stage)), append(orderID, c.now.OrderID)
		generation = append(generation, int32(key.Generation)) //nolint:gosec // a count of retractions
	}
	if len(fresh.ids) > 0 {
		t.queue(insertRows, quoted(r.account), fresh.ids, source, lead, stage, generation, orderID,
			fresh.at, fresh.wanted, fresh.known, fresh.state, fresh.reason, fresh.status, fresh.currency, fresh.docs.docs())
	}
	if len(old.ids) > 0 {
		t.exec(exactly(len(old.ids)), updateRows, old.places,
			old.at, old.wanted, old.known, old.state, old.reason, old.status, old.currency, old.docs.docs(), quoted(r.account))
	}
}

// errMoved says that rows were not where they were read a moment before.
var errMoved = errors.New("rows changed under the lease's lock")

// exactly is for a statement that is to change a known number of rows.
func exactly(n int) func(int) error {
	return func(changed int) error {
		if changed != n {
			return errMoved
		}
		return nil
	}
}

// place is where a row stands among what is pending; the zero place is not
// there.
type place struct {
	rank          int16
	deadline, due int64
	op            conversions.Operation
	action        string
}

func placeOf(r *conversions.Row) place {
	if r.Due.IsZero() {
		return place{}
	}
	return place{int16(r.Key.Stage.Rank()), micros(r.Deadline()), micros(r.Due), r.Next(), r.Action()} //nolint:gosec // two stages
}

// places are rows' places as arrays.
type places struct {
	rank              []int16
	deadline, id, due []int64
	op, action        []string
}

func (p *places) add(id conversions.RowID, at place) {
	p.rank, p.deadline = append(p.rank, at.rank), append(p.deadline, at.deadline)
	p.id, p.due = append(p.id, int64(id)), append(p.due, at.due)
	p.op, p.action = append(p.op, string(at.op)), append(p.action, at.action)
}

// queuePending moves rows among what is pending.
func (r *recorder) queuePending(t *tx) {
	var gone, come places
	for _, c := range r.changed {
		was, is := c.stood, placeOf(&c.now)
		if was == is {
			continue
		}
		if was != (place{}) {
			gone.add(c.now.ID, was)
		}
		if is != (place{}) {
			come.add(c.now.ID, is)
		}
	}
	if len(gone.id) > 0 {
		t.queue(deletePending, quoted(r.account), gone.rank, gone.deadline, gone.id)
	}
	if len(come.id) > 0 {
		t.queue(insertPending, quoted(r.account), come.rank, come.deadline, come.id, come.due, come.op, come.action)
	}
}

// queueClicks writes which click ids are wanted.
func (r *recorder) queueClicks(t *tx) {
	var set, gone []int64
	var clicks []string
	for _, c := range r.changed {
		switch {
		case !c.clickSet, c.at == "" && c.click == "":
		case c.click == "":
			gone = append(gone, int64(c.now.ID))
		default:
			set, clicks = append(set, int64(c.now.ID)), append(clicks, quoted(c.click))
		}
	}
	if len(set) > 0 {
		t.queue(upsertClicks, quoted(r.account), set, clicks)
	}
	if len(gone) > 0 {
		t.queue(deleteClicks, quoted(r.account), gone)
	}
}
