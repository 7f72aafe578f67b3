package gclid

import (
	"strings"

	"closeloop/conversions"
)

// FromCookie takes the gclid out of a cookie that Google's tags write:
// _gcl_aw=GCL.<unix seconds>.<gclid> with or without the name, or
// _gac_<property>=1.<unix seconds>.<gclid>; also inside a whole Cookie
// header. _gcl_au holds no click id and gives nothing; _gcl_dc is Display &
// Video's and gives nothing. The time in the cookie says when a page saw the
// id, not when the click was, and is not used.
func FromCookie(value string) Result {
	if len(value) > maxText {
		return tooLong(len(value))
	}
	id, ok := cookieID(trim(value))
	if !ok {
		return Result{}
	}
	return bare(id, conversions.GCLID, None)
}

// cookieID returns what stands in the place of the id.
func cookieID(text string) (id string, ok bool) {
	for pair := range strings.SplitSeq(text, ";") {
		name, value, named := strings.Cut(strings.TrimSpace(pair), "=")
		switch {
		case !named:
			id, ok = afterTime(name, "GCL.")
		case name == "_gcl_aw":
			id, ok = afterTime(trim(value), "GCL.")
		case strings.HasPrefix(name, "_gac_"):
			id, ok = afterTime(trim(value), "1.")
		case strings.HasPrefix(name, "GCL."):
			id, ok = afterTime(pair, "GCL.")
		}
		if ok {
			return unescape(id), true
		}
	}
	return "", false
}

// afterTime cuts <prefix><digits>. off the value, and a further dot with what
// follows it: gclids hold no dot, and newer cookies may append more.
func afterTime(value, prefix string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(value, prefix)
	if !ok {
		return "", false
	}
	seconds, id, ok := strings.Cut(rest, ".")
	if !ok || seconds == "" || strings.Trim(seconds, "0123456789") != "" {
		return "", false
	}
	if !strings.Contains(id, "...") {
		id, _, _ = strings.Cut(id, ".")
	}
	return id, true
}

// fromQuery takes the click id out of a URL or query pasted into a field for
// want. ok is false when the text is none.
func fromQuery(text string, want conversions.ClickKind) (r Result, ok bool) {
	head := text
	if i := strings.IndexAny(text, "?#&"); i >= 0 {
		head = text[:i]
	}
	if len(head) >= usualID && legal(head) {
		return Result{}, false // an id with trailing parameters
	}
	if r := best(parameters(text), want); r.Usable || r.Damage != None {
		return pasted(r), true
	}
	if strings.Contains(text, "://") {
		return never(NotAnID), true
	}
	return Result{}, false
}

// best picks the usable result of the wanted kind, else of the strongest, else
// the strongest damage.
func best(found [3]Result, want conversions.ClickKind) (r Result) {
	if r = found[rank(want)]; r.Usable {
		return r
	}
	for _, f := range found {
		if f.Usable {
			return f
		}
		if r.Damage == None {
			r = f
		}
	}
	return r
}

func pasted(r Result) Result {
	if r.Usable && r.Damage == None {
		r.Damage, r.Detail = PastedURL, PastedURL.Sentence()
	}
	return r
}

// rank orders the kinds: gclid before gbraid before wbraid.
func rank(kind conversions.ClickKind) int {
	switch kind {
	case conversions.GBRAID:
		return 1
	case conversions.WBRAID:
		return 2
	case conversions.GCLID:
		return 0
	default:
		return 0
	}
}

// parameters finds gclid, gbraid and wbraid, by rank, in the query and the
// fragment of a URL, each decoded once. The first usable value of a name
// wins, else the first value. Names count in any case; &amp; for & too.
func parameters(query string) (found [3]Result) {
	for rest := query; rest != ""; {
		param := rest
		if i := strings.IndexAny(rest, "&;?#"); i >= 0 {
			param, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		kind, value, ok := clickParameter(param)
		if !ok || found[rank(kind)].Usable {
			continue
		}
		r := bare(unescape(value), kind, PastedURL)
		if r.Damage == PastedURL {
			r.Damage, r.Detail = None, ""
		}
		if r.Usable || found[rank(kind)].Damage == None {
			found[rank(kind)] = r
		}
	}
	if otherSource(query) {
		found[0] = fromOtherSource(found[0])
	}
	return found
}

func clickParameter(param string) (kind conversions.ClickKind, value string, ok bool) {
	name, value, ok := strings.Cut(param, "=")
	if !ok {
		return "", "", false
	}
	switch {
	case strings.EqualFold(name, "gclid"):
		return conversions.GCLID, value, true
	case strings.EqualFold(name, "gbraid"):
		return conversions.GBRAID, value, true
	case strings.EqualFold(name, "wbraid"):
		return conversions.WBRAID, value, true
	default:
		return "", "", false
	}
}
