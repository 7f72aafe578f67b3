package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
)

// endBatch writes how a batch without an answer ended.
const endBatch = `UPDATE batch SET settled = $3, uploaded = $4, request_id = $5, job_id = $6, poll_at = $7, call = $8
	WHERE account = $1 AND id = $2 AND settled IS NULL`

// Settle implements store.Sending.
func (s *Store) Settle(ctx context.Context, l conversions.Lease, set conversions.Settlement) error {
	err := s.settle(ctx, l, set)
	if err != nil {
		return fmt.Errorf("settle batch %s: %w", set.Batch, err)
	}
	return nil
}

func (s *Store) settle(ctx context.Context, l conversions.Lease, set conversions.Settlement) error {
	var call *string // NULL
	if set.Call != nil {
		text, err := encode(set.Call)
		if err != nil {
			return err
		}
		call = &text
	}
	return s.recordAnswers(ctx, l, set.Entries, func(t *tx) {
		t.exec(orNotFound, endBatch, quoted(l.Account), quoted(set.Batch), micros(set.At), uploaded(set.Entries),
			quoted(set.RequestID), set.JobID, orNull(set.PollAt), call)
	})
}

// recordAnswers records entries that tell what is at Google, after first,
// which queues what comes before them.
func (s *Store) recordAnswers(ctx context.Context, l conversions.Lease, es []conversions.Entry, first func(*tx)) error {
	return s.guarded(ctx, l, func(ctx context.Context, t *tx) error {
		first(t)
		r := newRecorder(t, l.Account, es)
		if err := t.flush(ctx); err != nil {
			return err
		}
		if err := r.record(t); err != nil {
			return err
		}
		return r.noticeRetracted(ctx, t)
	})
}

// uploaded counts the uploads that Google accepted or had already.
func uploaded(es []conversions.Entry) (n int) {
	for i := range es {
		if answeredOp(&es[i]) != conversions.OpUpload {
			continue
		}
		if v := es[i].Answer.Verdict; v == conversions.Done || v == conversions.AlreadyThere {
			n++
		}
	}
	return n
}

// insertNotices leaves notices under one number.
const insertNotices = `INSERT INTO inbox (account, notice, source, lead)
	SELECT $1, $2, n.* FROM unnest($3::text[], $4::text[]) AS n ON CONFLICT DO NOTHING`

// noticeRetracted leaves a notice for the lead of every row that has become
// retracted and wanted: the outcome came back while the retraction was in
// flight. Whether the answer or what the fold decided is written last, the fold
// that saw the outcome could not know.
func (r *recorder) noticeRetracted(ctx context.Context, t *tx) error {
	var sources, leads []string
	for _, c := range r.changed {
		if c.now.CameBack() && !c.cameBack {
			sources, leads = append(sources, quoted(c.now.Key.Source)), append(leads, quoted(c.now.Key.Lead))
		}
	}
	if len(sources) == 0 {
		return nil
	}
	var number int64
	t.query(func(rows pgx.Rows) error { return scan(rows, &number) }, nextNotice, quoted(r.account))
	if err := t.flush(ctx); err != nil {
		return err
	}
	t.queue(insertNotices, quoted(r.account), number, sources, leads)
	return nil
}

// The batches to ask about, when the first of them is due, and what came of
// asking: all by an index of nothing else, for there are few among many.
const (
	toPoll      = `WHERE account = $1 AND poll_at <= $2 ORDER BY poll_at, seq LIMIT $3`
	firstToPoll = `SELECT min(poll_at) FROM batch WHERE account = $1 AND poll_at IS NOT NULL`
	countPoll   = `UPDATE batch SET poll_at = $3, polls = polls + 1, uploaded = uploaded + $4
		WHERE account = $1 AND id = $2 AND poll_at IS NOT NULL`
)

// Polls implements store.Sending.
func (s *Store) Polls(ctx context.Context, a conversions.AccountID, now time.Time, limit int) ([]conversions.Batch, error) {
	batches, err := s.batches(ctx, a, toPoll, micros(now), limit)
	if err != nil {
		return nil, fmt.Errorf("read batches of %s to ask about: %w", a, err)
	}
	return batches, nil
}

// NextPoll implements store.Sending.
func (s *Store) NextPoll(ctx context.Context, a conversions.AccountID) (time.Time, error) {
	at, err := query(ctx, s.db, scanned[*int64], firstToPoll, quoted(a))
	if err != nil {
		return time.Time{}, fmt.Errorf("read when to ask about batches of %s: %w", a, err)
	}
	return fromNull(at[0]), nil
}

// Polled implements store.Sending.
func (s *Store) Polled(ctx context.Context, l conversions.Lease, p conversions.Polled) error {
	err := s.recordAnswers(ctx, l, p.Entries, func(t *tx) {
		t.exec(orNotFound, countPoll, quoted(l.Account), quoted(p.Batch), orNull(p.PollAt), uploaded(p.Entries))
	})
	if err != nil {
		return fmt.Errorf("record status of batch %s: %w", p.Batch, err)
	}
	return nil
}
