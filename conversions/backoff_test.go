package conversions_test

import (
	"strconv"
	"testing"
	"time"

	"closeloop/conversions"
)

func TestBackoffStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		attempt int
		most    time.Duration
	}{
		{-1, time.Minute},
		{0, time.Minute},
		{1, time.Minute},
		{2, 2 * time.Minute},
		{3, 4 * time.Minute},
		{9, 256 * time.Minute},
		{10, conversions.BackoffCap},
		{16, conversions.BackoffCap},
		{17, conversions.BackoffCap},
		{64, conversions.BackoffCap},
		{1 << 40, conversions.BackoffCap},
	}
	for _, tt := range tests {
		for i := range 500 {
			seed := strconv.Itoa(i)
			got := conversions.Backoff(tt.attempt, seed)
			if got < tt.most/2 || got > tt.most {
				t.Fatalf("Backoff(%d, %s) = %v, want %v to %v", tt.attempt, seed, got, tt.most/2, tt.most)
			}
		}
	}
}

func TestBackoffGrowsToItsCap(t *testing.T) {
	t.Parallel()
	// The jitter is at most half, so no wait is shorter than the one before
	// could have been.
	for i := range 200 {
		seed := "cl" + strconv.Itoa(i)
		previous := time.Duration(0)
		for attempt := 1; attempt < 30; attempt++ {
			got := conversions.Backoff(attempt, seed)
			capped := attempt > 10
			if !capped && attempt < 9 && got < previous {
				t.Fatalf("Backoff(%d, %s) = %v, shorter than %v before it", attempt, seed, got, previous)
			}
			if capped && got < conversions.BackoffCap/2 {
				t.Fatalf("Backoff(%d, %s) = %v, below half the cap", attempt, seed, got)
			}
			previous = got
		}
	}
}

func TestBackoffIsPureAndSpreads(t *testing.T) {
	t.Parallel()
	const rows, attempt = 1000, 5
	minutes := map[time.Duration]int{}
	for i := range rows {
		seed := conversions.OrderID("src_1", conversions.LeadID(strconv.Itoa(i)), conversions.StageBooked, 0)
		wait := conversions.Backoff(attempt, seed)
		if again := conversions.Backoff(attempt, seed); again != wait {
			t.Fatalf("Backoff(%d, %s) = %v, then %v", attempt, seed, wait, again)
		}
		minutes[wait.Truncate(time.Minute)]++
	}
	// 8 to 16 minutes: eight buckets of about 125 rows.
	for m := 8 * time.Minute; m < 16*time.Minute; m += time.Minute {
		if n := minutes[m]; n < 60 || n > 250 {
			t.Errorf("%d of %d rows come back in minute %v, want about %d", n, rows, m, rows/8)
		}
	}
	if conversions.Backoff(11, "cl1") == conversions.Backoff(12, "cl1") {
		t.Error("two capped attempts of one row wait equally long: the jitter ignores the attempt")
	}
}
