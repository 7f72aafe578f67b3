package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"closeloop/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations returns the text of every migration in order: the first brings
// the schema from version 0 to 1. Their names start with their number.
func migrations() ([]string, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	texts := make([]string, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
		if n, err := strconv.Atoi(number); err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s is out of order", name)
		}
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read migration: %w", err)
		}
		texts[i] = string(text)
	}
	return texts, nil
}

// prepare brings the schema of the file up to date. Several processes may do
// so at once: each migration is applied under the file's write lock by the
// first to get it.
func prepare(ctx context.Context, path string) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	db, err := connect(path)
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	have, err := schemaVersion(ctx, conn, len(steps)) // before anything is written
	if err != nil {
		return err
	}
	if err := checkFinished(ctx, conn); err != nil {
		return err
	}
	// Stored in the file, so that only the first process ever changes it. SQLite
	// does not wait for a lock here, hence the retry.
	if err := patiently(ctx, func() error { return run(ctx, conn, "PRAGMA journal_mode = WAL") }); err != nil {
		return fmt.Errorf("set journal mode: %w", err)
	}
	for have < len(steps) {
		if have, err = migrate(ctx, conn, steps); err != nil {
			return err
		}
	}
	return nil
}

// migrate applies the next migration that the file lacks and returns the
// version it then has.
func migrate(ctx context.Context, conn *sql.Conn, steps []string) (have int, err error) {
	if err := patiently(ctx, func() error { return run(ctx, conn, "BEGIN IMMEDIATE") }); err != nil {
		return 0, fmt.Errorf("lock for migration: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, run(context.WithoutCancel(ctx), conn, "ROLLBACK"))
		}
	}()
	have, err = schemaVersion(ctx, conn, len(steps))
	if err != nil {
		return 0, err
	}
	if have < len(steps) {
		have++
		if err := run(ctx, conn, steps[have-1]+"\nPRAGMA user_version = "+strconv.Itoa(have)); err != nil {
			return 0, fmt.Errorf("migration %d: %w", have, err)
		}
	}
	if err := run(ctx, conn, "COMMIT"); err != nil {
		return 0, fmt.Errorf("commit migration: %w", err)
	}
	return have, nil
}

func schemaVersion(ctx context.Context, conn *sql.Conn, want int) (int, error) {
	var have int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	if have > want {
		return 0, &store.SchemaNewerError{Have: have, Want: want}
	}
	return have, nil
}

func run(ctx context.Context, conn *sql.Conn, text string) error {
	_, err := conn.ExecContext(ctx, text)
	return err //nolint:wrapcheck // every caller says what it was doing
}
