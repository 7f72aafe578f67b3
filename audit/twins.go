package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"closeloop/conversions"
)

// search looks for twins among the rows of one account, latest first. It holds
// little of the rows of conversions.TwinWindow, and a page of whole ones.
type search struct {
	r       Reader
	f       conversions.Filter // what is not yet read
	pairing *conversions.Pairing
	ended   bool
}

// searchOf begins a search among the rows that a filter selects; of is as in
// conversions.NewPairing.
func searchOf(r Reader, f conversions.Filter, of *conversions.Row) *search {
	f.Limit = pageRows
	return &search{r: r, f: f, pairing: conversions.NewPairing(of)}
}

// around selects the rows that may be twins of a row.
func around(row *conversions.Row) conversions.Filter {
	return widened(conversions.Filter{Account: row.Key.Account, Stage: row.Key.Stage, From: row.Want.At, To: row.Want.At})
}

// widened selects also what may be a twin of what a filter selects.
func widened(f conversions.Filter) conversions.Filter {
	if !f.From.IsZero() {
		f.From = f.From.Add(-conversions.TwinWindow)
	}
	if !f.To.IsZero() {
		f.To = f.To.Add(conversions.TwinWindow + time.Second) // a row at its end is meant, too
	}
	return f
}

// step reads a page and returns the pairs that it made certain, in the order
// of their later rows.
func (s *search) step(ctx context.Context) ([]conversions.Twins, error) {
	rows, err := s.r.List(ctx, s.f)
	if err != nil {
		return nil, fmt.Errorf("look for duplicates: %w", err)
	}
	err = s.pairing.Add(rows, func(ids []conversions.RowID) (map[conversions.RowID][]conversions.Person, error) {
		return s.r.Persons(ctx, s.f.Account, ids)
	})
	if err != nil {
		return nil, fmt.Errorf("look for duplicates: %w", err)
	}
	if len(rows) < s.f.Limit {
		s.ended = true
		s.pairing.End()
	} else {
		s.f.After = lastOf(rows)
	}
	return s.whole(ctx, s.pairing.Take())
}

// whole reads the rows of pairs.
func (s *search) whole(ctx context.Context, pairs []conversions.TwinIDs) ([]conversions.Twins, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	var ids []conversions.RowID
	for _, p := range pairs {
		ids = append(ids, p.Later, p.Earlier)
	}
	slices.Sort(ids)
	rows, err := s.r.Listed(ctx, s.f.Account, slices.Compact(ids))
	if err != nil {
		return nil, fmt.Errorf("look for duplicates: %w", err)
	}
	byID := make(map[conversions.RowID]conversions.Row, len(rows))
	for _, row := range rows {
		byID[row.ID] = row
	}
	twins := make([]conversions.Twins, 0, len(pairs))
	for _, p := range pairs {
		twins = append(twins, conversions.Twins{Earlier: byID[p.Earlier], Later: byID[p.Later], By: p.By})
	}
	return twins, nil
}

// twinsOf finds the outcomes that may be the same job as one.
func twinsOf(ctx context.Context, r Reader, row *conversions.Row) ([]Duplicate, error) {
	if _, ok := row.Twin(); !ok {
		return nil, nil
	}
	var found flags
	for s := searchOf(r, around(row), row); !s.ended && !s.pairing.Decided(row); {
		twins, err := s.step(ctx)
		if err != nil {
			return nil, err
		}
		found.add(twins)
	}
	return found.of[row.ID], nil
}

// flags are the outcomes that may be the same job as one, by its id.
type flags struct {
	of    map[conversions.RowID][]Duplicate
	pairs []flagged // what of holds, latest first
}

// flagged is a pair that stands in flags.
type flagged struct {
	at             time.Time // of the later one
	later, earlier conversions.RowID
}

func (f *flags) add(twins []conversions.Twins) {
	if f.of == nil {
		f.of = map[conversions.RowID][]Duplicate{}
	}
	for _, t := range twins {
		f.of[t.Later.ID] = append(f.of[t.Later.ID], duplicate(t.Earlier, t.By))
		f.of[t.Earlier.ID] = append(f.of[t.Earlier.ID], duplicate(t.Later, t.By))
		f.pairs = append(f.pairs, flagged{t.Later.Want.At, t.Later.ID, t.Earlier.ID})
	}
}

// pass forgets pairs of which both rows stand before a time in a list.
func (f *flags) pass(at time.Time) {
	for len(f.pairs) > 0 && f.pairs[0].at.Sub(at) > conversions.TwinWindow {
		delete(f.of, f.pairs[0].later)
		delete(f.of, f.pairs[0].earlier)
		f.pairs = f.pairs[1:]
	}
}

// marker names for the rows of a list, one after the other, the outcomes that
// may be the same job: of each account it searches ahead of the list.
type marker struct {
	r        Reader
	stage    conversions.Stage // the only one that is listed; empty for all
	accounts map[conversions.AccountID]*ahead
}

// ahead is a search that runs before a list.
type ahead struct {
	*search

	found flags
	read  time.Time // the conversion time up to which it has come; it began TwinWindow later than the list
}

func (m *marker) of(ctx context.Context, row *conversions.Row) ([]Duplicate, error) {
	if _, ok := row.Twin(); !ok {
		return nil, nil
	}
	a := m.accounts[row.Key.Account]
	// Where the list leaves out so much, it is not all searched.
	if a == nil || a.read.Sub(row.Want.At) > conversions.TwinWindow && !a.ended {
		f := around(row)
		f.Stage, f.From = m.stage, time.Time{}
		a = &ahead{search: searchOf(m.r, f, nil), read: f.To}
		m.accounts[row.Key.Account] = a
	}
	for !a.ended && !a.pairing.Decided(row) {
		twins, err := a.step(ctx)
		if err != nil {
			return nil, err
		}
		if a.found.add(twins); !a.ended {
			a.read = a.f.After.Want.At
		}
	}
	a.found.pass(row.Want.At)
	return a.found.of[row.ID], nil
}
