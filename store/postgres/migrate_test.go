package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"closeloop/store"
	"closeloop/store/postgres"
)

// version is the schema version that the program knows.
func version(t *testing.T) int {
	t.Helper()
	_, to, err := postgres.Migrate(t.Context(), server.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// sql runs a statement beside the store, as another program would.
func sql(t *testing.T, dsn, text string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func TestOlderSchemaIsRefused(t *testing.T) {
	t.Parallel()
	dsn := server.Empty(t)
	_, err := postgres.Open(t.Context(), dsn, postgres.Options{})
	var older *store.SchemaOlderError
	if !errors.As(err, &older) || older.Have != 0 || older.Want != version(t) || !errors.Is(err, store.ErrSchemaOlder) {
		t.Fatalf("Open of an empty database: got %v, want a SchemaOlderError of 0 and %d", err, version(t))
	}
	if !strings.Contains(err.Error(), "closeloop migrate") {
		t.Errorf("got %q, want it to name the command that helps", err)
	}
	if from, to, err := postgres.Migrate(t.Context(), dsn); err != nil || from != 0 || to != version(t) {
		t.Fatalf("Migrate: got %d, %d, %v", from, to, err)
	}
	if _, err := open(t, dsn, postgres.Options{}).Append(t.Context(), sample(1, "L1")); err != nil {
		t.Error(err)
	}
}

func TestMigratingAtOnce(t *testing.T) {
	t.Parallel()
	dsn := server.Empty(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, to, err := postgres.Migrate(t.Context(), dsn); err != nil || to == 0 {
				t.Errorf("Migrate: got %d, %v", to, err)
			}
		})
	}
	wg.Wait()
	open(t, dsn, postgres.Options{})
}

// TestRollingUpgrade has a newer program migrate the database of this one.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	known := version(t)
	for name, c := range map[string]struct {
		compatible int
		works      bool
	}{
		"one that goes on with this program": {known, true},
		"one that does not":                  {known + 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := server.Database(t)
			old := open(t, dsn, postgres.Options{})
			sql(t, dsn, "ALTER TABLE event ADD COLUMN newer text")
			conn := pool(t, dsn)
			if _, err := conn.Exec(t.Context(), "UPDATE closeloop_schema SET version = $1, compatible_from = $2", known+1, c.compatible); err != nil {
				t.Fatal(err)
			}
			if _, err := old.Append(t.Context(), sample(1, "L1")); err != nil {
				t.Errorf("a program that was running: %v", err)
			}
			from, to, merr := postgres.Migrate(t.Context(), dsn)
			s, err := postgres.Open(t.Context(), dsn, postgres.Options{})
			if c.works {
				if err != nil || merr != nil || from != known+1 || to != known+1 {
					t.Fatalf("Open: %v; Migrate: %d, %d, %v; want both to leave the schema alone", err, from, to, merr)
				}
				t.Cleanup(func() { _ = s.Close() })
				if _, err := s.Append(t.Context(), sample(2, "L1")); err != nil {
					t.Error(err)
				}
				return
			}
			for what, err := range map[string]error{"Open": err, "Migrate": merr} {
				var newer *store.SchemaNewerError
				if !errors.As(err, &newer) || newer.Have != known+1 || newer.Want != known {
					t.Errorf("%s: got %v, want a SchemaNewerError of %d and %d", what, err, known+1, known)
				}
			}
		})
	}
}

func TestMigrationFailsWhole(t *testing.T) {
	t.Parallel()
	dsn := server.Empty(t)
	steps := []string{
		"CREATE TABLE one (a integer)",
		"-- compatible from: 1\nCREATE TABLE two (a integer); CREATE TABLE two (a integer)",
	}
	if from, to, err := postgres.MigrateTo(t.Context(), dsn, steps); err == nil || from != 0 || to != 1 {
		t.Fatalf("got %d, %d, %v; want the second to fail", from, to, err)
	}
	steps[1] = "-- compatible from: 1\nCREATE TABLE two (a integer)"
	if from, to, err := postgres.MigrateTo(t.Context(), dsn, steps); err != nil || from != 1 || to != 2 {
		t.Fatalf("mended: got %d, %d, %v", from, to, err)
	}
	var have, compatible int
	err := pool(t, dsn).QueryRow(t.Context(), "SELECT version, compatible_from FROM closeloop_schema").Scan(&have, &compatible)
	if err != nil || have != 2 || compatible != 1 {
		t.Errorf("schema: got %d, %d, %v; want version 2, compatible from 1", have, compatible, err)
	}
}

func TestErrorsNeverQuoteTheAddress(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"postgres://somebody:secretword@127.0.0.1:1/db?connect_timeout=1", "postgres://somebody:secretword@127.0.0.1:port/db",
		"host=127.0.0.1 password=secretword port=x", "postgres://somebody:secret%zzword@host/db",
	} {
		_, err := postgres.Open(t.Context(), dsn, postgres.Options{Wait: func(context.Context, time.Duration) error { return nil }})
		_, _, merr := postgres.Migrate(t.Context(), dsn)
		for what, err := range map[string]error{"Open": err, "Migrate": merr} {
			if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "somebody") {
				t.Errorf("%s: got %v, want an error that does not quote the address", what, err)
			}
		}
	}
}
