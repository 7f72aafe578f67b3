package sqlite

import (
	"context"
	"fmt"
	"slices"

	"closeloop/conversions"
)

// contactPage is how many side rows are read at once when the clicks of
// contacts are gathered. Deliveries of other processes wait for a page.
const contactPage = 500

// selectContactClicks walks back along the primary key of contact_click, which
// is why the join's order is fixed.
const selectContactClicks = `SELECT ` + eventColumns + `
	FROM contact_click AS c CROSS JOIN event AS e ON e.seq = c.seq LEFT JOIN identity AS i ON i.seq = c.seq
	WHERE c.account = ? AND c.source = ? AND c.contact = ? AND c.at >= ? AND c.at <= ?
	ORDER BY c.at DESC, c.seq DESC LIMIT ?`

// ContactClicks implements store.Folding.
func (s *Store) ContactClicks(ctx context.Context, q conversions.ContactQuery) ([]conversions.Event, error) {
	events, err := collect(ctx, s.reads.QueryContext, readEvent, selectContactClicks,
		string(q.Account), q.Source, q.Contact, micros(q.From), micros(q.To), q.Limit)
	if err != nil {
		return nil, fmt.Errorf("read clicks of a contact of %s: %w", q.Account, err)
	}
	return events, nil
}

// bringsContactClick reports whether an event is one that ContactClicks finds.
func bringsContactClick(e *conversions.Event) bool {
	return e.Person.Contact != "" && slices.ContainsFunc(e.Person.Clicks, conversions.FoundClick.Usable)
}

func insertContactClick(ctx context.Context, t tx, e *conversions.Event, seq int64) error {
	_, err := t.exec(ctx, `INSERT INTO contact_click (account, source, contact, at, seq) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		string(e.Account), e.Source, e.Person.Contact, micros(e.Order()), seq)
	if err != nil {
		return fmt.Errorf("insert click of a contact: %w", err)
	}
	return nil
}

// wokenAtOnce is the most leads of a contact that one of its clicks wakes. A
// person has fewer; what a sender uses as one contact for everybody must not
// hold up deliveries. The scheduler asks once more before it closes a row.
const wokenAtOnce = 100

// wakeLeads leaves notices of the contact's leads that may take the click of
// the event seq: Google holds nothing of one of their rows, or their tag was
// not folded yet, perhaps because it is being folded now. A number that an
// earlier call left for a lead stands for the same event.
const wakeLeads = `INSERT INTO inbox (account, notice, source, lead)
	SELECT ?1, 2 * ?4, ?2, l.lead FROM (
		SELECT lead FROM contact_lead WHERE account = ?1 AND source = ?2 AND contact = ?3 ORDER BY lead DESC LIMIT ?5) AS l
	WHERE EXISTS (SELECT 1 FROM conversion AS r
			WHERE r.account = ?1 AND r.lead = l.lead AND r.source = ?2 AND r.known IN ('', 'refused'))
		OR NOT EXISTS (SELECT 1 FROM conversion AS r WHERE r.account = ?1 AND r.lead = l.lead AND r.source = ?2)
			AND EXISTS (SELECT 1 FROM event AS e WHERE e.account = ?1 AND e.source = ?2 AND e.lead = l.lead AND e.outcome > '')
	ON CONFLICT DO NOTHING`

// contactEvent is an event that names a contact.
type contactEvent struct {
	e   *conversions.Event
	seq int64
}

// namesContact reports whether an event is of interest to the rule of the same
// contact.
func namesContact(e *conversions.Event) bool { return e.Person.Contact != "" }

// writeContacts writes what the rule of the same contact needs of events, then
// wakes the leads that may take their clicks.
func writeContacts(ctx context.Context, t tx, events []contactEvent) error {
	for _, c := range events {
		e := c.e
		if e.Lead == "" {
			continue
		}
		_, err := t.exec(ctx, `INSERT INTO contact_lead (account, source, contact, lead) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			string(e.Account), e.Source, e.Person.Contact, string(e.Lead))
		if err != nil {
			return fmt.Errorf("insert lead of a contact: %w", err)
		}
	}
	for _, c := range events {
		e := c.e
		if !bringsContactClick(e) {
			continue
		}
		if err := insertContactClick(ctx, t, e, c.seq); err != nil {
			return err
		}
		if _, err := t.exec(ctx, wakeLeads, string(e.Account), e.Source, e.Person.Contact, c.seq, wokenAtOnce); err != nil {
			return fmt.Errorf("wake leads of a contact: %w", err)
		}
	}
	return nil
}

