package scheduler

import "time"

// Offset is offset, for tests.
func Offset(account string, window time.Duration) time.Duration { return offset(account, window) }

// Spread is the schedule moved by d.
func Spread(s Schedule, d time.Duration) interface{ Next(t time.Time) time.Time } {
	return spread{s, d}
}
