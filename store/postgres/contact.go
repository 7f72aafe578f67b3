package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// contactPage is how many side rows are read at once when the clicks of
// contacts are gathered.
const contactPage = 500

// selectContactClicks walks back along the primary key of contact_click.
const selectContactClicks = `SELECT ` + eventColumns + `
	FROM (SELECT at, seq FROM contact_click WHERE account = $1 AND source = $2 AND contact = $3 AND at >= $4 AND at <= $5
		ORDER BY at DESC, seq DESC LIMIT $6) AS c
	CROSS JOIN LATERAL (SELECT * FROM event WHERE account = $1 AND seq = c.seq OFFSET 0) AS e
	LEFT JOIN LATERAL (SELECT doc FROM identity WHERE account = $1 AND seq = c.seq OFFSET 0) AS i ON true
	ORDER BY c.at DESC, c.seq DESC`

// ContactClicks implements store.Folding.
func (s *Store) ContactClicks(ctx context.Context, q conversions.ContactQuery) ([]conversions.Event, error) {
	events, err := query(ctx, s.db, readEvent, selectContactClicks,
		quoted(q.Account), quoted(q.Source), quoted(q.Contact), micros(q.From), micros(q.To), q.Limit)
	if err != nil {
		return nil, fmt.Errorf("read clicks of a contact of %s: %w", q.Account, err)
	}
	return events, nil
}

// gatherContacts makes contact_click and contact_lead complete: it looks at every side row that
// came since the last time, and moves the mark.
func (db *database) gatherContacts(ctx context.Context) error {
	from, to, err := db.openRange(ctx)
	if err != nil || from >= to {
		return because(err, "gather clicks of contacts")
	}
	accounts, err := db.accounts(ctx)
	for i := 0; err == nil && i < len(accounts); i++ {
		err = db.gatherAccount(ctx, accounts[i], from, to)
	}
	if err == nil {
		_, err = db.exec(ctx, `UPDATE contact_mark SET upto = greatest(upto, $1)`, to)
	}
	return because(err, "gather clicks of contacts")
}

// openRange returns after which event clicks are to be gathered, and up to
// which. The log is locked for a moment, so that no event with a lower number
// is still on its way: transactions end in another order than their numbers
// were given out.
func (db *database) openRange(ctx context.Context) (from, to int64, err error) {
	err = db.write(ctx, func(_ context.Context, t *tx) error {
		t.queue(`LOCK TABLE event IN SHARE MODE`)
		t.query(func(rows pgx.Rows) error { return scan(rows, &from, &to) },
			`SELECT upto, (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM event_seq_seq) FROM contact_mark`)
		return nil
	})
	return from, to, err
}

