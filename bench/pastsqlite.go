package main

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	driversqlite "modernc.org/sqlite"

	"closeloop/conversions"
)

// pastSpec says which batches of the past to copy, and where to.
type pastSpec struct {
	Dir         string
	First, Last int
}

// pastPages is the cache for copying, in KiB: enough for all indexes of 10
// million conversions, which are written at random.
const pastPages = 5_000_000

// copyPast implements database in a process of its own, so that its memory is
// not measured.
func (d sqliteDatabase) copyPast(ctx context.Context, first, last int) error {
	var copied int
	child, err := start(ctx, "past", pastSpec{d.dir, first, last}, &copied)
	if err != nil {
		return err
	}
	_, err = child.stop(nil)
	return err
}

// pastRole copies the past into a database of SQLite and says how many
// batches.
func pastRole(ctx context.Context, text []byte, _ io.Reader, out *json.Encoder) error {
	s, err := spec[pastSpec](text)
	if err != nil {
		return err
	}
	d := sqliteDatabase{s.Dir}
	p, err := d.pattern(ctx)
	if err != nil {
		return err
	}
	if err := copySQLite(ctx, d.path(), p, s.First, s.Last); err != nil {
		return fmt.Errorf("copy the past: %w", err)
	}
	return out.Encode(s.Last - s.First) //nolint:wrapcheck // to the process that started this one
}

func (d sqliteDatabase) pattern(ctx context.Context) (*past, error) {
	s, err := d.open(ctx)
	if err != nil {
		return nil, err
	}
	p, err := patternOf(ctx, s)
	return p, errors.Join(err, s.Close())
}

// copySQLite writes everything as the store would, into indexes as they are,
// but for the safety: a copy that is cut short is of no use. One transaction,
// because the indexes are written all over, so each commit would write them
// whole.
func copySQLite(ctx context.Context, path string, p *past, first, last int) (err error) {
	if err := registerPast(p); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=locking_mode(EXCLUSIVE)&_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)&_pragma=cache_size(-"+
		strconv.Itoa(pastPages)+")")
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close(), flush(path)) }()
	db.SetMaxOpenConns(1)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	c := &sqliteCopy{tx: tx, past: p}
	if err := c.prepare(ctx, int64(first)*pastBatch); err != nil {
		return err
	}
	for k := first; k < last; k++ {
		if err := c.batch(ctx, int64(k)); err != nil {
			return fmt.Errorf("batch %d: %w", k, err)
		}
	}
	return tx.Commit() //nolint:wrapcheck // says what is wrong
}

// flush waits until a file is on disk, so that its writing does not slow down
// what is measured.
func flush(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return errors.Join(f.Sync(), f.Close())
}

// registerPast lets SQL make the parts of conversion i.
func registerPast(p *past) error {
	for name, f := range map[string]func(i int64) driver.Value{
		"past_row":      func(i int64) driver.Value { return p.rowDoc(i) },
		"past_person":   func(i int64) driver.Value { return p.personDoc(i) },
		"past_lead":     func(i int64) driver.Value { return string(pastLead(i)) },
		"past_order":    func(i int64) driver.Value { return pastOrder(i) },
		"past_click":    func(i int64) driver.Value { return pastClick(i) },
		"past_at":       func(i int64) driver.Value { return p.at(i).UnixMicro() },
		"past_received": func(i int64) driver.Value { return p.received(i).UnixMicro() },
		"past_body":     func(i int64) driver.Value { return random(i, 4, 16) },
		"past_slot":     func(i int64) driver.Value { return random(i, 5, 16) },
		"past_second":   func(i int64) driver.Value { return p.at(i).Unix()<<28 | i&0xfffffff },
		"past_trail": func(i int64) driver.Value {
			decided, answered := p.chunksOf(i)
			return binary.AppendVarint(binary.AppendVarint(nil, decided), answered)
		},
	} {
		err := driversqlite.RegisterDeterministicScalarFunction(name, 1, func(_ *driversqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			i, ok := args[0].(int64)
			if !ok {
				return nil, fmt.Errorf("%s: %T is no number", name, args[0])
			}
			return f(i), nil
		})
		if err != nil {
			return fmt.Errorf("register %s: %w", name, err)
		}
	}
	return nil
}

// sqliteCopy is copying under way.
type sqliteCopy struct {
	*past

	tx       *sql.Tx
	next     int64 // number in the ledger
	decided  []byte
	answered []byte
	texts    []string
}

