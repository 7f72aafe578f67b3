package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

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

// seldomIndexed is the condition of the index of rows in a rare state. SQLite
// uses it only for a query that repeats the condition.
const seldomIndexed = `state <> 'done' AND state <> 'submitted' AND state <> 'queued' AND state <> 'waiting' AND state <> 'change_due'`

// selection turns a filter of one account, but for After and Limit, into a
// table with the index to read it by and conditions on it. The index is named:
// SQLite, which keeps no statistics here, would as soon read a whole account in
// the order of time.
func selection(f conversions.Filter) *where { return (&where{}).selection(f) }

func (w *where) selection(f conversions.Filter) *where {
	w.from = ` FROM conversion INDEXED BY conversion_at`
	w.add(`account = ?`, string(f.Account))
	w.addState(f)
	if f.Stage != "" {
		w.add(`stage = ?`, string(f.Stage))
	}
	w.addTime(`at`, f)
	if f.Lead != "" {
		w.from = ` FROM conversion INDEXED BY conversion_key`
		w.add(`lead = ?`, string(f.Lead))
	}
	if f.ClickID != "" {
		w.from = byID
		w.add(`id IN (SELECT conversion FROM click_index WHERE account = ? AND click = ?)`, string(f.Account), f.ClickID)
	}
	if f.OrderID != "" {
		w.from = ` FROM conversion INDEXED BY conversion_order`
		w.add(`order_id = ?`, f.OrderID)
	}
	return w
}

// byID reads conversion by no index but the id.
const byID = ` FROM conversion NOT INDEXED`

// addState selects by the state that is shown. Rows in flight, and rows that
// are pending, are few and known.
func (w *where) addState(f conversions.Filter) {
	ids, args := flying(f.Account)
	switch f.State {
	case "":
		return
	case conversions.StateSending:
		w.from = byID
		w.add(`id IN (`+ids+`)`, args...)
		return
	case conversions.StateQueued, conversions.StateWaiting, conversions.StateChangeDue:
		if !w.crowded {
			w.from = byID
			w.add(`id IN (SELECT conversion FROM pending WHERE account = ?)`, string(f.Account))
		}
	case conversions.StateDone, conversions.StateSubmitted: // by time
	default:
		w.from = ` FROM conversion INDEXED BY conversion_rare`
		w.add(seldomIndexed)
	}
	w.add(`state = ?`, string(f.State))
	w.add(`id NOT IN (`+ids+`)`, args...)
}

// addTime selects by a column of time.
func (w *where) addTime(column string, f conversions.Filter) {
	if !f.From.IsZero() {
		w.add(column+` >= ?`, micros(f.From))
	}
	if !f.To.IsZero() {
		w.add(column+` < ?`, micros(f.To))
	}
}

// List implements store.Reports.
func (s *Store) List(ctx context.Context, f conversions.Filter) ([]conversions.Row, error) {
	var all []conversions.Row
	err := s.ofEach(ctx, f, func(q queryer, f conversions.Filter) error {
		crowded, err := isCrowded(ctx, q, f)
		if err != nil {
			return err
		}
		text, args := listOf(f, crowded)
		rows, err := collect(ctx, q, readListed, text, args...)
		all = newest(all, rows, f.Limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list rows: %w", err)
	}
	slices.SortFunc(all, laterFirst)
	return all, nil
}

// newest joins two lists of different accounts and keeps their newest rows, up
// to a limit.
func newest(all, more []conversions.Row, limit int) []conversions.Row {
	if len(all) == 0 || len(more) == 0 {
		return append(more, all...)
	}
	all = append(all, more...)
	if limit <= 0 {
		return all // in order once all are there
	}
	slices.SortFunc(all, laterFirst)
	return slices.Delete(all, min(limit, len(all)), len(all))
}

// laterFirst is the order of lists.
func laterFirst(a, b conversions.Row) int {
	return cmp.Or(cmp.Compare(micros(b.Want.At), micros(a.Want.At)), cmp.Compare(b.ID, a.ID))
}

// ofEach calls f for the account of a filter or, if it names none, for one
// after the other, in order, on one state of the database: every index begins
// with the account, and there are few.
func (s *Store) ofEach(ctx context.Context, filter conversions.Filter, f func(queryer, conversions.Filter) error) error {
	if filter.Account != "" {
		return f(s.reads.QueryContext, filter)
	}
	return s.snapshot(ctx, func(q queryer) error { return eachAccount(ctx, q, filter, f) })
}

func eachAccount(ctx context.Context, q queryer, filter conversions.Filter, f func(queryer, conversions.Filter) error) error {
	accounts := []conversions.AccountID{filter.Account}
	if filter.Account == "" {
		var err error
		if accounts, err = collect(ctx, q, scanned[conversions.AccountID], selectAccounts); err != nil {
			return err
		}
	}
	for _, filter.Account = range accounts {
		if err := f(q, filter); err != nil {
			return err
		}
	}
	return nil
}

// crowd is how many rows of an account may be pending for a page of them to be
// found there: they do not stand in the order of a list, so that every page
// reads all of them. Of more a page is soon found along the conversion times.
const crowd = 10_000

const countPending = `SELECT count(*) FROM (SELECT 1 FROM pending WHERE account = ? LIMIT ?)`

// isCrowded reports whether a page of an account's rows is not to be looked for
// among what is pending.
func isCrowded(ctx context.Context, q queryer, f conversions.Filter) (bool, error) {
	switch f.State {
	case conversions.StateQueued, conversions.StateWaiting, conversions.StateChangeDue:
	default:
		return false, nil
	}
	if f.Limit <= 0 {
		return false, nil
	}
	n, err := collect(ctx, q, scanned[int], countPending, string(f.Account), crowd+1)
	return len(n) == 1 && n[0] > crowd, err
}

func listOf(f conversions.Filter, crowded bool) (text string, args []any) {
	w := (&where{crowded: crowded}).selection(f)
	if f.After != nil {
		w.add(`(at, id) < (?, ?)`, micros(f.After.Want.At), int64(f.After.ID))
	}
	limit := f.Limit
	if limit <= 0 {
		limit = -1 // SQLite's "no limit"
	}
	ids, args := flying(f.Account)
	return `SELECT id IN (` + ids + `), doc` + w.from + w.String() + ` ORDER BY at DESC, id DESC LIMIT ?`,
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

// selectAccounts jumps from each account to the next in an index instead of
// reading every event.
const selectAccounts = `
	WITH RECURSIVE
		e (account) AS (SELECT min(account) FROM event UNION ALL
			SELECT (SELECT min(account) FROM event WHERE account > e.account) FROM e WHERE e.account IS NOT NULL),
		c (account) AS (SELECT min(account) FROM conversion UNION ALL
			SELECT (SELECT min(account) FROM conversion WHERE account > c.account) FROM c WHERE c.account IS NOT NULL)
	SELECT account FROM e WHERE account IS NOT NULL UNION SELECT account FROM c WHERE account IS NOT NULL ORDER BY 1`

// Accounts implements store.Reports.
func (s *Store) Accounts(ctx context.Context) ([]conversions.AccountID, error) {
	accounts, err := collect(ctx, s.reads.QueryContext, scanned[conversions.AccountID], selectAccounts)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return accounts, nil
}
