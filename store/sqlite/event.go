package sqlite

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// saltSize is the size of a commitment's salt in bytes.
const saltSize = 16

// eventRecord is an event ready to be written: the documents are made by the
// caller's goroutine, so that the one that writes does nothing else.
type eventRecord struct {
	e           conversions.Event
	doc, person []byte // person is nil when nothing identifying is known
}

func newEventRecord(e conversions.Event) *eventRecord {
	const usual = 512 // bytes of both documents
	e.At, e.CallStart = tidy(e.At), tidy(e.CallStart)
	doc := compact.AppendEvent(make([]byte, 0, usual), &e)
	r := &eventRecord{e: e, doc: slices.Clip(doc)}
	if e.Person.IsZero() {
		return r
	}
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:]) // never fails
	e.Person.Salt = salt[:]
	r.person = compact.AppendPerson(doc[len(doc):], &e.Person)
	return r
}

// The parts of a text that writes events: the columns, a row of parameters,
// what keeps out what is stored already. OR FAIL leaves the rows before one
// that cannot be written; the transaction is rolled back all the same. Without
// it SQLite copies every page before a statement of several rows changes it,
// to be able to undo that statement alone.
const (
	insertEvent = `INSERT OR FAIL INTO event (account, source, body, lead, kind, outcome, received, doc) `
	eventRow    = `(?, ?, ?, ?, ?, ?, ?, ?)`
	eventRows4  = eventRow + `, ` + eventRow + `, ` + eventRow + `, ` + eventRow
	eventRows16 = eventRows4 + `, ` + eventRows4 + `, ` + eventRows4 + `, ` + eventRows4
	unlessThere = ` ON CONFLICT (source, body) DO NOTHING`
	unlessKnown = `) WHERE NOT EXISTS (SELECT 1 FROM quarantine WHERE source = column2 AND body = column3)` + unlessThere

	insertReleased = insertEvent + `VALUES ` + eventRow + unlessThere
	insertEvent1   = insertEvent + `SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
		WHERE NOT EXISTS (SELECT 1 FROM quarantine WHERE source = ?2 AND body = ?3)` + unlessThere
	insertEvents4  = insertEvent + `SELECT * FROM (VALUES ` + eventRows4 + unlessKnown
	insertEvents16 = insertEvent + `SELECT * FROM (VALUES ` + eventRows16 + unlessKnown
)

// insertEvents writes events, several with a statement: its overhead costs
// more than a row does.
func (f *followUp) insertEvents(ctx context.Context, t tx, ds []*delivery) error {
	var room [8 * 16]any
	for len(ds) > 0 {
		text, n := insertEvent1, 1
		switch {
		case len(ds) >= 16:
			text, n = insertEvents16, 16
		case len(ds) >= 4:
			text, n = insertEvents4, 4
		}
		args := room[:0]
		for _, d := range ds[:n] {
			args = d.event.appendArgs(args)
		}
		fresh, err := insertSome(ctx, t, text, args)
		if err != nil {
			return err
		}
		if err := f.receipts(ctx, t, ds[:n], fresh); err != nil {
			return err
		}
		ds = ds[n:]
	}
	return nil
}

func (r *eventRecord) appendArgs(args []any) []any {
	e := &r.e
	return append(args, string(e.Account), e.Source, e.Body[:], string(e.Lead), string(e.Kind), string(e.Outcome), micros(e.Received), r.doc)
}

// numbers are the seqs that new events got, without a gap: from next up to but
// not including end.
type numbers struct{ next, end int64 }

// insertSome runs a text that writes events, and returns the numbers of those
// that were new, in their order.
func insertSome(ctx context.Context, t tx, text string, args []any) (numbers, error) {
	res, err := t.exec(ctx, text, args...)
	if err != nil {
		return numbers{}, fmt.Errorf("insert events: %w", err)
	}
	added, err := res.RowsAffected()
	if err != nil {
		return numbers{}, fmt.Errorf("insert events: %w", err)
	}
	last, err := res.LastInsertId()
	if err != nil {
		return numbers{}, fmt.Errorf("insert events: %w", err)
	}
	return numbers{last - added + 1, last + 1}, nil
}

