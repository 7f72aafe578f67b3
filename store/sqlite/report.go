package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// flying selects the ids of rows in flight, of one account or of all: a query
// about one account should not read the batches of others.
func flying(a conversions.AccountID) (text string, args []any) {
	if a == "" {
		return `SELECT j.value FROM batch AS b, json_each(b.rows) AS j WHERE b.settled IS NULL`, nil
	}
	return inFlight + `?`, []any{string(a)}
}

// selection turns a filter, but for After and Limit, into conditions on
// conversion.
func selection(f conversions.Filter) *where {
	w := &where{}
	switch {
	case f.Account == "":
	case f.ClickID != "", f.State == conversions.StateSending:
		w.add(`+account = ?`, string(f.Account)) // by the ids then; the plus keeps SQLite from reading all of the account
	default:
		w.add(`account = ?`, string(f.Account))
	}
	if f.State != "" {
		ids, args := flying(f.Account)
		if f.State == conversions.StateSending {
			w.add(`id IN (`+ids+`)`, args...)
		} else {
			w.add(`state = ? AND id NOT IN (`+ids+`)`, append([]any{string(f.State)}, args...)...)
		}
	}
	if f.Stage != "" {
		w.add(`stage = ?`, string(f.Stage))
	}
	if !f.From.IsZero() {
		w.add(`at >= ?`, micros(f.From))
	}
	if !f.To.IsZero() {
		w.add(`at < ?`, micros(f.To))
	}
	if f.Lead != "" {
		w.add(`lead = ?`, string(f.Lead))
	}
	if f.OrderID != "" {
		w.add(`order_id = ?`, f.OrderID)
	}
	if f.ClickID != "" {
		w.addClick(f)
	}
	return w
}

// addClick selects by click id: by an index when the account is given.
func (w *where) addClick(f conversions.Filter) {
	if f.Account == "" {
		w.add(`id IN (SELECT conversion FROM click_index WHERE click = ?)`, f.ClickID)
		return
	}
	w.add(`id IN (SELECT conversion FROM click_index WHERE account = ? AND click = ?)`, string(f.Account), f.ClickID)
}

// List implements store.Reports.
func (s *Store) List(ctx context.Context, f conversions.Filter) ([]conversions.Row, error) {
	text, args := listOf(f)
	rows, err := collect(ctx, s.reads.QueryContext, readListed, text, args...)
	if err != nil {
		return nil, fmt.Errorf("list rows: %w", err)
	}
	return rows, nil
}

func listOf(f conversions.Filter) (text string, args []any) {
	w := selection(f)
	if f.After != nil {
		w.add(`(at, id) < (?, ?)`, micros(f.After.Want.At), int64(f.After.ID))
	}
	limit := f.Limit
	if limit <= 0 {
		limit = -1 // SQLite's "no limit"
	}
	ids, args := flying(f.Account)
	return `SELECT id IN (` + ids + `), doc FROM conversion` + w.String() + ` ORDER BY at DESC, id DESC LIMIT ?`,
		append(append(args, w.args...), limit)
}

// readListed reads a row that is in flight or not.
func readListed(rows *sql.Rows) (conversions.Row, error) {
	var r conversions.Row
	var flies bool
	var doc sql.RawBytes
	if err := rows.Scan(&flies, &doc); err != nil {
		return r, fmt.Errorf("scan: %w", err)
	}
	if err := compact.ReadRow(doc, &r); err != nil {
		return r, readable("row", err)
	}
	if flies {
		r.State = conversions.StateSending
	}
	return r, nil
}

// Accounts implements store.Reports. Each step jumps to the next account in an
// index instead of reading every event.
func (s *Store) Accounts(ctx context.Context) ([]conversions.AccountID, error) {
	accounts, err := collect(ctx, s.reads.QueryContext, scanned[conversions.AccountID], `
		WITH RECURSIVE
			e (account) AS (SELECT min(account) FROM event UNION ALL
				SELECT (SELECT min(account) FROM event WHERE account > e.account) FROM e WHERE e.account IS NOT NULL),
			c (account) AS (SELECT min(account) FROM conversion UNION ALL
				SELECT (SELECT min(account) FROM conversion WHERE account > c.account) FROM c WHERE c.account IS NOT NULL)
		SELECT account FROM e WHERE account IS NOT NULL UNION SELECT account FROM c WHERE account IS NOT NULL ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return accounts, nil
}
