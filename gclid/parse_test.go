package gclid_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"closeloop/conversions"
	"closeloop/gclid"
)

func TestParseUsable(t *testing.T) {
	t.Parallel()
	b, long := familyB(1), familyB(200)
	a := familyA(time.Date(2026, 3, 25, 18, 30, 0, 0, time.UTC))
	tests := []struct {
		name   string
		text   string
		want   string
		damage gclid.Damage
	}{
		{"family A", a, a, gclid.None},
		{"family B, 91 characters", b, b, gclid.None},
		{"family B, 92 characters", long, long, gclid.None},
		{"unknown structure", "CNSomethingOlder_Than2014aa", "CNSomethingOlder_Than2014aa", gclid.None},
		{"512 characters", strings.Repeat("aB", 256), strings.Repeat("aB", 256), gclid.None},
		{"white space", " \t" + b + "\r\n", b, gclid.Padded},
		{"quotes", `"` + b + `"`, b, gclid.Padded},
		{"byte order mark", "\ufeff" + b, b, gclid.Padded},
		{"encoded", strings.ReplaceAll(a, "_", "%5F"), a, gclid.Encoded},
		{"encoded, lower-case digits", strings.ReplaceAll(a, "_", "%5f"), a, gclid.Encoded},
		{"encoded with spaces around", "%20" + b + "%20", b, gclid.Encoded},
		{"trailing gclsrc aw.ds", b + "&gclsrc=aw.ds", b, gclid.Trailing},
		{"trailing query", b + "?utm_source=google", b, gclid.Trailing},
		{"trailing fragment", b + "#top", b, gclid.Trailing},
		{"trailing dots elsewhere", b + "&q=more...", b, gclid.Trailing},
		{"trailing braid", b + "&gbraid=" + sampleGBRAID, b, gclid.Trailing},
		{"encoded trailing", b + "%26gclsrc%3Daw.ds", b, gclid.Trailing},
		{"base64 padding", b + "=", b, gclid.Trailing},
		{"encoded base64 padding", b + "%3D", b, gclid.Trailing},
		{"copy in ef_id", b + ":G:s", b, gclid.Trailing},
		{"foreign gclsrc", b + "&gclsrc=ds", b, gclid.OtherSource},
		{"URL", "https://example.com/a?x=1&gclid=" + b + "&gclsrc=aw.ds", b, gclid.PastedURL},
		{"URL with a foreign gclsrc", "https://example.com/?gclsrc=3p.ds&gclid=" + b, b, gclid.OtherSource},
		{"URL without scheme", "example.com/a?gclid=" + b, b, gclid.PastedURL},
		{"URL encoded as a whole", url.QueryEscape("https://example.com/?gclid=" + b), b, gclid.PastedURL},
		{"URL with an ellipsis in its path", "https://example.com/wait...?gclid=" + b, b, gclid.PastedURL},
		{"URL whose gclid is a placeholder and gbraid is not", "https://example.com/?gclid=undefined&gbraid=" + sampleGBRAID, sampleGBRAID, gclid.PastedURL},
		{"parameter alone", "gclid=" + b, b, gclid.PastedURL},
		{"query alone", "?gad_source=1&gclid=" + b, b, gclid.PastedURL},
		{"URL with a cut id", "https://example.com/?gclid=" + b[:70], b[:70], gclid.Truncated},
		{"cookie", "_gcl_aw=GCL.1712345678." + b, b, gclid.PastedCookie},
		{"cookie value", "GCL.1712345678." + b, b, gclid.PastedCookie},
		{"cookie header", "_gcl_au=1.1.12.34; _gcl_aw=GCL.1712345678." + b + "; x=y", b, gclid.PastedCookie},
		{"cookie with more behind", "GCL.1712345678." + b + ".label", b, gclid.PastedCookie},
		{"older cookie", "_gac_UA-1-2=1.1712345678." + b, b, gclid.PastedCookie},
		{"encoded cookie", "_gcl_aw%3DGCL.1712345678." + b, b, gclid.PastedCookie},
		{"lower-cased", strings.ToLower(b), strings.ToLower(b), gclid.LowerCased},
		{"upper-cased", strings.ToUpper(b), strings.ToUpper(b), gclid.UpperCased},
		{"one character missing", b[:90], b[:90], gclid.Truncated},
		{"family A cut", a[:50], a[:50], gclid.Truncated},
		{"short", "Cj0KCQjw2Zf", "Cj0KCQjw2Zf", gclid.Truncated},
		{"unknown structure at a column's length", strings.Repeat("aB", 25), strings.Repeat("aB", 25), gclid.Truncated},
		{"something joined on", b + "_old", b + "_old", gclid.Malformed},
		{"a length byte changed", b[:8] + "z" + b[9:40] + "_" + b[44:], b[:8] + "z" + b[9:40] + "_" + b[44:], gclid.Malformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := gclid.Parse(tt.text, conversions.GCLID)
			if !got.Usable || got.Click.ID != tt.want || got.Damage != tt.damage {
				t.Errorf("Parse(%q) = %+v, want %q with damage %q", tt.text, got, tt.want, tt.damage)
			}
			if got.Detail != tt.damage.Sentence() {
				t.Errorf("detail = %q, want %q", got.Detail, tt.damage.Sentence())
			}
		})
	}
}

