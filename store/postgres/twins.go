package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// The side rows of all events of an account's rows' leads, and rows by their
// ids as lists show them.
const (
	selectPersons = `SELECT n.id, i.doc FROM unnest($2::bigint[]) AS n (id)
		CROSS JOIN LATERAL (SELECT source, lead FROM conversion WHERE account = $1 AND id = n.id OFFSET 0) AS c
		CROSS JOIN LATERAL (SELECT seq FROM event
			WHERE account = $1 AND source = c.source AND lead = c.lead AND lead <> '' OFFSET 0) AS e
		CROSS JOIN LATERAL (SELECT doc FROM identity WHERE account = $1 AND seq = e.seq OFFSET 0) AS i`
	selectListed = `SELECT n.id IN (SELECT unnest(rows) FROM batch WHERE settled IS NULL AND account = $1), c.doc
		FROM unnest($2::bigint[]) AS n (id)
		CROSS JOIN LATERAL (SELECT doc FROM conversion WHERE account = $1 AND id = n.id OFFSET 0) AS c`
)

// Persons implements store.Reports.
func (s *Store) Persons(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) (map[conversions.RowID][]conversions.Person, error) {
	type ofRow struct {
		id int64
		p  conversions.Person
	}
	all, err := query(ctx, s.db, func(rows pgx.Rows) (x ofRow, err error) {
		var doc []byte
		if err = scan(rows, &x.id, &doc); err == nil && compact.ReadPerson(doc, &x.p) != nil {
			err = fmt.Errorf("read side row: %w", errUnreadable)
		}
		return x, err
	}, selectPersons, quoted(a), distinct(ids))
	if err != nil {
		return nil, fmt.Errorf("read persons of %d rows: %w", len(ids), err)
	}
	persons := make(map[conversions.RowID][]conversions.Person, len(ids))
	for _, x := range all {
		persons[conversions.RowID(x.id)] = append(persons[conversions.RowID(x.id)], x.p)
	}
	return persons, nil
}

// Listed implements store.Reports.
func (s *Store) Listed(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) ([]conversions.Row, error) {
	rows, err := query(ctx, s.db, readListed, selectListed, quoted(a), distinct(ids))
	if err != nil {
		return nil, fmt.Errorf("read %d rows: %w", len(ids), err)
	}
	return rows, nil
}
