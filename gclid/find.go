package gclid

import (
	"slices"

	"closeloop/conversions"
)

// Fields are the texts of one delivery that may hold a click id. All are
// optional.
type Fields struct {
	GCLID   string // the field meant for a gclid
	GBRAID  string // the field meant for a gbraid
	WBRAID  string // the field meant for a wbraid
	Cookie  string // a _gcl_aw cookie or a whole Cookie header
	Landing string // the landing page's URL
}

// Find returns every click id in one delivery, each once, strongest first:
// fields before the landing page, and in each place gclid before gbraid
// before wbraid. A cookie counts as a field and comes after the gclid field.
// Texts that must not be sent are listed too, as Unusable; they never hide a
// usable id. hostPath is FromURL's for the landing page.
func Find(f Fields) (clicks []conversions.FoundClick, hostPath string) {
	clicks = addField(clicks, Parse(f.GCLID, conversions.GCLID), conversions.GCLID)
	if f.Cookie != "" {
		clicks = addField(clicks, FromCookie(f.Cookie), conversions.GCLID)
	}
	if f.GBRAID != "" {
		clicks = addField(clicks, Parse(f.GBRAID, conversions.GBRAID), conversions.GBRAID)
	}
	if f.WBRAID != "" {
		clicks = addField(clicks, Parse(f.WBRAID, conversions.WBRAID), conversions.WBRAID)
	}
	landing, hostPath := FromURL(f.Landing)
	return inOrder(append(clicks, landing...)), hostPath
}

func addField(clicks []conversions.FoundClick, r Result, want conversions.ClickKind) []conversions.FoundClick {
	if !r.Usable && r.Damage == None {
		return clicks
	}
	return append(clicks, found(r, want, conversions.PlaceField))
}

func found(r Result, want conversions.ClickKind, at conversions.Place) conversions.FoundClick {
	click := r.Click
	if !r.Usable {
		click.Kind = want
	}
	return conversions.FoundClick{Click: click, Place: at, Damage: string(r.Damage), Unusable: !r.Usable}
}

// inOrder sorts by place and kind, keeping the order of equals, and drops all
// but the first of equal clicks.
func inOrder(clicks []conversions.FoundClick) []conversions.FoundClick {
	if len(clicks) < 2 {
		return clicks
	}
	slices.SortStableFunc(clicks, func(a, b conversions.FoundClick) int {
		return strength(a) - strength(b)
	})
	kept := clicks[:0]
	for _, c := range clicks {
		if !slices.ContainsFunc(kept, func(k conversions.FoundClick) bool { return same(k, c) }) {
			kept = append(kept, c)
		}
	}
	return kept
}

// strength is lower for what wins.
func strength(c conversions.FoundClick) int {
	s := rank(c.Kind)
	if c.Place == conversions.PlaceLanding {
		s += 3
	}
	return s
}

// same reports whether two are one click, or two unusable texts alike.
func same(a, b conversions.FoundClick) bool {
	if a.Unusable || b.Unusable {
		return a == b
	}
	return a.Click == b.Click
}
