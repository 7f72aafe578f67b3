package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
)

// tooMany is after how many lines of counts a process adds up. A report reads
// no more than that for each replica, which is a millisecond.
const tooMany = 1000

// addUpCounts takes lines of counts to their sums by the hour, by the day and
// of all time. Lines that another replica is adding up are left to it; sums that
// it is writing are waited for, in the same order by everybody. Who reads
// meanwhile sees either the lines or their sums.
const addUpCounts = `WITH gone AS (
		DELETE FROM received WHERE ctid = ANY (ARRAY(SELECT ctid FROM received LIMIT 20000 FOR UPDATE SKIP LOCKED)) RETURNING *
	) INSERT INTO received_total AS t (account, width, start, source, kind, outcome, events, first, last)
	SELECT account, w.width, starts(hour, w.width), source, kind, outcome, sum(events)::bigint, min(first), max(last)
	FROM gone CROSS JOIN (VALUES (0::smallint), (1::smallint), (24::smallint)) AS w (width)
	GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
	ON CONFLICT (account, width, start, source, kind, outcome) DO UPDATE
		SET events = t.events + excluded.events, first = least(t.first, excluded.first), last = greatest(t.last, excluded.last)`

// addUp adds up counts when this process has written many. That it fails is no
// loss: the lines stay for the next time.
func (in *ingest) addUp(ctx context.Context) {
	if in.lines < tooMany {
		return
	}
	steady, cancel := context.WithTimeout(ctx, txTime)
	defer cancel()
	_, _ = in.db.pool.Exec(steady, addUpCounts)
	in.lines = 0
}

// countLines returns how many lines of counts events make.
func countLines(events []*eventRecord) int {
	type line struct {
		account, source string
		kind            conversions.EventKind
		outcome         conversions.Outcome
		hour            int64
	}
	lines := map[line]bool{}
	for _, r := range events {
		lines[line{r.account, r.source, r.e.Kind, r.e.Outcome, hourOf(micros(r.e.Received))}] = true
	}
	return len(lines)
}

// Received implements store.Reports.
func (s *Store) Received(ctx context.Context, f conversions.Filter) ([]conversions.Received, error) {
	text, args := receivedOf(f)
	counts, err := query(ctx, s.db, readReceived, text, args...)
	if err != nil {
		return nil, fmt.Errorf("count events: %w", err)
	}
	return counts, nil
}

// receivedOf counts events one by one only of a lead.
func receivedOf(f conversions.Filter) (text string, args []any) {
	if f.Lead == "" {
		return receivedKept(f)
	}
	w := &where{}
	if f.Account != "" {
		w.addLead(f)
	} else {
		w.add(`lead = ?`, quoted(f.Lead))
	}
	if !f.From.IsZero() {
		w.add(`received >= ?`, micros(f.From))
	}
	if !f.To.IsZero() {
		w.add(`received < ?`, micros(f.To))
	}
	return `SELECT account, source, kind, outcome, count(*) FROM event` + w.String() + ` GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`, w.args
}

// receivedKept counts events from the counts that are kept, and those of a part
// of an hour one by one, between the numbers that the hour's events have.
func receivedKept(f conversions.Filter) (text string, args []any) {
	w := &where{}
	own := w.own(quoted(string(f.Account)), "event")
	lines, parts := w.pieces(windowOf(f.From, f.To))
	recent := `SELECT * FROM received`
	if f.Account != "" {
		recent += ` WHERE account = (SELECT account FROM own)`
	}
	return `WITH own AS MATERIALIZED (` + own + `), recent AS MATERIALIZED (` + recent + `)
		SELECT account, source, kind, outcome, sum(n)::bigint FROM (
		SELECT account, source, kind, outcome, events AS n
			FROM own AS a CROSS JOIN ` + lines + ` CROSS JOIN LATERAL (SELECT source, kind, outcome, events FROM received_total
				WHERE account = a.account AND width = p.width AND start >= p.start AND start < p.stop OFFSET 0) AS t
		UNION ALL
		SELECT r.account, r.source, r.kind, r.outcome, r.events
			FROM recent AS r CROSS JOIN ` + lines + ` WHERE p.width = 0 OR r.hour >= p.start AND r.hour < p.stop
		UNION ALL
		SELECT account, source, kind, outcome, 1
			FROM own AS a CROSS JOIN ` + parts + ` CROSS JOIN LATERAL (SELECT min(first) AS first, max(last) AS last FROM (
				SELECT first, last FROM received_total WHERE account = a.account AND width = 1 AND start = p.hour
				UNION ALL SELECT first, last FROM recent WHERE account = a.account AND hour = p.hour) AS l) AS s
			CROSS JOIN LATERAL (SELECT source, kind, outcome FROM event WHERE account = a.account AND seq BETWEEN s.first AND s.last
				AND received >= p.start AND received < p.stop OFFSET 0) AS e) AS e
		GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`, w.args
}

// addLead selects an account's events by lead, by the index: through the few
// sources that were ever bound to the account.
func (w *where) addLead(f conversions.Filter) {
	w.add(`account = ? AND lead = ? AND lead <> ''`, quoted(f.Account), quoted(f.Lead))
	w.add(`source = ANY (ARRAY(SELECT b.source FROM bound AS b WHERE b.account = ?))`, quoted(f.Account))
}

func readReceived(rows pgx.Rows) (conversions.Received, error) {
	var r conversions.Received
	var account, source, kind, outcome string
	err := scan(rows, &account, &source, &kind, &outcome, &r.Events)
	r.Account, r.Source = unquoted[conversions.AccountID](account), unquoted[string](source)
	r.Kind, r.Outcome = unquoted[conversions.EventKind](kind), unquoted[conversions.Outcome](outcome)
	return r, err
}
