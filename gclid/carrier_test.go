package gclid_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/gclid"
)

func TestFromURLPage(t *testing.T) {
	t.Parallel()
	b := familyB(1)
	tests := []struct{ name, url, want string }{
		{"empty", "", ""},
		{"host only", "https://example.com", "example.com"},
		{"host and path", "https://example.com/services/kitchen", "example.com/services/kitchen"},
		{"port", "https://example.com:8443/a", "example.com:8443/a"},
		{"capitals in the host only", "HTTPS://WWW.Example.COM/Services", "www.example.com/Services"},
		{"user information", "https://jane:secret@example.com/a", "example.com/a"},
		{"user information with an @", "https://jane@home:secret@example.com", "example.com"},
		{"query", "https://example.com/a?email=jane@example.com", "example.com/a"},
		{"query without path", "https://example.com?x=1", "example.com"},
		{"fragment", "https://example.com/a#section", "example.com/a"},
		{"slashes in the query", "https://example.com?next=https://example.net/b", "example.com"},
		{"no scheme", "example.com/a", "example.com/a"},
		{"no scheme, with port", "example.com:8080/a", "example.com:8080/a"},
		{"no scheme but slashes", "//example.com/a", "example.com/a"},
		{"path only", "/services?x=1", "/services"},
		{"app", "android-app://com.example.app/path", "com.example.app/path"},
		{"IPv6", "https://[2001:db8::1]:443/a", "[2001:db8::1]:443/a"},
		{"international name", "https://bücher.example/a", "bücher.example/a"},
		{"encoded as a whole", "https%3A%2F%2Fexample.com%2Fa%3Fx%3D1", "example.com/a"},
		{"encoded path", "https://example.com/a%20b", "example.com/a%20b"},
		{"encoded question mark", "https://example.com/a%3Fgclid%3D" + b, "example.com/a"},
		{"encoded twice", "https://example.com/a/b%253Fgclid%253D" + b, "example.com/a/"},
		{"parameter in the path", "https://example.com/a/gclid=" + b, "example.com/a/"},
		{"matrix parameter", "https://example.com/a;gclid=" + b, "example.com/a"},
		{"ampersand instead of a question mark", "https://example.com/a&gclid=" + b, "example.com/a"},
		{"click id as a segment", "https://example.com/a/" + b + "/c", "example.com/a/"},
		{"e-mail address in the path", "https://example.com/u/jane@example.com/x", "example.com/u/"},
		{"encoded e-mail address in the path", "https://example.com/u/jane%40example.com", "example.com/u/"},
		{"telephone link", "tel:+18005550123", ""},
		{"telephone number", "800.555.0123", ""},
		{"mail link", "mailto:jane@example.com", "example.com"},
		{"a name", "Jane Doe", ""},
		{"a word", "undefined", ""},
		{"bad port", "https://example.com:port/a", ""},
		{"no host", "https:///a", ""},
		{"control characters", "https://example.com/a\x00\x1b[0m", "example.com/a[0m"},
		{"a long path", "https://example.com" + strings.Repeat("/aé", 500), "example.com" + strings.Repeat("/aé", 125) + "/"},
		{"invalid UTF-8", "https://example.com/a\xffb", "example.com/ab"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, got := gclid.FromURL(tt.url); got != tt.want {
				t.Errorf("FromURL(%q): page = %q, want %q", tt.url, got, tt.want)
			}
		})
	}
}

