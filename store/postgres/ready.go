package postgres

import "context"

// Ready implements store.Store. It asks once: whoever asks will ask again.
func (s *Store) Ready(ctx context.Context) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	return checkSchema(ctx, s.db.pool, len(steps))
}