func (db *database) gatherAccount(ctx context.Context, a conversions.AccountID, from, to int64) error {
	for from < to {
		err := db.write(ctx, func(ctx context.Context, t *tx) (err error) {
			from, err = gatherPage(ctx, t, a, from, to)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// gatherPage gathers from one page of side rows and returns the last event it
// looked at. The side rows are locked meanwhile: who erases one waits, and then
// erases what came of it.
func gatherPage(ctx context.Context, t *tx, a conversions.AccountID, from, to int64) (last int64, err error) {
	var page []conversions.Event
	t.query(into(&page, readEvent), `SELECT `+eventColumns+`
		FROM identity AS i JOIN event AS e ON e.account = i.account AND e.seq = i.seq
		WHERE i.account = $1 AND i.seq > $2 AND i.seq <= $3 ORDER BY i.seq LIMIT $4 FOR SHARE OF i`, quoted(a), from, to, contactPage)
	if err := t.flush(ctx); err != nil {
		return from, err
	}
	var named []contactEvent
	for i := range page {
		if e, ok := namesContact(&page[i]); ok {
			named = append(named, e)
		}
	}
	queueContacts(t, named)
	if len(page) < contactPage {
		return to, nil
	}
	return page[len(page)-1].Seq, nil
}

// Forget implements store.Reports. What is deleted stays in the files of the
// database until its pages are vacuumed and written again, and in its
// write-ahead log, replicas and backups as long as those are kept: that is
// beyond a program.
func (s *Store) Forget(ctx context.Context, a conversions.AccountID, source string, lead conversions.LeadID) (int, error) {
	var n int
	err := s.db.write(ctx, func(ctx context.Context, t *tx) (err error) {
		n, err = forget(ctx, t, a, source, lead)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget a lead of %s: %w", a, err)
	}
	return n, nil
}

// erased is what a lead's side rows held.
type erased struct {
	seqs     []int64
	contacts []string
	clicks   []string
}

func (e *erased) read(rows pgx.Rows) error {
	var seq int64
	var doc []byte
	var p conversions.Person
	if err := scan(rows, &seq, &doc); err != nil {
		return err
	}
	if compact.ReadPerson(doc, &p) != nil {
		return fmt.Errorf("read side row: %w", errUnreadable)
	}
	e.seqs, e.contacts = append(e.seqs, seq), append(e.contacts, quoted(p.Contact))
	for _, c := range p.Clicks {
		e.clicks = append(e.clicks, quoted(c.ID))
	}
	return nil
}

// forget deletes the side rows first: whoever is gathering from them has ended
// then, and what was made of them is seen.
func forget(ctx context.Context, t *tx, a conversions.AccountID, source string, lead conversions.LeadID) (int, error) {
	var gone erased
	var ids []int64
	lockAccount(t, a)
	t.query(gone.read, `DELETE FROM identity AS i USING event AS e
		WHERE e.account = $1 AND e.source = $2 AND e.lead = $3 AND e.lead <> '' AND i.account = $1 AND i.seq = e.seq RETURNING i.seq, i.doc`,
		quoted(a), quoted(source), quoted(lead))
	t.query(into(&ids, scanned[int64]), `SELECT id FROM conversion WHERE account = $1 AND source = $2 AND lead = $3`,
		quoted(a), quoted(source), quoted(lead))
	if err := t.flush(ctx); err != nil {
		return 0, err
	}
	taken, err := takenBy(ctx, t, a, gone)
	if err != nil {
		return 0, err
	}
	ids = append(ids, taken...)
	t.queue(`DELETE FROM contact_click AS c USING unnest($3::text[], $4::bigint[]) AS n (contact, seq)
		WHERE c.account = $1 AND c.source = $2 AND c.contact = n.contact AND c.seq = n.seq`,
		quoted(a), quoted(source), gone.contacts, gone.seqs)
	t.queue(`DELETE FROM contact_lead WHERE account = $1 AND source = $2 AND lead = $3 AND contact = ANY ($4)`,
		quoted(a), quoted(source), quoted(lead), gone.contacts)
	return len(gone.seqs), forgetSlots(ctx, t, a, ids, gone.clicks)
}

// forgetSlots deletes which click ids are wanted for rows, and the seconds that
// the rows hold of those click ids and of erased ones.
func forgetSlots(ctx context.Context, t *tx, a conversions.AccountID, ids []int64, clicks []string) error {
	t.query(func(rows pgx.Rows) error {
		click, err := scanned[string](rows)
		clicks = append(clicks, click)
		return err
	}, deleteClicks+` RETURNING click`, quoted(a), ids)
	if err := t.flush(ctx); err != nil {
		return err
	}
	hashes := make([]int64, len(clicks))
	for i, click := range clicks {
		hashes[i] = hashed(unquoted[string](click))
	}
	t.queue(`DELETE FROM slot WHERE account = $1 AND click = ANY ($2) AND conversion = ANY ($3)`, quoted(a), hashes, ids)
	return nil
}

// takenBy returns the rows of any lead that took a click id of the erased side
// rows.
func takenBy(ctx context.Context, t *tx, a conversions.AccountID, gone erased) ([]int64, error) {
	events := make(map[int64]bool, len(gone.seqs))
	for _, seq := range gone.seqs {
		events[seq] = true
	}
	var taken []int64
	t.query(func(rows pgx.Rows) error {
		r, err := readRow(rows)
		if err == nil && events[r.Want.Click.Event] {
			taken = append(taken, int64(r.ID))
		}
		return err
	}, `SELECT r.doc FROM click_index AS x JOIN conversion AS r ON r.account = x.account AND r.id = x.conversion
		WHERE x.account = $1 AND x.click = ANY ($2)`, quoted(a), gone.clicks)
	return taken, t.flush(ctx)
}
