package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// leadName names a lead within an account.
type leadName struct {
	source string
	lead   conversions.LeadID
}

// selectNotices reads the oldest notices of an account.
const selectNotices = `SELECT notice, source, lead FROM inbox WHERE account = $1 ORDER BY notice, source, lead LIMIT $2`

// Unfolded implements store.Folding.
func (s *Store) Unfolded(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.LeadWork, error) {
	var work []conversions.LeadWork
	err := s.db.snapshot(ctx, func(t *tx) error {
		n := noticed{limit: limit, place: map[leadName]int{}}
		t.query(n.read, selectNotices, quoted(a), 4*limit+64)
		if err := t.flush(ctx); err != nil {
			return err
		}
		work = n.work
		return gather(ctx, t, a, work)
	})
	if err != nil {
		return nil, fmt.Errorf("read unfolded leads of %s: %w", a, err)
	}
	return work, nil
}

// noticed gathers up to limit leads with their oldest notices. It stops at the
// first lead too many; notices behind it stay for the next time.
type noticed struct {
	limit int
	work  []conversions.LeadWork
	place map[leadName]int // of a lead in work
	full  bool
}

func (n *noticed) read(rows pgx.Rows) error {
	var number int64
	var source, lead string
	if err := scan(rows, &number, &source, &lead); err != nil {
		return err
	}
	name := leadName{unquoted[string](source), unquoted[conversions.LeadID](lead)}
	i, found := n.place[name]
	if !found {
		if n.full = n.full || len(n.work) >= n.limit; n.full {
			return nil
		}
		i = len(n.work)
		n.place[name] = i
		n.work = append(n.work, conversions.LeadWork{Source: name.source, Lead: name.lead})
	}
	if !n.full {
		n.work[i].Inbox = append(n.work[i].Inbox, number)
	}
	return nil
}

// eventColumns are what readEvent reads, of event e and its side row i.
const eventColumns = `e.seq, e.received, e.account, e.source, e.body, e.lead, e.kind, e.outcome, e.doc, i.doc`

func readEvent(rows pgx.Rows) (conversions.Event, error) {
	var e conversions.Event
	var seq, received int64
	var account, source, lead, kind, outcome string
	var body, doc, person []byte
	if err := scan(rows, &seq, &received, &account, &source, &body, &lead, &kind, &outcome, &doc, &person); err != nil {
		return e, err
	}
	if compact.ReadEvent(doc, &e) != nil || person != nil && compact.ReadPerson(person, &e.Person) != nil {
		return e, fmt.Errorf("read event: %w", errUnreadable)
	}
	e.Seq, e.Received = seq, fromMicros(received)
	e.Account, e.Source, e.Lead = unquoted[conversions.AccountID](account), unquoted[string](source), unquoted[conversions.LeadID](lead)
	e.Kind, e.Outcome = unquoted[conversions.EventKind](kind), unquoted[conversions.Outcome](outcome)
	copy(e.Body[:], body)
	return e, nil
}

// The queries that make leads whole: events in the order of the log, rows of
// every stage and generation in the order in which they were made.
const (
	gatherEvents = `SELECT ` + eventColumns + ` FROM unnest($2::text[], $3::text[]) AS n (source, lead)
		CROSS JOIN LATERAL (SELECT * FROM event WHERE account = $1 AND source = n.source AND lead = n.lead AND lead <> '' OFFSET 0) AS e
		LEFT JOIN LATERAL (SELECT doc FROM identity WHERE account = $1 AND seq = e.seq OFFSET 0) AS i ON true ORDER BY e.seq`
	gatherRows = `SELECT c.doc FROM unnest($2::text[], $3::text[]) AS n (source, lead)
		CROSS JOIN LATERAL (SELECT id, doc FROM conversion WHERE account = $1 AND source = n.source AND lead = n.lead OFFSET 0) AS c
		ORDER BY c.id`
)

