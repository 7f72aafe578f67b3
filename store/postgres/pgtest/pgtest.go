// Package pgtest gives tests databases on a real PostgreSQL: the one that
// CLOSELOOP_TEST_POSTGRES names, or a throwaway cluster that it starts from
// the installed binaries and ends with the test binary, also a killed one.
//
// It owns the cluster and the life of the databases, not their schema. Start
// reading at Server.Database.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Variable is the environment variable that names a server to use instead of
// a throwaway one, as a connection URL of somebody who may create databases.
const Variable = "CLOSELOOP_TEST_POSTGRES"

// errMissing says what to do where there is no PostgreSQL. The tests are no
// less required there, so this fails them.
var errMissing = errors.New("no PostgreSQL to test with\n" +
	"hint: install it (Debian: apt-get install postgresql), or set " + Variable + " to the URL of a server")

// Server is a PostgreSQL server for the tests of one package. The zero value
// starts when the first database is asked for. Safe for concurrent use.
type Server struct {
	// Migrate brings the schema of an empty database up to date. It is run
	// once: the databases are copies.
	Migrate func(ctx context.Context, dsn string) error
	// Disk keeps a throwaway cluster's files on disk, for what measures commits.
	// Otherwise they are in memory where there is enough: every commit is
	// flushed as it is on disk, and survives the death of any process.
	Disk bool

	once    sync.Once
	err     error
	cluster *cluster // nil for somebody else's server
	admin   *url.URL
	names   string // prefix of the names of this process's databases
	last    atomic.Int64
	mu      sync.Mutex // one copy at a time: the template must not be in use
}

// Database returns the URL of a new database with an up-to-date schema, which
// is dropped when the test ends. Where there is no PostgreSQL the test fails.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	return s.database(tb, s.names0(tb)+"_template")
}

// Empty returns the URL of a new database without anything in it.
func (s *Server) Empty(tb testing.TB) string {
	tb.Helper()
	s.names0(tb)
	return s.database(tb, "template0")
}

// Restart stops the server at once, as a crash does, and starts it again. It
// is for tests that have the server to themselves. Somebody else's server goes
// on; only the connections to this process's databases are ended, which looks
// much the same from outside.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	s.names0(tb)
	var err error
	if s.cluster != nil {
		err = s.cluster.restart()
	} else {
		err = s.run(tb.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE starts_with(datname, '"+s.names+"_')")
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// Close ends the server and deletes its files. Call it after the last test.
func (s *Server) Close() {
	if s.admin == nil {
		return
	}
	if s.cluster != nil {
		s.cluster.stop()
		return
	}
	_ = s.run(context.Background(), "DROP DATABASE IF EXISTS "+s.names+"_template WITH (FORCE)")
}

// names0 starts the server if need be and returns the prefix of names.
func (s *Server) names0(tb testing.TB) string {
	tb.Helper()
	s.once.Do(func() { s.err = s.start() })
	if s.err != nil {
		tb.Fatal(s.err)
	}
	return s.names
}

func (s *Server) start() error {
	address := os.Getenv(Variable)
	if address == "" {
		c, err := startCluster(s.Disk)
		if err != nil {
			return err
		}
		s.cluster, address = c, c.address()
	}
	admin, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("%s is not a connection URL", Variable)
	}
	s.admin, s.names = admin, fmt.Sprintf("closeloop_test_%d_%x", os.Getpid(), rand.Uint64())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.run(ctx, create(s.names+"_template", "template0")); err != nil {
		return err
	}
	if s.Migrate == nil {
		return nil
	}
	return s.Migrate(ctx, s.dsn(s.names+"_template"))
}

// create is the statement that makes a database of Unicode texts as a copy.
func create(name, template string) string {
	return "CREATE DATABASE " + name + " TEMPLATE " + template + " ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
}

func (s *Server) database(tb testing.TB, template string) string {
	tb.Helper()
	name := fmt.Sprintf("%s_%d", s.names, s.last.Add(1))
	s.mu.Lock()
	err := s.run(tb.Context(), create(name, template))
	s.mu.Unlock()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.run(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Error(err)
		}
	})
	return s.dsn(name)
}

// dsn is the URL of a database of the server.
func (s *Server) dsn(name string) string {
	u := *s.admin
	u.Path = "/" + name
	return u.String()
}

func (s *Server) run(ctx context.Context, text string) error {
	conn, err := pgx.Connect(ctx, s.admin.String())
	if err != nil {
		return fmt.Errorf("connect to the test server: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, text); err != nil {
		return fmt.Errorf("prepare a test database: %w", err)
	}
	return nil
}
