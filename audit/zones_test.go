package audit_test

import (
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
)

// Times are shown by the clocks of the account, with the offset that tells
// apart what they show twice.
func TestTimesAreShownByTheClocksOfTheAccount(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		at   string
		want map[conversions.AccountID]string
	}{
		"the first half past one in New York": {"2026-11-01T05:30:00Z", map[conversions.AccountID]string{
			acme: "2026-11-01 01:30:00 -04:00", trial: "2026-11-01 06:30:00 +01:00", tokyo: "2026-11-01 16:30:00 +11:00", gone: "2026-11-01 05:30:00 +00:00",
		}},
		"the second half past one in New York": {"2026-11-01T06:30:00Z", map[conversions.AccountID]string{
			acme: "2026-11-01 01:30:00 -05:00", trial: "2026-11-01 07:30:00 +01:00", tokyo: "2026-11-01 17:30:00 +11:00", gone: "2026-11-01 06:30:00 +00:00",
		}},
		"after Lord Howe went back": {"2026-04-04T15:15:00Z", map[conversions.AccountID]string{
			acme: "2026-04-04 11:15:00 -04:00", trial: "2026-04-04 17:15:00 +02:00", tokyo: "2026-04-05 01:45:00 +10:30", gone: "2026-04-04 15:15:00 +00:00",
		}},
		"a leap day": {"2028-02-29T03:00:00Z", map[conversions.AccountID]string{
			acme: "2028-02-28 22:00:00 -05:00", trial: "2028-02-29 04:00:00 +01:00", tokyo: "2028-02-29 14:00:00 +11:00", gone: "2028-02-29 03:00:00 +00:00",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			q := w.query()
			q.Zones[tokyo] = w.zone("Australia/Lord_Howe")
			var err error
			w.now, err = time.Parse(time.RFC3339, tt.at)
			w.must(err)
			for a, want := range tt.want {
				w.take(w.tag(a, "call", "booked", 2500_00, 0))
				q.Subject = w.row(a, "call").OrderID
				for _, name := range []string{"audit list", "audit show"} {
					q.Filter = conversions.Filter{Account: a}
					res := report(t, w.s, name, q)
					if text := write(t, res, "table"); !strings.Contains(text, want) {
						t.Errorf("%s of %s does not say %q:\n%s", name, a, want, text)
					}
				}
			}
		})
	}
}
