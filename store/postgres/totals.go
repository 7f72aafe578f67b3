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
	stage    conversions.Stage
	state    conversions.State
	reason   conversions.Reason
	currency string
}

type totalSum struct{ rows, wanted, known int64 }

// totals is by how much a transaction changes the sums of an account.
type totals map[totalKey]totalSum

// counted tells in which line a row is counted, and as what.
func counted(r *conversions.Row) (totalKey, totalSum) {
	wanted, known := cents(r)
	return totalKey{r.Key.Stage, r.State, r.Reason, r.Want.Currency}, totalSum{1, int64(wanted), int64(known)}
}

func (t totals) add(key totalKey, s totalSum, sign int64) {
	sum := t[key]
	t[key] = totalSum{sum.rows + sign*s.rows, sum.wanted + sign*s.wanted, sum.known + sign*s.known}
}

const upsertTotals = `INSERT INTO total AS t (account, stage, state, reason, currency, rows, wanted, known)
	SELECT $1, n.* FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[]) AS n
	ON CONFLICT (account, stage, state, reason, currency) DO UPDATE
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
	var stages, states, reasons, currencies []string
	var rows, wanted, known []int64
	for key, sum := range moved {
		if sum == (totalSum{}) {
			continue
		}
		stages, states = append(stages, string(key.stage)), append(states, string(key.state))
		reasons, currencies = append(reasons, string(key.reason)), append(currencies, key.currency)
		rows, wanted, known = append(rows, sum.rows), append(wanted, sum.wanted), append(known, sum.known)
	}
	if len(rows) > 0 {
		t.queue(upsertTotals, quoted(r.account), stages, states, reasons, currencies, rows, wanted, known)
	}
}

// Totals implements store.Reports.
func (s *Store) Totals(ctx context.Context, f conversions.Filter) ([]conversions.Total, error) {
	text, args := totalsByRow(f)
	if kept := (conversions.Filter{Account: f.Account, Stage: f.Stage, After: f.After, Limit: f.Limit}); f == kept {
		text, args = totalsKept(f)
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
	if f.Account != "" {
		w.add(`c.account = ?`, quoted(f.Account))
	}
	w.selection(f)
	return `SELECT account, stage, CASE WHEN c.id IN (` + ids + `) THEN 'sending' ELSE state END AS standing, reason, currency,
			count(*), sum(wanted_cents)::bigint, sum(known_cents)::bigint
		FROM conversion AS c` + w.String() + ` GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`, w.args
}

// totalsKept sums all rows of an account, or of every one, from the sums that
// are kept; rows in flight, of which there are few, are moved to their state.
func totalsKept(f conversions.Filter) (text string, args []any) {
	w := &where{}
	account, stage := `true`, `true`
	if f.Account != "" {
		account = `account = ` + w.arg(quoted(f.Account))
	}
	if f.Stage != "" {
		stage = `stage = ` + w.arg(string(f.Stage))
	}
	return `SELECT account, stage, standing, reason, currency, sum(n)::bigint, sum(w)::bigint, sum(k)::bigint FROM (
		SELECT account, stage, state AS standing, reason, currency, rows AS n, wanted AS w, known AS k
			FROM total WHERE ` + account + ` AND ` + stage + `
		UNION ALL
		SELECT b.account, c.stage, CASE WHEN move.n > 0 THEN 'sending' ELSE c.state END, c.reason, c.currency,
				move.n, move.n * c.wanted_cents, move.n * c.known_cents
			FROM (SELECT DISTINCT a.account, unnest(rows) AS id FROM (SELECT DISTINCT account FROM total WHERE ` + account + `) AS a
				CROSS JOIN LATERAL (SELECT rows FROM batch WHERE account = a.account AND settled IS NULL OFFSET 0) AS f) AS b
			CROSS JOIN LATERAL (SELECT * FROM conversion WHERE account = b.account AND id = b.id AND ` + stage + ` OFFSET 0) AS c
			CROSS JOIN (VALUES (1), (-1)) AS move (n)) AS s
		GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) > 0 ORDER BY 1, 2, 3, 4, 5`, w.args
}

func readTotal(rows pgx.Rows) (conversions.Total, error) {
	var t conversions.Total
	var account string
	err := scan(rows, &account, &t.Stage, &t.State, &t.Reason, &t.Currency, &t.Rows, &t.Wanted, &t.Known)
	t.Account = unquoted[conversions.AccountID](account)
	return t, err
}
