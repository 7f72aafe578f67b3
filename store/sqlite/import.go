package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"closeloop/conversions"
	"closeloop/store"
	"closeloop/store/compact"
)

// importPage is how many records are written in one transaction, at most.
const importPage = 10_000

// marker is the table that a database has while it is filled. It says which
// chunks of the ledger have entries of which rows, so that nothing of that is
// kept in memory.
const marker = "unfinished"

// checkFinished refuses a database that is being filled, or was not to the end.
func checkFinished(ctx context.Context, conn *sql.Conn) error {
	var n int
	if err := conn.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?`, marker).Scan(&n); err != nil {
		return fmt.Errorf("look for an unfinished copy: %w", err)
	}
	if n > 0 {
		return store.ErrUnfinished
	}
	return nil
}

// Import implements store.Copying.
func (s *Store) Import(ctx context.Context, records iter.Seq2[store.Record, error]) error {
	if err := s.fill(ctx, records); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	return nil
}

func (s *Store) fill(ctx context.Context, records iter.Seq2[store.Record, error]) error {
	if err := s.writes.do(ctx, beginImport); err != nil {
		return err
	}
	var page []store.Record
	write := func() error {
		err := s.writes.do(ctx, func(ctx context.Context, t tx) error { return importAll(ctx, t, page) })
		clear(page)
		page = page[:0]
		return err
	}
	for r, err := range records {
		if err != nil {
			return err
		}
		if page = append(page, r); len(page) == importPage || r.Batch != nil && len(page) >= batchPage {
			if err := write(); err != nil {
				return err
			}
		}
	}
	if err := write(); err != nil {
		return err
	}
	return s.writes.do(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `DROP TABLE `+marker)
		return err
	})
}

// beginImport marks the database as unfinished, if it is empty.
func beginImport(ctx context.Context, t tx) error {
	var marked, empty bool
	if err := t.one(ctx, []any{&marked}, `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?)`, marker); err != nil {
		return err
	}
	if marked {
		return store.ErrUnfinished
	}
	err := t.one(ctx, []any{&empty}, `SELECT NOT EXISTS (SELECT 1 FROM event) AND NOT EXISTS (SELECT 1 FROM quarantine)
		AND NOT EXISTS (SELECT 1 FROM conversion) AND NOT EXISTS (SELECT 1 FROM ledger) AND NOT EXISTS (SELECT 1 FROM batch)
		AND NOT EXISTS (SELECT 1 FROM plan) AND NOT EXISTS (SELECT 1 FROM facts) AND NOT EXISTS (SELECT 1 FROM account)
		AND NOT EXISTS (SELECT 1 FROM pause)`)
	if err != nil {
		return err
	}
	if !empty {
		return store.ErrNotEmpty
	}
	_, err = t.exec(ctx, `CREATE TABLE `+marker+` (
		conversion INTEGER NOT NULL, chunk INTEGER NOT NULL, PRIMARY KEY (conversion, chunk)) STRICT, WITHOUT ROWID`)
	return err
}

// importer writes a page of records in one transaction.
type importer struct {
	t        tx
	recorder recorder // of rows, and the sums of them
	events   followUp // the counts of events
	chunk    *chunk   // of the ledger
	rows     map[conversions.RowID]bool
}

func importAll(ctx context.Context, t tx, page []store.Record) error {
	im := &importer{t: t}
	for i := range page {
		if err := im.add(ctx, &page[i]); err != nil {
			return err
		}
	}
	if err := im.saveChunk(ctx); err != nil {
		return err
	}
	if err := im.recorder.totals.save(ctx, t); err != nil {
		return err
	}
	return addReceived(ctx, t, im.events.kinds)
}

func (im *importer) add(ctx context.Context, r *store.Record) error {
	switch {
	case r.Numbers != nil:
		return importNumbers(ctx, im.t, r.Numbers)
	case r.Event != nil:
		im.events.count(r.Event.Seq, r.Event)
		return importEvent(ctx, im.t, r.Event)
	case r.Quarantined != nil:
		return importQuarantined(ctx, im.t, r.Quarantined)
	case r.Entry != nil:
		return im.addEntry(ctx, r.Entry)
	case r.Row != nil:
		return im.addRow(ctx, r)
	case r.Batch != nil:
		return importBatch(ctx, im.t, r.Batch)
	default:
		return importRare(ctx, im.t, r)
	}
}

// addEntry appends to a chunk of the ledger, whose numbers have no gap.
func (im *importer) addEntry(ctx context.Context, e *conversions.Entry) error {
	c := im.chunk
	if c != nil && (c.account != e.Account || c.first+c.count != e.Seq || c.count == conversions.MaxItems) {
		if err := im.saveChunk(ctx); err != nil {
			return err
		}
	}
	if im.chunk == nil {
		im.chunk, im.rows = &chunk{account: e.Account, first: e.Seq}, map[conversions.RowID]bool{}
	}
	im.chunk.add(e)
	if e.Row != 0 {
		im.rows[e.Row] = true
	}
	return nil
}

// saveChunk writes a chunk, and into the marker which rows have entries in it:
// their trails are made of that.
func (im *importer) saveChunk(ctx context.Context) error {
	if im.chunk == nil {
		return nil
	}
	for row := range im.rows {
		if _, err := im.t.exec(ctx, `INSERT INTO `+marker+` (conversion, chunk) VALUES (?, ?)`, int64(row), im.chunk.first); err != nil {
			return fmt.Errorf("note chunk: %w", err)
		}
	}
	err := im.chunk.save(ctx, im.t)
	im.chunk = nil
	return err
}

// addRow writes a row; all entries came before it.
func (im *importer) addRow(ctx context.Context, r *store.Record) error {
	if err := im.saveChunk(ctx); err != nil {
		return err
	}
	chunks, err := collect(ctx, im.t.query, scanned[int64], `SELECT chunk FROM `+marker+` WHERE conversion = ? ORDER BY chunk`, int64(r.Row.ID))
	if err != nil {
		return fmt.Errorf("find entries of row %d: %w", r.Row.ID, err)
	}
	c := &recorded{now: *r.Row, isNew: true, click: r.ClickID, clickSet: true, trail: []byte{}}
	for _, seq := range chunks {
		c.trail = trailed(c.trail, seq)
	}
	return im.recorder.save(ctx, im.t, c)
}

// importNumbers keeps purged ids from being given out again. SQLite makes the
// row of a table in sqlite_sequence with the first insert, so one is made.
func importNumbers(ctx context.Context, t tx, n *store.Numbers) error {
	_, err := t.exec(ctx, `INSERT INTO sqlite_sequence (name, seq) SELECT 'quarantine', ? WHERE ? > 0`, n.Quarantine, n.Quarantine)
	return err
}

func importEvent(ctx context.Context, t tx, e *conversions.Event) error {
	if err := named(e.Account, e.Source); err != nil {
		return err
	}
	_, err := t.exec(ctx, `INSERT INTO event (seq, account, source, body, lead, kind, outcome, received, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.Seq, string(e.Account), e.Source, e.Body[:], string(e.Lead), string(e.Kind), string(e.Outcome), micros(e.Received), compact.AppendEvent(nil, e))
	if err != nil || e.Person.IsZero() {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO identity (seq, doc) VALUES (?, ?)`, e.Seq, compact.AppendPerson(nil, &e.Person))
	return err
}

func importQuarantined(ctx context.Context, t tx, q *conversions.Quarantined) error {
	if err := named(q.Account, q.Source); err != nil {
		return err
	}
	doc, err := encode(quarantineDoc{Quarantined: *q})
	if err != nil {
		return err
	}
	var decided any // NULL
	if q.Decided != nil {
		if decided, err = encode(q.Decided); err != nil {
			return err
		}
	}
	_, err = t.exec(ctx, `INSERT INTO quarantine (id, account, source, body, received, doc, decided) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		q.ID, string(q.Account), q.Source, q.Body[:], micros(q.Received), doc, decided)
	return err
}

