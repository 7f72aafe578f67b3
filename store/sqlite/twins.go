package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// The side rows of all events of rows' leads, and rows by their ids as lists
// show them. The plus keeps SQLite from reading all of the account.
const (
	selectPersons = `SELECT c.id, i.doc FROM json_each(?) AS j CROSS JOIN conversion AS c ON c.id = j.value AND +c.account = ?
		CROSS JOIN event AS e ON e.account = c.account AND e.source = c.source AND e.lead = c.lead
		CROSS JOIN identity AS i ON i.seq = e.seq`
	selectListed = `SELECT id IN (` + inFlight + `?), doc ` + fromIDs
)

// Persons implements store.Reports.
func (s *Store) Persons(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) (map[conversions.RowID][]conversions.Person, error) {
	persons := make(map[conversions.RowID][]conversions.Person, len(ids))
	err := each(ctx, s.reads.QueryContext, func(rows *sql.Rows) (bool, error) {
		var id conversions.RowID
		var doc sql.RawBytes
		if err := rows.Scan(&id, &doc); err != nil {
			return false, fmt.Errorf("scan: %w", err)
		}
		var p conversions.Person
		err := readable("side row", compact.ReadPerson(doc, &p))
		persons[id] = append(persons[id], p)
		return true, err
	}, selectPersons, list(ids), string(a))
	if err != nil {
		return nil, fmt.Errorf("read persons of %d rows: %w", len(ids), err)
	}
	return persons, nil
}

// Listed implements store.Reports.
func (s *Store) Listed(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) ([]conversions.Row, error) {
	rows, err := collect(ctx, s.reads.QueryContext, readListed, selectListed, string(a), list(ids), string(a))
	if err != nil {
		return nil, fmt.Errorf("read %d rows: %w", len(ids), err)
	}
	return rows, nil
}