func TestParseCuts(t *testing.T) {
	t.Parallel()
	for _, id := range []string{familyB(1), familyB(200), familyA(time.Date(2026, 3, 25, 18, 30, 0, 0, time.UTC))} {
		for n := 20; n < len(id); n++ {
			if got := gclid.Parse(id[:n], conversions.GCLID); got.Damage != gclid.Truncated || got.Click.ID != id[:n] {
				t.Errorf("cut to %d of %d: %+v, want truncated and sent", n, len(id), got)
			}
		}
	}
}

func TestParseNeverSent(t *testing.T) {
	t.Parallel()
	b := familyB(1)
	tests := []struct {
		name   string
		text   string
		damage gclid.Damage
	}{
		{"empty", "", gclid.None},
		{"white space", " \t\n", gclid.None},
		{"quotes", `""`, gclid.None},
		{"encoded white space", "%20", gclid.None},
		{"undefined", "undefined", gclid.Placeholder},
		{"undefined with a parameter", "undefined&gclsrc=aw.ds", gclid.Placeholder},
		{"null in quotes", `"null"`, gclid.Placeholder},
		{"none", "None", gclid.Placeholder},
		{"nil", "nil", gclid.Placeholder},
		{"nan", "NaN", gclid.Placeholder},
		{"(not set)", "(not set)", gclid.Placeholder},
		{"(not set), encoded", "(not%20set)", gclid.Placeholder},
		{"not set", "Not Set", gclid.Placeholder},
		{"n/a", "N/A", gclid.Placeholder},
		{"#n/a", "#N/A", gclid.Placeholder},
		{"dash", "-", gclid.Placeholder},
		{"zero", "0", gclid.Placeholder},
		{"object", "[object Object]", gclid.Placeholder},
		{"template", "{gclid}", gclid.Placeholder},
		{"double template", "{{gclid}}", gclid.Placeholder},
		{"double template with a space", "{{ lead.gclid }}", gclid.Placeholder},
		{"shell template", "${gclid}", gclid.Placeholder},
		{"percent template", "%%GCLID%%", gclid.Placeholder},
		{"encoded template", "%7Bgclid%7D", gclid.Placeholder},
		{"encoded template, lower case", "%7bgclid%7d", gclid.Placeholder},
		{"test", "TEST", gclid.Placeholder},
		{"test id", "TESTGCLID123", gclid.Placeholder},
		{"counting id", "Cj0KCQ123456789", gclid.Placeholder},
		{"sample", "CjwKCAjw...", gclid.Placeholder},
		{"sample with an ellipsis", "CjwKCAjw…", gclid.Placeholder},
		{"dots", "...", gclid.Placeholder},
		{"one character", "xxxxxxxxxxxxxxxxxxxxxxxx", gclid.Placeholder},
		{"URL with a placeholder", "https://example.com/?gclid=undefined", gclid.Placeholder},
		{"cookie with a sample", "GCL.1712345678.CjwKCAjw...", gclid.Placeholder},
		{"URL without an id", "https://example.com/services", gclid.NotAnID},
		{"URL with another network's id", "https://example.com/?fbclid=" + b + "&msclkid=" + b + "&dclid=" + b, gclid.NotAnID},
		{"telephone number", "18005550123", gclid.NotAnID},
		{"telephone number with dashes", "1-800-555-0123", gclid.NotAnID},
		{"a name", "Smith", gclid.NotAnID},
		{"fbclid", "IwAR0aBcDeFgHiJkLmNoPqRsTuVwXyZ", gclid.OtherNetwork},
		{"msclkid", "0a1b2c3d4e5f60718293a4b5c6d7e8f9", gclid.OtherNetwork},
		{"space inside", b[:40] + " " + b[41:], gclid.IllegalCharacters},
		{"plus inside", b[:40] + "+" + b[41:], gclid.IllegalCharacters},
		{"encoded twice", b[:40] + "%252D" + b[41:], gclid.IllegalCharacters},
		{"e-mail address", "jane.doe@example.com", gclid.IllegalCharacters},
		{"NUL", b + "\x00", gclid.IllegalCharacters},
		{"encoded NUL", b + "%00", gclid.IllegalCharacters},
		{"invalid UTF-8", "\xff\xfe" + b, gclid.IllegalCharacters},
		{"look-alike letter", "С" + b[1:], gclid.IllegalCharacters},
		{"_gcl_au", "_gcl_au=1.1.1712345678.1712345678", gclid.IllegalCharacters},
		{"513 characters", strings.Repeat("aBc", 171), gclid.TooLong},
		{"5,000 characters", strings.Repeat("aB", 2500), gclid.TooLong},
		{"a megabyte of percent", strings.Repeat("%25", 350_000), gclid.TooLong},
		{"an encoded id far too long", strings.Repeat("%61%42", 300), gclid.TooLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := gclid.Parse(tt.text, conversions.GCLID)
			if got.Usable || got.Damage != tt.damage || !got.Click.IsZero() || got.Click.Kind != "" {
				t.Errorf("got %+v, want unusable with damage %q", got, tt.damage)
			}
			if got.Damage.Sent() && got.Damage != gclid.None {
				t.Errorf("damage %q is documented as sent", got.Damage)
			}
		})
	}
	if got := gclid.Parse(strings.Repeat("aB", 2500), "").Detail; !strings.Contains(got, "5000") {
		t.Errorf("detail of 5,000 characters = %q, want the length in it", got)
	}
}

