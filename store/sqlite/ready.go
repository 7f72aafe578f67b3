package sqlite

import (
	"context"
	"fmt"

	"closeloop/store"
)

// Ready implements store.Store.
func (s *Store) Ready(ctx context.Context) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	var have int
	if err := s.reads.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	switch {
	case have > len(steps):
		return &store.SchemaNewerError{Have: have, Want: len(steps)}
	case have < len(steps): // another file was put in its place
		return &store.SchemaOlderError{Have: have, Want: len(steps)}
	}
	return nil
}
