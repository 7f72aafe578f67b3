package postgres

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// Twins implements store.Reports. Rows are read first, persons only where
// amounts agree: most rows of a month have no twin.
func (s *Store) Twins(ctx context.Context, f conversions.Filter) ([]conversions.Twins, error) {
	var twins []conversions.Twins
	err := s.db.snapshot(ctx, func(t *tx) (err error) {
		twins, err = findTwins(ctx, t, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for twins: %w", err)
	}
	return twins, nil
}

func findTwins(ctx context.Context, t *tx, f conversions.Filter) ([]conversions.Twins, error) {
	asked, err := askedFor(ctx, t, f)
	if err != nil || asked.none {
		return nil, err
	}
	near, err := nearTwins(ctx, t, f, asked)
	if err != nil {
		return nil, err
	}
	if err := addPersons(ctx, t, near); err != nil {
		return nil, err
	}
	return twinRows(ctx, t, near, asked.pick(conversions.PairTwins(near), f.Limit))
}

// asked are the rows that a filter selects, of which the twins are wanted.
type asked struct {
	all, none bool
	ids       map[conversions.RowID]bool // unless all
	from, to  int64                      // the first and last of their conversion times, and the window beside them
}

func askedFor(ctx context.Context, t *tx, f conversions.Filter) (asked, error) {
	narrow := f
	narrow.Account, narrow.Stage, narrow.Limit, narrow.After = "", "", 0, nil
	if narrow == (conversions.Filter{}) {
		return asked{all: true, from: math.MinInt64, to: math.MaxInt64}, nil
	}
	w := &where{}
	if f.Account != "" {
		w.add(`c.account = ?`, quoted(f.Account))
	}
	w.selection(f)
	a := asked{ids: map[conversions.RowID]bool{}, from: math.MaxInt64, to: math.MinInt64}
	t.query(func(rows pgx.Rows) error {
		var id, at int64
		if err := scan(rows, &id, &at); err != nil {
			return err
		}
		a.ids[conversions.RowID(id)], a.from, a.to = true, min(a.from, at), max(a.to, at)
		return nil
	}, `SELECT c.id, c.at FROM conversion AS c`+w.String(), w.args...)
	err := t.flush(ctx)
	a.none = len(a.ids) == 0
	a.from -= conversions.TwinWindow.Microseconds()
	a.to += conversions.TwinWindow.Microseconds()
	return a, err
}

// nearTwins reads the rows that have a twin if the persons are the same.
func nearTwins(ctx context.Context, t *tx, f conversions.Filter, a asked) ([]conversions.TwinRow, error) {
	w := &where{}
	if f.Account != "" {
		w.add(`account = ?`, quoted(f.Account))
	}
	if f.Stage != "" {
		w.add(`stage = ?`, string(f.Stage))
	}
	w.add(`at BETWEEN ? AND ?`, a.from, a.to)
	var all []conversions.TwinRow
	t.query(func(rows pgx.Rows) error {
		r, err := readRow(rows)
		if twin, ok := r.Twin(); ok && err == nil {
			all = append(all, twin)
		}
		return err
	}, `SELECT doc FROM conversion`+w.String(), w.args...)
	err := t.flush(ctx)
	return conversions.NearTwins(all), err
}

// addPersons reads the side rows of the rows' leads.
func addPersons(ctx context.Context, t *tx, twins []conversions.TwinRow) error {
	accounts, ids := make([]string, len(twins)), make([]int64, len(twins))
	place := make(map[conversions.RowID]*conversions.TwinRow, len(twins))
	for i := range twins {
		accounts[i], ids[i] = quoted(twins[i].Account), int64(twins[i].ID)
		place[twins[i].ID] = &twins[i]
	}
	t.query(func(rows pgx.Rows) error {
		var id int64
		var doc []byte
		if err := scan(rows, &id, &doc); err != nil {
			return err
		}
		var p conversions.Person
		if compact.ReadPerson(doc, &p) != nil {
			return fmt.Errorf("read side row: %w", errUnreadable)
		}
		r := place[conversions.RowID(id)]
		r.Persons = append(r.Persons, p)
		return nil
	}, `SELECT c.id, i.doc FROM unnest($1::text[], $2::bigint[]) AS n (account, id)
		JOIN conversion AS c ON c.account = n.account AND c.id = n.id
		JOIN event AS e ON e.account = c.account AND e.source = c.source AND e.lead = c.lead AND e.lead <> ''
		JOIN identity AS i ON i.account = e.account AND i.seq = e.seq`, accounts, ids)
	return t.flush(ctx)
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

// twinRows reads the rows of pairs, which are among those that were compared.
func twinRows(ctx context.Context, t *tx, near []conversions.TwinRow, pairs []conversions.TwinIDs) ([]conversions.Twins, error) {
	wanted := map[conversions.RowID]bool{}
	for _, p := range pairs {
		wanted[p.Earlier], wanted[p.Later] = true, true
	}
	var accounts []string
	var ids []int64
	for _, r := range near {
		if wanted[r.ID] {
			accounts, ids = append(accounts, quoted(r.Account)), append(ids, int64(r.ID))
		}
	}
	w := &where{}
	text := `SELECT c.id IN (` + w.flying("") + `), c.doc FROM unnest(` + w.arg(accounts) + `::text[], ` + w.arg(ids) + `::bigint[]) AS n (account, id)
		JOIN conversion AS c ON c.account = n.account AND c.id = n.id`
	var rows []conversions.Row
	t.query(into(&rows, readListed), text, w.args...)
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	byID := make(map[conversions.RowID]conversions.Row, len(rows))
	for _, r := range rows {
		byID[r.ID] = r
	}
	twins := make([]conversions.Twins, len(pairs))
	for i, p := range pairs {
		twins[i] = conversions.Twins{Earlier: byID[p.Earlier], Later: byID[p.Later], By: p.By}
	}
	return twins, nil
}
