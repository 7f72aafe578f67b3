package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Prepared lists the statements that were run on the store's idle connections:
// the driver prepares each.
func (s *Store) Prepared(ctx context.Context) (texts []string, err error) {
	for _, conn := range s.db.pool.AcquireAllIdle(ctx) {
		rows, err := conn.Query(ctx, `SELECT statement FROM pg_prepared_statements`, pgx.QueryExecModeSimpleProtocol)
		if err == nil {
			var all []string
			all, err = pgx.CollectRows(rows, pgx.RowTo[string])
			texts = append(texts, all...)
		}
		conn.Release()
		if err != nil {
			return nil, err
		}
	}
	return texts, nil
}
