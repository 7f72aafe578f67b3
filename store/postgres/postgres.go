// Package postgres keeps the storage contract of package store in PostgreSQL
// (15 or later), for any number of replicas: all coordination is the
// database's.
//
// It owns the SQL, the migrations and the group commit. It does not decide
// anything: rows change by conversions.Row.Apply alone. Work for an account
// locks its lease row first, so an account's writes follow one another, and
// every batch is a constant number of statements in two round trips, however
// many rows it has. Start reading at Open, then guarded, recorder and ingest.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"closeloop/store"
)

// Options are the settings of a Store. The zero value is what a server wants.
type Options struct {
	// Conns is the most connections that are open at a time; 0 means 12. There
	// are at least two, of which one writes deliveries only.
	Conns int
	// Contacts keeps indexes of the clicks of contacts, which ContactClicks
	// reads, and of their leads, which a click wakes. It costs a delivery that
	// names a contact a small row or two more. When it was off, Open first
	// makes the indexes complete.
	Contacts bool
	// Wait waits before something is tried again, or until ctx ends; nil waits
	// by the clock.
	Wait func(ctx context.Context, d time.Duration) error
	// Jitter returns a number in [0,1) by which waits are varied; nil takes
	// random ones.
	Jitter func() float64
}

// Store is a store.Store in one PostgreSQL database. Safe for concurrent use,
// also by several processes on one database.
type Store struct {
	db     *database
	ingest *ingest
	knows  int // the newest version of the schema that this program knows
	once   sync.Once
}

var _ store.Store = (*Store)(nil)

// Open opens the database that dsn names, a connection URL or keyword/value
// string as PostgreSQL's own programs take it (PostgreSQL 15, 34.1.1
// Connection Strings). It does not change the schema: an older one is a
// *store.SchemaOlderError, which Migrate mends, and one that this program
// cannot work with any more a *store.SchemaNewerError. A database that a copy
// did not fill to the end is store.ErrUnfinished. Close frees what Open
// took. No error quotes dsn.
func Open(ctx context.Context, dsn string, opts Options) (*Store, error) {
	steps, err := migrations()
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s, err := open(ctx, dsn, opts, len(steps))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return s, nil
}

// open opens the database as a program does that knows the schema up to a
// version.
func open(ctx context.Context, dsn string, opts Options, knows int) (*Store, error) {
	pool, err := connect(ctx, dsn, opts, nil)
	if err != nil {
		return nil, err
	}
	db := &database{pool: pool, wait: opts.Wait, jitter: opts.Jitter}
	if db.wait == nil {
		db.wait = wait
	}
	if db.jitter == nil {
		db.jitter = rand.Float64
	}
	err = db.retry(ctx, func() error { return checkSchema(ctx, pool, knows) })
	if err == nil {
		err = db.retry(ctx, func() error { return checkFinished(ctx, pool) })
	}
	if err == nil && opts.Contacts {
		err = db.gatherContacts(ctx)
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	writing, err := connect(ctx, dsn, opts, generic)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &Store{db: db, ingest: startIngest(db, writing, opts.Contacts), knows: knows}, nil //nolint:contextcheck // the group commit outlives the call that opened the store
}

// Close waits for the deliveries that were taken, commits them, and closes
// the connections. Calls after Close fail.
func (s *Store) Close() error {
	s.once.Do(func() {
		s.ingest.close()
		s.ingest.pool.Close()
		s.db.pool.Close()
	})
	return nil
}

// wait waits by the clock.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // retry joins it to what failed
	}
}

// database is the connections, and how failures are tried again.
type database struct {
	pool   *pgxpool.Pool
	wait   func(context.Context, time.Duration) error
	jitter func() float64
}

// errClosed is given to deliveries that come after Close.
var errClosed = errors.New("store is closed")
