package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"closeloop/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrationLock is the advisory lock under which one process migrates at a
// time. The number means nothing; no other program should take it.
const migrationLock = 0x636c6f73656c6f70

// step is one migration.
type step struct {
	text string
	// compatible is the oldest schema version whose program goes on working
	// after it: what lets one release run beside the next during an upgrade.
	compatible int
}

// migrations returns every migration in order: the first brings the schema
// from version 0 to 1. Their names start with their number.
func migrations() ([]step, error) {
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
	return stepsOf(texts), nil
}

// stepsOf reads from a line "-- compatible from: N" of each migration which
// program still works with it; without one, only its own. What an earlier one
// has ended stays so.
func stepsOf(texts []string) []step {
	line := regexp.MustCompile(`(?m)^-- compatible from: (\d+)$`)
	steps := make([]step, len(texts))
	for i, text := range texts {
		steps[i] = step{text: text, compatible: i + 1}
		if found := line.FindStringSubmatch(text); found != nil {
			steps[i].compatible, _ = strconv.Atoi(found[1]) // digits
		}
		if i > 0 {
			steps[i].compatible = max(steps[i].compatible, steps[i-1].compatible)
		}
	}
	return steps
}

// querier asks for one row.
type querier interface {
	QueryRow(ctx context.Context, text string, args ...any) pgx.Row
}

// schemaOf returns the version of a database's schema, 0 if it has none, and
// the oldest version whose program works with it.
func schemaOf(ctx context.Context, q querier) (have, compatible int, err error) {
	err = q.QueryRow(ctx, `SELECT version, compatible_from FROM closeloop_schema`).Scan(&have, &compatible)
	if code(err) == "42P01" || errors.Is(err, pgx.ErrNoRows) { // there is no such table, or nothing in it
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read schema version: %w", plain(err))
	}
	return have, compatible, nil
}

// checkSchema returns nil if a program that knows versions up to want can work
// with the database.
func checkSchema(ctx context.Context, q querier, want int) error {
	have, compatible, err := schemaOf(ctx, q)
	switch {
	case err != nil:
		return err
	case have < want:
		return &store.SchemaOlderError{Have: have, Want: want}
	case compatible > want:
		return &store.SchemaNewerError{Have: have, Want: want}
	default:
		return nil
	}
}

// Migrate brings the schema of the database that dsn names up to date, each
// migration in a transaction of its own, and returns the versions it found and
// left. Several may run at once: they wait for each other. A schema that is
// newer than the program is left alone; if the program cannot work with it,
// that is a *store.SchemaNewerError. No error quotes dsn.
func Migrate(ctx context.Context, dsn string) (from, to int, err error) {
	steps, err := migrations()
	if err == nil {
		from, to, err = migrate(ctx, dsn, steps)
	}
	if err != nil {
		return from, to, fmt.Errorf("migrate database: %w", err)
	}
	return from, to, nil
}

func migrate(ctx context.Context, dsn string, steps []step) (from, to int, err error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return 0, 0, errAddress
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return 0, 0, plain(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := checkEncoding(ctx, conn); err != nil {
		return 0, 0, err
	}
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(migrationLock)); err != nil {
		return 0, 0, fmt.Errorf("wait for other migrations: %w", plain(err))
	}
	from, compatible, err := schemaOf(ctx, conn)
	if err != nil {
		return 0, 0, err
	}
	if compatible > len(steps) {
		return from, from, &store.SchemaNewerError{Have: from, Want: len(steps)}
	}
	for to = from; to < len(steps); to++ {
		if err := apply(ctx, conn, to+1, steps[to]); err != nil {
			return from, to, fmt.Errorf("migration %d: %w", to+1, err)
		}
	}
	return from, to, nil
}

// checkEncoding makes sure that the database can hold every text.
func checkEncoding(ctx context.Context, conn *pgx.Conn) error {
	var encoding string
	if err := conn.QueryRow(ctx, `SHOW server_encoding`).Scan(&encoding); err != nil {
		return fmt.Errorf("read the database's encoding: %w", plain(err))
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database's encoding is %s; make one with ENCODING 'UTF8'", encoding)
	}
	return nil
}

// apply runs one migration and notes its version, in one transaction: the
// simple protocol runs all of a text's statements as one.
func apply(ctx context.Context, conn *pgx.Conn, version int, s step) error {
	const versions = `CREATE TABLE IF NOT EXISTS closeloop_schema (
			one integer PRIMARY KEY CHECK (one = 1), version integer NOT NULL, compatible_from integer NOT NULL);
		INSERT INTO closeloop_schema VALUES (1, %d, %d)
			ON CONFLICT (one) DO UPDATE SET version = excluded.version, compatible_from = excluded.compatible_from;`
	text := "BEGIN;\n" + s.text + "\n;" + fmt.Sprintf(versions, version, s.compatible) + "\nCOMMIT"
	results := conn.PgConn().Exec(ctx, text)
	_, err := results.ReadAll()
	if err != nil {
		_, _ = conn.PgConn().Exec(ctx, "ROLLBACK").ReadAll()
	}
	return explained(err)
}

// explained says of a failed migration what PostgreSQL says: it quotes the
// migration's own text, and nothing that is stored.
func explained(err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Errorf("%w: %s", plain(err), e.Message)
	}
	return plain(err)
}
