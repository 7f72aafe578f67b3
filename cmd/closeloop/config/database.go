package config

import (
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

const databaseHint = "write sqlite: and the path of a file, as in sqlite:" + DefaultDatabase +
	", or postgres://user@host/database"

// ParseDatabase reads what the setting `database` and the flag --database hold.
// A relative path is left as it is. The problem is nil if there is none, and
// never quotes the text, which may hold a password.
func ParseDatabase(text string) (Database, *Problem) {
	d, fault := parseDatabase(text)
	if fault != nil {
		return Database{}, &Problem{Path: "database", What: fault.what, Hint: fault.hint}
	}
	return d, nil
}

// parseDatabase reads sqlite:PATH or the address of a PostgreSQL database.
// Nothing is quoted: an address may hold a password.
func parseDatabase(text string) (Database, *mistake) {
	if strings.HasPrefix(text, "postgres:") || strings.HasPrefix(text, "postgresql:") {
		if fault := postgresURL(text); fault != nil {
			return Database{}, fault
		}
		return Database{Postgres: NewSecret(text)}, nil
	}
	path, ok := strings.CutPrefix(text, "sqlite:")
	switch {
	case !ok:
		return Database{}, &mistake{what: "is not a database this version knows", hint: databaseHint, quiet: true}
	case path == "" || strings.HasPrefix(path, ":") || strings.ContainsAny(path, "?#\x00"):
		return Database{}, &mistake{what: "does not name a file", hint: databaseHint + "; a database in memory would lose deliveries", quiet: true}
	}
	return Database{SQLite: filepath.Clean(path)}, nil
}

// postgresURL reports what keeps text from being the address of a database
// (PostgreSQL 17, 32.1.1.2 connection URIs). The reader's own error would quote
// it.
func postgresURL(text string) *mistake {
	wrong := func(what, hint string) *mistake { return &mistake{what: what, hint: hint, quiet: true} }
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" {
		return wrong("is not the address of a database", "write postgres://user:password@host:5432/database; within user and password %, @, / and : are written %25, %40, %2F and %3A")
	}
	query, err := url.ParseQuery(u.RawQuery)
	port, portErr := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case err != nil || u.Fragment != "":
		return wrong("has a query that cannot be read", "write it like ?sslmode=verify-full&connect_timeout=5; # is written %23")
	case u.Hostname() == "" && query.Get("host") == "":
		return wrong("names no server", "write postgres://user@host/database, or postgres:///database?host=/var/run/postgresql for a socket")
	case u.Port() != "" && (portErr != nil || port == 0):
		return wrong("has no port", "write a number from 1 to 65535, or leave it out")
	case strings.Trim(u.Path, "/") == "" && query.Get("dbname") == "":
		return wrong("names no database", "write its name behind the server: postgres://user@host/closeloop")
	}
	return nil
}

// hasPassword reports whether the address of a database holds a password.
func hasPassword(address Secret) bool {
	u, err := url.Parse(address.Reveal())
	if err != nil {
		return false
	}
	_, inUser := u.User.Password()
	return inUser || u.Query().Has("password")
}

// database checks that there is one, and warns of an address over which
// deliveries would travel unencrypted.
func (c *checker) database(d Database) {
	switch {
	case d.Postgres.IsZero():
		c.given("database", d.SQLite != "", databaseHint)
		return
	case d.SQLite != "":
		c.reject("database", "names both a file and a server", databaseHint)
		return
	}
	if fault := postgresURL(d.Postgres.Reveal()); fault != nil {
		c.reject("database", fault.what, fault.hint)
		return
	}
	u, err := url.Parse(d.Postgres.Reveal())
	if err != nil || u.Hostname() == "" || loopback(u.Hostname()) {
		return
	}
	switch u.Query().Get("sslmode") {
	case "require", "verify-ca", "verify-full":
	default:
		c.warn("database", "what is kept may travel to the server unencrypted", "add ?sslmode=verify-full to the address")
	}
}
