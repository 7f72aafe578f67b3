package gclid

import (
	"strconv"
	"strings"
	"unicode"

	"closeloop/conversions"
)

// MaxID is the longest click id that is sent, in bytes. Google announced "up
// to 100 characters" in March 2014 and no limit since; this leaves room.
const MaxID = 512

// maxText is the longest text that is looked into for an id, in bytes: a URL
// pasted into a field may be much longer than the id it carries.
const maxText = 8192

// usualID is the shortest length that raises no suspicion; ids had 26
// characters until March 2014.
const usualID = 20

// shortestID is the least that is taken for the rest of a cut id: anything
// shorter tells Google nothing and may be a name.
const shortestID = 10

// Result is what Parse and FromCookie found in one text. The zero value is
// "nothing there".
type Result struct {
	// Click is the id as Google issued it; zero unless Usable.
	Click conversions.Click
	// Damage is what is, or was, wrong; None with Usable false means that
	// the text held nothing at all.
	Damage Damage
	// Usable is true when Click may be sent.
	Usable bool
	// Detail is a sentence for people, without any of the text; for TooLong
	// it states the length. Empty without damage.
	Detail string
}

// Parse turns one text that should hold a click id into a click. want is the
// kind the field is meant for; "" means GCLID. The kind of the answer differs
// from want when a pasted URL or the shape of a gbraid says so.
//
// Percent-encoding is undone once for each carrier: once for the text, and
// once more for the value inside a URL found in it. A plus sign is never
// taken for a space or a minus. Parsing a result's id again gives the same
// click.
func Parse(text string, want conversions.ClickKind) Result {
	if want == "" {
		want = conversions.GCLID
	}
	if legal(text) && text != "" {
		return judge(text, want, None)
	}
	if len(text) > maxText {
		return tooLong(len(text))
	}
	trimmed := trim(text)
	d := None
	if trimmed != text {
		d = Padded
	}
	return open(trimmed, want, d, 1)
}

// open takes an id out of what surrounds it. layers is how many
// percent-encodings may still be undone.
func open(text string, want conversions.ClickKind, d Damage, layers int) Result {
	if text == "" {
		return Result{}
	}
	if id, ok := cookieID(text); ok {
		return bare(id, conversions.GCLID, PastedCookie) // those cookies hold nothing else
	}
	if r, ok := fromQuery(text, want); ok {
		return r
	}
	if template(text) {
		return never(Placeholder)
	}
	if decoded := unescape(text); layers > 0 && decoded != text {
		return open(trim(decoded), want, Encoded, layers-1)
	}
	return bare(text, want, d)
}

// bare judges a text in which only trailing matter may still surround the id.
func bare(text string, want conversions.ClickKind, d Damage) Result {
	if len(text) > maxText {
		return tooLong(len(text))
	}
	text = trim(text)
	if text == "" {
		return Result{}
	}
	if placeholderWord(text) {
		return never(Placeholder)
	}
	id, rest := cutTrailing(text)
	if len(id) != len(text) && d != PastedURL && d != PastedCookie {
		d = Trailing
	}
	if id == "" {
		return never(NotAnID)
	}
	r := judge(id, want, d)
	if otherSource(rest) {
		r = fromOtherSource(r)
	}
	return r
}

// judge decides about an id nothing surrounds any more. d is what was
// repaired so far.
func judge(id string, want conversions.ClickKind, d Damage) Result {
	switch {
	case len(id) > MaxID:
		return tooLong(len(id))
	case placeholder(id):
		return never(Placeholder)
	case !legal(id):
		return never(IllegalCharacters)
	case plainNumber(id), len(id) < shortestID:
		return never(NotAnID)
	case otherNetwork(id):
		return never(OtherNetwork)
	}
	kind := want
	if want != conversions.GBRAID && gbraidShape(id) {
		kind, d = conversions.GBRAID, WrongField
	}
	if s := suspect(id, kind); s != None {
		d = s
	}
	return Result{
		Click:  conversions.Click{Kind: kind, ID: id},
		Damage: d,
		Usable: true,
		Detail: d.Sentence(),
	}
}

func never(d Damage) Result { return Result{Damage: d, Detail: d.Sentence()} }

func tooLong(n int) Result {
	return Result{
		Damage: TooLong,
		Detail: "The text has " + strconv.Itoa(n) + " characters, too many for a click id; it is never sent.",
	}
}

// fromOtherSource marks a usable gclid whose gclsrc names another source.
func fromOtherSource(r Result) Result {
	if r.Usable && r.Click.Kind == conversions.GCLID {
		r.Damage, r.Detail = OtherSource, OtherSource.Sentence()
	}
	return r
}

// legal reports whether only characters of base64url occur: all of 26
// published ids of 2018 to 2025 fit, none is padded.
func legal(id string) bool {
	for i := range len(id) {
		if !legalByte(id[i]) {
			return false
		}
	}
	return true
}

func legalByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// trim takes white space, quotes and invisible marks off both ends.
func trim(text string) string {
	return strings.TrimFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("\"'`“”‘’«»\u200b\u200e\ufeff", r)
	})
}

// cutTrailing splits an id from what other tools append to it.
func cutTrailing(text string) (id, rest string) {
	id = text
	if i := strings.IndexAny(text, "&?#"); i >= 0 {
		id, rest = text[:i], text[i:]
	}
	// Adobe appends its network and match type to the copy in ef_id.
	id = strings.TrimSuffix(id, ":G:s")
	// Base64 padding carries nothing (RFC 4648, 3.2), and Google issues none.
	if p := strings.TrimRight(id, "="); legal(p) {
		id = p
	}
	return trim(id), rest
}

// unescape undoes one percent-encoding and leaves what is none as it is.
func unescape(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c, ok := escape(text[i:])
		if ok {
			i += 2
		} else {
			c = text[i]
		}
		out = append(out, c)
	}
	return string(out)
}

// escape decodes the percent-encoded byte at the beginning of s.
func escape(s string) (c byte, ok bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	hi, okHi := unhex(s[1])
	lo, okLo := unhex(s[2])
	return hi<<4 | lo, okHi && okLo
}

func unhex(c byte) (v byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	default:
		return 0, false
	}
}
