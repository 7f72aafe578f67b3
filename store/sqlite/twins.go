package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// Twins implements store.Reports. Amounts are read first, persons only where
// amounts agree: most rows of a month have no twin.
func (s *Store) Twins(ctx context.Context, f conversions.Filter) ([]conversions.Twins, error) {
	var twins []conversions.Twins
	err := s.snapshot(ctx, func(q queryer) error {
		asked, err := askedFor(ctx, q, f)
		if err != nil || asked.none {
			return err
		}
		near, err := nearTwins(ctx, q, f, asked)
		if err != nil {
			return err
		}
		if err := addPersons(ctx, q, near); err != nil {
			return err
		}
		twins, err = twinRows(ctx, q, asked.pick(conversions.PairTwins(near), f.Limit))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for twins: %w", err)
	}
	return twins, nil
}

// asked are the rows that a filter selects, of which the twins are wanted.
type asked struct {
	all, none bool
	ids       map[conversions.RowID]bool // unless all
	from, to  int64                      // the first and last of their conversion times
}

func askedFor(ctx context.Context, q queryer, f conversions.Filter) (asked, error) {
	narrow := f
	narrow.Account, narrow.Stage, narrow.Limit, narrow.After = "", "", 0, nil
	if narrow == (conversions.Filter{}) {
		return asked{all: true, from: math.MinInt64, to: math.MaxInt64}, nil
	}
	a := asked{ids: map[conversions.RowID]bool{}, from: math.MaxInt64, to: math.MinInt64}
	err := eachAccount(ctx, q, f, func(q queryer, f conversions.Filter) error {
		w := selection(f)
		return each(ctx, q, a.read, `SELECT id, at`+w.from+w.String(), w.args...)
	})
	a.none = len(a.ids) == 0
	a.from -= conversions.TwinWindow.Microseconds()
	a.to += conversions.TwinWindow.Microseconds()
	return a, err
}

// read reads a row that was asked for.
func (a *asked) read(rows *sql.Rows) (bool, error) {
	var id conversions.RowID
	var at int64
	if err := rows.Scan(&id, &at); err != nil {
		return false, fmt.Errorf("scan: %w", err)
	}
	a.ids[id], a.from, a.to = true, min(a.from, at), max(a.to, at)
	return true, nil
}

// nearTwins reads the rows that have a twin if the persons are the same.
func nearTwins(ctx context.Context, q queryer, f conversions.Filter, a asked) ([]conversions.TwinRow, error) {
	w := &where{}
	if f.Account != "" {
		w.add(`account = ?`, string(f.Account))
	}
	if f.Stage != "" {
		w.add(`stage = ?`, string(f.Stage))
	}
	w.add(`at BETWEEN ? AND ?`, a.from, a.to)
	rows, err := collect(ctx, q, readTwin, `SELECT doc FROM conversion`+w.String(), w.args...)
	rows = slices.DeleteFunc(rows, func(r conversions.TwinRow) bool { return r.ID == 0 })
	return conversions.NearTwins(rows), err
}

// readTwin reads what is compared of a row; nothing if it has no twins.
func readTwin(rows *sql.Rows) (conversions.TwinRow, error) {
	r, err := readRow(rows)
	if err != nil {
		return conversions.TwinRow{}, err
	}
	twin, _ := r.Twin()
	return twin, nil
}

// addPersons reads the side rows of the rows' leads.
func addPersons(ctx context.Context, q queryer, twins []conversions.TwinRow) error {
	ids := make([]conversions.RowID, len(twins))
	place := make(map[conversions.RowID]*conversions.TwinRow, len(twins))
	for i := range twins {
		ids[i], place[twins[i].ID] = twins[i].ID, &twins[i]
	}
	_, err := collect(ctx, q, func(rows *sql.Rows) (struct{}, error) {
		var id conversions.RowID
		var doc sql.RawBytes
		if err := rows.Scan(&id, &doc); err != nil {
			return struct{}{}, fmt.Errorf("scan: %w", err)
		}
		var p conversions.Person
		err := readable("side row", compact.ReadPerson(doc, &p))
		place[id].Persons = append(place[id].Persons, p)
		return struct{}{}, err
	}, `SELECT c.id, i.doc FROM json_each(?) AS j CROSS JOIN conversion AS c ON c.id = j.value
		CROSS JOIN event AS e ON e.account = c.account AND e.source = c.source AND e.lead = c.lead
		CROSS JOIN identity AS i ON i.seq = e.seq`, list(ids))
	return err
}

// pick keeps the pairs of which a row was asked for, up to limit, 0 for all.
func (a asked) pick(pairs []conversions.TwinIDs, limit int) []conversions.TwinIDs {
	var picked []conversions.TwinIDs
	for _, p := range pairs {
		if limit > 0 && len(picked) == limit {
			break
		}
		if a.all || a.ids[p.Earlier] || a.ids[p.Later] {
			picked = append(picked, p)
		}
	}
	return picked
}

// twinRows reads the rows of pairs.
func twinRows(ctx context.Context, q queryer, pairs []conversions.TwinIDs) ([]conversions.Twins, error) {
	var ids []conversions.RowID
	for _, p := range pairs {
		ids = append(ids, p.Earlier, p.Later)
	}
	flies, args := flying("")
	rows, err := collect(ctx, q, readListed,
		`SELECT id IN (`+flies+`), doc FROM conversion WHERE id IN (SELECT value FROM json_each(?))`, append(args, list(ids))...)
	if err != nil {
		return nil, err
	}
	byID := make(map[conversions.RowID]conversions.Row, len(rows))
	for _, r := range rows {
		byID[r.ID] = r
	}
	var twins []conversions.Twins
	for _, p := range pairs {
		twins = append(twins, conversions.Twins{Earlier: byID[p.Earlier], Later: byID[p.Later], By: p.By})
	}
	return twins, nil
}
