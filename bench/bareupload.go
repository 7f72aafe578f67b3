package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"

	"closeloop/conversions"
)

// bareSchema is the narrow shape: what came, what waits, what was sent, what
// was answered.
const bareSchema = `
CREATE TABLE event (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, order_id TEXT NOT NULL, click TEXT NOT NULL,
	at TEXT NOT NULL, cents INTEGER NOT NULL) STRICT;
CREATE TABLE pending (account INTEGER NOT NULL, due INTEGER NOT NULL, event INTEGER NOT NULL,
	PRIMARY KEY (account, due, event)) STRICT, WITHOUT ROWID;
CREATE TABLE lease (account INTEGER PRIMARY KEY, token INTEGER NOT NULL) STRICT;
CREATE TABLE batch (id INTEGER PRIMARY KEY, token INTEGER NOT NULL, rows TEXT NOT NULL, settled INTEGER) STRICT;
CREATE TABLE ledger (seq INTEGER PRIMARY KEY, event INTEGER NOT NULL, batch INTEGER NOT NULL, code TEXT NOT NULL) STRICT;
INSERT INTO lease (account, token) VALUES (1, 1);`

// bareCycle is the sum of a cycle's parts with nothing between them.
type bareCycle struct {
	conn    *sql.Conn
	remote  *grpc.ClientConn
	batch   int64
	request frame
	remove  *sql.Stmt
	record  *sql.Stmt
}

// bareItem is a row as it is sent.
type bareItem struct {
	event              int64
	order, click, time string
	cents              int64
}

// bareUpload sends rows by the parts alone and says how long each took.
func bareUpload(ctx context.Context, path, address string, rows int) (s steps, err error) {
	db, conn, err := openBareDB(ctx, path, bareSchema)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, conn.Close(), db.Close()) }()
	if err := bareSeed(ctx, conn, rows); err != nil {
		return s, err
	}
	remote, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(frames{}), grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		return s, fmt.Errorf("dial sink: %w", err)
	}
	defer func() { err = errors.Join(err, remote.Close()) }()
	c := &bareCycle{conn: conn, remote: remote}
	if err := c.prepare(ctx); err != nil {
		return s, err
	}
	defer c.closeAll()
	begin := begun()
	for sent := 0; sent < rows; {
		n, err := c.once(ctx, &s)
		if err != nil {
			return s, err
		}
		sent += n
	}
	since(begin, &s.whole)
	return s, nil
}

func bareSeed(ctx context.Context, conn *sql.Conn, rows int) error {
	_, err := conn.ExecContext(ctx, `BEGIN;
		INSERT INTO event (id, key, order_id, click, at, cents)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
			SELECT i, randomblob(16), 'cl-' || lower(hex(randomblob(16))), 'Cj0KCQjw' || hex(randomblob(41)), '2026-11-21 12:00:00+00:00', 250000 FROM n;
		INSERT INTO pending (account, due, event) SELECT 1, id, id FROM event;
		COMMIT`, rows)
	if err != nil {
		return fmt.Errorf("seed bare rows: %w", err)
	}
	return nil
}

func (c *bareCycle) prepare(ctx context.Context) error {
	var err error
	if c.remove, err = c.conn.PrepareContext(ctx, `DELETE FROM pending WHERE account = 1 AND due = ? AND event = ?`); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if c.record, err = c.conn.PrepareContext(ctx, `INSERT INTO ledger (event, batch, code) VALUES (?, ?, 'done')`); err != nil {
		return errors.Join(fmt.Errorf("prepare: %w", err), c.remove.Close())
	}
	return nil
}

func (c *bareCycle) closeAll() {
	_ = c.remove.Close()
	_ = c.record.Close()
}

// once claims, sends and settles one batch, and returns its size.
func (c *bareCycle) once(ctx context.Context, s *steps) (int, error) {
	begin := begun()
	var items []bareItem
	err := c.transact(ctx, func() (err error) { items, err = c.claim(ctx); return err })
	if err != nil {
		return 0, err
	}
	if len(items) == 0 {
		return 0, errors.New("claim: no row is left")
	}
	since(begin, &s.claim)
	begin = begun()
	if err := c.call(ctx, items); err != nil {
		return 0, err
	}
	since(begin, &s.call)
	begin = begun()
	if err := c.transact(ctx, func() error { return c.settle(ctx, items) }); err != nil {
		return 0, err
	}
	since(begin, &s.settle)
	return len(items), nil
}

