package conversions_test

import (
	"regexp"
	"testing"

	"closeloop/conversions"
)

// The golden values were computed by another program from the documented
// construction. A change of one of them uploads every open conversion twice.
func TestOrderIDNeverChanges(t *testing.T) {
	t.Parallel()
	tests := []struct {
		source     string
		lead       conversions.LeadID
		stage      conversions.Stage
		generation int
		want       string
	}{
		{"src_1", "call-1", conversions.StageBooked, 0, "cl3amjcsvx6hec5ms7i7n3jv4ij6vnl7y3"},
		{"src_1", "call-1", conversions.StageQuoted, 0, "cll5fsnj5o4sfxcphxtjnn7x4qy5ifuetb"},
		{"src_1", "call-1", conversions.StageBooked, 1, "clzruusri3s3cftqf775zgkoyfcroljv6p"},
		{"", "", "", 0, "clt5vhbsxsifadkxmecywem5odmziasjzb"},
		{"quelle-ä", "4711", conversions.StageBooked, 12, "clm26vk4oks5mycxt4dhhxmm42lmyb6rqt"},
	}
	for _, tt := range tests {
		got := conversions.OrderID(tt.source, tt.lead, tt.stage, tt.generation)
		if got != tt.want {
			t.Errorf("OrderID(%q, %q, %q, %d) = %q, want %q", tt.source, tt.lead, tt.stage, tt.generation, got, tt.want)
		}
		key := conversions.Key{Account: "acme", Source: tt.source, Lead: tt.lead, Stage: tt.stage, Generation: tt.generation}
		if got := key.OrderID(); got != tt.want {
			t.Errorf("%+v.OrderID() = %q, want %q", key, got, tt.want)
		}
	}
}

func TestOrderIDTellsEveryPartApart(t *testing.T) {
	t.Parallel()
	type parts struct {
		source     string
		lead       conversions.LeadID
		stage      conversions.Stage
		generation int
	}
	form := regexp.MustCompile(`^[a-z][a-z0-9]{1,63}$`)
	seen := map[string]parts{}
	for _, p := range []parts{
		{"a", "b", "booked", 0},
		{"b", "a", "booked", 0},
		{"a", "b", "quoted", 0},
		{"a", "b", "booked", 1},
		{"a", "b", "booked", 256},
		{"a", "b", "booked", 1 << 40},
		// The same text, cut elsewhere.
		{"", "ab", "booked", 0},
		{"ab", "", "booked", 0},
		{"a", "bbooked", "", 0},
		{"abbooked", "", "", 0},
		{"", "", "abbooked", 0},
		{"a\x00b", "", "booked", 0},
		{"a", "\x00b", "booked", 0},
		{"a\x00", "b", "booked", 0},
		{"a", "b\x00", "booked", 0},
		{"a/b", "", "booked", 0},
		{"a", "/b", "booked", 0},
		{"A", "b", "booked", 0},
	} {
		id := conversions.OrderID(p.source, p.lead, p.stage, p.generation)
		if other, ok := seen[id]; ok {
			t.Errorf("%+v and %+v share the order id %q", p, other, id)
		}
		seen[id] = p
		if !form.MatchString(id) {
			t.Errorf("%+v: order id %q is not 2 to 64 letters and digits, a letter first", p, id)
		}
	}
}

func TestOrderIDDoesNotDependOnTheAccount(t *testing.T) {
	t.Parallel()
	// A source that is bound to another account later keeps its order ids, or
	// its conversions would be counted in both.
	a := conversions.Key{Account: "acme", Source: "s", Lead: "l", Stage: conversions.StageBooked}
	b := a
	b.Account = "other"
	if a.OrderID() != b.OrderID() {
		t.Errorf("order ids %q and %q differ by the account", a.OrderID(), b.OrderID())
	}
}
