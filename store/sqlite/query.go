package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// queryer runs a query, inside or outside a write transaction.
type queryer func(ctx context.Context, text string, args ...any) (*sql.Rows, error)

// inFlight selects the ids of an account's rows that are in a batch without an
// answer.
const inFlight = `SELECT j.value FROM batch AS b, json_each(b.rows) AS j WHERE b.settled IS NULL AND b.account = `

// snapshot runs f on one state of the database. A text that f repeats is
// prepared once.
func (s *Store) snapshot(ctx context.Context, f func(queryer) error) error {
	tx, err := s.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin reading: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // there is nothing to lose
	stmts := map[string]*sql.Stmt{}
	defer func() {
		for _, s := range stmts {
			_ = s.Close()
		}
	}()
	return f(func(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
		if stmts[text] == nil {
			stmt, err := tx.PrepareContext(ctx, text) //nolint:sqlclosecheck // kept for the next time; closed above
			if err != nil {
				return nil, fmt.Errorf("prepare: %w", err)
			}
			stmts[text] = stmt
		}
		return stmts[text].QueryContext(ctx, args...)
	})
}

// each runs a query and hands over one row after the other, as long as f wants
// more.
func each(ctx context.Context, q queryer, f func(*sql.Rows) (more bool, err error), text string, args ...any) error {
	rows, err := q(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if more, err := f(rows); err != nil || !more {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	return nil
}

// collect runs a query and reads every row of it.
func collect[T any](ctx context.Context, q queryer, read func(*sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	var all []T
	err := each(ctx, q, func(rows *sql.Rows) (bool, error) {
		v, err := read(rows)
		if err == nil {
			all = append(all, v)
		}
		return true, err
	}, text, args...)
	if err != nil {
		return nil, err
	}
	return all, nil
}

// collectRows reads conversions, of which there will be about n: they are large
// and not moved while more of them come.
func collectRows(ctx context.Context, q queryer, n int, text string, args ...any) ([]conversions.Row, error) {
	var all []conversions.Row
	err := each(ctx, q, func(rows *sql.Rows) (bool, error) {
		if all == nil {
			all = make([]conversions.Row, 0, n)
		}
		r, err := readRow(rows)
		all = append(all, r)
		return true, err
	}, text, args...)
	if err != nil {
		return nil, err
	}
	return all, nil
}

// scanned reads a row of one column.
func scanned[T any](rows *sql.Rows) (T, error) {
	var v T
	if err := rows.Scan(&v); err != nil {
		return v, fmt.Errorf("scan: %w", err)
	}
	return v, nil
}

// document reads a row of one column that holds a document.
func document[T any](rows *sql.Rows) (T, error) {
	var v T
	var text sql.RawBytes
	if err := rows.Scan(&text); err != nil {
		return v, fmt.Errorf("scan: %w", err)
	}
	return v, decode(text, &v)
}

// readRow reads a row of one column that holds a conversion.
func readRow(rows *sql.Rows) (conversions.Row, error) {
	var r conversions.Row
	var doc sql.RawBytes
	if err := rows.Scan(&doc); err != nil {
		return r, fmt.Errorf("scan: %w", err)
	}
	return r, readable("row", compact.ReadRow(doc, &r))
}

// readable says what a document was that could not be read.
func readable(what string, err error) error {
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

// list is a set of ids as the argument of json_each.
func list[T ~int64 | ~string](ids []T) string {
	if len(ids) == 0 {
		return "[]"
	}
	text, err := json.Marshal(ids)
	if err != nil {
		panic("sqlite: ids do not marshal: " + err.Error()) // numbers and strings always do
	}
	return string(text)
}

// where gathers conditions and their arguments.
type where struct {
	from    string // the table, if selection chose how to read it
	conds   []string
	args    []any
	crowded bool // too much is pending to look for a page there
}

func (w *where) add(cond string, args ...any) {
	w.conds, w.args = append(w.conds, cond), append(w.args, args...)
}

func (w *where) String() string {
	if len(w.conds) == 0 {
		return ""
	}
	return " WHERE " + w.all()
}

func (w *where) all() string { return strings.Join(w.conds, " AND ") }
