package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"closeloop/conversions"
)

// receivedSum counts events of one hour.
type receivedSum struct {
	conversions.Received

	hour        int64 // when it begins
	first, last int64 // the smallest and the largest seq
}

// count counts an event. A group has few kinds, of an hour or two.
func (f *followUp) count(seq int64, e *conversions.Event) {
	began := whole(micros(e.Received), hour)
	for i := range f.kinds {
		k := &f.kinds[i]
		if k.hour == began && k.Kind == e.Kind && k.Outcome == e.Outcome && k.Source == e.Source && k.Account == e.Account {
			k.Events++
			k.first, k.last = min(k.first, seq), max(k.last, seq)
			return
		}
	}
	f.kinds = append(f.kinds, receivedSum{
		Received: conversions.Received{Account: e.Account, Source: e.Source, Kind: e.Kind, Outcome: e.Outcome, Events: 1},
		hour:     began, first: seq, last: seq,
	})
}

// addReceived counts new events: of all time, and of their hours and days.
func addReceived(ctx context.Context, t tx, kinds []receivedSum) error {
	for i := range kinds {
		k := &kinds[i]
		_, err := t.exec(ctx, `INSERT INTO received (account, source, kind, outcome, events) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET events = events + excluded.events`,
			string(k.Account), k.Source, string(k.Kind), string(k.Outcome), k.Events)
		if err != nil {
			return fmt.Errorf("count events: %w", err)
		}
		_, err = t.exec(ctx, `INSERT INTO received_window (width, start, account, source, kind, outcome, events, first, last)
			VALUES (?1, ?2, ?5, ?6, ?7, ?8, ?9, ?10, ?11), (?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
			ON CONFLICT DO UPDATE SET events = events + excluded.events, first = min(first, excluded.first), last = max(last, excluded.last)`,
			hour, k.hour, day, whole(k.hour, day),
			string(k.Account), k.Source, string(k.Kind), string(k.Outcome), k.Events, k.first, k.last)
		if err != nil {
			return fmt.Errorf("count events of an hour: %w", err)
		}
	}
	return nil
}

// Received implements store.Reports.
func (s *Store) Received(ctx context.Context, f conversions.Filter) ([]conversions.Received, error) {
	var all []conversions.Received
	var err error
	add := func(q queryer, text string, args []any) error {
		counts, err := collect(ctx, q, readReceived, text, args...)
		all = append(all, counts...)
		return err
	}
	switch {
	case f.Lead != "":
		err = s.ofEach(ctx, f, func(q queryer, f conversions.Filter) error {
			text, args := receivedOfLead(f)
			return add(q, text, args)
		})
	default:
		text, args := receivedOf(f)
		err = add(s.reads.QueryContext, text, args)
	}
	if err != nil {
		return nil, fmt.Errorf("count events: %w", err)
	}
	return all, nil
}

// receivedOf counts events of an account, or of every one.
func receivedOf(f conversions.Filter) (text string, args []any) {
	if !f.From.IsZero() || !f.To.IsZero() {
		return receivedWithin(f)
	}
	w := &where{}
	if f.Account != "" {
		w.add(`account = ?`, string(f.Account))
	}
	return `SELECT account, source, kind, outcome, events FROM received` + w.String() + ` ORDER BY 1, 2, 3, 4`, w.args
}

// selectReceivedWithin counts events of account ?1, or of every one if that is
// empty, from the counts of whole days and hours, and one by one among those of
// an hour that is cut.
const selectReceivedWithin = `SELECT account, source, kind, outcome, sum(events) FROM (
		` + receivedKept + `86400000000 AND start >= ?2 AND start < ?3
		UNION ALL ` + receivedKept + `3600000000 AND start >= ?4 AND start < ?5
		UNION ALL ` + receivedKept + `3600000000 AND start >= ?6 AND start < ?7
		UNION ALL ` + receivedOnce + `?8 AND received < ?9 AND seq BETWEEN
			(SELECT min(first) ` + ofHours + `?10 AND start < ?11) AND (SELECT max(last) ` + ofHours + `?10 AND start < ?11)
		UNION ALL ` + receivedOnce + `?12 AND received < ?13 AND seq BETWEEN
			(SELECT min(first) ` + ofHours + `?14 AND start < ?15) AND (SELECT max(last) ` + ofHours + `?14 AND start < ?15))
	GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`

// The parts of selectReceivedWithin.
const (
	receivedKept = `SELECT account, source, kind, outcome, events FROM received_window WHERE ?1 IN ('', account) AND width = `
	receivedOnce = `SELECT account, source, kind, outcome, 1 FROM event NOT INDEXED WHERE ?1 IN ('', account) AND received >= `
	ofHours      = `FROM received_window WHERE ?1 IN ('', account) AND width = 3600000000 AND start >= `
)

// receivedWithin counts events received in a window.
func receivedWithin(f conversions.Filter) (text string, args []any) {
	p := cut(f)
	args = []any{string(f.Account)}
	for _, s := range []span{p.days, p.hours[0], p.hours[1]} {
		args = append(args, s.from, s.to)
	}
	for _, s := range p.rest {
		args = append(args, s.from, s.to, whole(s.from, hour), whole(s.to+hour-1, hour))
	}
	return selectReceivedWithin, args
}

// receivedOfLead counts the events of a lead: by an index, for the account's few
// sources are found by jumping from one to the next.
func receivedOfLead(f conversions.Filter) (text string, args []any) {
	w := &where{}
	w.add(`account = ?`, string(f.Account))
	w.add(`lead = ?`, string(f.Lead))
	w.add(`source IN (
		WITH RECURSIVE s (source) AS (SELECT min(source) FROM event WHERE account = ? UNION ALL
			SELECT (SELECT min(source) FROM event WHERE account = ? AND source > s.source) FROM s WHERE s.source IS NOT NULL)
		SELECT source FROM s WHERE source IS NOT NULL)`, string(f.Account), string(f.Account))
	w.addTime(`received`, f)
	return `SELECT account, source, kind, outcome, count(*) FROM event` + w.String() + ` GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`, w.args
}

func readReceived(rows *sql.Rows) (conversions.Received, error) {
	var r conversions.Received
	if err := rows.Scan(&r.Account, &r.Source, &r.Kind, &r.Outcome, &r.Events); err != nil {
		return r, fmt.Errorf("scan: %w", err)
	}
	return r, nil
}
