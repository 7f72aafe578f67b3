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

// totals gathers by how much a transaction changes the sums in table total: a
// few lines, however many rows it changes.
type totals map[totalKey]totalSum

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
	key := totalKey{r.now.Key.Account, r.now.Key.Stage, c.state, c.reason, c.currency}
	sum := (*t)[key]
	sum.rows += sign
	sum.wanted += conversions.Cents(sign) * c.wanted
	sum.known += conversions.Cents(sign) * c.held
	(*t)[key] = sum
}

func (t *totals) save(ctx context.Context, in tx) error {
	for key, sum := range *t {
		if sum == (totalSum{}) {
			continue
		}
		_, err := in.exec(ctx, `INSERT INTO total (account, stage, state, reason, currency, rows, wanted, known) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET rows = rows + excluded.rows, wanted = wanted + excluded.wanted, known = known + excluded.known`,
			string(key.account), string(key.stage), string(key.state), string(key.reason), key.currency,
			sum.rows, int64(sum.wanted), int64(sum.known))
		if err != nil {
			return fmt.Errorf("keep totals: %w", err)
		}
	}
	return nil
}

// Totals implements store.Reports.
func (s *Store) Totals(ctx context.Context, f conversions.Filter) ([]conversions.Total, error) {
	text, args := totalsByRow(f)
	if kept := (conversions.Filter{Account: f.Account, Stage: f.Stage, After: f.After, Limit: f.Limit}); f == kept {
		text, args = totalsKept(f)
	}
	totals, err := collect(ctx, s.reads.QueryContext, readTotal, text, args...)
	if err != nil {
		return nil, fmt.Errorf("sum rows: %w", err)
	}
	return totals, nil
}

// totalsByRow sums the rows that a filter selects.
func totalsByRow(f conversions.Filter) (text string, args []any) {
	w := selection(f)
	ids, args := flying(f.Account)
	return `SELECT account, stage, CASE WHEN id IN (` + ids + `) THEN 'sending' ELSE state END AS standing, reason, currency,
			count(*), sum(wanted_cents), sum(known_cents)
		FROM conversion` + w.String() + ` GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`, append(args, w.args...)
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

// addReceived counts new events.
func addReceived(ctx context.Context, t tx, kinds []conversions.Received) error {
	for _, k := range kinds {
		_, err := t.exec(ctx, `INSERT INTO received (account, source, kind, outcome, events) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET events = events + excluded.events`,
			string(k.Account), k.Source, string(k.Kind), string(k.Outcome), k.Events)
		if err != nil {
			return fmt.Errorf("count events: %w", err)
		}
	}
	return nil
}

// Received implements store.Reports.
func (s *Store) Received(ctx context.Context, f conversions.Filter) ([]conversions.Received, error) {
	text, args := receivedOf(f)
	counts, err := collect(ctx, s.reads.QueryContext, readReceived, text, args...)
	if err != nil {
		return nil, fmt.Errorf("count events: %w", err)
	}
	return counts, nil
}

// receivedOf counts events one by one only where no count is kept.
func receivedOf(f conversions.Filter) (text string, args []any) {
	w := &where{}
	if f.Account != "" {
		w.add(`account = ?`, string(f.Account))
	}
	if f.Lead == "" && f.From.IsZero() && f.To.IsZero() {
		return `SELECT account, source, kind, outcome, events FROM received` + w.String() + ` ORDER BY 1, 2, 3, 4`, w.args
	}
	if f.Lead != "" {
		w.addLead(f)
	}
	if !f.From.IsZero() {
		w.add(`received >= ?`, micros(f.From))
	}
	if !f.To.IsZero() {
		w.add(`received < ?`, micros(f.To))
	}
	return `SELECT account, source, kind, outcome, count(*) FROM event` + w.String() + ` GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`, w.args
}

// addLead selects events by lead: by an index when the account is given, whose
// few sources are found by jumping from one to the next.
func (w *where) addLead(f conversions.Filter) {
	w.add(`lead = ?`, string(f.Lead))
	if f.Account == "" {
		return
	}
	w.add(`source IN (
		WITH RECURSIVE s (source) AS (SELECT min(source) FROM event WHERE account = ? UNION ALL
			SELECT (SELECT min(source) FROM event WHERE account = ? AND source > s.source) FROM s WHERE s.source IS NOT NULL)
		SELECT source FROM s WHERE source IS NOT NULL)`, string(f.Account), string(f.Account))
}

func readReceived(rows *sql.Rows) (conversions.Received, error) {
	var r conversions.Received
	if err := rows.Scan(&r.Account, &r.Source, &r.Kind, &r.Outcome, &r.Events); err != nil {
		return r, fmt.Errorf("scan: %w", err)
	}
	return r, nil
}
