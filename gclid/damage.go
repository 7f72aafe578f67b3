package gclid

// Damage names what is, or was, wrong with a text that should hold a click
// id. The zero value is None. Of several only the gravest is named: what
// forbids sending, then what is suspected, then what was repaired.
type Damage string

// None is no damage.
const None Damage = ""

// Damage that was repaired; the id is sent.
const (
	// Padded: white space or quotes stood around the id; repaired and sent.
	Padded Damage = "padded"
	// Encoded: the id was percent-encoded; decoded exactly once and sent.
	Encoded Damage = "encoded"
	// Trailing: something stood behind the id (&gclsrc=…, ?…, #…, base64
	// padding, another tool's suffix); cut and sent.
	Trailing Damage = "trailing"
	// PastedURL: a whole URL or query stood in the field; its click id was
	// taken and sent.
	PastedURL Damage = "pasted_url"
	// PastedCookie: a whole _gcl_aw or _gac cookie stood in the field; its
	// click id was taken and sent.
	PastedCookie Damage = "pasted_cookie"
	// WrongField: the shape is that of a gbraid, in a field for another
	// kind; moved to its own kind and sent.
	WrongField Damage = "wrong_field"
)

// Damage that is suspected and cannot be repaired; the id is reported and
// sent as it is, because only Google can judge it.
const (
	// Truncated: the id's structure ends too early, or its length is that of
	// a short field; reported and sent.
	Truncated Damage = "truncated"
	// LowerCased: a long id without any capital; reported and sent.
	LowerCased Damage = "lower_cased"
	// UpperCased: a long id without any small letter; reported and sent.
	UpperCased Damage = "upper_cased"
	// Malformed: the id begins like a gclid, but its structure breaks in the
	// middle or goes on after its end; reported and sent.
	Malformed Damage = "malformed"
	// OtherSource: the gclsrc beside the gclid says that the click was not
	// Google Ads' (ds, 3p.ds, dc, gf); reported and sent.
	OtherSource Damage = "other_source"
)

// Damage that makes the text no click id.
const (
	// Placeholder: a word, template or sample instead of an id; never sent.
	Placeholder Damage = "placeholder"
	// NotAnID: a URL or cookie without a click id, a plain number, which
	// might be somebody's telephone, or fewer than 10 characters, which might
	// be a name; never sent.
	NotAnID Damage = "not_an_id"
	// OtherNetwork: a click id of Meta or Microsoft; never sent.
	OtherNetwork Damage = "other_network"
	// IllegalCharacters: characters outside A-Z a-z 0-9 _ - remain after the
	// repairs; never sent. No published id has any, what they stood for
	// cannot be known, and such text may be a name or an address, which is
	// nobody's business at Google.
	IllegalCharacters Damage = "illegal_characters"
	// TooLong: more than MaxID characters; never sent, named by its length.
	TooLong Damage = "too_long"
)

// Damages returns every damage but None, mildest first.
func Damages() []Damage {
	return []Damage{
		Padded, Encoded, Trailing, PastedURL, PastedCookie, WrongField,
		OtherSource, Malformed, Truncated, LowerCased, UpperCased,
		Placeholder, NotAnID, OtherNetwork, IllegalCharacters, TooLong,
	}
}

// Sent reports whether an id with this damage is sent.
func (d Damage) Sent() bool {
	switch d {
	case Placeholder, NotAnID, OtherNetwork, IllegalCharacters, TooLong:
		return false
	default:
		return true
	}
}

// Sentence says for people what is wrong and what was done; fixed text per
// damage, empty for None, never quoting the id.
func (d Damage) Sentence() string {
	what, _ := d.words()
	return what
}

// Hint says for people what to change at the sender; empty for None.
func (d Damage) Hint() string {
	_, hint := d.words()
	return hint
}

func (d Damage) words() (what, hint string) {
	switch d {
	case None:
		return "", ""
	case Padded:
		return "White space or quotes around the click id were removed.", "Trim the field where it is filled."
	case Encoded:
		return "The click id was percent-encoded and has been decoded once.", "Store the decoded value of the URL parameter."
	case Trailing:
		return "Text behind the click id was cut off.", "Store the value of the gclid parameter alone, up to the next & or #."
	case PastedURL:
		return "The field held a whole URL; its click id was used.", "Store only the value of the gclid parameter."
	case PastedCookie:
		return "The field held a whole cookie; its click id was used.", "Store only what follows the second dot of _gcl_aw."
	case WrongField:
		return "The field held a gbraid, which was sent as one.", "Map the gbraid parameter to a field of its own."
	default:
		return d.graveWords()
	}
}

func (d Damage) graveWords() (what, hint string) {
	switch d {
	case Truncated:
		return "The click id looks cut short; it is sent as it is.", "Let every field and column on its way hold at least 512 characters."
	case LowerCased:
		return "The click id looks lower-cased; it is sent as it is.", "Find the URL rule or CRM field that changes case; click ids are case-sensitive."
	case UpperCased:
		return "The click id looks upper-cased; it is sent as it is.", "Find the CRM field that changes case; click ids are case-sensitive."
	case Malformed:
		return "The click id looks altered; it is sent as it is.", "Check that nothing edits or joins click ids on their way."
	case OtherSource:
		return "The click does not seem to come from Google Ads; it is sent as it is.", "Clicks of Search Ads 360 on other engines cannot be imported into Google Ads."
	case Placeholder:
		return "The field holds a placeholder instead of a click id; it is never sent.", "Find the form or tag that writes it; the URL parameter was missing when it ran."
	case NotAnID:
		return "The field holds no click id; it is never sent.", "Map the gclid parameter of the landing page to this field."
	case OtherNetwork:
		return "The field holds another network's click id; it is never sent.", "Map gclid, not fbclid or msclkid, to this field."
	case IllegalCharacters:
		return "The field holds characters no click id has; it is never sent.", "Store the value of the gclid parameter unchanged."
	case TooLong:
		return "The text is too long for a click id; it is never sent.", "Store only the value of the gclid parameter."
	default:
		return "The click id is damaged in a way this version does not know.", "Update the program."
	}
}