// receipts gives those who delivered some events their receipts. Nearly always
// all events were new; else each is looked up: the first that has the next
// number brought it.
func (f *followUp) receipts(ctx context.Context, t tx, ds []*delivery, fresh numbers) error {
	all := fresh.end-fresh.next == int64(len(ds))
	for _, d := range ds {
		d.receipt = conversions.Receipt{Seq: fresh.next}
		if !all {
			c, err := firstCopy(ctx, t, d.event.e.Source, d.event.e.Body)
			if err != nil {
				return err
			}
			isNew := c.isEvent && c.seq == fresh.next && fresh.next < fresh.end
			d.receipt = conversions.Receipt{Seq: c.seq, Duplicate: !isNew}
		}
		if !d.receipt.Duplicate {
			f.add(fresh.next, d.event)
			fresh.next++
		}
	}
	return nil
}

// stored is a delivery that the database holds.
type stored struct {
	seq     int64
	isEvent bool // else seq is a number of the quarantine
}

// firstCopy finds a delivery that is stored.
func firstCopy(ctx context.Context, t tx, source string, body [16]byte) (stored, error) {
	var s stored
	err := t.one(ctx, []any{&s.seq, &s.isEvent}, `SELECT seq, 1 FROM event WHERE source = ?1 AND body = ?2
		UNION ALL SELECT id, 0 FROM quarantine WHERE source = ?1 AND body = ?2 LIMIT 1`, source, body[:])
	if err != nil {
		return stored{}, fmt.Errorf("find first copy: %w", err)
	}
	return s, nil
}

// followUp is what a group's new events need beside them. It is written for
// the whole group at once: most of what a small row costs is its statement.
type followUp struct {
	first int64         // seq of the group's first new event; 0 if there is none
	last  int64         // seq of its last new event
	side  []any         // seq and document of each side row
	kinds []receivedSum // how many new events of each kind there are

	contacts bool           // whether contacts are kept
	named    []contactEvent // in the order of the log
}

func (f *followUp) add(seq int64, r *eventRecord) {
	if f.first == 0 {
		f.first = seq
	}
	f.last = seq
	f.count(seq, &r.e)
	if r.person != nil {
		f.side = append(f.side, seq, r.person)
	}
	if f.contacts && namesContact(&r.e) {
		f.named = append(f.named, contactEvent{&r.e, seq})
	}
}

const leaveNotices = `INSERT OR FAIL INTO inbox (account, notice, source, lead)
	SELECT account, 2 * seq, source, lead FROM event AS e WHERE seq >= ? AND lead <> '' AND (outcome <> '' OR EXISTS (
		SELECT 1 FROM event AS t WHERE t.account = e.account AND t.source = e.source AND t.lead = e.lead AND t.outcome > ''))`

// write leaves the notices, counts and writes the side rows. Most leads are never
// tagged, and a notice costs a fold of its lead. Who looks for a tag cannot
// miss one that comes meanwhile: groups are written one after the other, events
// are never deleted, and the tag's own event leaves a notice. The look is one
// step into the index, however many events the lead has.
func (f *followUp) write(ctx context.Context, t tx) error {
	if f.first == 0 {
		return nil
	}
	_, err := t.exec(ctx, leaveNotices, f.first)
	if err != nil {
		return fmt.Errorf("leave notices: %w", err)
	}
	if err := f.writeSide(ctx, t); err != nil {
		return err
	}
	if err := addReceived(ctx, t, f.kinds); err != nil {
		return err
	}
	return f.writeContacts(ctx, t)
}

const (
	insertSide   = `INSERT OR FAIL INTO identity (seq, doc) VALUES (?, ?)`
	sideRows3    = `, (?, ?), (?, ?), (?, ?)`
	insertSide4  = insertSide + sideRows3
	insertSide16 = insertSide4 + sideRows3 + sideRows3 + sideRows3 + sideRows3
)

func (f *followUp) writeSide(ctx context.Context, t tx) error {
	for len(f.side) > 0 {
		text, n := insertSide, 1
		switch {
		case len(f.side) >= 2*16:
			text, n = insertSide16, 16
		case len(f.side) >= 2*4:
			text, n = insertSide4, 4
		}
		if _, err := t.exec(ctx, text, f.side[:2*n]...); err != nil {
			return fmt.Errorf("insert side rows: %w", err)
		}
		f.side = f.side[2*n:]
	}
	return nil
}
