package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"closeloop/store"
	"closeloop/store/postgres"
	"closeloop/store/sqlite"
)

// The stores that are measured.
const (
	onSQLite   = "sqlite"
	onPostgres = "postgres"
)

// nameOf is what a store is called in a text.
func nameOf(kind string) string {
	if kind == onPostgres {
		return "PostgreSQL"
	}
	return "SQLite"
}

// database is a place of one store, empty at first. Only one open store and
// nothing else may work on it at a time.
type database interface {
	open(ctx context.Context) (store.Store, error)
	// copyPast adds settled conversions, batches from first up to, without,
	// last, all like one of the account that is measured.
	copyPast(ctx context.Context, first, last int) error
	// size is in bytes, without logs of what is being written.
	size(ctx context.Context) (int64, error)
	// close deletes it.
	close() error
}

func newDatabase(ctx context.Context, kind, place string) (database, error) {
	if kind == onPostgres {
		return newPostgres(ctx, place)
	}
	dir, err := os.MkdirTemp(place, "closeloop-bench-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	return sqliteDatabase{dir}, nil
}

// database makes one of a round: on pg, or of SQLite where that is nil.
func (o options) database(ctx context.Context, pg *server) (database, error) {
	if pg == nil {
		return newDatabase(ctx, onSQLite, o.dir)
	}
	dsn, err := pg.database(ctx, false)
	if err != nil {
		return nil, err
	}
	return &postgresDatabase{server: pg, dsn: dsn}, nil
}

// sqliteDatabase is a folder with a file.
type sqliteDatabase struct{ dir string }

func (d sqliteDatabase) path() string { return filepath.Join(d.dir, "bench.db") }

func (d sqliteDatabase) open(ctx context.Context) (store.Store, error) {
	return sqlite.Open(ctx, d.path(), sqlite.Options{}) //nolint:wrapcheck // names the file
}

func (d sqliteDatabase) size(context.Context) (int64, error) {
	info, err := os.Stat(d.path())
	if err != nil {
		return 0, fmt.Errorf("measure file: %w", err)
	}
	return info.Size(), nil
}

func (d sqliteDatabase) close() error {
	return os.RemoveAll(d.dir) //nolint:wrapcheck // names the folder
}

// postgresDatabase is a database of a server.
type postgresDatabase struct {
	server *server
	dsn    string
	own    bool // the server is this database's alone
}

func newPostgres(ctx context.Context, place string) (database, error) {
	s, err := startServer(ctx, place)
	if err != nil {
		return nil, err
	}
	dsn, err := s.database(ctx, false)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &postgresDatabase{server: s, dsn: dsn, own: true}, nil
}

func (d *postgresDatabase) open(ctx context.Context) (store.Store, error) {
	return postgres.Open(ctx, d.dsn, postgres.Options{}) //nolint:wrapcheck // says what it was doing
}

func (d *postgresDatabase) close() error {
	if d.own {
		return d.server.close()
	}
	return d.server.drop(context.Background(), d.dsn)
}
