package postgres

import (
	"slices"

	"closeloop/conversions"
)

// wokenAtOnce is the most leads of a contact that one of its clicks wakes. A
// person has fewer; what a sender uses as one contact for everybody must not
// hold up deliveries. The scheduler asks once more before it closes a row.
const wokenAtOnce = 100

// contactEvent is an event that names a contact, as stored.
type contactEvent struct {
	account, source, contact string
	body                     []byte
	at                       int64
	click                    bool // it brings a click id that may be sent
}

// namesContact returns what the rule of the same contact needs of an event, or
// false if it needs nothing of it.
func namesContact(e *conversions.Event) (contactEvent, bool) {
	return contactEvent{
		account: quoted(e.Account), source: quoted(e.Source), contact: quoted(e.Person.Contact),
		body: e.Body[:], at: micros(e.Order()), click: bringsContactClick(&e.Person),
	}, e.Person.Contact != ""
}

// namedContacts is how the statements below find the events n by their bodies.
// The side row is locked, so that whoever erases it waits, and an event that
// was forgotten is left out when it is delivered once more.
const namedContacts = `unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::bigint[]) AS n (account, source, body, contact, at)
	CROSS JOIN LATERAL (SELECT * FROM event WHERE account = n.account AND source = n.source AND body = n.body OFFSET 0) AS e
	JOIN identity AS i ON i.account = e.account AND i.seq = e.seq`

// Rows are inserted in the order of their keys: replicas that insert the same
// ones wait for each other and never in a circle.
const (
	insertContactLeads = `INSERT INTO contact_lead (account, source, contact, lead)
	SELECT e.account, e.source, n.contact, e.lead FROM ` + namedContacts + `
	WHERE e.lead <> '' ORDER BY e.account, e.source, n.contact, e.lead FOR SHARE OF i ON CONFLICT DO NOTHING`
	insertContactClicks = `INSERT INTO contact_click (account, source, contact, at, seq)
	SELECT e.account, e.source, n.contact, n.at, e.seq FROM ` + namedContacts + `
	ORDER BY e.account, e.source, n.contact, n.at, e.seq FOR SHARE OF i ON CONFLICT DO NOTHING`
)

// wakeLeads leaves notices of the contacts' leads that may take the clicks of
// the events: Google holds nothing of one of their rows, or their tag was not
// folded yet, perhaps because it is being folded now. A number that an earlier
// call left for a lead stands for the same event.
const wakeLeads = `INSERT INTO inbox (account, notice, source, lead)
	SELECT DISTINCT e.account, 2 * e.seq, e.source, l.lead FROM ` + namedContacts + `
	CROSS JOIN LATERAL (SELECT c.lead FROM contact_lead AS c
		WHERE c.account = n.account AND c.source = n.source AND c.contact = n.contact ORDER BY c.lead DESC LIMIT $6) AS l
	WHERE (
		EXISTS (SELECT FROM conversion AS r
			WHERE r.account = e.account AND r.lead = l.lead AND r.source = e.source AND r.known IN ('', 'refused') OFFSET 0)
		OR NOT EXISTS (SELECT FROM conversion AS r WHERE r.account = e.account AND r.lead = l.lead AND r.source = e.source OFFSET 0)
			AND EXISTS (SELECT FROM event AS o
				WHERE o.account = e.account AND o.source = e.source AND o.lead = l.lead
				AND o.lead <> '' AND o.outcome > '' OFFSET 0))
	ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING`

// contactArgs are events as arrays.
func contactArgs(events []contactEvent) []any {
	n := len(events)
	accounts, sources, contacts := make([]string, n), make([]string, n), make([]string, n)
	bodies, at := make([][]byte, n), make([]int64, n)
	for i, e := range events {
		accounts[i], sources[i], bodies[i], contacts[i], at[i] = e.account, e.source, e.body, e.contact, e.at
	}
	return []any{accounts, sources, bodies, contacts, at}
}

// withClicks are the events that bring clicks.
func withClicks(events []contactEvent) []contactEvent {
	return slices.DeleteFunc(slices.Clone(events), func(e contactEvent) bool { return !e.click })
}

// queueContacts queues what the rule of the same contact needs of events that
// are written, and wakes the leads that may take their clicks.
func queueContacts(t *tx, events []contactEvent) {
	if len(events) == 0 {
		return
	}
	t.queue(insertContactLeads, contactArgs(events)...)
	if clicks := withClicks(events); len(clicks) > 0 {
		t.queue(insertContactClicks, contactArgs(clicks)...)
		queueWake(t, clicks)
	}
}

func queueWake(t *tx, clicks []contactEvent) {
	t.queue(wakeLeads, append(contactArgs(clicks), wokenAtOnce)...)
}

// contacts are the group's events that name a contact.
func (g *group) contacts() []contactEvent {
	if !g.in.contacts {
		return nil
	}
	var named []contactEvent
	for _, r := range g.events {
		if e, ok := namesContact(&r.e); ok {
			named = append(named, e)
		}
	}
	return named
}
