package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"closeloop/conversions"
)

// Errors of a caller of ResolveQuarantine.
var (
	errNoDecision = errors.New("neither given up without an event nor retried with one")
	errNotOfIt    = errors.New("event of another account, source or body than the delivery")
	errStored     = errors.New("event is stored already")
)

// Quarantined implements store.Reports.
func (s *Store) Quarantined(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.Quarantined, error) {
	if limit <= 0 {
		limit = -1 // SQLite's "no limit"
	}
	qs, err := collect(ctx, s.reads.QueryContext, readQuarantined,
		selectQuarantined+`WHERE ?1 IN ('', account) ORDER BY received DESC, id DESC LIMIT ?2`, string(a), limit)
	if err != nil {
		return nil, fmt.Errorf("list quarantine: %w", err)
	}
	return qs, nil
}

// QuarantinedByID implements store.Reports.
func (s *Store) QuarantinedByID(ctx context.Context, id int64) (conversions.Quarantined, error) {
	qs, err := collect(ctx, s.reads.QueryContext, readQuarantined, selectQuarantined+`WHERE id = ?`, id)
	if err == nil && len(qs) == 0 {
		err = conversions.ErrNotFound
	}
	if err != nil {
		return conversions.Quarantined{}, fmt.Errorf("read quarantined delivery %d: %w", id, err)
	}
	return qs[0], nil
}

const selectQuarantined = `SELECT id, account, source, body, received, doc, decided FROM quarantine `

func readQuarantined(rows *sql.Rows) (conversions.Quarantined, error) {
	var id, received int64
	var account conversions.AccountID
	var source string
	var body, text, decided []byte
	if err := rows.Scan(&id, &account, &source, &body, &received, &text, &decided); err != nil {
		return conversions.Quarantined{}, fmt.Errorf("scan quarantined delivery: %w", err)
	}
	var doc quarantineDoc
	if err := decode(text, &doc); err != nil {
		return conversions.Quarantined{}, err
	}
	q := doc.Quarantined
	q.ID, q.Account, q.Source, q.Received = id, account, source, fromMicros(received)
	copy(q.Body[:], body)
	if decided == nil {
		return q, nil
	}
	q.Decided = &conversions.QuarantineDecision{}
	return q, decode(decided, q.Decided)
}

// PurgeQuarantine implements store.Reports.
func (s *Store) PurgeQuarantine(ctx context.Context, before time.Time) (int, error) {
	var n int
	err := s.writes.do(ctx, func(ctx context.Context, t tx) (err error) {
		n, err = t.changed(ctx, `DELETE FROM quarantine WHERE received < ?`, micros(before))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("purge quarantine: %w", err)
	}
	s.writes.forgetLog(ctx)
	return n, nil
}

// ResolveQuarantine implements store.Ingest. It is a rare event that a person
// waits for, so it takes a transaction of its own.
func (s *Store) ResolveQuarantine(ctx context.Context, id int64, d conversions.QuarantineDecision, e *conversions.Event) error {
	err := s.resolveQuarantine(ctx, id, d, e)
	if err != nil {
		return fmt.Errorf("resolve quarantined delivery %d: %w", id, err)
	}
	return nil
}

func (s *Store) resolveQuarantine(ctx context.Context, id int64, d conversions.QuarantineDecision, e *conversions.Event) error {
	d.At, d.Event = tidy(d.At).UTC(), 0
	r, err := decided(d, e)
	if err != nil {
		return err
	}
	return s.writes.do(ctx, func(ctx context.Context, t tx) error {
		q, err := openDelivery(ctx, t, id)
		if err != nil {
			return err
		}
		if r != nil {
			if d.Event, err = r.release(ctx, t, q, followUp{contacts: s.ingest.contacts}); err != nil {
				return err
			}
		}
		return markDecided(ctx, t, q, d)
	})
}

// decided checks a decision, and makes its event ready to be written; nil if
// there is none.
func decided(d conversions.QuarantineDecision, e *conversions.Event) (*eventRecord, error) {
	switch {
	case d.Kind == conversions.EntryGivenUp && e == nil:
		return nil, nil //nolint:nilnil // no event is a decision too
	case d.Kind != conversions.EntryRetried || e == nil:
		return nil, errNoDecision
	}
	return newEventRecord(*e), nil
}

// openDelivery reads a delivery that nothing was decided about.
func openDelivery(ctx context.Context, t tx, id int64) (conversions.Quarantined, error) {
	qs, err := collect(ctx, t.query, readQuarantined, selectQuarantined+`WHERE id = ?`, id)
	switch {
	case err != nil:
		return conversions.Quarantined{}, err
	case len(qs) == 0:
		return conversions.Quarantined{}, conversions.ErrNotFound
	case qs[0].Decided != nil:
		return conversions.Quarantined{}, conversions.ErrDecided
	}
	return qs[0], nil
}

// release writes the event of a delivery that stands in quarantine, and what
// goes with it.
func (r *eventRecord) release(ctx context.Context, t tx, q conversions.Quarantined, f followUp) (int64, error) {
	if r.e.Account != q.Account || r.e.Source != q.Source || r.e.Body != q.Body {
		return 0, errNotOfIt
	}
	fresh, err := insertSome(ctx, t, insertReleased, r.appendArgs(nil))
	if err != nil {
		return 0, err
	}
	if fresh.next == fresh.end {
		return 0, errStored
	}
	f.add(fresh.next, r)
	return fresh.next, f.write(ctx, t)
}

func markDecided(ctx context.Context, t tx, q conversions.Quarantined, d conversions.QuarantineDecision) error {
	text, err := encode(d)
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, `UPDATE quarantine SET decided = ? WHERE id = ?`, text, q.ID); err != nil {
		return fmt.Errorf("mark as decided: %w", err)
	}
	return appendEntry(ctx, t, conversions.Entry{
		Account: q.Account, Kind: d.Kind, At: d.At, By: d.By, Note: d.Note, Quarantine: q.ID,
	})
}