func TestParseKinds(t *testing.T) {
	t.Parallel()
	const wbraid = "CkoKCQjwForm_ofAWbraid0123456789x"
	b := familyB(1)
	tests := []struct {
		name   string
		text   string
		field  conversions.ClickKind
		want   conversions.ClickKind
		damage gclid.Damage
	}{
		{"gclid by default", b, "", conversions.GCLID, gclid.None},
		{"gbraid in its field", sampleGBRAID, conversions.GBRAID, conversions.GBRAID, gclid.None},
		{"gbraid in the gclid field", sampleGBRAID, conversions.GCLID, conversions.GBRAID, gclid.WrongField},
		{"gbraid in the wbraid field", sampleGBRAID, conversions.WBRAID, conversions.GBRAID, gclid.WrongField},
		{"wbraid in its field", wbraid, conversions.WBRAID, conversions.WBRAID, gclid.None},
		{"URL in the gbraid field", "https://example.com/?gclid=" + b + "&gbraid=" + sampleGBRAID, conversions.GBRAID, conversions.GBRAID, gclid.PastedURL},
		{"URL with gclid only in the gbraid field", "https://example.com/?gclid=" + b, conversions.GBRAID, conversions.GCLID, gclid.PastedURL},
		{"URL with gbraid only in the gclid field", "https://example.com/?gbraid=" + sampleGBRAID, conversions.GCLID, conversions.GBRAID, gclid.PastedURL},
		{"cookie in the gbraid field", "GCL.1712345678." + b, conversions.GBRAID, conversions.GCLID, gclid.PastedCookie},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := gclid.Parse(tt.text, tt.field)
			if !got.Usable || got.Click.Kind != tt.want || got.Damage != tt.damage {
				t.Errorf("got %+v, want kind %q, damage %q", got, tt.want, tt.damage)
			}
		})
	}
}

func TestDamageWords(t *testing.T) {
	t.Parallel()
	seen := map[string]gclid.Damage{}
	for _, d := range gclid.Damages() {
		s, h := d.Sentence(), d.Hint()
		if s == "" || h == "" {
			t.Errorf("%s: sentence %q, hint %q, want both", d, s, h)
		}
		if o, ok := seen[s]; ok {
			t.Errorf("%s and %s share a sentence", o, d)
		}
		seen[s] = d
		if got := !strings.Contains(s, "never sent"); got != d.Sent() {
			t.Errorf("%s: sentence says sent=%t, Sent() = %t", d, got, d.Sent())
		}
	}
	if s := gclid.None.Sentence() + gclid.None.Hint(); s != "" {
		t.Errorf("words of no damage = %q, want none", s)
	}
	if s := gclid.Damage("of tomorrow").Sentence(); s == "" {
		t.Error("an unknown damage has no sentence")
	}
}

