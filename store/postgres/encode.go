package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// errUnreadable stands for whatever a decoder says of a stored document: its
// own words may quote the document.
var errUnreadable = errors.New("stored document is unreadable")

// encode makes the JSON of the few documents that are rare.
func encode(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return string(text), nil
}

// decode reads what encode wrote.
func decode(text string, v any) error {
	if json.Unmarshal([]byte(text), v) != nil {
		return fmt.Errorf("decode %T: %w", v, errUnreadable)
	}
	return nil
}

// document reads a row of one column that holds JSON.
func document[T any](rows pgx.Rows) (T, error) {
	var v T
	var text string
	if err := scan(rows, &text); err != nil {
		return v, err
	}
	return v, decode(text, &v)
}

// readRow reads a row of one column that holds a conversions.Row.
func readRow(rows pgx.Rows) (conversions.Row, error) {
	var r conversions.Row
	if compact.ReadRow(rows.RawValues()[0], &r) != nil {
		return r, fmt.Errorf("read row: %w", errUnreadable)
	}
	return r, nil
}

// readRows gathers such rows. A row is large, so the list grows by doubling, and
// a row is read where it stays.
func readRows(all *[]conversions.Row) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		n := len(*all)
		if n == cap(*all) {
			*all = slices.Grow(*all, max(n, 8))
		}
		*all = (*all)[:n+1]
		if compact.ReadRow(rows.RawValues()[0], &(*all)[n]) != nil {
			return fmt.Errorf("read row: %w", errUnreadable)
		}
		return nil
	}
}

// micros is how a time is stored in a column.
func micros(t time.Time) int64 { return t.UnixMicro() }

// fromMicros is the time stored as n, in UTC.
func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// orNull is how a time is stored in a column that is NULL for the zero time.
func orNull(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := micros(t)
	return &n
}

// fromNull is the time stored by orNull.
func fromNull(n *int64) time.Time {
	if n == nil {
		return time.Time{}
	}
	return fromMicros(*n)
}

// tidy cuts a time to what a column holds, so that documents, columns and
// what is read back agree. The zone stays.
func tidy(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

// tidyEntry returns the entry as it can be stored; the original's parts are
// left alone, and taken as they are if they are tidy. Click ids stay: no
// document holds them.
func tidyEntry(e conversions.Entry) conversions.Entry {
	e.At, e.NotBefore = tidy(e.At).UTC(), tidy(e.NotBefore)
	if e.Want != nil && !tidyWant(e.Want) {
		w := *e.Want
		w.At, w.Lead, w.Due = tidy(w.At), tidy(w.Lead), tidy(w.Due)
		w.Deadline, w.WaitUntil, w.ChangeDue = tidy(w.Deadline), tidy(w.WaitUntil), tidy(w.ChangeDue)
		e.Want = &w
	}
	if e.Item != nil && (!isTidy(e.Item.At) || !isTidy(e.Item.AdjustAt)) {
		it := tidyItem(*e.Item)
		e.Item = &it
	}
	return e
}

// isTidy reports whether tidy leaves a time as it is; also a reading of the
// monotonic clock goes.
func isTidy(t time.Time) bool { return t == tidy(t) } //nolint:revive,staticcheck // the very value is meant, not the instant

func tidyWant(w *conversions.Want) bool {
	return isTidy(w.At) && isTidy(w.Lead) && isTidy(w.Due) && isTidy(w.Deadline) && isTidy(w.WaitUntil) && isTidy(w.ChangeDue)
}

func tidyItem(it conversions.Item) conversions.Item {
	it.At, it.AdjustAt = tidy(it.At), tidy(it.AdjustAt)
	return it
}

// quarantineDoc is a quarantined delivery without what stands in columns: the
// shadowing fields are never set.
type quarantineDoc struct {
	conversions.Quarantined
	ID       *struct{} `json:"id,omitempty"`
	Account  *struct{} `json:"account,omitempty"`
	Source   *struct{} `json:"source,omitempty"`
	Received *struct{} `json:"received,omitempty"`
	Decided  *struct{} `json:"decided,omitempty"`
}
