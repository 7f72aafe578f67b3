package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// The servers that are measured.
const (
	engineFull = "closeloop"
	engineBare = "bare"
)

// engineSpec says which server, and where its files go.
type engineSpec struct {
	Engine, Dir string
	DSN         string // of a database on PostgreSQL; "" for a file of SQLite in Dir
	Profile     string // file for a CPU profile; "" for none
	NoFold      bool   // leave what comes in the inbox
}

// ready is a server's first word.
type ready struct {
	Address  string
	TokenURL string // of the sink
}

// engineEnd is its last: what its database holds.
type engineEnd struct{ Stored, Unfolded int }

// engine is a server under measurement.
type engine struct {
	server *http.Server
	work   func(context.Context) error // runs beside it; may be nil
	close  func() error
	counts []string // queries: stored deliveries, those that wait to be folded
}

// path is where the file of SQLite is.
func (s engineSpec) path() string { return filepath.Join(s.Dir, "events.db") }

// engineRole serves until its standard input ends.
func engineRole(ctx context.Context, text []byte, stdin io.Reader, out *json.Encoder) error {
	s, err := spec[engineSpec](text)
	if err != nil {
		return err
	}
	e, err := newEngine(ctx, s)
	if err != nil {
		return err
	}
	stopProfile, err := profile(s.Profile)
	if err != nil {
		return errors.Join(err, e.close())
	}
	err = e.serve(ctx, stdin, out)
	stopProfile()
	if err := errors.Join(err, e.close()); err != nil {
		return err
	}
	end, err := count(ctx, s, e.counts)
	if err != nil {
		return err
	}
	return out.Encode(end) //nolint:wrapcheck // to the process that started this one
}

func newEngine(ctx context.Context, s engineSpec) (*engine, error) {
	if s.Engine == engineBare {
		return newBare(ctx, s)
	}
	e, err := newFull(ctx, s, filepath.Join(s.Dir, "log.txt"))
	if err == nil && s.NoFold {
		e.work = nil
	}
	return e, err
}

func (e *engine) serve(ctx context.Context, stdin io.Reader, out *json.Encoder) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	working, stop := context.WithCancel(ctx)
	done := make(chan error, 2)
	go func() { done <- e.server.Serve(listener) }()
	go func() {
		if e.work == nil {
			done <- nil
			return
		}
		done <- e.work(working)
	}()
	if err := out.Encode(ready{Address: listener.Addr().String()}); err != nil {
		stop()
		return fmt.Errorf("tell address: %w", err)
	}
	untilEOF(ctx, stdin)
	stop()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = e.server.Shutdown(bounded)
	for range cap(done) {
		if ended := <-done; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
	}
	return err
}

// profile starts a CPU profile into a file and returns how to end it.
func profile(path string) (func(), error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("make profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("make profile: %w", err), f.Close())
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}

// count asks the database itself what it holds.
func count(ctx context.Context, s engineSpec, queries []string) (engineEnd, error) {
	var end engineEnd
	ask, done, err := s.asker(ctx)
	if err != nil {
		return end, fmt.Errorf("count deliveries: %w", err)
	}
	defer done()
	for i, into := range []*int{&end.Stored, &end.Unfolded} {
		if i == len(queries) {
			break
		}
		if err := ask(queries[i], into); err != nil {
			return end, fmt.Errorf("count deliveries: %w", err)
		}
	}
	return end, nil
}

// asker opens the database for queries of one number.
func (s engineSpec) asker(ctx context.Context) (ask func(string, *int) error, done func(), err error) {
	if s.DSN == "" {
		db, err := sql.Open("sqlite", s.path())
		if err != nil {
			return nil, nil, err //nolint:wrapcheck // wrapped by the caller
		}
		return func(text string, into *int) error { return db.QueryRowContext(ctx, text).Scan(into) }, func() { _ = db.Close() }, nil
	}
	conn, err := pgx.Connect(ctx, s.DSN)
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // as above
	}
	return func(text string, into *int) error { return conn.QueryRow(ctx, text).Scan(into) },
		func() { _ = conn.Close(context.WithoutCancel(ctx)) }, nil
}
