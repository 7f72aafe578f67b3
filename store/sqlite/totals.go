package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"closeloop/conversions"
)

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

// totals gathers by how much a transaction changes the sums in the tables total
// and total_window: a few lines, however many rows it changes.
type totals map[hourKey]totalSum

// hourKey is one sum of an hour.
type hourKey struct {
	totalKey

	hour int64 // when it begins
}

type totalKey struct {
	account  conversions.AccountID
	stage    conversions.Stage
	state    conversions.State
	reason   conversions.Reason
	currency string
}

type totalSum struct {
	rows          int
	wanted, known conversions.Cents
}

// move takes a row from where it was counted to where it is.
func (t *totals) move(c *recorded) {
	if *t == nil {
		*t = totals{}
	}
	if !c.isNew {
		t.add(c, c.was, -1)
	}
	t.add(c, columnsOf(&c.now), 1)
}

func (t *totals) add(r *recorded, c columns, sign int) {
	key := hourKey{totalKey{r.now.Key.Account, r.now.Key.Stage, c.state, c.reason, c.currency}, whole(c.at, hour)}
	sum := (*t)[key]
	sum.rows += sign
	sum.wanted += conversions.Cents(sign) * c.wanted
	sum.known += conversions.Cents(sign) * c.held
	(*t)[key] = sum
}

// save adds to the sum of all time.
func (s totalSum) save(ctx context.Context, in tx, key totalKey) error {
	if s == (totalSum{}) {
		return nil
	}
	_, err := in.exec(ctx, `INSERT INTO total (account, stage, state, reason, currency, rows, wanted, known) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET rows = rows + excluded.rows, wanted = wanted + excluded.wanted, known = known + excluded.known`,
		string(key.account), string(key.stage), string(key.state), string(key.reason), key.currency,
		s.rows, int64(s.wanted), int64(s.known))
	return err
}

// Totals implements store.Reports.
func (s *Store) Totals(ctx context.Context, f conversions.Filter) ([]conversions.Total, error) {
	var all []conversions.Total
	sum := func(q queryer, text string, args []any) error {
		totals, err := collect(ctx, q, readTotal, text, args...)
		all = append(all, totals...)
		return err
	}
	var err error
	switch kept := (conversions.Filter{Account: f.Account, Stage: f.Stage, After: f.After, Limit: f.Limit}); f {
	case kept:
		text, args := totalsKept(f)
		err = sum(s.reads.QueryContext, text, args)
	default:
		kept.From, kept.To = f.From, f.To
		err = s.ofEach(ctx, f, func(q queryer, one conversions.Filter) error {
			text, args := totalsByRow(one)
			if f == kept {
				text, args = totalsWithin(one)
			}
			return sum(q, text, args)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("sum rows: %w", err)
	}
	return all, nil
}

// totalsByRow sums the rows that a filter selects.
func totalsByRow(f conversions.Filter) (text string, args []any) {
	w := selection(f)
	ids, args := flying(f.Account)
	return `SELECT account, stage, CASE WHEN id IN (` + ids + `) THEN 'sending' ELSE state END AS standing, reason, currency,
			count(*), sum(wanted_cents), sum(known_cents)
		` + w.from + w.String() + ` GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`, append(args, w.args...)
}

// totalsKept sums all rows of an account, or of every one, from the sums that
// are kept; rows in flight, of which there are few, are moved to their state.
func totalsKept(f conversions.Filter) (text string, args []any) {
	ids, flyingArgs := flying(f.Account)
	w := &where{}
	if f.Account != "" {
		w.add(`account = ?`, string(f.Account))
	}
	if f.Stage != "" {
		w.add(`stage = ?`, string(f.Stage))
	}
	in := &where{conds: []string{`id IN (` + ids + `)`}, args: flyingArgs}
	if f.Stage != "" {
		in.add(`stage = ?`, string(f.Stage))
	}
	args = append(append(append(args, w.args...), in.args...), in.args...)
	return `SELECT account, stage, standing, reason, currency, sum(n), sum(w), sum(k) FROM (
		SELECT account, stage, state AS standing, reason, currency, rows AS n, wanted AS w, known AS k FROM total` + w.String() + `
		UNION ALL SELECT account, stage, 'sending', reason, currency, 1, wanted_cents, known_cents FROM conversion` + in.String() + `
		UNION ALL SELECT account, stage, state, reason, currency, -1, -wanted_cents, -known_cents FROM conversion` + in.String() + `)
		GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) > 0 ORDER BY 1, 2, 3, 4, 5`, args
}

func readTotal(rows *sql.Rows) (conversions.Total, error) {
	var t conversions.Total
	err := rows.Scan(&t.Account, &t.Stage, &t.State, &t.Reason, &t.Currency, &t.Rows, &t.Wanted, &t.Known)
	if err != nil {
		return t, fmt.Errorf("scan: %w", err)
	}
	return t, nil
}