func TestFromURLClicks(t *testing.T) {
	t.Parallel()
	b, other := familyB(1), familyB(200)
	click := func(kind conversions.ClickKind, id string, d gclid.Damage) conversions.FoundClick {
		return conversions.FoundClick{
			Click: conversions.Click{Kind: kind, ID: id}, Place: conversions.PlaceLanding, Damage: string(d), Unusable: id == "",
		}
	}
	tests := []struct {
		name, url string
		want      []conversions.FoundClick
	}{
		{"none", "https://example.com/?utm_source=google", nil},
		{"empty value", "https://example.com/?gclid=&x=1", nil},
		{"gclid", "https://example.com/?gclid=" + b, []conversions.FoundClick{click(conversions.GCLID, b, "")}},
		{"in the fragment", "https://example.com/#/home?gclid=" + b, []conversions.FoundClick{click(conversions.GCLID, b, "")}},
		{"capitals in the name", "https://example.com/?GCLID=" + b, []conversions.FoundClick{click(conversions.GCLID, b, "")}},
		{"escaped ampersand", "https://example.com/?x=1&amp;gclid=" + b, []conversions.FoundClick{click(conversions.GCLID, b, "")}},
		{"second question mark", "https://example.com/?x=1?gclid=" + b, []conversions.FoundClick{click(conversions.GCLID, b, "")}},
		{"aw.ds", "https://example.com/?gclid=" + b + "&gclsrc=aw.ds", []conversions.FoundClick{click(conversions.GCLID, b, "")}},
		{"ds", "https://example.com/?gclid=" + b + "&gclsrc=ds", []conversions.FoundClick{click(conversions.GCLID, b, gclid.OtherSource)}},
		{"encoded as a whole", "https%3A%2F%2Fexample.com%2F%3Fgclid%3D" + b, []conversions.FoundClick{click(conversions.GCLID, b, "")}},
		{
			"gclid before gbraid, as in real links", "https://example.com/?gad_source=1&gbraid=" + sampleGBRAID + "&gclid=" + b,
			[]conversions.FoundClick{click(conversions.GCLID, b, ""), click(conversions.GBRAID, sampleGBRAID, "")},
		},
		{"two gclids", "https://example.com/?gclid=" + b + "&gclid=" + other, []conversions.FoundClick{click(conversions.GCLID, b, "")}},
		{
			"a placeholder before a gclid", "https://example.com/?gclid={gclid}&gclid=" + other,
			[]conversions.FoundClick{click(conversions.GCLID, other, "")},
		},
		{"a placeholder", "https://example.com/?gclid=undefined", []conversions.FoundClick{click(conversions.GCLID, "", gclid.Placeholder)}},
		{"a plus is no minus", "https://example.com/?gclid=" + b[:30] + "+" + b[31:], []conversions.FoundClick{click(conversions.GCLID, "", gclid.IllegalCharacters)}},
		{"too long", "https://example.com/?gclid=" + strings.Repeat("aB", 500_000), []conversions.FoundClick{click(conversions.GCLID, "", gclid.TooLong)}},
		{"other networks", "https://example.com/?fbclid=" + b + "&msclkid=" + b + "&dclid=" + b, nil},
		{"names that only end alike", "https://example.com/?xgclid=" + b + "&gclid_src=" + b, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, _ := gclid.FromURL(tt.url)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("clicks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromCookie(t *testing.T) {
	t.Parallel()
	b := familyB(1)
	tests := []struct {
		name, value, want string
		damage            gclid.Damage
	}{
		{"with its name", "_gcl_aw=GCL.1712345678." + b, b, ""},
		{"value alone", "GCL.1712345678." + b, b, ""},
		{"in a header", "a=b; _gcl_aw=GCL.1712345678." + b + "; _gcl_au=1.1.2.3", b, ""},
		{"in quotes", `"GCL.1712345678.` + b + `"`, b, ""},
		{"older", "_gac_UA-1-2=1.1712345678." + b, b, ""},
		{"more behind a third dot", "GCL.1712345678." + b + ".x", b, ""},
		{"parameters behind", "GCL.1712345678." + b + "&gclsrc=aw.ds", b, gclid.Trailing},
		{"cut", "GCL.1712345678." + b[:50], b[:50], gclid.Truncated},
		{"placeholder", "GCL.1712345678.undefined", "", gclid.Placeholder},
		{"empty", "", "", ""},
		{"empty id", "GCL.1712345678.", "", ""},
		{"no time", "GCL.." + b, "", ""},
		{"time is no number", "GCL.today." + b, "", ""},
		{"_gcl_au", "_gcl_au=1.1.1712345678." + b, "", ""},
		{"_gcl_dc", "_gcl_dc=GCL.1712345678." + b, "", ""},
		{"an id alone is no cookie", b, "", ""},
		{"a megabyte", "GCL.1712345678." + strings.Repeat("aB", 500_000), "", gclid.TooLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := gclid.FromCookie(tt.value)
			if got.Click.ID != tt.want || got.Damage != tt.damage || got.Usable != (tt.want != "") {
				t.Errorf("got %+v, want %q with damage %q", got, tt.want, tt.damage)
			}
		})
	}
}

func FuzzFromURL(f *testing.F) {
	b := familyB(1)
	for _, seed := range []string{
		"", "https://example.com/a?gclid=" + b, "//u@e.com:1/%3fgclid%3d" + b, "[::1]/a", "https://[", "a:b@c/d;e=f",
		"https%3A%2F%2Fe.com%2F%3Fgclid%3D" + b, "://", "#?&=%", "\xff\x00//", "https://e.com/%", "/" + b + "/" + b,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		clicks, page := gclid.FromURL(raw)
		if !utf8.ValidString(page) || strings.ContainsAny(page, "?#@=\x00") || len(page) > 512 {
			t.Errorf("page = %q", page)
		}
		if len(clicks) > 3 {
			t.Errorf("%d clicks, want at most one of each kind", len(clicks))
		}
		for _, c := range clicks {
			checkResult(t, gclid.Result{Click: onlyUsable(c), Damage: gclid.Damage(c.Damage), Usable: !c.Unusable})
		}
	})
}

func onlyUsable(c conversions.FoundClick) conversions.Click {
	if c.Unusable {
		return conversions.Click{ID: c.ID}
	}
	return c.Click
}

func FuzzFromCookie(f *testing.F) {
	for _, seed := range []string{"", "GCL.1." + familyB(1), "_gcl_aw=GCL.1.%", "_gac_=1.1.x;;=;", "GCL.1....", "GCL.1.=", "\x00;\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) { checkResult(t, gclid.FromCookie(value)) })
}