// intactID draws an id of either family.
func intactID(t *rapid.T) string {
	at := time.Date(2018, 1, 1, 8, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 4000).Draw(t, "day"))
	if rapid.Bool().Draw(t, "family A") {
		return familyA(at.Add(time.Duration(rapid.IntRange(0, 86_399_999_999).Draw(t, "µs")) * time.Microsecond))
	}
	return familyBOn(at, uint64(rapid.IntRange(0, 16_000).Draw(t, "counter")))
}

// encodeSome percent-encodes some characters of the text.
func encodeSome(t *rapid.T, text string) string {
	var out strings.Builder
	for _, c := range []byte(text) {
		if rapid.IntRange(0, 9).Draw(t, "encode") == 0 {
			const hex = "0123456789ABCDEF"
			out.WriteString("%" + hex[c>>4:c>>4+1] + hex[c&15:c&15+1])
			continue
		}
		out.WriteByte(c)
	}
	return out.String()
}

func TestParseAnyCarrier(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := intactID(t)
		page := "https://user:pw@example.com/a%20b?x=1&gclid=" + id + "&gad_source=1#top"
		carriers := map[string]string{
			"field": id, "padded": " '" + id + "' ", "encoded": encodeSome(t, id),
			"URL": page, "encoded URL": url.QueryEscape(page), "encoded value": "/?gclid=" + encodeSome(t, id),
			"cookie": "_gcl_aw=GCL.1712345678." + id, "trailing": id + "&gclsrc=aw.ds",
		}
		for name, text := range carriers {
			if got := gclid.Parse(text, conversions.GCLID); got.Click != (conversions.Click{Kind: conversions.GCLID, ID: id}) {
				t.Fatalf("%s: Parse(%q) = %+v, want the id as it was", name, text, got)
			}
		}
		if got := gclid.FromCookie(carriers["cookie"]); got.Click.ID != id || got.Damage != gclid.None {
			t.Fatalf("FromCookie = %+v, want the id and no damage", got)
		}
		if got, _ := gclid.FromURL(page); len(got) != 1 || got[0].ID != id || got[0].Damage != "" {
			t.Fatalf("FromURL = %+v, want the id and no damage", got)
		}
	})
}

func TestParseIdempotent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.String(),
			rapid.StringMatching(`[ '"]?(https?://e\.com/\?)?((gclid|gbraid|_gcl_aw)=)?(GCL\.1\.)?[A-Za-z0-9_%.=-]{0,60}[&?#]?[a-z=.]{0,9}`),
		).Draw(t, "text")
		checkResult(t, gclid.Parse(text, conversions.GCLID))
	})
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkResult holds for any result of any text.
func checkResult(t fataler, r gclid.Result) {
	t.Helper()
	if !r.Usable {
		if r.Click != (conversions.Click{}) || r.Damage != gclid.None && r.Damage.Sent() {
			t.Fatalf("unusable result %+v, want no click and a damage that is never sent", r)
		}
		return
	}
	if !r.Damage.Sent() || r.Click.ID == "" || len(r.Click.ID) > gclid.MaxID {
		t.Fatalf("usable result %+v breaks the rules", r)
	}
	again := gclid.Parse(r.Click.ID, r.Click.Kind)
	if again.Click != r.Click || !again.Usable {
		t.Fatalf("parsing %+v again gives %+v", r, again)
	}
}

func FuzzParse(f *testing.F) {
	b := familyB(1)
	for _, seed := range []string{
		"", b, " " + b, "https://example.com/?gclid=" + b, "GCL.1712345678." + b, b + "%3D", "%25%32%35", "%", "%G1",
		"gclid=" + b + "&gclsrc=ds", "{gclid}", "\x00\xff", strings.Repeat("%25", 3000), b + "=?=", "_gcl_aw=GCL..", "&?#=;",
	} {
		f.Add(seed, "gclid")
		f.Add(seed, "wbraid")
	}
	f.Fuzz(func(t *testing.T, text, kind string) {
		checkResult(t, gclid.Parse(text, conversions.ClickKind(kind)))
		gclid.Inspect(text)
	})
}