// gather makes leads whole: it reads the events and rows of all of them with
// one query each, in one round trip.
func gather(ctx context.Context, t *tx, a conversions.AccountID, work []conversions.LeadWork) error {
	if len(work) == 0 {
		return nil
	}
	place := make(map[leadName]*conversions.LeadWork, len(work))
	sources, leads := make([]string, len(work)), make([]string, len(work))
	for i := range work {
		w := &work[i]
		place[leadName{w.Source, w.Lead}] = w
		sources[i], leads[i] = quoted(w.Source), quoted(w.Lead)
	}
	t.query(func(rows pgx.Rows) error {
		e, err := readEvent(rows)
		if w := place[leadName{e.Source, e.Lead}]; err == nil && w != nil {
			w.Events = append(w.Events, e)
		}
		return err
	}, gatherEvents, quoted(a), sources, leads)
	t.query(func(rows pgx.Rows) error {
		r, err := readRow(rows)
		if w := place[leadName{r.Key.Source, r.Key.Lead}]; err == nil && w != nil {
			w.Rows = append(w.Rows, r)
		}
		return err
	}, gatherRows, quoted(a), sources, leads)
	return t.flush(ctx)
}

// deleteNotices takes notices off the inbox by their exact numbers.
const deleteNotices = `DELETE FROM inbox WHERE ctid = ANY (ARRAY(
	SELECT i.ctid FROM unnest($2::bigint[], $3::text[], $4::text[]) AS n (notice, source, lead)
	CROSS JOIN LATERAL (SELECT ctid FROM inbox
		WHERE account = $1 AND notice = n.notice AND source = n.source AND lead = n.lead OFFSET 0) AS i))`

// Decide implements store.Folding.
func (s *Store) Decide(ctx context.Context, l conversions.Lease, ds []conversions.Decision) error {
	var entries []conversions.Entry
	var numbers []int64
	var sources, leads []string
	for _, d := range ds {
		entries = append(entries, d.Entries...)
		for _, n := range d.Inbox {
			numbers, sources, leads = append(numbers, n), append(sources, quoted(d.Source)), append(leads, quoted(d.Lead))
		}
	}
	err := s.recordAnswers(ctx, l, entries, func(t *tx) {
		if len(numbers) > 0 {
			t.queue(deleteNotices, quoted(l.Account), numbers, sources, leads)
		}
	})
	if err != nil {
		return fmt.Errorf("decide %d leads of %s: %w", len(ds), l.Account, err)
	}
	return nil
}

// inFlight selects the ids of an account's rows that are in a batch without an
// answer.
const inFlight = `SELECT unnest(rows) FROM batch WHERE settled IS NULL AND account = $1`

// nextNotice returns a notice number of the account that was never given out.
// It is odd, and beyond every notice there is: the leads queue up behind the
// events of today.
const nextNotice = `INSERT INTO account AS a (account, fingerprint, refolded)
	VALUES ($1, '', 2 * (SELECT coalesce(max(seq), 0) FROM event WHERE account = $1) + 1)
	ON CONFLICT (account) DO UPDATE SET refolded = greatest(a.refolded + 2, excluded.refolded) RETURNING refolded`

// refoldRows leaves a notice for every lead with a row that was never sent, or
// that was changed while the account only tested.
// State submitted is that of every row that the vendor is processing, and of
// no other.
const refoldRows = `INSERT INTO inbox (account, notice, source, lead)
	SELECT DISTINCT account, $2::bigint, source, lead FROM conversion
	WHERE account = $1 AND (known = '' AND state <> 'submitted' OR reason = 'account_only_tests') AND id NOT IN (` + inFlight + `)`

// Refold implements store.Folding. A row in a batch without an answer counts
// as sent: the batch goes out again as it was.
func (s *Store) Refold(ctx context.Context, l conversions.Lease, fingerprint string) (int, error) {
	var leads int
	err := s.guarded(ctx, l, func(ctx context.Context, t *tx) error {
		leads = 0
		same := false
		t.query(func(rows pgx.Rows) error {
			stored, err := scanned[string](rows)
			same = stored == fingerprint
			return err
		}, `SELECT fingerprint FROM account WHERE account = $1`, quoted(l.Account))
		if err := t.flush(ctx); err != nil || same {
			return err
		}
		var number int64
		t.query(func(rows pgx.Rows) error { return scan(rows, &number) }, nextNotice, quoted(l.Account))
		t.queue(`UPDATE account SET fingerprint = $2 WHERE account = $1`, quoted(l.Account), fingerprint)
		if err := t.flush(ctx); err != nil {
			return err
		}
		t.exec(func(n int) error { leads = n; return nil }, refoldRows, quoted(l.Account), number)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("refold %s: %w", l.Account, err)
	}
	return leads, nil
}
