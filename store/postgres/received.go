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

// addUpCounts replaces lines of counts by their sums. Lines that another
// replica is adding up are left to it, so nobody waits; who reads meanwhile
// sees either the lines or their sums.
const addUpCounts = `WITH gone AS (
		DELETE FROM received WHERE ctid = ANY (ARRAY(SELECT ctid FROM received LIMIT 20000 FOR UPDATE SKIP LOCKED)) RETURNING *
	) INSERT INTO received (account, source, kind, outcome, events)
	SELECT account, source, kind, outcome, sum(events)::bigint FROM gone GROUP BY 1, 2, 3, 4`

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
	}
	lines := map[line]bool{}
	for _, r := range events {
		lines[line{r.account, r.source, r.e.Kind, r.e.Outcome}] = true
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

// receivedOf counts events one by one only where no count is kept.
func receivedOf(f conversions.Filter) (text string, args []any) {
	w := &where{}
	switch {
	case f.Account != "" && f.Lead != "":
		w.addLead(f)
	case f.Account != "":
		w.add(`account = ?`, quoted(f.Account))
	case f.Lead != "":
		w.add(`lead = ?`, quoted(f.Lead))
	}
	const grouped = ` GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`
	if f.Lead == "" && f.From.IsZero() && f.To.IsZero() {
		return `SELECT account, source, kind, outcome, sum(events)::bigint FROM received` + w.String() + grouped, w.args
	}
	if !f.From.IsZero() {
		w.add(`received >= ?`, micros(f.From))
	}
	if !f.To.IsZero() {
		w.add(`received < ?`, micros(f.To))
	}
	return `SELECT account, source, kind, outcome, count(*) FROM event` + w.String() + grouped, w.args
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
