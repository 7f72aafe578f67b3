package audit

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"closeloop/conversions"
)

// How many rows a report holds at a time: a page, and of the pages of several
// accounts that are read side by side about as many as heldRows, but no page is
// smaller than smallPage.
const (
	pageRows  = 500
	heldRows  = 20 * pageRows
	smallPage = 20
)

// pages reads what a filter selects a page at a time, each on the state of the
// database at its moment: a report that takes minutes keeps no snapshot open,
// beside which a database could not tidy up. Pages follow each other by the
// place of the last row, so that a row whose conversion time stays as it is
// comes once, whatever else changes.
func pages(ctx context.Context, r Reader, filter conversions.Filter, size int) iter.Seq2[[]conversions.Row, error] {
	return func(yield func([]conversions.Row, error) bool) {
		f, left := filter, filter.Limit
		for {
			if f.Limit = size; left > 0 {
				f.Limit = min(size, left)
			}
			rows, err := r.List(ctx, f)
			if err != nil {
				yield(nil, fmt.Errorf("list rows: %w", err))
				return
			}
			if len(rows) == 0 || !yield(rows, nil) || len(rows) < f.Limit {
				return
			}
			if left > 0 {
				if left -= len(rows); left == 0 {
					return
				}
			}
			f.After = lastOf(rows)
		}
	}
}

// lastOf is the place of the last row of a page; nothing else of the page is
// held on to.
func lastOf(rows []conversions.Row) *conversions.Row {
	last := rows[len(rows)-1]
	return &conversions.Row{ID: last.ID, Want: conversions.Want{At: last.Want.At}}
}

// oneByOne hands over the rows of pages.
func oneByOne(pages iter.Seq2[[]conversions.Row, error]) iter.Seq2[*conversions.Row, error] {
	return func(yield func(*conversions.Row, error) bool) {
		for rows, err := range pages {
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range rows {
				if !yield(&rows[i], nil) {
					return
				}
			}
		}
	}
}

// rowsOf reads what a filter selects in the order of lists. Of the whole store
// it reads the accounts side by side, unless an index finds the few rows there
// are: a page of all accounts would read one of each.
func rowsOf(ctx context.Context, r Reader, f conversions.Filter) iter.Seq2[*conversions.Row, error] {
	if f.Account != "" || byIndex(f) {
		return oneByOne(pages(ctx, r, f, pageRows))
	}
	return func(yield func(*conversions.Row, error) bool) {
		accounts, err := r.Accounts(ctx)
		if err != nil {
			yield(nil, fmt.Errorf("list accounts: %w", err))
			return
		}
		var all []iter.Seq2[*conversions.Row, error]
		size := min(pageRows, max(smallPage, heldRows/max(1, len(accounts))))
		for _, a := range accounts {
			one := f
			one.Account = a
			all = append(all, oneByOne(pages(ctx, r, one, size)))
		}
		n := 0
		for row, err := range merged(all) {
			if n++; !yield(row, err) || n == f.Limit {
				return
			}
		}
	}
}

// byIndex reports whether a filter names what few rows have in common.
func byIndex(f conversions.Filter) bool { return f.Lead != "" || f.ClickID != "" || f.OrderID != "" }

// source is one of the lists that are merged: its next row, and how to get the
// one after.
type source struct {
	row  *conversions.Row
	next func() (*conversions.Row, error, bool)
}

// merged makes one list of several. It ends at the first error.
func merged(lists []iter.Seq2[*conversions.Row, error]) iter.Seq2[*conversions.Row, error] {
	return func(yield func(*conversions.Row, error) bool) {
		var heads []source // the first row of all last
		var stops []func()
		defer func() {
			for _, stop := range stops {
				stop()
			}
		}()
		for _, l := range lists {
			next, stop := iter.Pull2(l)
			stops = append(stops, stop)
			var err error
			if heads, err = moved(heads, source{next: next}); err != nil {
				yield(nil, err)
				return
			}
		}
		for len(heads) > 0 {
			first := heads[len(heads)-1]
			if !yield(first.row, nil) {
				return
			}
			var err error
			if heads, err = moved(heads[:len(heads)-1], first); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// moved puts a list with its next row into its place among the others, or
// leaves it out at its end.
func moved(heads []source, s source) ([]source, error) {
	row, err, more := s.next()
	if err != nil || !more {
		return heads, err
	}
	s.row = row
	i, _ := slices.BinarySearchFunc(heads, s, func(a, b source) int {
		return cmp.Or(a.row.Want.At.Compare(b.row.Want.At), cmp.Compare(a.row.ID, b.row.ID))
	})
	return slices.Insert(heads, i, s), nil
}
