package conversions

import (
	"hash/fnv"
	"strconv"
	"time"
)

// Backoff limits for what is tried again without a time of its own.
const (
	BackoffBase = time.Minute
	BackoffCap  = 6 * time.Hour
	// CountEvery is how often, at most, an unexplained refusal counts against
	// a row, and MaxCounted how many make it need a person.
	CountEvery = time.Hour
	MaxCounted = 10
)

// Backoff returns how long to wait before try number attempt (from 1):
// BackoffBase doubled with every attempt up to BackoffCap, less a jitter of up
// to half of it. The jitter is drawn from seed, so that the arithmetic stays a
// pure function and rows that failed together do not come back together.
func Backoff(attempt int, seed string) time.Duration {
	wait := BackoffCap
	if attempt < 1 {
		attempt = 1
	}
	if shift := attempt - 1; shift < 16 && BackoffBase<<shift < BackoffCap {
		wait = BackoffBase << shift
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(seed + "#" + strconv.Itoa(attempt)))
	half := wait / 2
	return half + time.Duration(h.Sum64()%uint64(half+1)) //nolint:gosec // half is positive
}
