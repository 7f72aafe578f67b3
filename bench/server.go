package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing" //nolint:depguard // what pgtest is made for; none of it gets into the program

	"github.com/jackc/pgx/v5"

	"closeloop/store/postgres"
	"closeloop/store/postgres/pgtest" //nolint:depguard // as above
)

// serverSpec says where a throwaway server's files go.
type serverSpec struct{ Dir string }

// serverReady is its first word: the address of an up-to-date database, to
// make others like.
type serverReady struct{ DSN string }

// server is a throwaway PostgreSQL on disk in a process of its own, or the one
// that CLOSELOOP_TEST_POSTGRES names.
type server struct {
	process *process
	dir     string
	pattern *url.URL
	made    int
}

// startServer starts a server whose files are in a new folder of place.
func startServer(ctx context.Context, place string) (*server, error) {
	dir, err := os.MkdirTemp(place, "closeloop-bench-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	s := &server{dir: dir}
	var at serverReady
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // a server that root starts runs as another user
		return nil, errors.Join(fmt.Errorf("open folder to the server: %w", err), os.RemoveAll(dir))
	}
	if s.process, err = start(ctx, "server", serverSpec{dir}, &at); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if s.pattern, err = url.Parse(at.DSN); err != nil {
		return nil, errors.Join(errors.New("the server's address is unreadable"), s.close())
	}
	return s, nil
}

// close ends the server and deletes its files.
func (s *server) close() error {
	_, err := s.process.stop(nil)
	return errors.Join(err, os.RemoveAll(s.dir))
}

// database makes one with the schema of the store, or without any, and
// returns its address.
func (s *server) database(ctx context.Context, empty bool) (string, error) {
	pattern := strings.TrimPrefix(s.pattern.Path, "/")
	s.made++
	u := *s.pattern
	u.Path += fmt.Sprintf("_%d", s.made)
	if empty {
		pattern = "template0"
	}
	return u.String(), s.run(ctx, "CREATE DATABASE "+strings.TrimPrefix(u.Path, "/")+" TEMPLATE "+pattern)
}

// drop deletes a database.
func (s *server) drop(ctx context.Context, dsn string) error {
	u, err := url.Parse(dsn)
	if err != nil {
		return errors.New("drop a database: its address is unreadable")
	}
	return s.run(ctx, "DROP DATABASE "+strings.TrimPrefix(u.Path, "/")+" WITH (FORCE)")
}

func (s *server) run(ctx context.Context, text string) error {
	u := *s.pattern
	u.Path = "/postgres"
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if _, err = conn.Exec(ctx, text); err != nil {
		err = fmt.Errorf("%s: %w", text, err)
	}
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

// serverRole starts a server as tests start theirs, so that it ends with this
// process whatever happens, and ends it when standard input does.
func serverRole(ctx context.Context, text []byte, stdin io.Reader, out *json.Encoder) error {
	s, err := spec[serverSpec](text)
	if err != nil {
		return err
	}
	if err := os.Setenv("TMPDIR", s.Dir); err != nil {
		return fmt.Errorf("choose place of the server: %w", err)
	}
	h := &host{ctx: ctx}
	pg := pgtest.Server{Disk: true, Migrate: func(ctx context.Context, dsn string) error {
		_, _, err := postgres.Migrate(ctx, dsn)
		return err //nolint:wrapcheck // says what it was doing
	}}
	defer pg.Close() //nolint:contextcheck // ends also when the context has
	return h.try(func() {
		if err := out.Encode(serverReady{pg.Database(h)}); err != nil { //nolint:contextcheck // it takes the host's
			h.Fatal(err)
		}
		untilEOF(ctx, stdin)
		h.end()
	})
}

// host stands in for a test.
type host struct {
	testing.TB // nil: pgtest asks for nothing but what is below

	ctx      context.Context //nolint:containedctx // a test has one too
	cleanups []func()
}

// broken is what a host throws.
type broken struct{ error }

// try turns what is thrown into an error.
func (h *host) try(f func()) (err error) {
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case broken:
			err = thrown.error
		default:
			panic(thrown)
		}
	}()
	f()
	return nil
}

func (h *host) end() {
	for _, f := range slices.Backward(h.cleanups) {
		f()
	}
}

// Helper implements testing.TB.
func (*host) Helper() {}

// Context implements testing.TB.
func (h *host) Context() context.Context { return h.ctx }

// Cleanup implements testing.TB: f is called when the server ends.
func (h *host) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

// Error implements testing.TB; it ends what is tried.
func (*host) Error(args ...any) { panic(broken{errors.New(fmt.Sprint(args...))}) }

// Fatal implements testing.TB; it ends what is tried.
func (*host) Fatal(args ...any) { panic(broken{errors.New(fmt.Sprint(args...))}) }
