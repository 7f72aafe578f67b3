package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// busyTries is how often a write asks for the lock; each waits busyTimeout.
const busyTries = 3

// writer is the one connection of this process that writes. Its prepared
// statements live as long as the connection.
type writer struct {
	db    *sql.DB
	turn  chan struct{} // holds one token: who has it has the connection
	ended bool          // set by close
	conn  *sql.Conn     // nil until needed, and after a fault
	stmts map[string]*sql.Stmt
}

// tx is a write transaction in progress. Its methods take the context that
// do gave: it cannot be cancelled, because a transaction is short and an
// interrupted one would leave the caller not knowing what was written. (It
// also saves the driver a goroutine for each statement.)
type tx struct{ w *writer }

// do runs f in a write transaction: all of it is durable when do returns nil,
// and none of it happened otherwise. It waits for its turn and for other
// processes as long as ctx lasts; then it goes through.
func (w *writer) do(ctx context.Context, f func(context.Context, tx) error) error {
	select {
	case <-w.turn:
	case <-ctx.Done():
		return fmt.Errorf("wait for turn to write: %w", ctx.Err())
	}
	defer func() { w.turn <- struct{}{} }()
	if w.ended {
		return errClosed
	}
	steady := context.WithoutCancel(ctx)
	if err := patiently(ctx, func() error { return w.begin(ctx) }); err != nil {
		w.abandon(steady)
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(steady, tx{w}); err != nil {
		w.abandon(steady)
		return err
	}
	if _, err := (tx{w}).exec(steady, "COMMIT"); err != nil {
		w.abandon(steady)
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// begin takes the lock at the start, so that a transaction never fails
// half-way because another process wrote meanwhile.
func (w *writer) begin(ctx context.Context) error {
	if w.conn == nil {
		conn, err := w.db.Conn(ctx)
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		w.conn, w.stmts = conn, map[string]*sql.Stmt{}
	}
	_, err := tx{w}.exec(ctx, "BEGIN IMMEDIATE")
	return err
}

// abandon rolls back. After some faults (a full disk, an I/O error) SQLite has
// done so by itself and the rollback fails; then the connection is replaced,
// so that nothing of the fault outlives it.
func (w *writer) abandon(ctx context.Context) {
	if w.conn == nil || run(ctx, w.conn, "ROLLBACK") == nil {
		return
	}
	w.discard()
}

func (w *writer) discard() {
	for _, s := range w.stmts {
		_ = s.Close()
	}
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn }) // takes it out of the pool
	_ = w.conn.Close()
	w.conn, w.stmts = nil, nil
}

func (w *writer) close() error {
	<-w.turn
	defer func() { w.turn <- struct{}{} }()
	w.ended = true
	for _, s := range w.stmts {
		_ = s.Close()
	}
	if w.conn != nil {
		_ = w.conn.Close()
	}
	return w.db.Close() //nolint:wrapcheck // Close says what it was doing
}

// stmt returns the prepared statement of a text.
func (t tx) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	if s := t.w.stmts[text]; s != nil {
		return s, nil
	}
	s, err := t.w.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	t.w.stmts[text] = s
	return s, nil
}

func (t tx) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	s, err := t.stmt(ctx, text) //nolint:sqlclosecheck // kept; closed with the connection
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...) //nolint:wrapcheck // every caller says what it was doing
}

// changed is exec for callers that want to know how many rows it changed.
func (t tx) changed(ctx context.Context, text string, args ...any) (int, error) {
	res, err := t.exec(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

func (t tx) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	s, err := t.stmt(ctx, text) //nolint:sqlclosecheck // kept; closed with the connection
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...) //nolint:wrapcheck // every caller says what it was doing
}

// one scans the only row of a query; sql.ErrNoRows if there is none.
func (t tx) one(ctx context.Context, dest []any, text string, args ...any) error {
	s, err := t.stmt(ctx, text) //nolint:sqlclosecheck // kept; closed with the connection
	if err != nil {
		return err
	}
	return s.QueryRowContext(ctx, args...).Scan(dest...) //nolint:wrapcheck // every caller says what it was doing
}

// patiently repeats f while another process holds the lock.
func patiently(ctx context.Context, f func() error) error {
	err := f()
	for try := 1; try < busyTries && busy(err) && ctx.Err() == nil; try++ {
		err = f()
	}
	return err
}

// code is SQLite's primary result code behind an error, or 0.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

func busy(err error) bool { return code(err) == sqlite3.SQLITE_BUSY }

// itsOwnFault reports whether a statement failed because of what it wrote, so
// that others in the same transaction would have gone through.
func itsOwnFault(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE:
		return true
	default:
		return false
	}
}
