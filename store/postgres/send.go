package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// selectDue walks what is pending in its own order, up to the limit, and looks
// up those rows.
const selectDue = `SELECT c.doc FROM (
		SELECT account, conversion, rank, deadline FROM pending
		WHERE account = $1 AND due <= $2 AND ($5 = '' OR op = $5) AND action <> ALL ($3) AND conversion NOT IN (` + inFlight + `)
		ORDER BY rank, deadline, conversion LIMIT $4) AS p
	CROSS JOIN LATERAL (SELECT doc FROM conversion WHERE account = p.account AND id = p.conversion OFFSET 0) AS c
	ORDER BY p.rank, p.deadline, p.conversion`

// Due implements store.Sending.
func (s *Store) Due(ctx context.Context, a conversions.AccountID, c conversions.Claim) ([]conversions.Row, error) {
	without := c.Without
	if without == nil {
		without = []string{}
	}
	rows, err := s.queryRows(ctx, selectDue, quoted(a), micros(c.Now), without, c.Limit, string(c.Only))
	if err != nil {
		return nil, fmt.Errorf("read due rows of %s: %w", a, err)
	}
	return rows, nil
}

// Rows implements store.Sending.
func (s *Store) Rows(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) ([]conversions.Row, error) {
	rows, err := s.queryRows(ctx, selectRows, quoted(a), distinct(ids))
	if err != nil {
		return nil, fmt.Errorf("read %d rows of %s: %w", len(ids), a, err)
	}
	return rows, nil
}

// queryRows runs a query whose first column holds rows.
func (s *Store) queryRows(ctx context.Context, text string, args ...any) ([]conversions.Row, error) {
	var all []conversions.Row
	err := s.db.each(ctx, func() func(pgx.Rows) error {
		all = nil
		return readRows(&all)
	}, text, args...)
	return all, err
}

// Begin implements store.Sending.
func (s *Store) Begin(ctx context.Context, l conversions.Lease, given conversions.Batch) (conversions.Batch, error) {
	var b conversions.Batch
	err := s.guarded(ctx, l, func(ctx context.Context, t *tx) error {
		b = newBatch(given)
		if b.Account != l.Account {
			return errForeign
		}
		people := queuePeople(t, b.Account, b.Items)
		if err := t.flush(ctx); err != nil {
			return err
		}
		people.fill(b.Items)
		if err := moveApart(ctx, t, &b); err != nil {
			return err
		}
		queueBatch(t, &b)
		target := b.Target
		queueEntries(t, b.Account, []conversions.Entry{{
			Account: b.Account, Kind: conversions.EntrySent, At: b.Created, Batch: b.ID, Target: &target, Count: len(b.Items),
		}})
		return nil
	})
	if err != nil {
		return conversions.Batch{}, fmt.Errorf("begin batch %s: %w", given.ID, err)
	}
	return b, nil
}

// newBatch returns the batch as it is first sent, with items of its own.
func newBatch(b conversions.Batch) conversions.Batch {
	b.Created = tidy(b.Created).UTC()
	b.SentAt, b.Attempts = b.Created, 1
	items := make([]conversions.Item, len(b.Items))
	for i, it := range b.Items {
		items[i] = tidyItem(it)
	}
	b.Items = items
	return b
}

