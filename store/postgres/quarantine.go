package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
)

// Errors of a caller of ResolveQuarantine.
var (
	errNoDecision = errors.New("neither given up without an event nor retried with one")
	errNotOfIt    = errors.New("event of another account, source or body than the delivery")
	errStored     = errors.New("event is stored already")
)

const selectQuarantined = `SELECT id, account, source, body, received, doc, decided FROM quarantine `

// Quarantined implements store.Reports.
func (s *Store) Quarantined(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.Quarantined, error) {
	var most *int // NULL is no limit
	if limit > 0 {
		most = &limit
	}
	qs, err := query(ctx, s.db, readQuarantined,
		selectQuarantined+`WHERE $1 IN ('', account) ORDER BY received DESC, id DESC LIMIT $2`, quoted(a), most)
	if err != nil {
		return nil, fmt.Errorf("list quarantine: %w", err)
	}
	return qs, nil
}

// QuarantinedByID implements store.Reports.
func (s *Store) QuarantinedByID(ctx context.Context, id int64) (conversions.Quarantined, error) {
	qs, err := query(ctx, s.db, readQuarantined, selectQuarantined+`WHERE id = $1`, id)
	if err == nil && len(qs) == 0 {
		err = conversions.ErrNotFound
	}
	if err != nil {
		return conversions.Quarantined{}, fmt.Errorf("read quarantined delivery %d: %w", id, err)
	}
	return qs[0], nil
}

func readQuarantined(rows pgx.Rows) (conversions.Quarantined, error) {
	var id, received int64
	var account, source, text string
	var body []byte
	var decided *string
	if err := scan(rows, &id, &account, &source, &body, &received, &text, &decided); err != nil {
		return conversions.Quarantined{}, err
	}
	var doc quarantineDoc
	if err := decode(text, &doc); err != nil {
		return conversions.Quarantined{}, err
	}
	q := doc.Quarantined
	q.ID, q.Account, q.Source, q.Received = id, unquoted[conversions.AccountID](account), unquoted[string](source), fromMicros(received)
	copy(q.Body[:], body)
	if decided == nil {
		return q, nil
	}
	q.Decided = &conversions.QuarantineDecision{}
	return q, decode(*decided, q.Decided)
}

// PurgeQuarantine implements store.Reports.
func (s *Store) PurgeQuarantine(ctx context.Context, before time.Time) (int, error) {
	n, err := s.db.exec(ctx, `DELETE FROM quarantine WHERE received < $1`, micros(before))
	if err != nil {
		return 0, fmt.Errorf("purge quarantine: %w", err)
	}
	return n, nil
}

// ResolveQuarantine implements store.Ingest. It is a rare event that a person
// waits for, so it takes a transaction of its own.
func (s *Store) ResolveQuarantine(ctx context.Context, id int64, d conversions.QuarantineDecision, e *conversions.Event) error {
	if err := s.resolveQuarantine(ctx, id, d, e); err != nil {
		return fmt.Errorf("resolve quarantined delivery %d: %w", id, err)
	}
	return nil
}

func (s *Store) resolveQuarantine(ctx context.Context, id int64, d conversions.QuarantineDecision, e *conversions.Event) error {
	d.At, d.Event = tidy(d.At).UTC(), 0
	release := d.Kind == conversions.EntryRetried && e != nil
	if !release && (d.Kind != conversions.EntryGivenUp || e != nil) {
		return errNoDecision
	}
	g := newGroup(s.ingest, nil)
	if release {
		g = newGroup(s.ingest, []*delivery{{record: newEventRecord(*e)}})
	}
	err := s.db.write(ctx, func(ctx context.Context, t *tx) error {
		q, err := openDelivery(ctx, t, id)
		if err != nil {
			return err
		}
		if release {
			if d.Event, err = g.release(ctx, t, q); err != nil {
				return err
			}
		}
		return markDecided(t, q, d)
	})
	if err != nil || !release {
		return err
	}
	return s.secondLook(ctx, g)
}

// openDelivery locks and reads a delivery that nothing was decided about, and
// locks its account.
func openDelivery(ctx context.Context, t *tx, id int64) (conversions.Quarantined, error) {
	var qs []conversions.Quarantined
	t.query(into(&qs, readQuarantined), selectQuarantined+`WHERE id = $1 FOR UPDATE`, id)
	err := t.flush(ctx)
	switch {
	case err != nil:
		return conversions.Quarantined{}, err
	case len(qs) == 0:
		return conversions.Quarantined{}, conversions.ErrNotFound
	case qs[0].Decided != nil:
		return conversions.Quarantined{}, conversions.ErrDecided
	}
	lockAccount(t, qs[0].Account)
	return qs[0], nil
}

// release writes the event of a delivery that stands in quarantine, and what
// goes with it.
func (g *group) release(ctx context.Context, t *tx, q conversions.Quarantined) (int64, error) {
	r := g.events[0]
	if r.e.Account != q.Account || r.e.Source != q.Source || r.e.Body != q.Body {
		return 0, errNotOfIt
	}
	g.queueEvents(t, g.events, true)
	if err := t.flush(ctx); err != nil {
		return 0, err
	}
	receipt, written := g.receipts[r.identity()]
	if !written {
		return 0, errStored
	}
	return receipt.Seq, nil
}

// secondLook looks once more for a tag of a released event's lead; see
// group.queueSecondLook.
func (s *Store) secondLook(ctx context.Context, g *group) error {
	return s.db.write(ctx, func(_ context.Context, t *tx) error {
		g.queueSecondLook(t)
		return nil
	})
}

func markDecided(t *tx, q conversions.Quarantined, d conversions.QuarantineDecision) error {
	text, err := encode(d)
	if err != nil {
		return err
	}
	t.queue(`UPDATE quarantine SET decided = $3 WHERE account = $1 AND id = $2`, quoted(q.Account), q.ID, text)
	queueEntries(t, q.Account, []conversions.Entry{{
		Account: q.Account, Kind: d.Kind, At: d.At, By: d.By, Note: d.Note, Quarantine: q.ID,
	}})
	return nil
}
