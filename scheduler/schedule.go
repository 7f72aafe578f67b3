package scheduler

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when an account runs: a robfig/cron/v3 standard expression
// (five fields, or @hourly and the like) in a zone. The zero value is not
// usable; make one with ParseSchedule.
type Schedule struct {
	spec  string
	inner cron.Schedule
}

// ScheduleError says what is wrong with a schedule's text.
type ScheduleError struct {
	Spec   string
	Reason string
}

// Error quotes the expression.
func (e *ScheduleError) Error() string { return fmt.Sprintf("schedule %q: %s", e.Spec, e.Reason) }

// ParseSchedule reads a cron expression in zone. One that can never fire,
// such as "0 0 30 2 *", and one that names a zone of its own are refused with
// a *ScheduleError. Where clocks change, a time that is skipped or comes twice
// fires once; see local. "@every" fires at multiples of its duration.
func ParseSchedule(spec string, zone *time.Location) (Schedule, error) {
	text := strings.TrimSpace(spec)
	if strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=") {
		return Schedule{}, &ScheduleError{spec, "the zone is the account's; leave TZ= out"}
	}
	inner, err := cron.ParseStandard("CRON_TZ=" + zone.String() + " " + text)
	if err != nil {
		return Schedule{}, &ScheduleError{spec, err.Error()}
	}
	if d, ok := inner.(cron.ConstantDelaySchedule); ok {
		// cron reads "@every 0s" and "@every -1h" as every second.
		if asked, err := time.ParseDuration(strings.TrimSpace(strings.TrimPrefix(text, "@every"))); err != nil || asked < time.Second {
			return Schedule{}, &ScheduleError{spec, "the time between runs is shorter than a second"}
		}
		inner = every{d.Delay}
	}
	if spec, ok := inner.(*cron.SpecSchedule); ok {
		inner = local{*spec, zone}
	}
	s := Schedule{spec: zone.String() + " " + text, inner: inner}
	if s.Next(time.Unix(0, 0)).IsZero() {
		return Schedule{}, &ScheduleError{spec, "it never fires"}
	}
	return s, nil
}

// every fires whenever the clock shows a multiple of a duration. cron's own
// counts from the moment it is asked, so a stored next run would lie a little
// after the tick that is to run it, and that tick would be lost.
type every struct{ d time.Duration }

// Next implements cron.Schedule.
func (e every) Next(t time.Time) time.Time { return t.Truncate(e.d).Add(e.d) }

// Spec identifies the schedule: the zone and the expression.
func (s Schedule) Spec() string { return s.spec }

// Next returns the first time after t at which the schedule fires.
func (s Schedule) Next(t time.Time) time.Time { return s.inner.Next(t) }

// spread is a schedule moved by a fixed offset, so that many accounts with
// the same expression do not all call at once.
type spread struct {
	Schedule
	offset time.Duration
}

// Next implements cron.Schedule.
func (s spread) Next(t time.Time) time.Time {
	next := s.Schedule.Next(t.Add(-s.offset))
	if next.IsZero() {
		return next // "never" must stay recognisable
	}
	return next.Add(s.offset)
}

// offset returns the account's place within window, the same on every replica.
func offset(account string, window time.Duration) time.Duration {
	if window <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(account))
	return time.Duration(h.Sum64() % uint64(window)).Truncate(time.Second) //nolint:gosec // less than window
}
