package postgres

import "context"

// Ready implements store.Store. It asks once: whoever asks will ask again.
func (s *Store) Ready(ctx context.Context) error {
	return checkSchema(ctx, s.db.pool, s.knows)
}