const insertBatch = `INSERT INTO batch (account, id, run, api, customer, created, sent_at, attempts, rows, manifest)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

func queueBatch(t *tx, b *conversions.Batch) {
	t.queue(insertBatch, quoted(b.Account), quoted(b.ID), quoted(b.Run), string(b.Target.API), quoted(b.Target.Customer),
		micros(b.Created), micros(b.SentAt), b.Attempts, rowIDs(b.Items), compact.AppendItems(make([]byte, 0, 256*len(b.Items)), b.Items))
}

func rowIDs(items []conversions.Item) []int64 {
	ids := make([]int64, len(items))
	for i, it := range items {
		ids[i] = int64(it.Row)
	}
	return ids
}

// people are side rows by their event's seq, read when the transaction is
// flushed.
type people map[int64]conversions.Person

// selectPeople reads side rows as selectRows does rows.
const selectPeople = `SELECT seq, doc FROM identity WHERE account = $1 AND seq = ANY (ARRAY(SELECT unnest($2::bigint[])))`

// queuePeople queues the reading of the side rows that items' clicks stand in.
func queuePeople(t *tx, a conversions.AccountID, items []conversions.Item) people {
	p := people{}
	seqs := make([]int64, 0, len(items))
	for i := range items {
		if !items[i].Click.IsZero() {
			seqs = append(seqs, items[i].Click.Event)
		}
	}
	if len(seqs) == 0 {
		return p
	}
	t.query(func(rows pgx.Rows) error {
		var seq int64
		var doc []byte
		var person conversions.Person
		if err := scan(rows, &seq, &doc); err != nil {
			return err
		}
		if compact.ReadPerson(doc, &person) != nil {
			return fmt.Errorf("read side row: %w", errUnreadable)
		}
		p[seq] = person
		return nil
	}, selectPeople, quoted(a), seqs)
	return p
}

// fill fills in the click ids of items; what was erased stays empty.
func (p people) fill(items []conversions.Item) {
	for i := range items {
		it := &items[i]
		it.ClickID = ""
		if clicks := p[it.Click.Event].Clicks; !it.Click.IsZero() && it.Click.N < len(clicks) {
			it.ClickID = clicks[it.Click.N].ID
		}
	}
}

// Fill implements store.Sending.
func (s *Store) Fill(ctx context.Context, a conversions.AccountID, items []conversions.Item) ([]conversions.Item, error) {
	filled := slices.Clone(items)
	err := s.db.snapshot(ctx, func(t *tx) error {
		p := queuePeople(t, a, filled)
		err := t.flush(ctx)
		p.fill(filled)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("fill %d items of %s: %w", len(items), a, err)
	}
	return filled, nil
}

// selectBatch reads batches with their manifests.
const selectBatch = `SELECT account, id, run, api, customer, created, sent_at, attempts,
	request_id, settled, polls, manifest FROM batch `

func readBatch(rows pgx.Rows) (conversions.Batch, error) {
	var b conversions.Batch
	var account, id, run, customer, requestID string
	var created, sent int64
	var settled *int64
	var manifest []byte
	err := scan(rows, &account, &id, &run, &b.Target.API, &customer, &created, &sent, &b.Attempts,
		&requestID, &settled, &b.Polls, &manifest)
	if err != nil {
		return b, err
	}
	b.Account, b.ID, b.Run = unquoted[conversions.AccountID](account), unquoted[conversions.BatchID](id), unquoted[string](run)
	b.Target.Customer, b.RequestID = unquoted[string](customer), unquoted[string](requestID)
	b.Created, b.SentAt, b.AnsweredAt = fromMicros(created), fromMicros(sent), fromNull(settled)
	if b.Items, err = compact.ReadItems(manifest); err != nil {
		return b, fmt.Errorf("read manifest: %w", errUnreadable)
	}
	return b, nil
}

// unanswered selects an account's batches without an answer, oldest first.
const unanswered = `WHERE account = $1 AND settled IS NULL ORDER BY created, seq`

// Unanswered implements store.Sending.
func (s *Store) Unanswered(ctx context.Context, a conversions.AccountID) ([]conversions.Batch, error) {
	batches, err := s.batches(ctx, a, unanswered)
	if err != nil {
		return nil, fmt.Errorf("read unanswered batches of %s: %w", a, err)
	}
	return batches, nil
}

// batches returns the account's batches that a condition selects, with click
// ids.
func (s *Store) batches(ctx context.Context, a conversions.AccountID, which string, args ...any) ([]conversions.Batch, error) {
	var batches []conversions.Batch
	err := s.db.snapshot(ctx, func(t *tx) error {
		batches = nil
		t.query(into(&batches, readBatch), selectBatch+which, append([]any{quoted(a)}, args...)...)
		if err := t.flush(ctx); err != nil || len(batches) == 0 {
			return err
		}
		found := make([]people, len(batches))
		for i := range batches {
			found[i] = queuePeople(t, a, batches[i].Items)
		}
		err := t.flush(ctx)
		for i := range batches {
			found[i].fill(batches[i].Items)
		}
		return err
	})
	return batches, err
}

const countAttempt = `UPDATE batch SET attempts = attempts + 1, sent_at = $3 WHERE account = $1 AND id = $2 AND settled IS NULL`

// Again implements store.Sending.
func (s *Store) Again(ctx context.Context, l conversions.Lease, id conversions.BatchID, now time.Time) (conversions.Batch, error) {
	var b conversions.Batch
	err := s.guarded(ctx, l, func(ctx context.Context, t *tx) error {
		t.exec(orNotFound, countAttempt, quoted(l.Account), quoted(id), micros(now))
		t.query(func(rows pgx.Rows) (err error) {
			b, err = readBatch(rows)
			return err
		}, selectBatch+`WHERE account = $1 AND id = $2`, quoted(l.Account), quoted(id))
		if err := t.flush(ctx); err != nil {
			return err
		}
		p := queuePeople(t, l.Account, b.Items)
		err := t.flush(ctx)
		p.fill(b.Items)
		return err
	})
	if err != nil {
		return conversions.Batch{}, fmt.Errorf("send batch %s again: %w", id, err)
	}
	return b, nil
}

// orNotFound is for a statement that is to change something.
func orNotFound(changed int) error {
	if changed == 0 {
		return conversions.ErrNotFound
	}
	return nil
}
