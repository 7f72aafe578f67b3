package scheduler_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What clocks skip fires once, later by what they skip; what they show twice
// fires once, unless it is every hour.
func TestParseScheduleOnNightsOfDaylightSaving(t *testing.T) {
	t.Parallel()
	const ny, berlin, howe, santiago, kolkata = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata"
	tests := []struct {
		name, spec, zone, from string
		want                   []string
	}{
		{"spring, skipped", "30 2 * * *", ny, "2026-03-07T12:00:00Z", []string{"2026-03-08T07:30:00Z", "2026-03-09T06:30:00Z"}},
		{"spring, asked within what was skipped", "30 2 * * *", ny, "2026-03-08T07:10:00Z", []string{"2026-03-08T07:30:00Z"}},
		{"spring, the hour after, too", "30 2,3 * * *", ny, "2026-03-07T12:00:00Z", []string{"2026-03-08T07:30:00Z", "2026-03-09T06:30:00Z"}},
		{"spring, hourly", "0 * * * *", ny, "2026-03-08T05:30:00Z", []string{"2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"}},
		{"spring, by the week", "30 2 * * mon", ny, "2026-03-07T12:00:00Z", []string{"2026-03-09T06:30:00Z"}},
		{"autumn, after", "30 2 * * *", ny, "2026-10-31T12:00:00Z", []string{"2026-11-01T07:30:00Z", "2026-11-02T07:30:00Z"}},
		{"autumn, twice", "30 1 * * *", ny, "2026-10-31T12:00:00Z", []string{"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
		{"autumn, asked between the two", "30 1 * * *", ny, "2026-11-01T05:45:00Z", []string{"2026-11-02T06:30:00Z"}},
		{"autumn, as it begins", "0 1 * * *", ny, "2026-10-31T12:00:00Z", []string{"2026-11-01T05:00:00Z", "2026-11-02T06:00:00Z"}},
		{"autumn, hourly", "0 * * * *", ny, "2026-11-01T04:30:00Z", []string{"2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"}},
		{"autumn, every hour in words", "30 0-23 * * *", ny, "2026-11-01T05:00:00Z", []string{"2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"}},
		{"spring in Berlin", "30 2 * * *", berlin, "2026-03-28T12:00:00Z", []string{"2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"}},
		{"autumn in Berlin", "30 2 * * *", berlin, "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"half an hour skipped", "15 2 * * *", howe, "2026-10-03T12:00:00Z", []string{"2026-10-03T15:45:00Z", "2026-10-04T15:15:00Z"}},
		{"half an hour twice", "45 1 * * *", howe, "2026-04-04T12:00:00Z", []string{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
		{"after half an hour twice", "0 2 * * *", howe, "2026-04-04T12:00:00Z", []string{"2026-04-04T15:30:00Z", "2026-04-05T15:30:00Z"}},
		{"midnight skipped", "0 0 * * *", santiago, "2026-09-05T12:00:00Z", []string{"2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"}},
		{"a leap day", "30 2 29 2 *", kolkata, "2026-03-02T00:00:00Z", []string{"2028-02-28T21:00:00Z"}},
		{"around a leap day", "30 2 * * *", berlin, "2028-02-28T12:00:00Z", []string{"2028-02-29T01:30:00Z", "2028-03-01T01:30:00Z"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, firings(t, schedule(t, tt.spec, zone(t, tt.zone)), tt.from, len(tt.want))); diff != "" {
				t.Errorf("firings (-want +got):\n%s", diff)
			}
		})
	}
}

// A daily schedule fires once on every date, whatever the clocks do.
func TestADailyScheduleFiresOnceADay(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z := zone(t, name)
			for quarter := range 24 * 4 {
				spec := fmt.Sprintf("%d %d * * *", quarter%4*15, quarter/4)
				s := schedule(t, spec, z)
				day := time.Date(2026, 12, 31, 12, 0, 0, 0, z)
				at := time.Date(2026, 12, 31, 23, 59, 59, 0, z)
				for range 366 + 60 { // up to a leap day
					day, at = day.AddDate(0, 0, 1), s.Next(at)
					if got, want := at.In(z).Format(time.DateOnly), day.Format(time.DateOnly); got != want {
						t.Fatalf("%q fires on %s, want on %s", spec, got, want)
					}
				}
			}
		})
	}
}