func (c *bareCycle) transact(ctx context.Context, f func() error) error {
	if _, err := c.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(); err != nil {
		_, _ = c.conn.ExecContext(ctx, "ROLLBACK")
		return err
	}
	if _, err := c.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// claim takes the lease with its next token, reads what waits and stores the
// manifest.
func (c *bareCycle) claim(ctx context.Context) ([]bareItem, error) {
	var token int64
	err := c.conn.QueryRowContext(ctx, `UPDATE lease SET token = token + 1 WHERE account = 1 RETURNING token`).Scan(&token)
	if err != nil {
		return nil, fmt.Errorf("take lease: %w", err)
	}
	items, err := c.due(ctx)
	if err != nil {
		return nil, err
	}
	var ids strings.Builder
	for _, it := range items {
		ids.WriteString(strconv.FormatInt(it.event, 10))
		ids.WriteByte(',')
	}
	res, err := c.conn.ExecContext(ctx, `INSERT INTO batch (token, rows) VALUES (?, ?)`, token, ids.String())
	if err != nil {
		return nil, fmt.Errorf("store manifest: %w", err)
	}
	c.batch, err = res.LastInsertId()
	return items, err //nolint:wrapcheck // cannot fail
}

func (c *bareCycle) due(ctx context.Context) ([]bareItem, error) {
	rows, err := c.conn.QueryContext(ctx, `SELECT e.id, e.order_id, e.click, e.at, e.cents
		FROM pending AS p CROSS JOIN event AS e ON e.id = p.event
		WHERE p.account = 1 AND p.due <= ? ORDER BY p.due, p.event LIMIT ?`, math.MaxInt64, conversions.MaxItems)
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	defer rows.Close()
	items := make([]bareItem, 0, conversions.MaxItems)
	for rows.Next() {
		var it bareItem
		if err := rows.Scan(&it.event, &it.order, &it.click, &it.time, &it.cents); err != nil {
			return nil, fmt.Errorf("claim: %w", err)
		}
		items = append(items, it)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	return items, nil
}

// call writes the request's bytes by hand, sends them, and looks at every
// result.
func (c *bareCycle) call(ctx context.Context, items []bareItem) error {
	b := appendText(c.request[:0], requestCustomer, customer)
	var row []byte
	for i := range items {
		row = items[i].append(row[:0])
		b = protowire.AppendTag(b, requestRows, protowire.BytesType)
		b = protowire.AppendBytes(b, row)
	}
	b = protowire.AppendVarint(protowire.AppendTag(b, requestPartial, protowire.VarintType), 1)
	b = protowire.AppendVarint(protowire.AppendTag(b, requestJob, protowire.VarintType), 1)
	c.request = b
	var answer frame
	if err := c.remote.Invoke(ctx, uploadMethod, &c.request, &answer); err != nil {
		return fmt.Errorf("call sink: %w", err)
	}
	n, err := occurrences(answer, responseResults)
	if err == nil && n != len(items) {
		err = fmt.Errorf("call sink: %d rows and %d results", len(items), n)
	}
	return err
}

func (it *bareItem) append(row []byte) []byte {
	row = appendText(row, rowGCLID, it.click)
	row = appendText(row, rowAction, actionName)
	row = appendText(row, rowTime, it.time)
	row = protowire.AppendTag(row, rowValue, protowire.Fixed64Type)
	row = protowire.AppendFixed64(row, math.Float64bits(float64(it.cents)/100))
	row = appendText(row, rowCurrency, "USD")
	row = appendText(row, rowOrder, it.order)
	const granted = "\x08\x02" // Consent.ad_user_data
	return appendText(row, rowConsent, granted)
}

// settle takes the rows off what waits and records their answers.
func (c *bareCycle) settle(ctx context.Context, items []bareItem) error {
	res, err := c.conn.ExecContext(ctx, `UPDATE batch SET settled = 1 WHERE id = ? AND token = (SELECT token FROM lease WHERE account = 1)`, c.batch)
	if err != nil {
		return fmt.Errorf("end batch: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.New("end batch: the lease is lost")
	}
	for i := range items {
		id := items[i].event
		if _, err := c.remove.ExecContext(ctx, id, id); err != nil {
			return fmt.Errorf("settle: %w", err)
		}
		if _, err := c.record.ExecContext(ctx, id, c.batch); err != nil {
			return fmt.Errorf("settle: %w", err)
		}
	}
	return nil
}
