package postgres

import (
	"context"

	"closeloop/conversions"
)

// crowd is how many rows of an account may be pending for a page of them to be
// found there: they do not stand in the order of a list. Of more a page is soon
// found along the conversion times.
const crowd = 10_000

const (
	countPending    = `SELECT count(*) FROM (SELECT FROM pending WHERE account = $2 ORDER BY rank, deadline, conversion LIMIT $1) AS p`
	countAllPending = `SELECT count(*) FROM (SELECT FROM pending LIMIT $1) AS p`
)

// crowded reports whether a page of a filter's rows is not to be looked for
// among what is pending.
func (s *Store) crowded(ctx context.Context, f conversions.Filter) (bool, error) {
	if !isPending(f.State) || f.Limit == 0 {
		return false, nil
	}
	text, args := countAllPending, []any{crowd + 1}
	if f.Account != "" {
		text, args = countPending, append(args, quoted(f.Account))
	}
	counts, err := query(ctx, s.db, scanned[int], text, args...)
	return len(counts) == 1 && counts[0] > crowd, err
}

// owner is how a query names the account that it is about: an argument, or each
// of the accounts a.
func (w *where) owner(a conversions.AccountID) string {
	if a == "" {
		return `a.account`
	}
	return w.arg(quoted(a))
}

// found is where a query has its rows c from that only looks at those that a
// filter selects.
func (w *where) found(f conversions.Filter) string {
	if f.Account == "" && f.OrderID != "" {
		return w.ordered(f) + ` AS c`
	}
	from := w.source(f, w.owner(f.Account))
	if f.Account == "" {
		return `(` + everyAccount("conversion") + `) AS a CROSS JOIN LATERAL ` + from + ` AS c`
	}
	return from + ` AS c`
}

// source selects rows of an account by the narrowest of a filter's conditions;
// all of them but the click id are looked at again. OFFSET 0 keeps the planner
// from reading the account in the order of a list instead, which it takes to be
// cheaper than to sort the few rows that an index finds.
func (w *where) source(f conversions.Filter, owner string) string {
	switch rows := `SELECT * FROM conversion WHERE account = ` + owner; {
	case f.OrderID != "":
		return `(SELECT * FROM ` + w.ordered(f) + ` AS o WHERE account = ` + owner + `)`
	case f.Lead != "":
		return `(` + rows + ` AND lead = ` + w.arg(quoted(f.Lead)) + ` OFFSET 0)`
	case byClick(f):
		return eachOf(`SELECT conversion AS id FROM click_index WHERE account = `+owner+` AND click = `+w.arg(quoted(f.ClickID))+` OFFSET 0`, rows)
	case f.State == conversions.StateSending:
		return eachOf(`SELECT DISTINCT unnest(rows) AS id FROM batch WHERE account = `+owner+` AND settled IS NULL OFFSET 0`, rows)
	case isPending(f.State) && !w.crowded:
		return eachOf(`SELECT conversion AS id FROM pending WHERE account = `+owner+` ORDER BY rank, deadline, conversion`, rows)
	case rests(f.State):
		return `(SELECT n.at, n.id, k.account, k.lead, k.stage, k.order_id, k.state, k.reason, k.currency, k.wanted_cents, k.known_cents, k.doc
			FROM (SELECT at, id FROM resting WHERE account = ` + owner + ` AND state = ` + w.arg(string(f.State)) + ` ORDER BY at DESC, id DESC) AS n
			CROSS JOIN LATERAL (` + rows + ` AND id = n.id OFFSET 0) AS k)`
	default:
		return `(` + rows + `)`
	}
}

// ordered selects the rows with a filter's order id, whatever their account: the
// index of order ids does not know it.
func (w *where) ordered(f conversions.Filter) string {
	return `(SELECT * FROM conversion WHERE order_id = ` + w.arg(f.OrderID) + ` OFFSET 0)`
}

// byClick reports whether a filter's rows are found by its click id.
func byClick(f conversions.Filter) bool {
	return f.ClickID != "" && f.OrderID == "" && f.Lead == ""
}

// eachOf looks up the row of every id.
func eachOf(ids, rows string) string {
	return `(SELECT k.* FROM (` + ids + `) AS n CROSS JOIN LATERAL (` + rows + ` AND id = n.id OFFSET 0) AS k)`
}

// isPending reports whether rows in a state are pending: what will be sent and
// what waits for a click id has a time at which it is due.
func isPending(s conversions.State) bool {
	return s == conversions.StateQueued || s == conversions.StateWaiting || s == conversions.StateChangeDue
}

// rests reports whether rows in a state stand in table resting: the states that
// few rows end in. What moves between the others need not be written there.
func rests(s conversions.State) bool {
	switch s {
	case "", conversions.StateDone, conversions.StateSubmitted, conversions.StateSending:
		return false
	default:
		return !isPending(s)
	}
}

// rest is where a row stands in table resting; the zero rest is not there.
type rest struct {
	state conversions.State
	at    int64
}

func restOf(r *conversions.Row) rest {
	if !rests(r.State) {
		return rest{}
	}
	return rest{r.State, micros(r.Want.At)}
}

// restColumns are places in table resting as arrays.
type restColumns struct {
	state  []string
	at, id []int64
}

func (c *restColumns) add(at rest, id conversions.RowID) {
	if at != (rest{}) {
		c.state, c.at, c.id = append(c.state, string(at.state)), append(c.at, at.at), append(c.id, int64(id))
	}
}

const (
	insertResting = `INSERT INTO resting (account, state, at, id)
		SELECT $1, n.* FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS n`
	deleteResting = `DELETE FROM resting WHERE ctid = ANY (ARRAY(
		SELECT r.ctid FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS n (state, at, id)
		CROSS JOIN LATERAL (SELECT ctid FROM resting WHERE account = $1 AND state = n.state AND at = n.at AND id = n.id OFFSET 0) AS r))`
)

// queueResting moves rows among those that rest.
func (r *recorder) queueResting(t *tx) {
	var gone, come restColumns
	for _, c := range r.changed {
		if is := restOf(&c.now); is != c.rested {
			gone.add(c.rested, c.now.ID)
			come.add(is, c.now.ID)
		}
	}
	if len(gone.id) > 0 {
		t.queue(deleteResting, quoted(r.account), gone.state, gone.at, gone.id)
	}
	if len(come.id) > 0 {
		t.queue(insertResting, quoted(r.account), come.state, come.at, come.id)
	}
}
