package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// notice says that a lead is to be folded.
type notice struct {
	number int64
	source string
	lead   conversions.LeadID
}

// Unfolded implements store.Folding.
func (s *Store) Unfolded(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.LeadWork, error) {
	var work []conversions.LeadWork
	err := s.snapshot(ctx, func(q queryer) error {
		var err error
		if work, err = noticed(ctx, q, a, limit); err != nil {
			return err
		}
		return gather(ctx, q, a, work)
	})
	if err != nil {
		return nil, fmt.Errorf("read unfolded leads of %s: %w", a, err)
	}
	return work, nil
}

const selectNotices = `SELECT notice, source, lead FROM inbox WHERE account = ? ORDER BY notice, source, lead`

// noticed returns up to limit leads with their oldest notices. It stops at the
// first lead too many; notices behind it stay for the next time.
func noticed(ctx context.Context, q queryer, a conversions.AccountID, limit int) ([]conversions.LeadWork, error) {
	rows, err := q(ctx, selectNotices, string(a))
	if err != nil {
		return nil, fmt.Errorf("query inbox: %w", err)
	}
	defer rows.Close()
	var work []conversions.LeadWork
	place := map[notice]int{} // of a lead in work; number is 0
	for rows.Next() {
		var n notice
		if err := rows.Scan(&n.number, &n.source, &n.lead); err != nil {
			return nil, fmt.Errorf("scan notice: %w", err)
		}
		i, found := place[notice{source: n.source, lead: n.lead}]
		if !found {
			if len(work) >= limit {
				break
			}
			i = len(work)
			place[notice{source: n.source, lead: n.lead}] = i
			work = append(work, conversions.LeadWork{Source: n.source, Lead: n.lead})
		}
		work[i].Inbox = append(work[i].Inbox, n.number)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read inbox: %w", err)
	}
	return work, nil
}

// eventsOf returns a lead's events in the order of the log, with side rows.
func eventsOf(ctx context.Context, q queryer, a conversions.AccountID, source string, lead conversions.LeadID) ([]conversions.Event, error) {
	return collect(ctx, q, readEvent, `SELECT `+eventColumns+`
		FROM event AS e LEFT JOIN identity AS i ON i.seq = e.seq
		WHERE e.account = ? AND e.source = ? AND e.lead = ? ORDER BY e.seq`, string(a), source, string(lead))
}

// eventColumns are what readEvent reads, of event e and its side row i.
const eventColumns = `e.seq, e.account, e.source, e.body, e.lead, e.kind, e.outcome, e.received, e.doc, i.doc`

func readEvent(rows *sql.Rows) (conversions.Event, error) {
	var e conversions.Event
	var body, doc, person sql.RawBytes
	var received int64
	if err := rows.Scan(&e.Seq, &e.Account, &e.Source, &body, &e.Lead, &e.Kind, &e.Outcome, &received, &doc, &person); err != nil {
		return e, fmt.Errorf("scan event: %w", err)
	}
	var full conversions.Event
	if err := compact.ReadEvent(doc, &full); err != nil {
		return e, readable("event", err)
	}
	if person != nil {
		if err := compact.ReadPerson(person, &full.Person); err != nil {
			return e, readable("side row", err)
		}
	}
	full.Seq, full.Account, full.Source, full.Lead = e.Seq, e.Account, e.Source, e.Lead
	full.Kind, full.Outcome, full.Received = e.Kind, e.Outcome, fromMicros(received)
	copy(full.Body[:], body)
	return full, nil
}

// Decide implements store.Folding.
func (s *Store) Decide(ctx context.Context, l conversions.Lease, ds []conversions.Decision) error {
	err := s.guarded(ctx, l, func(ctx context.Context, t tx) error {
		var entries []conversions.Entry
		for _, d := range ds {
			entries = append(entries, d.Entries...)
			for _, n := range d.Inbox {
				_, err := t.exec(ctx, `DELETE FROM inbox WHERE account = ? AND notice = ? AND source = ? AND lead = ?`,
					string(l.Account), n, d.Source, string(d.Lead))
				if err != nil {
					return fmt.Errorf("take notice off: %w", err)
				}
			}
		}
		return recordAnswers(ctx, t, l, entries, nil)
	})
	if err != nil {
		return fmt.Errorf("decide %d leads of %s: %w", len(ds), l.Account, err)
	}
	return nil
}

// Refold implements store.Folding. A row in a batch without an answer counts
// as sent: the batch goes out again as it was. State submitted is that of every
// row that the vendor is processing, and of no other.
func (s *Store) Refold(ctx context.Context, l conversions.Lease, fingerprint string) (int, error) {
	var leads int
	err := s.guarded(ctx, l, func(ctx context.Context, t tx) error {
		var stored string
		err := t.one(ctx, []any{&stored}, `SELECT fingerprint FROM account WHERE account = ?`, string(l.Account))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("read fingerprint: %w", err)
		}
		if err == nil && stored == fingerprint {
			return nil
		}
		number, err := oddNotice(ctx, t, l.Account)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE account SET fingerprint = ? WHERE account = ?`, fingerprint, string(l.Account)); err != nil {
			return fmt.Errorf("store fingerprint: %w", err)
		}
		leads, err = t.changed(ctx, `INSERT INTO inbox (account, notice, source, lead)
			SELECT DISTINCT account, ?2, source, lead FROM conversion
			WHERE account = ?1 AND (known = '' AND state <> 'submitted' OR reason = 'account_only_tests') AND id NOT IN (`+inFlight+`?1)`, string(l.Account), number)
		if err != nil {
			return fmt.Errorf("leave notices: %w", err)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("refold %s: %w", l.Account, err)
	}
	return leads, nil
}
