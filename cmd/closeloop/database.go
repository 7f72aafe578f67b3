package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"closeloop/cmd/closeloop/config"
	"closeloop/store"
	"closeloop/store/postgres"
	"closeloop/store/sqlite"
)

// openStore opens the database, naming the way out of the mistakes people make:
// the place where a new storage is wired. contacts keeps the clicks of contacts;
// a report needs none.
func openStore(ctx context.Context, database config.Database, contacts bool) (store.Store, error) {
	var s store.Store
	var err error
	if database.SQLite != "" {
		s, err = sqlite.Open(ctx, database.SQLite, sqlite.Options{Contacts: contacts})
	} else {
		s, err = postgres.Open(ctx, database.Postgres.Reveal(), postgres.Options{Contacts: contacts})
	}
	if err != nil {
		return nil, cannotOpen(database, err)
	}
	return s, nil
}

// cannotOpen says of an error of opening a database what to do.
func cannotOpen(database config.Database, err error) error {
	switch {
	case errors.Is(err, store.ErrSchemaNewer):
		return &hinted{err: err, hint: "a newer closeloop wrote it: use that version, or restore a backup", code: exitFailed}
	case errors.Is(err, store.ErrSchemaOlder):
		return &hinted{err: err, hint: "closeloop migrate changes it; what reads and writes it now goes on meanwhile", code: exitFailed}
	case errors.Is(err, store.ErrUnfinished):
		return &hinted{err: err, hint: emptyHint(database), code: exitFailed}
	case database.SQLite != "":
		return &hinted{err: err, hint: databaseHint(database.SQLite), code: exitFailed}
	}
	return &hinted{err: fmt.Errorf("%w (%s)", err, place(database)), hint: serverHint(err), code: exitFailed}
}

// place names a database for people, without its user and password.
func place(database config.Database) string {
	if database.SQLite != "" {
		return database.SQLite
	}
	u, err := url.Parse(database.Postgres.Reveal())
	if err != nil {
		return "PostgreSQL"
	}
	host := u.Host
	if host == "" {
		host = u.Query().Get("host")
	}
	return "database " + filepath.Base(u.Path) + " on " + host
}

// serverHint says what to do about what PostgreSQL answered (PostgreSQL 17,
// Appendix A: error codes), or about its silence.
func serverHint(err error) string {
	answer, answered := errors.AsType[*postgres.Error](err)
	if !answered {
		return "check that the server runs and that host, port and sslmode in the `database` setting are right"
	}
	switch answer.Code {
	case "28P01", "28000":
		return "the server refuses the user, the password or this machine: check the `database` setting and pg_hba.conf"
	case "3D000":
		return "the server has no such database: createdb -E UTF8 NAME makes it, then closeloop migrate"
	case "42501":
		return "the user may not do this: make it the owner of the database"
	case "53300":
		return "the server has no connection left: raise max_connections, or end other programs"
	default:
		return "look the code up in Appendix A of PostgreSQL's documentation; the server's log has the details"
	}
}

// databaseHint looks at what is in the way of a database.
func databaseHint(path string) string {
	if dir, err := os.Stat(filepath.Dir(path)); err != nil || !dir.IsDir() {
		return "the folder " + filepath.Dir(path) + " does not exist: make it, or change the `database` setting"
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return "this is a folder: name a file in it in the `database` setting"
	case err == nil && info.Size() > 0 && !startsAsSQLite(path):
		return "the file is there and is no SQLite database: name another one in the `database` setting"
	default:
		return "check that this user may read and write the file and its folder, and that the disk is not full"
	}
}

// startsAsSQLite reports whether a file begins as every SQLite database does
// (SQLite file format, 1.3 the database header).
func startsAsSQLite(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true // what it is cannot be told
	}
	defer func() { _ = f.Close() }()
	const magic = "SQLite format 3\x00"
	start := make([]byte, len(magic))
	n, _ := f.ReadAt(start, 0)
	return string(start[:n]) == magic
}
