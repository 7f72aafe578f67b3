// Package compact writes the documents that a storage keeps, rows, ledger
// entries, manifests, events and side rows, in a compact binary form, and reads
// them again.
//
// Why not JSON: in a batch of 2,000 rows, three documents each are made and two
// read; as JSON that alone takes longer than every SQL statement of the batch
// (measured with BenchmarkSettle2000 of store/sqlite), and the documents are
// three times as long. The form is like Protocol Buffers': a version, then for
// each field that is not zero its number, its shape and its value. A field is
// never renumbered; a new one gets the next number, so that older documents
// stay readable, and a program that does not know it passes over it.
//
// It knows nothing of any database. What stands in columns beside a document is
// left to the caller: see each function. Start reading at rowFields.
package compact

import (
	"closeloop/conversions"
)

// AppendRow appends a whole row to buf.
func AppendRow(buf []byte, r *conversions.Row) []byte {
	c := writer(buf)
	rowFields(&c, r)
	return c.buf
}

// ReadRow reads what AppendRow wrote, or gives ErrUnreadable.
func ReadRow(doc []byte, r *conversions.Row) error {
	*r = conversions.Row{}
	c := reader(doc)
	rowFields(&c, r)
	return c.end()
}

// AppendEntry appends a ledger entry without Seq, Account, Row, Kind and At,
// and never its ClickID.
func AppendEntry(buf []byte, e *conversions.Entry) []byte {
	c := writer(buf)
	entryFields(&c, e)
	return c.buf
}

// ReadEntry reads what AppendEntry wrote, or gives ErrUnreadable. Fields that
// were not written are zero.
func ReadEntry(doc []byte, e *conversions.Entry) error {
	*e = conversions.Entry{}
	c := reader(doc)
	entryFields(&c, e)
	return c.end()
}

// AppendItems appends the items of a manifest without their ClickIDs.
func AppendItems(buf []byte, items []conversions.Item) []byte {
	c := writer(buf)
	list(&c, 1, &items, itemFields)
	return c.buf
}

// ReadItems reads what AppendItems wrote, or gives ErrUnreadable.
func ReadItems(doc []byte) ([]conversions.Item, error) {
	var items []conversions.Item
	c := reader(doc)
	list(&c, 1, &items, itemFields)
	return items, c.end()
}

// AppendEvent appends an event without its Person and without Seq, Account,
// Source, Body, Lead, Kind, Outcome and Received.
func AppendEvent(buf []byte, e *conversions.Event) []byte {
	c := writer(buf)
	eventFields(&c, e)
	return c.buf
}

// ReadEvent reads what AppendEvent wrote, or gives ErrUnreadable. Fields that
// were not written are zero.
func ReadEvent(doc []byte, e *conversions.Event) error {
	*e = conversions.Event{}
	c := reader(doc)
	eventFields(&c, e)
	return c.end()
}

// AppendPerson appends a side row.
func AppendPerson(buf []byte, p *conversions.Person) []byte {
	c := writer(buf)
	personFields(&c, p)
	return c.buf
}

// ReadPerson reads what AppendPerson wrote, or gives ErrUnreadable.
func ReadPerson(doc []byte, p *conversions.Person) error {
	*p = conversions.Person{}
	c := reader(doc)
	personFields(&c, p)
	return c.end()
}

// ReadClickID reads from a side row no more than the id of its nth click, which
// is empty if there is none, or gives ErrUnreadable.
func ReadClickID(doc []byte, n int) (string, error) {
	const clicks = 2 // see personFields
	c := reader(doc)
	var f conversions.FoundClick
	for i := 0; i <= n && c.finds(clicks, shapeBytes); i++ {
		if i < n {
			c.pass()
			continue
		}
		inner(&c, &f, foundClickFields)
	}
	return f.ID, c.end()
}
