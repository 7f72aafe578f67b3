package main

import (
	"testing"
	"time"
)

// A date in a filter is the account's whole day, however long its clocks make it.
func TestDatesOfFiltersAreDaysOfTheAccount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		zone, day, from string
		long            time.Duration
	}{
		{"America/New_York", "2026-03-08", "2026-03-08T05:00:00Z", 23 * time.Hour},
		{"America/New_York", "2026-11-01", "2026-11-01T04:00:00Z", 25 * time.Hour},
		{"Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", 23 * time.Hour},
		{"Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", 25 * time.Hour},
		{"Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00Z", 24*time.Hour + 30*time.Minute},
		{"Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30:00Z", 23*time.Hour + 30*time.Minute},
		{"Asia/Kolkata", "2028-02-29", "2028-02-28T18:30:00Z", 24 * time.Hour},
		{"UTC", "2028-02-28", "2028-02-28T00:00:00Z", 24 * time.Hour},
	} {
		t.Run(tt.zone+" "+tt.day, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			f, err := (&reportFlags{format: "table", from: tt.day, to: tt.day}).filter(zone)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.From.UTC().Format(time.RFC3339); got != tt.from {
				t.Errorf("from: got %s, want %s", got, tt.from)
			}
			if got := f.To.Sub(f.From); got != tt.long {
				t.Errorf("the day lasts %s, want %s", got, tt.long)
			}
		})
	}
}
