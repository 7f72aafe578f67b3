package sqlite

import (
	"context"
	"fmt"
	"math"
	"time"

	"closeloop/conversions"
)

// The widths of the pieces of time by which sums are kept, in microseconds.
const (
	hour = int64(time.Hour / time.Microsecond)
	day  = 24 * hour
)

// whole is the start of the piece of time of a width that a time is in.
func whole(at, width int64) int64 {
	return at - ((at%width)+width)%width
}

// span is a piece of time, in microseconds since 1970; the end is not in it.
type span struct{ from, to int64 }

// pieces are the parts of a window: days and hours whose sums are kept, and
// what is cut off of an hour at either end. A part that the window does not have
// is empty.
type pieces struct {
	window, days span
	hours, rest  [2]span
}

// cut divides the window of a filter.
func cut(f conversions.Filter) pieces {
	w := span{whole(math.MinInt64/2, day), whole(math.MaxInt64/2, day)}
	if !f.From.IsZero() {
		w.from = micros(f.From)
	}
	if !f.To.IsZero() {
		w.to = micros(f.To)
	}
	p := pieces{window: w}
	hours := span{whole(w.from+hour-1, hour), whole(w.to, hour)}
	if hours.from >= hours.to {
		p.rest[0] = w
		return p
	}
	p.rest = [2]span{{w.from, hours.from}, {hours.to, w.to}}
	days := span{whole(hours.from+day-1, day), whole(hours.to, day)}
	if days.from >= days.to {
		p.hours[0] = hours
		return p
	}
	p.days, p.hours = days, [2]span{{hours.from, days.from}, {days.to, hours.to}}
	return p
}

// windowKey names a line of table total_window.
type windowKey struct {
	totalKey

	width, start int64
}

// save adds to the sums of all time and to those of hours and days.
func (t *totals) save(ctx context.Context, in tx) error {
	ever, within := map[totalKey]totalSum{}, make(map[windowKey]totalSum, len(*t))
	for key, sum := range *t {
		ever[key.totalKey] = ever[key.totalKey].plus(sum)
		for _, width := range []int64{hour, day} {
			in := windowKey{key.totalKey, width, whole(key.hour, width)}
			within[in] = within[in].plus(sum)
		}
	}
	for key, sum := range ever {
		if err := sum.save(ctx, in, key); err != nil {
			return fmt.Errorf("keep totals: %w", err)
		}
	}
	for key, sum := range within {
		if err := sum.saveWithin(ctx, in, key); err != nil {
			return fmt.Errorf("keep totals of hours and days: %w", err)
		}
	}
	return nil
}

func (s totalSum) plus(o totalSum) totalSum {
	return totalSum{s.rows + o.rows, s.wanted + o.wanted, s.known + o.known}
}

func (s totalSum) saveWithin(ctx context.Context, in tx, key windowKey) error {
	if s == (totalSum{}) {
		return nil
	}
	_, err := in.exec(ctx, `INSERT INTO total_window (account, width, start, stage, state, reason, currency, rows, wanted, known)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET rows = rows + excluded.rows, wanted = wanted + excluded.wanted, known = known + excluded.known`,
		string(key.account), key.width, key.start, string(key.stage), string(key.state), string(key.reason), key.currency,
		s.rows, int64(s.wanted), int64(s.known))
	return err
}

// selectWithin sums rows of account ?1, and of stage ?2 unless that is empty,
// from the sums of whole days and hours, and one by one where an hour is cut.
// Rows in flight, of which there are few, are moved to their state.
const selectWithin = `SELECT ?1, stage, standing, reason, currency, sum(n), sum(w), sum(k) FROM (
		` + keptWithin + `86400000000 AND start >= ?3 AND start < ?4
		UNION ALL ` + keptWithin + `3600000000 AND start >= ?5 AND start < ?6
		UNION ALL ` + keptWithin + `3600000000 AND start >= ?7 AND start < ?8
		UNION ALL SELECT stage, state, reason, currency, 1, wanted_cents, known_cents ` + rowsAt + `?9 AND at < ?10
		UNION ALL SELECT stage, state, reason, currency, 1, wanted_cents, known_cents ` + rowsAt + `?11 AND at < ?12
		UNION ALL SELECT stage, 'sending', reason, currency, 1, wanted_cents, known_cents ` + flyingAt + `
		UNION ALL SELECT stage, state, reason, currency, -1, -wanted_cents, -known_cents ` + flyingAt + `)
	WHERE ?2 IN ('', stage) GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) > 0 ORDER BY 1, 2, 3, 4, 5`

// The parts of selectWithin.
const (
	keptWithin = `SELECT stage, state AS standing, reason, currency, rows AS n, wanted AS w, known AS k FROM total_window
			WHERE account = ?1 AND width = `
	rowsAt   = `FROM conversion INDEXED BY conversion_at WHERE account = ?1 AND at >= `
	flyingAt = byID + ` WHERE id IN (` + inFlight + `?1) AND at >= ?13 AND at < ?14`
)

// totalsWithin sums the rows of one account in a window, all or those of one
// stage.
func totalsWithin(f conversions.Filter) (text string, args []any) {
	p := cut(f)
	args = []any{string(f.Account), string(f.Stage)}
	for _, s := range []span{p.days, p.hours[0], p.hours[1], p.rest[0], p.rest[1], p.window} {
		args = append(args, s.from, s.to)
	}
	return selectWithin, args
}
