package sqlite

import (
	"context"
	"fmt"

	"closeloop/conversions"
)

// gather makes leads whole: it reads the events and rows of all of them with
// one query each. A query costs more to begin than a lead's few rows to read.
func gather(ctx context.Context, q queryer, a conversions.AccountID, work []conversions.LeadWork) error {
	if len(work) == 0 {
		return nil
	}
	place := make(map[notice]*conversions.LeadWork, len(work)) // number is 0
	names := make([][2]string, len(work))
	for i := range work {
		w := &work[i]
		place[notice{source: w.Source, lead: w.Lead}] = w
		names[i] = [2]string{w.Source, string(w.Lead)}
	}
	asked, err := encode(names)
	if err != nil {
		return err
	}
	if err := gatherEvents(ctx, q, a, asked, place); err != nil {
		return err
	}
	return gatherRows(ctx, q, a, asked, place)
}

// The events and the rows of a list of leads. CROSS JOIN keeps the order of the
// tables: a look-up in the index for every lead.
const (
	selectLeadEvents = `SELECT ` + eventColumns + `
		FROM json_each(?2) AS j
		CROSS JOIN event AS e ON e.account = ?1 AND e.source = j.value ->> 0 AND e.lead = j.value ->> 1
		LEFT JOIN identity AS i ON i.seq = e.seq ORDER BY e.seq`
	selectLeadRows = `SELECT c.doc
		FROM json_each(?2) AS j
		CROSS JOIN conversion AS c ON c.account = ?1 AND c.source = j.value ->> 0 AND c.lead = j.value ->> 1
		ORDER BY c.id`
)

// gatherEvents reads events in the order of the log.
func gatherEvents(ctx context.Context, q queryer, a conversions.AccountID, asked string, place map[notice]*conversions.LeadWork) error {
	events, err := collect(ctx, q, readEvent, selectLeadEvents, string(a), asked)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	for i := range events {
		e := &events[i]
		w := place[notice{source: e.Source, lead: e.Lead}]
		w.Events = append(w.Events, *e)
	}
	return nil
}

// gatherRows reads rows of every stage and generation, in the order in which
// they were made.
func gatherRows(ctx context.Context, q queryer, a conversions.AccountID, asked string, place map[notice]*conversions.LeadWork) error {
	rows, err := collect(ctx, q, readRow, selectLeadRows, string(a), asked)
	if err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	for i := range rows {
		r := &rows[i]
		w := place[notice{source: r.Key.Source, lead: r.Key.Lead}]
		if w == nil {
			return fmt.Errorf("place row %d: %w", r.ID, errUnreadable)
		}
		w.Rows = append(w.Rows, *r)
	}
	return nil
}
