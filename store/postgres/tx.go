package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// txTime is the longest a transaction may take once it has begun.
const txTime = 30 * time.Second

// tx is a transaction in progress. Statements are queued and go out together:
// flush sends what is queued and has each answer read, commit does so for the
// last time. Its context cannot be cancelled but only run out: an interrupted
// transaction would leave the caller not knowing what was written.
type tx struct {
	conn           *pgxpool.Conn
	batch          *pgx.Batch
	reads          []func(pgx.BatchResults) error
	meanwhile      func() // run once, while the server works on what is sent next
	flushed, ended bool
}

// queue adds a statement whose answer is only whether it went through.
func (t *tx) queue(text string, args ...any) {
	t.exec(nil, text, args...)
}

// exec adds a statement and has the number of rows it changed looked at.
func (t *tx) exec(changed func(n int) error, text string, args ...any) {
	t.batch.Queue(text, args...)
	t.reads = append(t.reads, func(r pgx.BatchResults) error {
		tag, err := r.Exec()
		if err == nil && changed != nil {
			return changed(int(tag.RowsAffected()))
		}
		return plain(err)
	})
}

// query adds a query and has each of its rows read.
func (t *tx) query(read func(pgx.Rows) error, text string, args ...any) {
	t.batch.Queue(text, args...)
	t.reads = append(t.reads, func(r pgx.BatchResults) error {
		rows, err := r.Query()
		if err != nil {
			return plain(err)
		}
		return eachRow(rows, read)
	})
}

// eachRow reads the rows of an answer.
func eachRow(rows pgx.Rows, read func(pgx.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := read(rows); err != nil {
			return err
		}
	}
	return plain(rows.Err())
}

// flush sends what is queued, in one round trip, and reads the answers. The
// first error is returned; the transaction is then over.
func (t *tx) flush(ctx context.Context) error {
	reads := t.reads
	t.flushed = true
	results := t.conn.SendBatch(ctx, t.batch)
	t.batch, t.reads = &pgx.Batch{}, nil
	if t.meanwhile != nil {
		t.meanwhile()
		t.meanwhile = nil
	}
	var err error
	for _, read := range reads {
		if err = read(results); err != nil {
			break
		}
	}
	if cerr := results.Close(); err == nil {
		err = plain(cerr)
	}
	return err
}

// queueCommit queues the commit and has done called when it went through.
func (t *tx) queueCommit(done func()) {
	t.batch.Queue("COMMIT")
	t.reads = append(t.reads, func(r pgx.BatchResults) error {
		tag, err := r.Exec()
		if err == nil && tag.String() != "COMMIT" {
			return errLost // a failed transaction: what failed was read before
		}
		if err == nil {
			done()
		}
		return plain(err)
	})
}

// commit sends what is queued together with the commit.
func (t *tx) commit(ctx context.Context) error {
	t.queueCommit(func() { t.ended = true })
	err := t.flush(ctx)
	if t.conn.Conn().IsClosed() && code(err) == "" && err != nil {
		return errUnsure
	}
	return err
}

// write runs f in a transaction: all of it is durable when write returns nil,
// and none of it happened otherwise, unless the error is errUnsure. f queues
// statements and may flush; what is left is committed. f is run again, from
// the start, when the transaction failed in a way that passes. It waits for a
// connection as long as ctx lasts; then it goes through.
func (db *database) write(ctx context.Context, f func(context.Context, *tx) error) error {
	return db.retry(ctx, func() error {
		conn, err := db.pool.Acquire(ctx)
		if err != nil {
			return fmt.Errorf("connect: %w", plain(err))
		}
		defer conn.Release()
		steady, cancel := context.WithTimeout(context.WithoutCancel(ctx), txTime)
		defer cancel()
		t := &tx{conn: conn, batch: &pgx.Batch{}}
		t.queue("BEGIN")
		if err = f(steady, t); err == nil {
			err = t.commit(steady)
		}
		t.abandon(steady)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return errUnsure
		}
		return err
	})
}

// abandon rolls back what was not committed. A connection that cannot is
// closed, which rolls back too.
func (t *tx) abandon(ctx context.Context) {
	if t.ended || t.conn.Conn().PgConn().TxStatus() == 'I' {
		return
	}
	if _, err := t.conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = t.conn.Conn().Close(ctx)
	}
}

// query runs one query outside a transaction, again if that may help, and
// returns what read makes of each row.
func query[T any](ctx context.Context, db *database, read func(pgx.Rows) (T, error), text string, args ...any) ([]T, error) {
	var all []T
	err := db.each(ctx, func() func(pgx.Rows) error {
		all = nil
		return into(&all, read)
	}, text, args...)
	return all, err
}

// each runs one query outside a transaction, again if that may help, and has
// its rows read by what begin returns at each try.
func (db *database) each(ctx context.Context, begin func() func(pgx.Rows) error, text string, args ...any) error {
	return db.retry(ctx, func() error {
		rows, err := db.pool.Query(ctx, text, args...)
		if err != nil {
			return plain(err)
		}
		return eachRow(rows, begin())
	})
}

// into appends what read makes of a row.
func into[T any](all *[]T, read func(pgx.Rows) (T, error)) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		v, err := read(rows)
		if err == nil {
			*all = append(*all, v)
		}
		return err
	}
}

// snapshot runs f on one state of the database, again if that may help. f
// queues queries and flushes; there is nothing to commit.
func (db *database) snapshot(ctx context.Context, f func(*tx) error) error {
	return db.retry(ctx, func() error {
		conn, err := db.pool.Acquire(ctx)
		if err != nil {
			return fmt.Errorf("connect: %w", plain(err))
		}
		defer conn.Release()
		t := &tx{conn: conn, batch: &pgx.Batch{}}
		t.queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
		if err := f(t); err != nil {
			t.abandon(ctx)
			return err
		}
		t.queue("COMMIT")
		return t.flush(ctx)
	})
}

// scan reads columns of a row.
func scan(rows pgx.Rows, dest ...any) error {
	if err := rows.Scan(dest...); err != nil {
		return fmt.Errorf("scan: %w", plain(err))
	}
	return nil
}

// scanned reads a row of one column.
func scanned[T any](rows pgx.Rows) (T, error) {
	var v T
	return v, scan(rows, &v)
}