// prepare finds the numbers to go on from and what is copied.
func (c *sqliteCopy) prepare(ctx context.Context, first int64) error {
	const ofBench = ` FROM ledger WHERE account = '` + string(account) + `' AND uploads `
	err := c.tx.QueryRowContext(ctx, `SELECT max((SELECT max(seq) FROM event), (SELECT max(id) FROM conversion)) + 1,
			(SELECT max(last) FROM ledger) + 1,
			(SELECT entries`+ofBench+`= 0 ORDER BY seq LIMIT 1), (SELECT entries`+ofBench+`= ? ORDER BY seq LIMIT 1)`, pastBatch).
		Scan(&c.first, &c.next, &c.decided, &c.answered)
	if err != nil {
		return fmt.Errorf("read pattern: %w", err)
	}
	c.first -= first
	// ?1 is the first conversion, ?2 its account, ?3 its source, ?4 the first number, ?5 and ?6 the pattern's event and row.
	for _, t := range []struct {
		table, where string
		own          map[string]string
	}{
		{"event", "t.seq = ?5", map[string]string{
			"seq": "?4 + i", "account": "?2", "source": "?3", "lead": "past_lead(i)", "body": "past_body(i)", "received": "past_received(i)",
		}},
		{"identity", "t.seq = ?5", map[string]string{"seq": "?4 + i", "doc": "past_person(i)"}},
		{"conversion", "t.id = ?6", map[string]string{
			"id": "?4 + i", "account": "?2", "source": "?3", "lead": "past_lead(i)", "order_id": "past_order(i)", "at": "past_at(i)",
			"trail": "past_trail(i)", "doc": "past_row(i)",
		}},
		{"click_index", "t.conversion = ?6", map[string]string{"conversion": "?4 + i", "account": "?2", "click": "past_click(i)"}},
		{"slot", "t.conversion = ?6", map[string]string{"conversion": "?4 + i", "account": "?2", "key": "past_slot(i)", "key INTEGER": "past_second(i)"}},
	} {
		text, err := c.copying(ctx, t.table, t.where, t.own)
		if err != nil {
			return err
		}
		c.texts = append(c.texts, text)
	}
	return nil
}

// copying is the statement that copies a row of a table for every conversion
// of a batch, its own columns apart, which are named with or without a type.
func (c *sqliteCopy) copying(ctx context.Context, table, where string, own map[string]string) (string, error) {
	rows, err := c.tx.QueryContext(ctx, `SELECT name, type FROM pragma_table_info(?)`, table)
	if err != nil {
		return "", fmt.Errorf("read columns: %w", err)
	}
	defer rows.Close()
	var columns, values []string
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			return "", fmt.Errorf("read columns: %w", err)
		}
		value := cmp.Or(own[name+" "+kind], own[name], "t."+name)
		columns, values = append(columns, name), append(values, value)
	}
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("read columns: %w", err)
	}
	return `WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 + ` + strconv.Itoa(pastBatch-1) + `)
		INSERT INTO ` + table + ` (` + strings.Join(columns, ", ") + `) SELECT ` + strings.Join(values, ", ") +
		` FROM n, (SELECT * FROM ` + table + ` AS t WHERE ` + where + ` AND coalesce(?1, ?2, ?3, ?4, ?5, ?6) IS NOT NULL) AS t`, nil
}

// batch copies a batch: chunks, conversions, manifest, sums.
func (c *sqliteCopy) batch(ctx context.Context, k int64) error {
	if err := c.chunks(ctx, k); err != nil {
		return err
	}
	owner := string(pastOwner(k * pastBatch))
	begin := k * pastBatch
	for _, text := range c.texts {
		if _, err := c.tx.ExecContext(ctx, text, begin, owner, pastSource(conversions.AccountID(owner)), c.first, c.event, int64(c.id)); err != nil {
			return fmt.Errorf("copy rows: %w", err)
		}
	}
	for _, text := range append(sumsOfWindows(), []string{
		`INSERT INTO batch (account, id, run, api, customer, created, sent_at, attempts, settled, uploaded, rows, manifest)
			SELECT ?1, 'past-' || ?2, run, api, customer, ?3, ?3, 1, ?3, uploaded,
				(SELECT json_group_array(id) FROM conversion WHERE id >= ?4 AND id < ?4 + ?5), manifest
			FROM batch WHERE account = '` + string(account) + `' AND uploaded = ?5 ORDER BY seq LIMIT 1`,
		`INSERT INTO total (account, stage, state, reason, currency, rows, wanted, known)
			SELECT ?1, stage, state, reason, currency, ?5, ?5 * wanted_cents, ?5 * known_cents FROM conversion WHERE id = ?4 + ?2 - ?2 + ?3 - ?3
			ON CONFLICT DO UPDATE SET rows = rows + excluded.rows, wanted = wanted + excluded.wanted, known = known + excluded.known`,
		`INSERT INTO received (account, source, kind, outcome, events)
			SELECT ?1, source, kind, outcome, ?5 FROM event WHERE seq = ?4 + ?2 - ?2 + ?3 - ?3
			ON CONFLICT DO UPDATE SET events = events + excluded.events`,
	}...) {
		if _, err := c.tx.ExecContext(ctx, text, owner, k, c.at(begin).UnixMicro(), c.number(begin), pastBatch); err != nil {
			return fmt.Errorf("copy batch: %w", err)
		}
	}
	return nil
}

