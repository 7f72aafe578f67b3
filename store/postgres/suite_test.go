package postgres_test

import (
	"context"
	"os"
	"testing"

	"closeloop/store"
	"closeloop/store/postgres"
	"closeloop/store/postgres/pgtest"
	"closeloop/store/storetest"
)

// server is the PostgreSQL that the tests of this package share: to start one
// takes longer than most of them run.
var server = pgtest.Server{Migrate: migrated} //nolint:gochecknoglobals // ended by TestMain

// disk is the PostgreSQL that benchmarks measure.
var disk = pgtest.Server{Migrate: migrated, Disk: true} //nolint:gochecknoglobals // as server

func migrated(ctx context.Context, dsn string) error {
	_, _, err := postgres.Migrate(ctx, dsn)
	return err
}

func driver() storetest.Driver {
	return storetest.Driver{
		New: func(t *testing.T) string { t.Helper(); return server.Database(t) },
		Open: func(ctx context.Context, name string) (store.Store, error) {
			return postgres.Open(ctx, name, postgres.Options{Conns: 4})
		},
		OpenContacts: func(ctx context.Context, name string) (store.Store, error) {
			return postgres.Open(ctx, name, postgres.Options{Conns: 4, Contacts: true})
		},
	}
}

func TestMain(m *testing.M) {
	code := storetest.Main(m, driver())
	server.Close()
	disk.Close()
	os.Exit(code)
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, driver())
}
