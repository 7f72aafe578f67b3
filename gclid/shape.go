package gclid

import (
	"strings"

	"closeloop/conversions"
)

// placeholder reports whether the text is a word, template or sample that
// forms, tags and documentation put where an id should be.
func placeholder(text string) bool {
	switch {
	case text == "":
		return false
	case strings.Contains(text, "...") || strings.Contains(text, "…"):
		return true // an abbreviated sample such as CjwKCAjw...
	case placeholderWord(text):
		return true
	case template(text), oneCharacter(text):
		return true
	}
	return testID(text)
}

func placeholderWord(text string) bool {
	if len(text) > 24 {
		return false
	}
	switch strings.ToLower(text) {
	case "undefined", "null", "none", "nil", "nan", "(none)", "(null)",
		"(not set)", "not set", "not_set", "notset", "not-set",
		"(not provided)", "not provided", "n/a", "na", "#n/a",
		"[object object]", "unknown", "empty", "false", "true",
		"gclid", "gbraid", "wbraid", "click_id", "clickid", "google_click_id",
		"your_gclid", "your-gclid", "your gclid", "yourgclid", "gclid_here", "my_gclid",
		"no gclid", "no_gclid", "direct", "organic",
		"example", "sample", "placeholder", "dummy", "fake", "todo", "tbd":
		return true
	default:
		return false
	}
}

// template reports whether the text is an unreplaced variable, such as
// {gclid}, {{gclid}}, ${gclid}, [gclid], <gclid>, %%GCLID%% or %7Bgclid%7D.
func template(text string) bool {
	s := text
	if len(s) >= 6 && strings.EqualFold(s[:3], "%7b") && strings.EqualFold(s[len(s)-3:], "%7d") {
		return true
	}
	s = strings.TrimPrefix(s, "$")
	if len(s) < 2 {
		return false
	}
	switch s[:1] + s[len(s)-1:] {
	case "{}", "[]", "<>", "%%":
		return true
	default:
		return false
	}
}

// oneCharacter reports whether one character is all there is: xxxx, 0, --.
func oneCharacter(text string) bool {
	return strings.Count(text, text[:1]) == len(text)
}

// testID reports whether the text is made up, as in TESTGCLID123 or
// Cj0KCQ123456789: by its length it can be no issued id.
func testID(text string) bool {
	if len(text) >= 4 && len(text) < 40 && strings.EqualFold(text[:4], "test") {
		return true
	}
	return len(text) < 26 && strings.Contains(text, "123456789")
}

// plainNumber reports whether the text is digits and dashes only: a record
// number or a telephone number, which must never leave the house.
func plainNumber(id string) bool {
	return len(id) <= 24 && strings.Trim(id, "0123456789-") == ""
}

// otherNetwork recognises Meta's fbclid by the beginnings in use (IwAR, IwY2,
// IwZX) and Microsoft's msclkid, which is 32 hexadecimal digits.
func otherNetwork(id string) bool {
	if strings.HasPrefix(id, "IwAR") || strings.HasPrefix(id, "IwY2") || strings.HasPrefix(id, "IwZX") {
		return true
	}
	return len(id) == 32 && (strings.Trim(id, "0123456789abcdef") == "" || strings.Trim(id, "0123456789ABCDEF") == "")
}

// gbraidShape reports whether the id looks like a gbraid: the published one
// begins with 0AAAAA and has 34 characters.
func gbraidShape(id string) bool {
	return len(id) >= usualID && len(id) <= 64 && strings.HasPrefix(id, "0AAAAA")
}

// suspect names damage that shows in the id itself but is not certain.
func suspect(id string, kind conversions.ClickKind) Damage {
	if len(id) < usualID {
		return Truncated
	}
	upper, lower := letters(id)
	switch {
	case !upper && lower:
		return LowerCased
	case upper && !lower:
		return UpperCased
	case kind == conversions.GCLID:
		return suspectStructure(id)
	default:
		return None
	}
}

func letters(id string) (upper, lower bool) {
	for i := 0; i < len(id) && !(upper && lower); i++ {
		upper = upper || 'A' <= id[i] && id[i] <= 'Z'
		lower = lower || 'a' <= id[i] && id[i] <= 'z'
	}
	return upper, lower
}

func suspectStructure(id string) Damage {
	switch s := scan(id); {
	case s.family == FamilyUnknown && columnLength(len(id)):
		return Truncated
	case s.family == FamilyUnknown, s.state == intact:
		return None
	case s.state == cut:
		return Truncated
	default:
		return Malformed
	}
}

// columnLength reports whether the length is that of a short text field.
func columnLength(n int) bool {
	switch n {
	case 50, 64, 80, 90, 255:
		return true
	default:
		return false
	}
}

// otherSource reports whether text behind a gclid names, as gclsrc, a source
// other than Google Ads. aw.ds is a Google Ads click managed in Search Ads
// 360 and is nothing to report.
func otherSource(rest string) bool {
	_, after, ok := strings.Cut(rest, "gclsrc=")
	if !ok {
		return false
	}
	if i := strings.IndexAny(after, "&;?#"); i >= 0 {
		after = after[:i]
	}
	switch after {
	case "ds", "3p.ds", "dc", "gf":
		return true
	default:
		return false
	}
}