// importBatch writes a batch and takes the seconds of its uploads. A row that
// was uploaded again in another batch took its second before.
func importBatch(ctx context.Context, t tx, b *store.Batch) error {
	var call any // NULL
	if b.Call != nil {
		text, err := encode(b.Call)
		if err != nil {
			return err
		}
		call = text
	}
	ids := make([]conversions.RowID, len(b.Items))
	for i := range b.Items {
		it := &b.Items[i]
		ids[i] = it.Row
		if it.Op != conversions.OpUpload || it.ClickID == "" {
			continue
		}
		if _, err := t.exec(ctx, insertSlot, int64(keyOf(b.Account, it, it.At)), int64(it.Row)); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, `INSERT INTO batch (seq, account, id, run, api, customer, created, sent_at, attempts, settled, uploaded,
			job_id, request_id, poll_at, polls, call, rows, manifest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		b.Seq, string(b.Account), string(b.ID), b.Run, string(b.Target.API), b.Target.Customer, micros(b.Created), micros(b.SentAt), b.Attempts,
		orNull(b.AnsweredAt), b.Uploaded, b.JobID, b.RequestID, orNull(b.PollAt), b.Polls, call, list(ids), compact.AppendItems(nil, b.Items))
	return err
}

// importRare writes what there is little of.
func importRare(ctx context.Context, t tx, r *store.Record) (err error) {
	var doc string
	switch {
	case r.Notice != nil:
		_, err = t.exec(ctx, `INSERT INTO inbox (account, notice, source, lead) VALUES (?, ?, ?, ?)`,
			string(r.Notice.Account), r.Notice.Number, r.Notice.Source, string(r.Notice.Lead))
	case r.Plan != nil:
		_, err = t.exec(ctx, `INSERT INTO plan (account, spec, next, owed) VALUES (?, ?, ?, ?)`,
			string(r.Plan.Account), r.Plan.Spec, micros(r.Plan.Next), micros(r.Plan.Owed))
	case r.Account != nil:
		_, err = t.exec(ctx, `INSERT INTO account (account, fingerprint, refolded) VALUES (?, ?, ?)`,
			string(r.Account.Account), r.Account.Fingerprint, r.Account.Refolded)
	case r.Facts != nil:
		if doc, err = encode(r.Facts); err == nil {
			_, err = t.exec(ctx, `INSERT INTO facts (account, doc) VALUES (?, ?)`, string(r.Facts.Account), doc)
		}
	case r.Paused != nil:
		if doc, err = encode(r.Paused); err == nil {
			_, err = t.exec(ctx, `INSERT INTO pause (account, action, doc) VALUES (?, ?, ?)`, string(r.Paused.Account), r.Paused.Action, doc)
		}
	}
	return err
}
