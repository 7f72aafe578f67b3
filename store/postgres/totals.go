package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

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

// totalKey and totalSum are a line of table total.
type totalKey struct {
	start    int64
	width    int16
	stage    conversions.Stage
	state    conversions.State
	reason   conversions.Reason
	currency string
}

type totalSum struct{ rows, wanted, known int64 }

// totals is by how much a transaction changes the sums of an account. They are
// gathered by the hour.
type totals map[totalKey]totalSum

// counted tells in which line of an hour a row is counted, and as what.
func counted(r *conversions.Row) (totalKey, totalSum) {
	wanted, known := cents(r)
	return totalKey{hourOf(micros(r.Want.At)), oneHour, r.Key.Stage, r.State, r.Reason, r.Want.Currency}, totalSum{1, int64(wanted), int64(known)}
}

func (t totals) add(key totalKey, s totalSum, sign int64) {
	sum := t[key]
	t[key] = totalSum{sum.rows + sign*s.rows, sum.wanted + sign*s.wanted, sum.known + sign*s.known}
}

// widened are sums by the hour, by the day and of all time.
func (t totals) widened() totals {
	all := make(totals, len(t)+len(t)/2+8)
	for key, sum := range t {
		all.add(key, sum, 1)
		key.start, key.width = down(key.start, int64(oneDay)), oneDay
		all.add(key, sum, 1)
		key.start, key.width = 0, allTime
		all.add(key, sum, 1)
	}
	return all
}

const upsertTotals = `INSERT INTO total AS t (account, width, start, stage, state, reason, currency, rows, wanted, known)
	SELECT $1, n.* FROM unnest($2::smallint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
		$8::bigint[], $9::bigint[], $10::bigint[]) AS n
	ON CONFLICT (account, width, start, stage, state, reason, currency) DO UPDATE
		SET rows = t.rows + excluded.rows, wanted = t.wanted + excluded.wanted, known = t.known + excluded.known`

// queueTotals takes the changed rows from where they were counted to where
// they are: a few lines, however many rows.
func (r *recorder) queueTotals(t *tx) {
	moved := totals{}
	for _, c := range r.changed {
		if c.at != "" {
			moved.add(c.counted, c.sum, -1)
		}
		key, sum := counted(&c.now)
		moved.add(key, sum, 1)
	}
	moved.queue(t, r.account)
}

func (t totals) queue(tx *tx, a conversions.AccountID) {
	var widths []int16
	var stages, states, reasons, currencies []string
	var starts, rows, wanted, known []int64
	for key, sum := range t.widened() {
		if sum == (totalSum{}) {
			continue
		}
		widths, starts = append(widths, key.width), append(starts, key.start)
		stages, states = append(stages, string(key.stage)), append(states, string(key.state))
		reasons, currencies = append(reasons, string(key.reason)), append(currencies, key.currency)
		rows, wanted, known = append(rows, sum.rows), append(wanted, sum.wanted), append(known, sum.known)
	}
	if len(rows) > 0 {
		tx.queue(upsertTotals, quoted(a), widths, starts, stages, states, reasons, currencies, rows, wanted, known)
	}
}

// Totals implements store.Reports.
func (s *Store) Totals(ctx context.Context, f conversions.Filter) ([]conversions.Total, error) {
	text, args := totalsKept(f)
	if f.Lead != "" || f.OrderID != "" || f.ClickID != "" {
		text, args = totalsByRow(f)
	}
	totals, err := query(ctx, s.db, readTotal, text, args...)
	if err != nil {
		return nil, fmt.Errorf("sum rows: %w", err)
	}
	return totals, nil
}

// totalsByRow sums the rows that a filter selects.
func totalsByRow(f conversions.Filter) (text string, args []any) {
	w := &where{}
	ids := w.flying(f.Account)
	from := w.found(f)
	w.selection(f)
	return `SELECT c.account, c.stage, CASE WHEN c.id IN (` + ids + `) THEN 'sending' ELSE c.state END AS standing, c.reason, c.currency,
			count(*), sum(c.wanted_cents)::bigint, sum(c.known_cents)::bigint
		FROM ` + from + w.String() + ` GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`, w.args
}

// totalsKept sums rows from the sums that are kept, and counts those of a part
// of an hour; rows in flight, of which there are few, are moved to their state.
func totalsKept(f conversions.Filter) (text string, args []any) {
	w := &where{}
	in := windowOf(f.From, f.To)
	own := w.own(quoted(string(f.Account)), "total")
	lines, parts := w.pieces(in)
	of, standing := `true`, `true`
	if f.Stage != "" {
		of = `stage = ` + w.arg(string(f.Stage))
	}
	if f.State != "" {
		standing = `standing = ` + w.arg(string(f.State))
	}
	return `WITH own AS MATERIALIZED (` + own + `)
		SELECT account, stage, standing, reason, currency, sum(n)::bigint, sum(w)::bigint, sum(k)::bigint FROM (
		SELECT account, stage, state AS standing, reason, currency, rows AS n, wanted AS w, known AS k
			FROM own AS a CROSS JOIN ` + lines + ` CROSS JOIN LATERAL (SELECT stage, state, reason, currency, rows, wanted, known FROM total
				WHERE account = a.account AND width = p.width AND start >= p.start AND start < p.stop AND ` + of + ` OFFSET 0) AS t
		UNION ALL
		SELECT account, stage, state, reason, currency, 1, wanted_cents, known_cents
			FROM own AS a CROSS JOIN ` + parts + ` CROSS JOIN LATERAL (SELECT stage, state, reason, currency, wanted_cents, known_cents FROM conversion
				WHERE account = a.account AND at >= p.start AND at < p.stop AND ` + of + ` OFFSET 0) AS c
		UNION ALL
		SELECT account, stage, CASE WHEN move.n > 0 THEN 'sending' ELSE state END, reason, currency,
				move.n, move.n * wanted_cents, move.n * known_cents
			FROM (SELECT DISTINCT a.account, unnest(rows) AS id FROM own AS a
				CROSS JOIN LATERAL (SELECT rows FROM batch WHERE account = a.account AND settled IS NULL OFFSET 0) AS f) AS b
			CROSS JOIN LATERAL (SELECT stage, state, reason, currency, wanted_cents, known_cents FROM conversion
				WHERE account = b.account AND id = b.id AND ` + of + ` AND at >= ` + w.arg(in.low) + ` AND at < ` + w.arg(in.high) + ` OFFSET 0) AS c
			CROSS JOIN (VALUES (1), (-1)) AS move (n)) AS s
		WHERE ` + standing + ` GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) > 0 ORDER BY 1, 2, 3, 4, 5`, w.args
}

func readTotal(rows pgx.Rows) (conversions.Total, error) {
	var t conversions.Total
	var account string
	err := scan(rows, &account, &t.Stage, &t.State, &t.Reason, &t.Currency, &t.Rows, &t.Wanted, &t.Known)
	t.Account = unquoted[conversions.AccountID](account)
	return t, err
}