// sumsOfWindows are the statements that sum up a batch by hours and by days.
func sumsOfWindows() (texts []string) {
	for _, width := range []time.Duration{time.Hour, 24 * time.Hour} {
		width := strconv.FormatInt(width.Microseconds(), 10)
		texts = append(texts,
			`INSERT INTO total_window (account, width, start, stage, state, reason, currency, rows, wanted, known)
				SELECT ?1, `+width+`, at - at % `+width+` AS start, stage, state, reason, currency, count(*), sum(wanted_cents), sum(known_cents)
				FROM conversion WHERE id >= ?4 + ?2 - ?2 + ?3 - ?3 AND id < ?4 + ?5 GROUP BY start, stage, state, reason, currency
				ON CONFLICT DO UPDATE SET rows = rows + excluded.rows, wanted = wanted + excluded.wanted, known = known + excluded.known`,
			`INSERT INTO received_window (width, start, account, source, kind, outcome, events, first, last)
				SELECT `+width+`, received - received % `+width+` AS start, ?1, source, kind, outcome, count(*), min(seq), max(seq)
				FROM event WHERE seq >= ?4 + ?2 - ?2 + ?3 - ?3 AND seq < ?4 + ?5 GROUP BY start, source, kind, outcome
				ON CONFLICT DO UPDATE SET events = events + excluded.events, first = min(first, excluded.first), last = max(last, excluded.last)`)
	}
	return texts
}

// chunks copies the chunks in which the batch's rows have their entries.
func (c *sqliteCopy) chunks(ctx context.Context, k int64) error {
	owner, begin := string(pastOwner(k*pastBatch)), c.number(k*pastBatch)
	c.ledger, c.decisions = c.next, 0
	for done := int64(0); done < pastBatch; {
		text, n, err := renumbered(c.decided, begin+done, pastBatch-done)
		if err != nil {
			return err
		}
		if c.decisions == 0 {
			c.decisions = n
		}
		if err := c.chunk(ctx, owner, n, 0, text); err != nil {
			return err
		}
		done += n
	}
	text, n, err := renumbered(c.answered, begin, pastBatch)
	if err != nil || n != pastBatch {
		return fmt.Errorf("%d answers: %w", n, err)
	}
	return c.chunk(ctx, owner, n, n, text)
}

// chunk appends to the ledger.
func (c *sqliteCopy) chunk(ctx context.Context, owner string, n, uploads int64, text []byte) error {
	_, err := c.tx.ExecContext(ctx, `INSERT INTO ledger (seq, account, last, uploads, entries) VALUES (?, ?, ?, ?, ?)`,
		c.next, owner, c.next+n-1, uploads, text)
	if err != nil {
		return fmt.Errorf("append to ledger: %w", err)
	}
	c.next += n
	return nil
}

// renumbered copies at most limit entries of a chunk of the ledger and gives
// them to rows from a number on: each entry begins with its row, then come its
// time, and its kind and document with their lengths. That the store reads
// them is checked when one is measured.
func renumbered(chunk []byte, row, limit int64) (text []byte, n int64, err error) {
	text = make([]byte, 0, len(chunk)+8*pastBatch)
	for rest := chunk; len(rest) > 0 && n < limit; n++ {
		_, skipped := binary.Varint(rest)
		end := max(skipped, 0)
		_, size := binary.Varint(rest[end:])
		end += max(size, 0)
		for range 2 {
			length, size := binary.Uvarint(rest[end:])
			end += max(size, 0) + int(min(length, uint64(len(rest)))) //nolint:gosec // bounded
		}
		if skipped <= 0 || end > len(rest) {
			return nil, 0, errors.New("a chunk of the ledger has another form")
		}
		text = append(binary.AppendVarint(text, row+n), rest[skipped:end]...)
		rest = rest[end:]
	}
	return slices.Clip(text), n, nil
}
