package postgres

import (
	"crypto/rand"
	"slices"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// saltSize is the size of a commitment's salt in bytes.
const saltSize = 16

// deliveryID is what tells deliveries apart.
type deliveryID struct {
	source string
	body   [16]byte
}

// binding is an account that a source is, or was, bound to.
type binding struct{ source, account string }

// eventRecord is an event ready to be written: the documents are made by the
// caller's goroutine, so that the one that writes does nothing else.
type eventRecord struct {
	e                     conversions.Event
	account, source, lead string // as stored
	doc, person           []byte // person is nil if there is none
}

// quarantineRecord is a quarantined delivery ready to be written.
type quarantineRecord struct {
	q   conversions.Quarantined
	doc string
}

func (r *eventRecord) identity() deliveryID      { return deliveryID{r.source, r.e.Body} }
func (r *quarantineRecord) identity() deliveryID { return deliveryID{quoted(r.q.Source), r.q.Body} }

func newEventRecord(e conversions.Event) *eventRecord {
	e.At, e.CallStart = tidy(e.At), tidy(e.CallStart)
	r := &eventRecord{e: e, account: quoted(e.Account), source: quoted(e.Source), lead: quoted(e.Lead)}
	r.doc = compact.AppendEvent(nil, &e)
	if e.Person.IsZero() {
		return r
	}
	e.Person.Salt = make(conversions.Salt, saltSize)
	_, _ = rand.Read(e.Person.Salt) // never fails
	r.person = compact.AppendPerson(nil, &e.Person)
	return r
}

// bringsContactClick reports whether a side row is one whose event
// ContactClicks finds.
func bringsContactClick(p *conversions.Person) bool {
	return p.Contact != "" && slices.ContainsFunc(p.Clicks, conversions.FoundClick.Usable)
}

// columns are events as arrays.
type columns struct {
	account, source, lead, kind, outcome []string
	body, doc, person                    [][]byte
	received                             []int64
}

func columnsOf(events []*eventRecord) columns {
	n := len(events)
	texts, octets := make([]string, 5*n), make([][]byte, 3*n)
	c := columns{
		account: texts[:n], source: texts[n : 2*n], lead: texts[2*n : 3*n], kind: texts[3*n : 4*n], outcome: texts[4*n:],
		body: octets[:n], doc: octets[n : 2*n], person: octets[2*n:], received: make([]int64, n),
	}
	for i, r := range events {
		c.account[i], c.source[i], c.lead[i] = r.account, r.source, r.lead
		c.kind[i], c.outcome[i] = quoted(r.e.Kind), quoted(r.e.Outcome)
		c.body[i], c.doc[i], c.person[i], c.received[i] = r.e.Body[:], r.doc, r.person, micros(r.e.Received)
	}
	return c
}
