package gclid_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/gclid"
)

func TestInspect(t *testing.T) {
	t.Parallel()
	click := time.Date(2026, 3, 25, 18, 30, 55, 123456000, time.UTC)
	a := familyA(click)
	summer := familyBOn(time.Date(2026, 7, 1, 7, 0, 0, 0, time.UTC), 5)
	winter := familyBOn(time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC), 300)
	raw := func(b ...byte) string { return base64.RawURLEncoding.EncodeToString(b) + strings.Repeat("Zz", 10) }
	tests := []struct {
		name, id string
		want     gclid.Inspection
	}{
		{"empty", "", gclid.Inspection{}},
		{"family A", a, gclid.Inspection{Family: gclid.FamilyA, ClickTime: click}},
		{"family A cut behind its time", a[:30], gclid.Inspection{Family: gclid.FamilyA, ClickTime: click, Damage: gclid.Truncated}},
		{"family B in summer", summer, gclid.Inspection{Family: gclid.FamilyB, Day: "2026-07-01"}},
		{"family B in winter", winter, gclid.Inspection{Family: gclid.FamilyB, Day: "2026-01-01"}},
		{"family B cut", summer[:80], gclid.Inspection{Family: gclid.FamilyB, Day: "2026-07-01", Damage: gclid.Truncated}},
		{"family B cut before its time", summer[:7], gclid.Inspection{Family: gclid.FamilyB, Damage: gclid.Truncated}},
		{"lower-cased", strings.ToLower(summer), gclid.Inspection{Damage: gclid.LowerCased}},
		{"unknown", "CNSomethingOlder_Than2014aa", gclid.Inspection{}},
		{"illegal", "CjwKCAjw...", gclid.Inspection{}},
		{"too long", strings.Repeat(summer, 6), gclid.Inspection{}},
		{"a length beyond the end of memory", raw(0x0a, 3, 0x0a, 8, 8, 0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1), gclid.Inspection{Family: gclid.FamilyB, Damage: gclid.Malformed}},
		{"an endless number", raw(0x0a, 3, 0x0a, 8, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), gclid.Inspection{Family: gclid.FamilyB, Damage: gclid.Malformed}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, gclid.Inspect(tt.id)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSampleShapes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, id, prefix, tail string
		length                 int
	}{
		{"A", familyA(time.Date(2020, 5, 1, 1, 2, 3, 0, time.UTC)), "EAIaIQobChMI", "_D_BwE", 55},
		{"B", familyB(5), "CjwKCAj", "AvD_BwE", 91},
		{"B with a large counter", familyB(200), "Cj0KCQj", "ALw_wcB", 92},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if len(tt.id) != tt.length || !strings.HasPrefix(tt.id, tt.prefix) || !strings.HasSuffix(tt.id, tt.tail) {
				t.Errorf("made %q (%d characters), want the published shape %s…%s, %d", tt.id, len(tt.id), tt.prefix, tt.tail, tt.length)
			}
		})
	}
}