// writeContacts writes what the rule of the same contact needs of a group. The
// mark moves on only from the event before: what another process took without
// it is gathered later.
func (f *followUp) writeContacts(ctx context.Context, t tx) error {
	if !f.contacts {
		return nil
	}
	if err := writeContacts(ctx, t, f.named); err != nil {
		return err
	}
	if _, err := t.exec(ctx, `UPDATE contact_mark SET upto = ? WHERE upto = ?`, f.last, f.first-1); err != nil {
		return fmt.Errorf("move mark of contacts: %w", err)
	}
	return nil
}

// gatherContacts makes contact_click and contact_lead complete. It holds one page at a time, and
// each is read and written in one transaction, so that nothing erased meanwhile
// comes back.
func (w *writer) gatherContacts(ctx context.Context) error {
	for more := true; more; {
		err := w.do(ctx, func(ctx context.Context, t tx) (err error) {
			more, err = gatherPage(ctx, t)
			return err
		})
		if err != nil {
			return fmt.Errorf("gather clicks of contacts: %w", err)
		}
	}
	return nil
}

func gatherPage(ctx context.Context, t tx) (more bool, err error) {
	var mark, last int64
	err = t.one(ctx, []any{&mark, &last}, `SELECT upto, (SELECT coalesce(max(seq), 0) FROM event) FROM contact_mark`)
	if err != nil || mark >= last {
		return false, err
	}
	page, err := collect(ctx, t.query, readEvent, `SELECT `+eventColumns+`
		FROM identity AS i CROSS JOIN event AS e ON e.seq = i.seq WHERE i.seq > ? ORDER BY i.seq LIMIT ?`, mark, contactPage)
	if err != nil {
		return false, err
	}
	var named []contactEvent
	for i := range page {
		if e := &page[i]; namesContact(e) {
			named = append(named, contactEvent{e, e.Seq})
		}
	}
	if err := writeContacts(ctx, t, named); err != nil {
		return false, err
	}
	if more = len(page) == contactPage; more {
		last = page[len(page)-1].Seq
	}
	_, err = t.exec(ctx, `UPDATE contact_mark SET upto = ?`, last)
	return more, err
}

// forgetContacts erases what the rule of the same contact keeps of a lead: its
// contacts and own clicks, and that another lead's row took one of them. It needs the side
// rows of the lead.
func forgetContacts(ctx context.Context, t tx, a conversions.AccountID, source string, lead conversions.LeadID) error {
	events, err := eventsOf(ctx, t.query, a, source, lead)
	if err != nil {
		return err
	}
	mine := make(map[int64]bool, len(events))
	var clicks []string
	for i := range events {
		e := &events[i]
		mine[e.Seq] = true
		for _, c := range e.Person.Clicks {
			clicks = append(clicks, c.ID)
		}
		if err := forgetContactOf(ctx, t, e); err != nil {
			return err
		}
	}
	taken, err := collect(ctx, t.query, readRow, `SELECT doc FROM conversion WHERE id IN
		(SELECT conversion FROM click_index WHERE account = ? AND click IN (SELECT value FROM json_each(?)))`, string(a), list(clicks))
	if err != nil {
		return fmt.Errorf("find rows that took a click: %w", err)
	}
	for i := range taken {
		if mine[taken[i].Want.Click.Event] {
			if err := forgetClickOf(ctx, t, &taken[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetContactOf erases what is kept of the contact that an event names.
func forgetContactOf(ctx context.Context, t tx, e *conversions.Event) error {
	if !namesContact(e) {
		return nil
	}
	lead := []any{string(e.Account), e.Source, e.Person.Contact, string(e.Lead)}
	if _, err := t.exec(ctx, `DELETE FROM contact_lead WHERE account = ? AND source = ? AND contact = ? AND lead = ?`, lead...); err != nil {
		return fmt.Errorf("erase lead of a contact: %w", err)
	}
	click := []any{string(e.Account), e.Source, e.Person.Contact, micros(e.Order()), e.Seq}
	if _, err := t.exec(ctx, `DELETE FROM contact_click WHERE account = ? AND source = ? AND contact = ? AND at = ? AND seq = ?`, click...); err != nil {
		return fmt.Errorf("erase click of a contact: %w", err)
	}
	return nil
}

// forgetClickOf erases which click id a row wants and which seconds it took.
func forgetClickOf(ctx context.Context, t tx, r *conversions.Row) error {
	if _, err := t.exec(ctx, `DELETE FROM slot WHERE conversion = ?`, int64(r.ID)); err != nil {
		return fmt.Errorf("erase seconds of row %d: %w", r.ID, err)
	}
	if _, err := t.exec(ctx, `DELETE FROM click_index WHERE conversion = ?`, int64(r.ID)); err != nil {
		return fmt.Errorf("erase click of row %d: %w", r.ID, err)
	}
	return nil
}
