package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"closeloop/store"
	"closeloop/store/sqlite"
	"closeloop/store/storetest"
)

func driver() storetest.Driver {
	return storetest.Driver{
		New: func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "closeloop ?#%.db") },
		Open: func(ctx context.Context, name string) (store.Store, error) {
			return sqlite.Open(ctx, name, sqlite.Options{})
		},
		OpenContacts: func(ctx context.Context, name string) (store.Store, error) {
			return sqlite.Open(ctx, name, sqlite.Options{Contacts: true})
		},
	}
}

func TestMain(m *testing.M) { os.Exit(storetest.Main(m, driver())) }

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, driver())
}
