package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"maps"
	"slices"
	"sync"
)

// Watch has the store note every statement from now on, and returns what
// tells them.
func (s *Store) Watch(path string) (func() []string, error) {
	r := &watcher{driver: s.reads.Driver(), dsn: "file:" + path + "?_pragma=query_only(ON)"}
	if err := s.reads.Close(); err != nil {
		return nil, err
	}
	s.reads = sql.OpenDB(r)
	return func() []string {
		r.mu.Lock()
		defer r.mu.Unlock()
		texts := maps.Collect(maps.All(r.texts))
		for text := range s.writes.stmts {
			texts[text] = true
		}
		return slices.Sorted(maps.Keys(texts))
	}, nil
}

// watcher opens connections that note what is prepared.
type watcher struct {
	driver driver.Driver
	dsn    string

	mu    sync.Mutex
	texts map[string]bool
}

// Connect implements driver.Connector.
func (r *watcher) Connect(context.Context) (driver.Conn, error) {
	c, err := r.driver.Open(r.dsn)
	return &watchedConn{Conn: c, to: r}, err
}

// Driver implements driver.Connector.
func (r *watcher) Driver() driver.Driver { return r.driver }

// watchedConn hides the shorter ways of the connection, so that everything is
// prepared.
type watchedConn struct {
	driver.Conn

	to *watcher
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *watchedConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	c.to.mu.Lock()
	if c.to.texts == nil {
		c.to.texts = map[string]bool{}
	}
	c.to.texts[text] = true
	c.to.mu.Unlock()
	p, ok := c.Conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the driver prepares in another way")
	}
	return p.PrepareContext(ctx, text)
}

// BeginTx implements driver.ConnBeginTx.
func (c *watchedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	b, ok := c.Conn.(driver.ConnBeginTx)
	if !ok {
		return nil, errors.New("the driver begins in another way")
	}
	return b.BeginTx(ctx, opts)
}
