package scheduler

import (
	"time"

	"github.com/robfig/cron/v3"
)

// local is a cron expression by the clocks of a zone. Where they go forward,
// what falls into the time they skip fires once, as much later as they skip;
// where they go back, a time that comes twice fires the first time, unless the
// expression names every hour: then it fires in each.
//
// cron v3.0.1 alone leaves out what is skipped, fires twice what comes twice,
// and on nights on which clocks change by half an hour (Australia/Lord_Howe) it
// leaves out more. Between two changes a zone is a fixed offset, in which it is
// right.
type local struct {
	spec cron.SpecSchedule
	zone *time.Location
}

// stretches is more changes of clocks than any zone has in the five years in
// which cron looks for a firing.
const stretches = 64

// Next implements cron.Schedule.
func (l local) Next(t time.Time) time.Time {
	at := t // an instant of the stretch looked at
	for range stretches {
		start, end := at.In(l.zone).ZoneBounds()
		next := l.within(t, at, start)
		if next.IsZero() || end.IsZero() || next.Before(end) {
			return next.In(t.Location())
		}
		t, at = end.Add(-time.Second), end
	}
	return time.Time{}
}

// within is the first firing after t by the offset that is in force at an
// instant, since start. Beyond the end of that stretch it is none.
func (l local) within(t, at, start time.Time) time.Time {
	offset := offsetAt(at, l.zone)
	var skipped time.Time
	if !start.IsZero() {
		before := offsetAt(start.Add(-time.Second), l.zone)
		changed := start.Add((offset - before).Abs())
		switch {
		case offset > before:
			if n := l.nextBy(before, t); n.Before(changed) {
				skipped = n
			}
		case offset < before && !l.everyHour() && t.Before(changed):
			t = changed.Add(-time.Second)
		}
	}
	next := l.nextBy(offset, t)
	if !skipped.IsZero() && (next.IsZero() || skipped.Before(next)) {
		return skipped
	}
	return next
}

// nextBy is the first firing after t where clocks are always offset ahead of
// UTC.
func (l local) nextBy(offset time.Duration, t time.Time) time.Time {
	spec := l.spec
	spec.Location = time.FixedZone("", int(offset/time.Second))
	return spec.Next(t)
}

// everyHour reports whether the expression names every hour of the day.
func (l local) everyHour() bool {
	const all = 1<<24 - 1
	return l.spec.Hour&all == all
}

func offsetAt(t time.Time, zone *time.Location) time.Duration {
	_, seconds := t.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}
