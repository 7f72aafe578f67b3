package postgres

import (
	"math"
	"time"
)

// The widths of the lines that sums are kept in, in hours.
const (
	allTime int16 = 0
	oneHour int16 = 1
	oneDay  int16 = 24
)

const microsPerHour = int64(time.Hour / time.Microsecond)

// hourOf is the number of the hour since 1970 that a stored time is in.
func hourOf(micros int64) int64 { return down(micros, microsPerHour) / microsPerHour }

// down is the greatest multiple of m that is not above n.
func down(n, m int64) int64 { return n - (n%m+m)%m }

// window is a stretch of time in pieces: lines of whole days, lines of whole
// hours beside them, and parts of hours, in which rows are counted one by one.
type window struct {
	low, high int64 // all of it, in microseconds

	width       []int16 // lines of this width that start
	start, stop []int64 // from one hour on up to before another

	hour, from, to []int64 // a part of an hour, in microseconds
}

// windowOf is from inclusive, to exclusive; a zero time is no bound.
func windowOf(from, to time.Time) window {
	w := window{low: math.MinInt64 / microsPerHour * microsPerHour, high: math.MaxInt64 / microsPerHour * microsPerHour}
	w.width, w.start, w.stop = []int16{}, []int64{}, []int64{}
	w.hour, w.from, w.to = []int64{}, []int64{}, []int64{}
	if from.IsZero() && to.IsZero() {
		w.lines(allTime, 0, 1)
		return w
	}
	if !from.IsZero() {
		w.low = micros(from)
	}
	if !to.IsZero() {
		w.high = micros(to)
	}
	if w.low < w.high {
		w.cut()
	}
	return w
}

// cut finds the pieces.
func (w *window) cut() {
	first, last := hourOf(w.low), hourOf(w.high) // the whole hours begin at first and end before last
	if begin := first * microsPerHour; begin < w.low {
		w.part(first, w.low, min(w.high, begin+microsPerHour))
		first++
	}
	if begin := last * microsPerHour; first <= last && begin < w.high {
		w.part(last, begin, w.high)
	}
	day, end := -down(-first, int64(oneDay)), down(last, int64(oneDay))
	if day >= end {
		w.lines(oneHour, first, last)
		return
	}
	w.lines(oneHour, first, day)
	w.lines(oneDay, day, end)
	w.lines(oneHour, end, last)
}

func (w *window) lines(width int16, start, stop int64) {
	if start < stop {
		w.width, w.start, w.stop = append(w.width, width), append(w.start, start), append(w.stop, stop)
	}
}

func (w *window) part(hour, from, to int64) {
	w.hour, w.from, w.to = append(w.hour, hour), append(w.from, from), append(w.to, to)
}

// own selects the accounts that a sum is of: the one that is named, or each
// that a table has rows of.
func (w *where) own(account, table string) string {
	if account == "" {
		return everyAccount(table)
	}
	return `SELECT ` + w.arg(account) + `::text AS account`
}

// pieces adds a window's pieces as two lists of arguments, lines and parts.
func (w *where) pieces(in window) (lines, parts string) {
	lines = `unnest(` + w.arg(in.width) + `::smallint[], ` + w.arg(in.start) + `::bigint[], ` + w.arg(in.stop) + `::bigint[]) AS p (width, start, stop)`
	parts = `unnest(` + w.arg(in.hour) + `::bigint[], ` + w.arg(in.from) + `::bigint[], ` + w.arg(in.to) + `::bigint[]) AS p (hour, start, stop)`
	return lines, parts
}
