package sqlite

import (
	"context"
	"errors"
	"fmt"

	"closeloop/conversions"
)

// Settle implements store.Sending.
func (s *Store) Settle(ctx context.Context, l conversions.Lease, set conversions.Settlement) error {
	err := s.settle(ctx, l, set, s.memory.take(l.Account))
	if errors.Is(err, errMoved) {
		err = s.settle(ctx, l, set, nil)
	}
	if err != nil {
		return fmt.Errorf("settle batch %s: %w", set.Batch, err)
	}
	return nil
}

func (s *Store) settle(ctx context.Context, l conversions.Lease, set conversions.Settlement, known []recorded) error {
	return s.guarded(ctx, l, func(ctx context.Context, t tx) error {
		if err := endBatch(ctx, t, l, set); err != nil {
			return err
		}
		return recordAnswers(ctx, t, l, set.Entries, known)
	})
}

// recordAnswers is record for entries that tell what is at Google. Rows that
// are known need not be read.
func recordAnswers(ctx context.Context, t tx, l conversions.Lease, es []conversions.Entry, known []recorded) error {
	changed, err := recordRows(ctx, t, l, es, known)
	if err != nil {
		return err
	}
	return noticeRetracted(ctx, t, l, changed)
}

// endBatch writes how a batch without an answer ended.
func endBatch(ctx context.Context, t tx, l conversions.Lease, set conversions.Settlement) error {
	var call any // NULL
	if set.Call != nil {
		text, err := encode(set.Call)
		if err != nil {
			return err
		}
		call = text
	}
	n, err := t.changed(ctx, `UPDATE batch SET settled = ?, uploaded = ?, request_id = ?, job_id = ?, poll_at = ?, call = ?
		WHERE account = ? AND id = ? AND settled IS NULL`,
		micros(set.At), uploaded(set.Entries), set.RequestID, set.JobID, orNull(set.PollAt), call, string(l.Account), string(set.Batch))
	if err != nil {
		return fmt.Errorf("end batch: %w", err)
	}
	if n == 0 {
		return conversions.ErrNotFound
	}
	return nil
}

// uploaded counts the uploads that Google accepted or had already.
func uploaded(es []conversions.Entry) (n int) {
	for i := range es {
		e := &es[i]
		if answeredOp(e) != conversions.OpUpload {
			continue
		}
		if v := e.Answer.Verdict; v == conversions.Done || v == conversions.AlreadyThere {
			n++
		}
	}
	return n
}

// noticeRetracted leaves a notice for the lead of every row that has become
// retracted and wanted: the outcome came back while the retraction was in
// flight. Whether the answer or what the fold decided is written last, the fold
// that saw the outcome could not know.
func noticeRetracted(ctx context.Context, t tx, l conversions.Lease, changed []*recorded) error {
	var number int64
	for _, c := range changed {
		if c.was.cameBack || !c.now.CameBack() {
			continue
		}
		if number == 0 {
			var err error
			if number, err = oddNotice(ctx, t, l.Account); err != nil {
				return err
			}
		}
		_, err := t.exec(ctx, `INSERT INTO inbox (account, notice, source, lead) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			string(l.Account), number, c.now.Key.Source, string(c.now.Key.Lead))
		if err != nil {
			return fmt.Errorf("leave notice: %w", err)
		}
	}
	return nil
}

// oddNotice returns a notice number of the account that was never given out.
// It is odd, and beyond every notice there is: the leads queue up behind the
// events of today.
func oddNotice(ctx context.Context, t tx, a conversions.AccountID) (int64, error) {
	var number int64
	err := t.one(ctx, []any{&number}, `INSERT INTO account (account, fingerprint, refolded)
		VALUES (?1, '', 2 * (SELECT coalesce(max(seq), 0) FROM event) + 1)
		ON CONFLICT (account) DO UPDATE SET refolded = max(account.refolded + 2, excluded.refolded)
		RETURNING refolded`, string(a))
	if err != nil {
		return 0, fmt.Errorf("number notice: %w", err)
	}
	return number, nil
}
