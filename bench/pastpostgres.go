package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

const (
	// pastGroup is how many batches one transaction copies, and pastCopiers how
	// many do so at a time: one for each core that is not the server's.
	pastGroup, pastCopiers = 25, 2
	// pastFew is up to how many batches are copied into the indexes as they are.
	pastFew = 50
	// pastBlock is how many numbers of the ledger a batch takes: as the store
	// does, a block of its sequence.
	pastBlock = 1 << 16
	// sumUp makes the sums of all rows and events anew.
	sumUp = `SET work_mem = '256MB'; SELECT sum_up()`
	// filled is how full an index is whose entries came in random order, in per
	// cent: ln 2 (A. Yao, On random 2-3 trees, Acta Informatica 9, 1978).
	filled = "69"
)

// size implements database.
func (d *postgresDatabase) size(ctx context.Context) (bytes int64, err error) {
	err = d.with(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT pg_database_size(current_database())`).Scan(&bytes)
	})
	if err != nil {
		return 0, fmt.Errorf("measure database: %w", err)
	}
	return bytes, nil
}

func (d *postgresDatabase) with(ctx context.Context, f func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, d.dsn)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	err = f(conn)
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

// copyPast implements database with COPY, without the indexes, which are made
// anew behind it and as full as if they had grown.
func (d *postgresDatabase) copyPast(ctx context.Context, first, last int) error {
	s, err := d.open(ctx)
	if err != nil {
		return err
	}
	p, err := patternOf(ctx, s)
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	return d.with(ctx, func(conn *pgx.Conn) error {
		c := &postgresCopy{past: p, place: d, conn: conn}
		return c.run(ctx, first, last)
	})
}

// postgresCopy is copying under way.
type postgresCopy struct {
	*past

	place  *postgresDatabase
	conn   *pgx.Conn
	block  int64 // of the ledger, for the first batch
	tables []pastTable
}

// pastTable is a table with a row for every conversion: its pattern and what
// is a conversion's own.
type pastTable struct {
	name, where string
	own         func(p *past, i int64) map[string]any
	columns     []string
	pattern     []any
}

func pastTables() []pastTable {
	return []pastTable{
		{name: "event", where: "seq = $1", own: func(p *past, i int64) map[string]any {
			a := pastOwner(i)
			return map[string]any{
				"seq": p.number(i), "account": string(a), "source": pastSource(a), "lead": string(pastLead(i)), "body": random(i, 4, 16),
				"received": p.received(i).UnixMicro(),
			}
		}},
		{name: "identity", where: "seq = $1", own: func(p *past, i int64) map[string]any {
			return map[string]any{"seq": p.number(i), "account": string(pastOwner(i)), "doc": slices.Clone(p.personDoc(i))}
		}},
		{name: "conversion", where: "id = $2", own: func(p *past, i int64) map[string]any {
			a := pastOwner(i)
			decided, answered := p.chunksOf(i)
			return map[string]any{
				"id": p.number(i), "account": string(a), "source": pastSource(a), "lead": string(pastLead(i)), "order_id": pastOrder(i),
				"at": p.at(i).UnixMicro(), "trail": []int64{decided + p.decisions - 1, answered + pastBatch - 1}, "doc": slices.Clone(p.rowDoc(i)),
			}
		}},
		{name: "click_index", where: "conversion = $2", own: func(p *past, i int64) map[string]any {
			return map[string]any{"conversion": p.number(i), "account": string(pastOwner(i)), "click": pastClick(i)}
		}},
		{name: "slot", where: "conversion = $2", own: func(p *past, i int64) map[string]any {
			return map[string]any{
				"conversion": p.number(i), "account": string(pastOwner(i)), "click": hashed(pastClick(i)), "second": p.at(i).Unix(),
			}
		}},
	}
}

func (c *postgresCopy) run(ctx context.Context, first, last int) error {
	if err := c.prepare(ctx, first, last); err != nil {
		return fmt.Errorf("prepare copying: %w", err)
	}
	indexes, err := c.dropIndexes(ctx, last-first > pastFew)
	if err != nil {
		return err
	}
	if err := c.copyAll(ctx, first, last); err != nil {
		return fmt.Errorf("copy the past: %w", err)
	}
	for _, text := range append(indexes, sumUp, `VACUUM (ANALYZE)`) { // as it would be soon, but not while something is measured
		if _, err := c.conn.Exec(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	_, _ = c.conn.Exec(ctx, `CHECKPOINT`) // so that none comes meanwhile; only who administers the server may
	return nil
}

// prepare finds the numbers to go on from and what is copied, and takes the
// numbers.
func (c *postgresCopy) prepare(ctx context.Context, first, last int) error {
	n := int64(last-first) * pastBatch
	err := c.conn.QueryRow(ctx, `SELECT greatest((SELECT max(seq) FROM event), (SELECT max(id) FROM conversion)) + 1, nextval('ledger_seq'),
		(SELECT cardinality(conversions) FROM ledger WHERE account = $1 AND uploads = 0 ORDER BY last LIMIT 1)`, string(account)).
		Scan(&c.first, &c.block, &c.decisions)
	if err != nil {
		return err //nolint:wrapcheck // the caller says what it was doing
	}
	for c.decisions = min(c.decisions, pastBatch); pastBatch%c.decisions != 0; {
		c.decisions--
	}
	_, err = c.conn.Exec(ctx, `SELECT setval('event_seq_seq', $1), setval('conversion_id_seq', $1), setval('ledger_seq', $2)`,
		c.first+n, c.block+int64(last-first)*pastBlock)
	if err != nil {
		return err //nolint:wrapcheck // as above
	}
	c.block -= int64(first) * pastBlock
	c.first -= int64(first) * pastBatch
	for _, t := range pastTables() {
		rows, err := c.conn.Query(ctx, `SELECT * FROM `+t.name+` WHERE `+t.where+` AND $1 + $2 > 0`, c.event, int64(c.row.ID))
		if err != nil {
			return err //nolint:wrapcheck // as above
		}
		if t.pattern, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) ([]any, error) {
			for _, f := range row.FieldDescriptions() {
				t.columns = append(t.columns, f.Name)
			}
			return row.Values()
		}); err != nil {
			return fmt.Errorf("pattern of %s: %w", t.name, err)
		}
		c.tables = append(c.tables, t)
	}
	return nil
}

// dropIndexes drops the indexes that are written at random and returns how to
// make them again.
func (c *postgresCopy) dropIndexes(ctx context.Context, many bool) ([]string, error) {
	if !many {
		return nil, nil
	}
	rows, err := c.conn.Query(ctx, `SELECT i.relname, x.indisprimary, pg_get_indexdef(x.indexrelid)
		FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS t ON t.oid = x.indrelid
		WHERE t.relname IN ('event', 'conversion', 'click_index', 'slot') AND (t.relname = 'slot' OR NOT x.indisprimary)`)
	if err != nil {
		return nil, fmt.Errorf("list indexes: %w", err)
	}
	type index struct {
		Name    string
		Primary bool
		Text    string
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[index])
	if err != nil {
		return nil, fmt.Errorf("list indexes: %w", err)
	}
	texts := []string{`SET maintenance_work_mem = '1GB'`}
	for _, x := range all {
		drop := `DROP INDEX ` + x.Name
		if x.Primary {
			drop = `ALTER TABLE slot DROP CONSTRAINT ` + x.Name
		}
		if _, err := c.conn.Exec(ctx, drop); err != nil {
			return nil, fmt.Errorf("%s: %w", drop, err)
		}
		text, where, partial := strings.Cut(x.Text, " WHERE ")
		text += ` WITH (fillfactor = ` + filled + `)`
		if partial {
			text += ` WHERE ` + where
		}
		texts = append(texts, text)
		if x.Primary {
			texts = append(texts, `ALTER TABLE slot ADD CONSTRAINT `+x.Name+` PRIMARY KEY USING INDEX `+x.Name)
		}
		texts = append(texts, `ALTER INDEX `+x.Name+` RESET (fillfactor)`)
	}
	return texts, nil
}

// copyAll copies groups of batches over several connections.
func (c *postgresCopy) copyAll(ctx context.Context, first, last int) error {
	var next atomic.Int64
	next.Store(int64(first))
	errs := make([]error, pastCopiers)
	var wg sync.WaitGroup
	for n := range pastCopiers {
		wg.Go(func() {
			errs[n] = c.place.with(ctx, func(conn *pgx.Conn) error {
				if _, err := conn.Exec(ctx, `SET synchronous_commit = off`); err != nil {
					return err //nolint:wrapcheck // wrapped by the caller
				}
				for {
					begin := int(next.Add(pastGroup)) - pastGroup
					if begin >= last {
						return nil
					}
					if err := c.group(ctx, conn, begin, min(begin+pastGroup, last)); err != nil {
						return err
					}
				}
			})
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// group copies batches in one transaction.
func (c *postgresCopy) group(ctx context.Context, conn *pgx.Conn, first, last int) error {
	p := c.clone()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { //nolint:wrapcheck // the caller says what it was doing
		for _, t := range c.tables {
			i, end := int64(first)*pastBatch, int64(last)*pastBatch
			values := slices.Clone(t.pattern)
			rows := pgx.CopyFromFunc(func() ([]any, error) {
				if i == end {
					return nil, nil
				}
				p.ledger = c.block + i/pastBatch*pastBlock
				own := t.own(p, i)
				for n, name := range t.columns {
					if v, found := own[name]; found {
						values[n] = v
					}
				}
				i++
				return values, nil
			})
			if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, rows); err != nil {
				return fmt.Errorf("copy to %s: %w", t.name, err)
			}
		}
		for k := first; k < last; k++ {
			if err := c.batch(ctx, tx, int64(k)); err != nil {
				return fmt.Errorf("copy batch: %w", err)
			}
		}
		return nil
	})
}

// batch copies what a batch has once: chunks of the ledger, manifest.
func (c *postgresCopy) batch(ctx context.Context, tx pgx.Tx, k int64) error {
	begin := k * pastBatch
	owner := string(pastOwner(begin))
	const parts = `l.at[1:%[1]d], l.kinds[1:%[1]d], l.upload[1:%[1]d], l.bodies[1:%[1]d]`
	const copied = `INSERT INTO ledger (seq, last, uploads, account, conversions, at, kinds, upload, bodies)
		SELECT n, n + %[1]d - 1, l.uploads, $1, (SELECT array_agg($3 + n - $4 + j ORDER BY j) FROM generate_series(0, %[1]d - 1) AS j), ` + parts + `
		FROM (SELECT * FROM ledger WHERE account = '` + string(account) + `' AND uploads = %[2]d ORDER BY last LIMIT 1) AS l,
			generate_series($2::bigint, $2::bigint + ` + "%[3]d" + `, %[1]d) AS n`
	ledger := c.block + k*pastBlock
	all := &pgx.Batch{}
	all.Queue(fmt.Sprintf(copied, c.decisions, 0, pastBatch-1), owner, ledger, c.number(begin), ledger)
	all.Queue(fmt.Sprintf(copied, pastBatch, pastBatch, 0), owner, ledger+pastBatch, c.number(begin), ledger+pastBatch)
	all.Queue(`INSERT INTO bound (source, account) VALUES ($1, $2) ON CONFLICT DO NOTHING`, pastSource(pastOwner(begin)), owner)
	all.Queue(`INSERT INTO batch (account, id, run, api, customer, created, sent_at, attempts, settled, uploaded, rows, manifest)
		SELECT $1, 'past-' || $2::text, run, api, customer, $3, $3, 1, $3, uploaded, (SELECT array_agg($4 + j ORDER BY j) FROM generate_series(0, $5::int - 1) AS j), manifest
		FROM batch WHERE account = '`+string(account)+`' AND uploaded = $5 ORDER BY seq LIMIT 1`,
		owner, strconv.FormatInt(k, 10), c.at(begin).UnixMicro(), c.number(begin), pastBatch)
	return tx.SendBatch(ctx, all).Close() //nolint:wrapcheck // the caller says what it was doing
}
