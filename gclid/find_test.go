package gclid_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/gclid"
)

func TestFind(t *testing.T) {
	t.Parallel()
	id := familyB(1)
	other := familyB(200)
	click := func(kind conversions.ClickKind, id string, at conversions.Place, d gclid.Damage) conversions.FoundClick {
		return conversions.FoundClick{Click: conversions.Click{Kind: kind, ID: id}, Place: at, Damage: string(d), Unusable: id == ""}
	}
	const field, landing = conversions.PlaceField, conversions.PlaceLanding
	tests := []struct {
		name   string
		fields gclid.Fields
		want   []conversions.FoundClick
		page   string
	}{
		{"nothing", gclid.Fields{}, nil, ""},
		{
			"a clean field and page",
			gclid.Fields{GCLID: id, Landing: "https://example.com/services"},
			[]conversions.FoundClick{click(conversions.GCLID, id, field, "")},
			"example.com/services",
		},
		{
			"the same id in the page is listed once",
			gclid.Fields{GCLID: id, Landing: "https://example.com/?gclid=" + id},
			[]conversions.FoundClick{click(conversions.GCLID, id, field, "")},
			"example.com/",
		},
		{
			"field before page, gclid before braids",
			gclid.Fields{
				WBRAID: "wbraidOfTheDelivery0123", GBRAID: sampleGBRAID, Cookie: "_gcl_aw=GCL.1712345678." + id,
				Landing: "https://example.com/a?wbraid=anotherWbraidOfThePage&gclid=" + other,
			},
			[]conversions.FoundClick{
				click(conversions.GCLID, id, field, ""),
				click(conversions.GBRAID, sampleGBRAID, field, ""),
				click(conversions.WBRAID, "wbraidOfTheDelivery0123", field, ""),
				click(conversions.GCLID, other, landing, ""),
				click(conversions.WBRAID, "anotherWbraidOfThePage", landing, ""),
			},
			"example.com/a",
		},
		{
			"a placeholder does not hide the page's id",
			gclid.Fields{GCLID: "CjwKCAjw...", Landing: "https://example.com/?gclid=" + id},
			[]conversions.FoundClick{
				click(conversions.GCLID, "", field, gclid.Placeholder),
				click(conversions.GCLID, id, landing, ""),
			},
			"example.com/",
		},
		{
			"a gbraid in the gclid field is listed once",
			gclid.Fields{GCLID: sampleGBRAID, GBRAID: sampleGBRAID},
			[]conversions.FoundClick{click(conversions.GBRAID, sampleGBRAID, field, gclid.WrongField)},
			"",
		},
		{"a cookie header without a click", gclid.Fields{Cookie: "_ga=GA1.2.3.4; _gcl_au=1.1.123.456"}, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, page := gclid.Find(tt.fields)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("clicks (-want +got):\n%s", diff)
			}
			if page != tt.page {
				t.Errorf("page = %q, want %q", page, tt.page)
			}
		})
	}
}

func BenchmarkFind(b *testing.B) {
	f := gclid.Fields{GCLID: familyB(200), Landing: "https://example.com/services"}
	b.ReportAllocs()
	for b.Loop() {
		gclid.Find(f)
	}
}

func BenchmarkFindLanding(b *testing.B) {
	f := gclid.Fields{
		GCLID:   familyB(200),
		Landing: "https://example.com/services?utm_source=google&gad_source=1&gbraid=" + sampleGBRAID + "&gclid=" + familyB(200),
	}
	b.ReportAllocs()
	for b.Loop() {
		gclid.Find(f)
	}
}
