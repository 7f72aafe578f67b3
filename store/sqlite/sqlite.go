// Package sqlite keeps the storage contract of package store in one SQLite
// file, for one host: several processes may have it open at once.
//
// It owns the SQL, the migrations and the group commit. It does not decide
// anything: rows change by conversions.Row.Apply alone. One connection
// writes, a few read; the file is in WAL mode, so they do not wait for each
// other. Start reading at Open, then writer.do and ingest.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"closeloop/store"
)

// Options are the settings of a Store. The zero value is what a server wants.
type Options struct {
	// Readers is how many connections read at a time; 0 means 4.
	Readers int
	// MaxBytes is the size at which the database refuses to grow, as a full
	// disk would; 0 means no limit. Write-ahead log apart.
	MaxBytes int64
	// Contacts keeps indexes of the clicks of contacts, which ContactClicks
	// reads, and of their leads, which a click wakes. It costs a delivery that
	// names a contact a small row or two more. When it was off, Open first
	// makes the indexes complete.
	Contacts bool
}

// Store is a store.Store in one SQLite file. Safe for concurrent use, also by
// several processes on one file.
type Store struct {
	writes *writer
	reads  *sql.DB
	ingest *ingest
	memory memory // of the rows claimed last
	once   sync.Once
}

var _ store.Store = (*Store)(nil)

// Open opens the database file at path, creating it, readable by its owner
// only, if there is none, and brings its schema up to date. A schema newer
// than the program is a *store.SchemaNewerError and left as it is, one that a
// copy did not fill to the end is store.ErrUnfinished. Close
// frees what Open took.
func Open(ctx context.Context, path string, opts Options) (*Store, error) {
	s, err := open(ctx, path, opts)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, opts Options) (*Store, error) {
	if err := create(path); err != nil {
		return nil, err
	}
	if err := prepare(ctx, path); err != nil {
		return nil, err
	}
	writes, err := connectWriter(path, opts)
	if err != nil {
		return nil, err
	}
	reads, err := connectReaders(path, opts)
	if err != nil {
		return nil, errors.Join(err, writes.close())
	}
	if opts.Contacts {
		if err := writes.gatherContacts(ctx); err != nil {
			return nil, errors.Join(err, reads.Close(), writes.close())
		}
	}
	return &Store{writes: writes, reads: reads, ingest: startIngest(writes, opts.Contacts)}, nil //nolint:contextcheck // the group commit outlives the call that opened the store
}

// Close waits for the deliveries that were taken, commits them, and closes
// the file. Calls after Close fail.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		s.ingest.close()
		err = errors.Join(s.reads.Close(), s.writes.close())
	})
	if err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}
