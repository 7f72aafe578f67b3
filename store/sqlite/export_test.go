package sqlite

import (
	"context"

	"closeloop/conversions"
)

// SelectContactClicks and WakeLeads are what ContactClicks and Append run, for
// tests of their plans.
const (
	SelectContactClicks = selectContactClicks
	WakeLeads           = wakeLeads
)

// The queries of Polls and NextPoll, for a test of their plans.
const (
	SelectPolls    = selectBatch + toPoll
	SelectNextPoll = firstToPoll
)

// ChunkOf is the text of entries in the ledger, ReadChunk what is read of one.
func ChunkOf(es ...conversions.Entry) []byte {
	var c chunk
	for i := range es {
		c.add(&es[i])
	}
	return c.entries
}

// ReadChunk reads the entries of one row, or of all for 0.
func ReadChunk(text []byte, of conversions.RowID) ([]conversions.Entry, error) {
	return appendEntries(nil, text, 1, func(_ int64, row conversions.RowID) bool { return of == 0 || row == of })
}

// HotQueries are the texts that run for every delivery, fold, claim, answer and
// report, for a test of their plans.
func HotQueries() map[string]string {
	texts := map[string]string{
		"store an event once": insertEvent1, "store events once": insertEvents16, "leave notices": leaveNotices, "notices": selectNotices,
		"events of leads": selectLeadEvents, "rows of leads": selectLeadRows,
		"claim": selectDue, "rows by id": `SELECT doc ` + fromIDs, "click ids": selectPeople, "seconds taken": selectSlots,
		"uploads of a month": selectUploaded, "unanswered batches": selectBatch + unanswered, "last answers": selectUploads,
		"ledger": selectLedger, "chunks of a trail": selectTrail,
		"count pending": countPending, "persons of rows": selectPersons, "rows as listed": selectListed,
	}
	filters := map[string]conversions.Filter{
		"of an account": {Account: "a", Limit: 50}, "page": {Account: "a", Limit: 50, After: &conversions.Row{}},
		"in flight": {Account: "a", State: conversions.StateSending},
		"pending":   {Account: "a", State: conversions.StateQueued, Limit: 50}, "at rest": {Account: "a", State: conversions.StateRefused, Limit: 50},
		"by order id": {Account: "a", OrderID: "x"},
		"by click id": {Account: "a", ClickID: "x"}, "by lead": {Account: "a", Lead: "x"},
	}
	for name, f := range filters {
		texts["list "+name], _ = listOf(f, false)
		texts["list many "+name], _ = listOf(f, true)
	}
	texts["totals within"], _ = totalsWithin(conversions.Filter{Account: "a"})
	for name, f := range map[string]conversions.Filter{"of all": {}, "of an account": {Account: "a"}, "of a stage": {Stage: "booked"}} {
		texts["totals "+name], _ = totalsKept(f)
		texts["received "+name], _ = receivedOf(conversions.Filter{Account: f.Account})
	}
	return texts
}

// Crowded reports whether pages of a filter's rows are looked for along the
// conversion times.
func (s *Store) Crowded(ctx context.Context, f conversions.Filter) (bool, error) {
	return isCrowded(ctx, s.reads.QueryContext, f)
}
