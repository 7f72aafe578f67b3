package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"closeloop/store"
	"closeloop/store/postgres"
	"closeloop/store/postgres/pgtest"
)

// server is a PostgreSQL of the campaign's own, or the one that
// CLOSELOOP_TEST_POSTGRES names, which is not restarted.
type server struct {
	server *pgtest.Server
	host   *host
	dsn    *url.URL

	mu   sync.Mutex
	down time.Time // when it was last away; ahead while it is
}

func newServer(ctx context.Context) (*server, error) {
	s := &server{host: &host{ctx: ctx}, server: &pgtest.Server{Migrate: func(ctx context.Context, dsn string) error {
		_, _, err := postgres.Migrate(ctx, dsn)
		return err //nolint:wrapcheck // it says what it was doing
	}}}
	err := s.host.try(func() { //nolint:contextcheck // pgtest takes the host's
		u, err := url.Parse(s.server.Database(s.host))
		if err != nil {
			s.host.Fatal(err)
		}
		s.dsn = u
	})
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return s, nil
}

// tcp is where the server listens.
func (s *server) tcp() string {
	if s.dsn.Host != "" {
		return s.dsn.Host
	}
	return net.JoinHostPort("127.0.0.1", s.dsn.Query().Get("port"))
}

func (s *server) attach(ctx context.Context, r *replica) (string, error) {
	var err error
	if r.data, err = newLink(ctx, s.tcp(), new(sync.RWMutex)); err != nil { // hours may pass in the middle of a statement
		return "", err
	}
	user := s.dsn.User
	if user == nil {
		user = url.User(s.dsn.Query().Get("user"))
	}
	u := url.URL{Scheme: "postgres", User: user, Host: r.data.address(), Path: s.dsn.Path, RawQuery: "sslmode=disable"}
	return u.String(), nil
}

func (s *server) open(ctx context.Context) (store.Store, error) {
	db, err := postgres.Open(ctx, s.dsn.String(), postgres.Options{})
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

// hurt kills the server now and then and starts it again. Its network is
// disturbed with the others.
func (s *server) hurt(ctx context.Context, w *world, rng *rand.Rand) error {
	for os.Getenv(pgtest.Variable) == "" && ctx.Err() == nil {
		sleep(ctx, time.Duration(5000+rng.IntN(10_000))*time.Millisecond)
		w.tally.count(w.tally.others, "restart of PostgreSQL")
		w.diary.note("PostgreSQL dies")
		s.away(time.Hour)
		if err := s.host.try(func() { s.server.Restart(s.host) }); err != nil { //nolint:contextcheck // pgtest takes the host's
			return fmt.Errorf("restart PostgreSQL: %w", err)
		}
		s.away(0)
		w.diary.note("PostgreSQL is back")
	}
	return nil
}

func (s *server) away(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = time.Now().Add(d)
}

func (s *server) failed(r *replica) bool {
	const startUp = 15 * time.Second
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.down) < startUp || r.data.disturbed(startUp)
}

func (*server) joins(int) {}

func (*server) leaves(int) {}

func (*server) about() string {
	if os.Getenv(pgtest.Variable) != "" {
		return "a PostgreSQL that is somebody else's, and not restarted"
	}
	return "a PostgreSQL of its own, killed and started again"
}

func (s *server) close(bool) {
	_ = s.host.try(s.host.end)
	s.server.Close()
}

// host is what pgtest needs of a test: somebody who cleans up, and to whom
// failures are told.
type host struct {
	testing.TB // nil: what is not below is not asked for

	ctx      context.Context //nolint:containedctx // a test has one too
	cleanups []func()
}

// failure is what a host throws.
type failure struct{ err error }

// try turns a failure into an error.
func (h *host) try(f func()) (err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			failed, ok := thrown.(failure)
			if !ok {
				panic(thrown)
			}
			err = failed.err
		}
	}()
	f()
	return nil
}

func (*host) Helper()                    {}
func (h *host) Context() context.Context { return h.ctx }
func (h *host) Cleanup(f func())         { h.cleanups = append(h.cleanups, f) }
func (*host) Error(args ...any)          { panic(failure{errors.New(fmt.Sprint(args...))}) }
func (*host) Fatal(args ...any)          { panic(failure{errors.New(fmt.Sprint(args...))}) }
func (*host) Fatalf(format string, args ...any) {
	panic(failure{fmt.Errorf(format, args...)}) //nolint:err113 // the text is pgtest's
}

func (h *host) end() {
	for len(h.cleanups) > 0 {
		last := h.cleanups[len(h.cleanups)-1]
		h.cleanups = h.cleanups[:len(h.cleanups)-1]
		last()
	}
}
