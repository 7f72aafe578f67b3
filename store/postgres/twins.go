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
	text, args := askedQuery(f)
	a := asked{ids: map[conversions.RowID]bool{}, from: math.MaxInt64, to: math.MinInt64}
	t.query(func(rows pgx.Rows) error {
		var id, at int64
		if err := scan(rows, &id, &at); err != nil {
			return err
		}
		a.ids[conversions.RowID(id)], a.from, a.to = true, min(a.from, at), max(a.to, at)
		return nil
	}, text, args...)
	err := t.flush(ctx)
	a.none = len(a.ids) == 0
	a.from -= conversions.TwinWindow.Microseconds()
	a.to += conversions.TwinWindow.Microseconds()
	return a, err
}

// askedQuery selects the rows that a filter selects.
func askedQuery(f conversions.Filter) (text string, args []any) {
	w := &where{}
	from := w.found(f)
	w.selection(f)
	return `SELECT c.id, c.at FROM ` + from + w.String(), w.args
}

// nearTwins reads the rows that have a twin if the persons are the same.
func nearTwins(ctx context.Context, t *tx, f conversions.Filter, a asked) ([]conversions.TwinRow, error) {
	text, args := nearQuery(f, a)
	var all []conversions.TwinRow
	t.query(func(rows pgx.Rows) error {
		r, err := readRow(rows)
		if twin, ok := r.Twin(); ok && err == nil {
			all = append(all, twin)
		}
		return err
	}, text, args...)
	err := t.flush(ctx)
	return conversions.NearTwins(all), err
}

func nearQuery(f conversions.Filter, a asked) (text string, args []any) {
	w := &where{}
	if f.Account != "" {
		w.add(`account = ?`, quoted(f.Account))
	}
	if f.Stage != "" {
		w.add(`stage = ?`, string(f.Stage))
	}
	w.add(`at BETWEEN ? AND ?`, a.from, a.to)
	return `SELECT doc FROM conversion` + w.String(), w.args
}

// selectPersons reads the side rows of all events of rows' leads, and
// selectTwins the rows of pairs.
const (
	selectPersons = `SELECT n.id, i.doc FROM unnest($1::text[], $2::bigint[]) AS n (account, id)
		CROSS JOIN LATERAL (SELECT account, source, lead FROM conversion WHERE account = n.account AND id = n.id OFFSET 0) AS c
		CROSS JOIN LATERAL (SELECT seq FROM event
			WHERE account = c.account AND source = c.source AND lead = c.lead AND lead <> '' OFFSET 0) AS e
		CROSS JOIN LATERAL (SELECT doc FROM identity WHERE account = c.account AND seq = e.seq OFFSET 0) AS i`
	selectTwins = `SELECT n.id IN (
			SELECT unnest(b.rows) FROM (SELECT DISTINCT account FROM unnest($1::text[]) AS a (account)) AS a
			CROSS JOIN LATERAL (SELECT rows FROM batch WHERE account = a.account AND settled IS NULL OFFSET 0) AS b), c.doc
		FROM unnest($1::text[], $2::bigint[]) AS n (account, id)
		CROSS JOIN LATERAL (SELECT doc FROM conversion WHERE account = n.account AND id = n.id OFFSET 0) AS c`
)

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
	}, selectPersons, accounts, ids)
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
	var rows []conversions.Row
	t.query(into(&rows, readListed), selectTwins, accounts, ids)
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
