package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

func openBareGroups(ctx context.Context, s engineSpec) (bareGroups, error) {
	if s.DSN != "" {
		return openBarePostgres(ctx, s.DSN)
	}
	return openBareSQLite(ctx, s.path())
}

// bareSQLite writes rows one by one in a transaction.
type bareSQLite struct {
	db     *sql.DB
	conn   *sql.Conn
	insert *sql.Stmt
}

const barePragmas = "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"

func openBareSQLite(ctx context.Context, path string) (bareGroups, error) {
	db, conn, err := openBareDB(ctx, path, `CREATE TABLE event (
		id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, body BLOB NOT NULL) STRICT`)
	if err != nil {
		return nil, err
	}
	insert, err := conn.PrepareContext(ctx, `INSERT INTO event (key, body) VALUES (?, ?) ON CONFLICT DO NOTHING`)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare: %w", err), db.Close())
	}
	return &bareSQLite{db: db, conn: conn, insert: insert}, nil
}

// openBareDB makes a database with a schema of its own and one connection.
func openBareDB(ctx context.Context, path, schema string) (*sql.DB, *sql.Conn, error) {
	db, err := sql.Open("sqlite", "file:"+path+barePragmas)
	if err != nil {
		return nil, nil, fmt.Errorf("open bare database: %w", err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open bare database: %w", err), db.Close())
	}
	if _, err := conn.ExecContext(ctx, schema); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("make bare tables: %w", err), conn.Close(), db.Close())
	}
	return db, conn, nil
}

func (b *bareSQLite) commit(ctx context.Context, group []*bareRow) error {
	if _, err := b.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err //nolint:wrapcheck // only looked at
	}
	for _, r := range group {
		if _, err := b.insert.ExecContext(ctx, r.key[:], r.body); err != nil {
			_, _ = b.conn.ExecContext(ctx, "ROLLBACK")
			return err //nolint:wrapcheck // only looked at
		}
	}
	_, err := b.conn.ExecContext(ctx, "COMMIT")
	return err //nolint:wrapcheck // only looked at
}

func (b *bareSQLite) close() error {
	return errors.Join(b.insert.Close(), b.conn.Close(), b.db.Close())
}

// barePostgres writes a group as one statement over arrays: the driver
// prepares it once.
type barePostgres struct {
	conn         *pgx.Conn
	keys, bodies [][]byte
}

func openBarePostgres(ctx context.Context, dsn string) (bareGroups, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("open bare database: %w", err)
	}
	_, err = conn.Exec(ctx, `CREATE TABLE event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key bytea NOT NULL UNIQUE, body bytea NOT NULL)`)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make bare table: %w", err), conn.Close(ctx))
	}
	return &barePostgres{conn: conn}, nil
}

func (b *barePostgres) commit(ctx context.Context, group []*bareRow) error {
	b.keys, b.bodies = b.keys[:0], b.bodies[:0]
	for _, r := range group {
		b.keys, b.bodies = append(b.keys, r.key[:]), append(b.bodies, r.body)
	}
	_, err := b.conn.Exec(ctx, `INSERT INTO event (key, body) SELECT * FROM unnest($1::bytea[], $2::bytea[]) ON CONFLICT DO NOTHING`, b.keys, b.bodies)
	return err //nolint:wrapcheck // only looked at
}

func (b *barePostgres) close() error {
	return b.conn.Close(context.Background()) //nolint:wrapcheck // only looked at
}
