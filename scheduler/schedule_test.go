package scheduler_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/scheduler"
)

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatalf("load zone %s: %v", name, err)
	}
	return z
}

func schedule(tb testing.TB, spec string, z *time.Location) scheduler.Schedule {
	tb.Helper()
	s, err := scheduler.ParseSchedule(spec, z)
	if err != nil {
		tb.Fatalf("ParseSchedule(%q): %v", spec, err)
	}
	return s
}

func TestParseScheduleFiresInItsZone(t *testing.T) {
	t.Parallel()
	const from = "2026-03-02T10:15:00Z"
	tests := []struct {
		name, spec, zone string
		want             []string
	}{
		{"UTC", "0 * * * *", "UTC", []string{"2026-03-02T11:00:00Z", "2026-03-02T12:00:00Z"}},
		{"hours of the zone", "30 6 * * *", "America/New_York", []string{"2026-03-02T11:30:00Z", "2026-03-03T11:30:00Z"}},
		{"days of the zone", "0 0 3 3 *", "Asia/Tokyo", []string{"2026-03-02T15:00:00Z", "2027-03-02T15:00:00Z"}},
		{"half an hour off", "0 6 * * *", "Asia/Kolkata", []string{"2026-03-03T00:30:00Z"}},
		{"a descriptor", "@daily", "America/New_York", []string{"2026-03-03T05:00:00Z"}},
		{"blanks around", "  0 * * * *\t", "UTC", []string{"2026-03-02T11:00:00Z"}},
		{"names", "0 9 * jan-apr mon-fri", "UTC", []string{"2026-03-03T09:00:00Z"}},
		{"a leap day", "0 0 29 2 *", "UTC", []string{"2028-02-29T00:00:00Z"}},
		{"every so often, by the clock", "@every 20m", "America/New_York", []string{"2026-03-02T10:20:00Z", "2026-03-02T10:40:00Z"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := schedule(t, tt.spec, zone(t, tt.zone))
			if diff := cmp.Diff(tt.want, firings(t, s, from, len(tt.want))); diff != "" {
				t.Errorf("firings (-want +got):\n%s", diff)
			}
		})
	}
}

// firings are the next n times after from.
func firings(t *testing.T, s interface{ Next(t time.Time) time.Time }, from string, n int) []string {
	t.Helper()
	at := instant(t, from)
	var all []string
	for range n {
		at = s.Next(at)
		all = append(all, at.UTC().Format(time.RFC3339))
	}
	return all
}

func instant(tb testing.TB, text string) time.Time {
	tb.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		tb.Fatalf("parse %q: %v", text, err)
	}
	return at
}

func TestParseScheduleRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, spec, says string }{
		{"never fires", "0 0 30 2 *", "never fires"},
		{"a zone of its own", "TZ=UTC 0 * * * *", "the zone is the account's"},
		{"a zone of cron's", " CRON_TZ=UTC 0 * * * *", "the zone is the account's"},
		{"a zone alone", "TZ=", "the zone is the account's"},
		{"nothing", "", ""},
		{"blanks", " \t ", ""},
		{"words", "every hour", ""},
		{"four fields", "0 * * *", ""},
		{"seconds", "0 0 * * * *", ""},
		{"an hour too many", "0 24 * * *", ""},
		{"an unknown descriptor", "@fortnightly", ""},
		{"every without a duration", "@every", ""},
		{"every nothing", "@every 0s", "shorter than"},
		{"every less than nothing", "@every -1h", "shorter than"},
		{"every moment", "@every 1ms", "shorter than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := scheduler.ParseSchedule(tt.spec, time.UTC)
			var wrong *scheduler.ScheduleError
			if !errors.As(err, &wrong) {
				t.Fatalf("ParseSchedule(%q) = %v, want a *ScheduleError", tt.spec, err)
			}
			if wrong.Spec != tt.spec || wrong.Reason == "" || !strings.Contains(wrong.Reason, tt.says) {
				t.Errorf("error %+v, want spec %q and a reason with %q", wrong, tt.spec, tt.says)
			}
		})
	}
}

func TestScheduleSpecTellsSchedulesApart(t *testing.T) {
	t.Parallel()
	specs := []string{
		schedule(t, "0 * * * *", time.UTC).Spec(),
		schedule(t, "5 * * * *", time.UTC).Spec(),
		schedule(t, "0 * * * *", zone(t, "Europe/Berlin")).Spec(),
	}
	slices.Sort(specs)
	if len(slices.Compact(specs)) != 3 {
		t.Errorf("specs %q, want three different ones", specs)
	}
	if a, b := schedule(t, "0 * * * *", time.UTC).Spec(), schedule(t, " 0 * * * * ", time.UTC).Spec(); a != b {
		t.Errorf("specs %q and %q differ by blanks only, want one", a, b)
	}
}

func TestOffsetSpreadsAccounts(t *testing.T) {
	t.Parallel()
	const window = 10 * time.Minute
	places := map[time.Duration]int{}
	for i := range 1000 {
		name := fmt.Sprintf("account-%d", i)
		at := scheduler.Offset(name, window)
		if at < 0 || at >= window || at%time.Second != 0 {
			t.Fatalf("Offset(%q) = %v, want whole seconds within %v", name, at, window)
		}
		if again := scheduler.Offset(name, window); again != at {
			t.Fatalf("Offset(%q) = %v, then %v", name, at, again)
		}
		places[at/time.Minute]++
	}
	for minute := range time.Duration(10) {
		if n := places[minute]; n < 60 || n > 140 {
			t.Errorf("minute %d has %d of 1000 accounts, want about 100", minute, n)
		}
	}
	// Every replica must come to the same place, whatever its version.
	if got, want := scheduler.Offset("acme", window), 21*time.Second; got != want {
		t.Errorf("Offset(acme) = %v, want %v", got, want)
	}
	if got := scheduler.Offset("acme", 0); got != 0 {
		t.Errorf("Offset without a window = %v, want 0", got)
	}
}

func TestSpreadMovesEveryFiring(t *testing.T) {
	t.Parallel()
	s := scheduler.Spread(schedule(t, "0 * * * *", time.UTC), 7*time.Minute)
	want := []string{"2026-03-02T10:07:00Z", "2026-03-02T11:07:00Z"}
	if diff := cmp.Diff(want, firings(t, s, "2026-03-02T10:02:00Z", 2)); diff != "" {
		t.Errorf("firings (-want +got):\n%s", diff)
	}
	// cron takes the zero time for "never" and any other past time for "at once".
	leap := scheduler.Spread(schedule(t, "0 0 29 2 *", time.UTC), 7*time.Minute)
	if got := leap.Next(instant(t, "2096-03-01T00:00:00Z")); !got.IsZero() {
		t.Errorf("Next without a firing within five years = %v, want the zero time", got)
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, seed := range []string{
		"0 * * * *", "*/15 6-20 * * mon-fri", "@hourly", "@every 1h", "TZ=UTC 0 * * * *", "0 0 30 2 *", "", "* * * *", "1-0 * * * *",
		"? ? ? ? ?", "*/0 * * * *", "99999999999999999999 * * * *",
	} {
		f.Add(seed)
	}
	from := time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, spec string) {
		s, err := scheduler.ParseSchedule(spec, time.UTC)
		if err != nil {
			return
		}
		if next := s.Next(from); !next.IsZero() && !next.After(from) {
			t.Errorf("Next(%v) of %q = %v, want later", from, spec, next)
		}
	})
}
