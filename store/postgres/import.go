package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
	"closeloop/store"
)

// importPage is how many records are written in one transaction, at most.
const importPage = 10_000

// marker is the table that a database has while it is filled.
const marker = "closeloop_unfinished"

// checkFinished refuses a database that is being filled, or was not to the end.
func checkFinished(ctx context.Context, q querier) error {
	var unfinished bool
	if err := q.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, marker).Scan(&unfinished); err != nil {
		return fmt.Errorf("look for an unfinished copy: %w", plain(err))
	}
	if unfinished {
		return store.ErrUnfinished
	}
	return nil
}

// Import implements store.Copying. It uses PostgreSQL's COPY.
func (s *Store) Import(ctx context.Context, records iter.Seq2[store.Record, error]) error {
	if err := s.fill(ctx, records); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	return nil
}

func (s *Store) fill(ctx context.Context, records iter.Seq2[store.Record, error]) error {
	conn, err := s.db.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", plain(err))
	}
	defer conn.Release()
	im := &importer{conn: conn.Conn(), bound: map[binding]bool{}, last: map[string]int64{}}
	if err := im.begin(ctx); err != nil {
		return err
	}
	var page []store.Record
	for r, err := range records {
		if err != nil {
			return err
		}
		if page = append(page, r); len(page) == importPage || r.Batch != nil && len(page) >= batchPage {
			if err := im.write(ctx, page); err != nil {
				return err
			}
			clear(page)
			page = page[:0]
		}
	}
	if err := im.write(ctx, page); err != nil {
		return err
	}
	return im.end(ctx)
}

// importer is one import under way.
type importer struct {
	conn  *pgx.Conn
	bound map[binding]bool // of which every source has few
	last  map[string]int64 // the highest number of each sequence
}

// begin marks the database as unfinished, if it is empty. Another import that
// begins at the same time finds the marker.
func (im *importer) begin(ctx context.Context) error {
	const empty = `SELECT NOT EXISTS (SELECT FROM event) AND NOT EXISTS (SELECT FROM quarantine) AND NOT EXISTS (SELECT FROM conversion)
		AND NOT EXISTS (SELECT FROM ledger) AND NOT EXISTS (SELECT FROM batch) AND NOT EXISTS (SELECT FROM plan)
		AND NOT EXISTS (SELECT FROM facts) AND NOT EXISTS (SELECT FROM account) AND NOT EXISTS (SELECT FROM pause)`
	return im.transact(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `CREATE TABLE `+marker+` ()`); err != nil {
			if code(err) == "42P07" || code(err) == "23505" { // there is such a table, or one is being made
				return store.ErrUnfinished
			}
			return plain(err)
		}
		var is bool
		if err := tx.QueryRow(ctx, empty).Scan(&is); err != nil {
			return plain(err)
		}
		if !is {
			return store.ErrNotEmpty
		}
		return nil
	})
}

// What is made anew of all that was brought.
const (
	layTrails = `UPDATE conversion AS c SET trail = t.trail FROM (
			SELECT l.account, n.id, array_agg(DISTINCT l.last ORDER BY l.last) AS trail
			FROM ledger AS l CROSS JOIN LATERAL unnest(l.conversions) AS n (id) WHERE n.id <> 0 GROUP BY 1, 2) AS t
		WHERE c.account = t.account AND c.id = t.id`
	sumUp = `SELECT sum_up()`
)

// end sets the sequences behind the numbers that were brought, and takes the
// mark away.
func (im *importer) end(ctx context.Context) error {
	return im.transact(ctx, func(tx pgx.Tx) error {
		for b := range im.bound {
			if _, err := tx.Exec(ctx, `INSERT INTO bound (source, account) VALUES ($1, $2) ON CONFLICT DO NOTHING`, b.source, b.account); err != nil {
				return plain(err)
			}
		}
		for sequence, last := range im.last {
			if _, err := tx.Exec(ctx, `SELECT setval($1::regclass, $2)`, sequence, last); err != nil {
				return plain(err)
			}
		}
		for _, text := range []string{
			`SET LOCAL enable_hashjoin = on`, `SET LOCAL enable_sort = on`, layTrails, sumUp, `DROP TABLE ` + marker,
		} {
			if _, err := tx.Exec(ctx, text); err != nil {
				return plain(err)
			}
		}
		return nil
	})
}

func (im *importer) transact(ctx context.Context, f func(pgx.Tx) error) error {
	tx, err := im.conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", plain(err))
	}
	if err := f(tx); err != nil {
		return errors.Join(err, plain(tx.Rollback(context.WithoutCancel(ctx))))
	}
	return plain(tx.Commit(ctx))
}

// number notes a number that was given out by a sequence.
func (im *importer) number(sequence string, n int64) {
	im.last[sequence] = max(im.last[sequence], n)
}

// write writes a page of records in one transaction.
func (im *importer) write(ctx context.Context, page []store.Record) error {
	c := &copies{rows: map[string][][]any{}}
	for i := range page {
		if err := im.add(c, &page[i]); err != nil {
			return err
		}
	}
	c.addChunks()
	return im.transact(ctx, func(tx pgx.Tx) error { return c.write(ctx, tx) })
}

// copies are the rows to write, by table, and the seconds to take.
type copies struct {
	rows    map[string][][]any
	entries []*conversions.Entry
	slots   slotColumns
}

// slotColumns are slots as arrays.
type slotColumns struct {
	account                     []string
	click, action, second, rows []int64
}

func (c *copies) row(table string, values ...any) { c.rows[table] = append(c.rows[table], values) }

// copied are the tables that records are copied to, with their columns.
func copied() []struct{ table, columns string } {
	return []struct{ table, columns string }{
		{"event", "seq received account source body lead kind outcome doc"},
		{"identity", "account seq doc"},
		{"quarantine", "id received account source body doc decided"},
		{"ledger", "seq last uploads account conversions at kinds upload bodies"},
		{
			"conversion", "id account source lead stage generation order_id at wanted_cents known_cents " +
				"state reason known currency doc trail",
		},
		{"pending", "account rank deadline conversion due op action"},
		{"click_index", "account conversion click"},
		{
			"batch", "seq account id run api customer created sent_at attempts rows manifest settled poll_at polls " +
				"uploaded job_id request_id call",
		},
		{"inbox", "account notice source lead"},
		{"plan", "account spec next owed"},
		{"facts", "account doc"},
		{"account", "account fingerprint refolded"},
		{"pause", "account action doc"},
	}
}

func (c *copies) write(ctx context.Context, tx pgx.Tx) error {
	for _, t := range copied() {
		rows := c.rows[t.table]
		if len(rows) == 0 {
			continue
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.table}, strings.Fields(t.columns), pgx.CopyFromRows(rows)); err != nil {
			return fmt.Errorf("copy to %s: %w", t.table, plain(err))
		}
	}
	return c.takeSlots(ctx, tx)
}

// takeSlots takes seconds. A row that was sent again has its own already.
func (c *copies) takeSlots(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `INSERT INTO slot (account, click, action, second, conversion)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT DO NOTHING`,
		c.slots.account, c.slots.click, c.slots.action, c.slots.second, c.slots.rows)
	if err != nil {
		return fmt.Errorf("take seconds: %w", plain(err))
	}
	return nil
}
