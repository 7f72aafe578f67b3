package gclid

import (
	"strings"

	"closeloop/conversions"
)

// maxHostPath is how much of a landing page's host and path is kept, in
// bytes.
const maxHostPath = 512

// FromURL takes the click ids out of a landing page: gclid, gbraid and wbraid
// of its query or fragment, the first usable value of each, in that order;
// msclkid, fbclid and dclid never count. A URL that is percent-encoded as a
// whole is decoded once.
//
// hostPath is host and path, such as "example.com/services": without scheme,
// user information, query and fragment, the host in lower case. The path ends
// before anything that looks like a parameter or an address, so that no id
// and no e-mail gets into it. Empty when rawURL has no plausible host and is
// no absolute path.
func FromURL(rawURL string) (clicks []conversions.FoundClick, hostPath string) {
	raw := trim(rawURL)
	i := strings.IndexAny(raw, "?#")
	if i < 0 && strings.Contains(raw, "%") {
		raw = decodeWhole(raw)
		i = strings.IndexAny(raw, "?#")
	}
	if i < 0 {
		return nil, place(raw)
	}
	for k, r := range parameters(raw[i:]) {
		if r.Usable || r.Damage != None {
			clicks = append(clicks, found(r, kindOf(k), conversions.PlaceLanding))
		}
	}
	return inOrder(clicks), place(raw[:i])
}

// decodeWhole undoes the encoding of a URL encoded as a whole, which shows in
// its scheme or question mark.
func decodeWhole(raw string) string {
	if len(raw) > maxText {
		return raw
	}
	decoded := unescape(raw)
	if strings.ContainsAny(decoded, "?#") || strings.Contains(decoded, "://") && !strings.Contains(raw, "://") {
		return decoded
	}
	return raw
}

func kindOf(rank int) conversions.ClickKind {
	switch rank {
	case 1:
		return conversions.GBRAID
	case 2:
		return conversions.WBRAID
	default:
		return conversions.GCLID
	}
}

// place returns host and path of a URL that has no query or fragment.
func place(raw string) string {
	rest, schemed := raw, false
	if i := strings.Index(raw, "//"); i == 0 || i > 0 && raw[i-1] == ':' && legal(raw[:i-1]) {
		rest, schemed = raw[i+2:], true
	}
	end := strings.IndexByte(rest, '/')
	if end < 0 {
		end = len(rest)
	}
	user := strings.LastIndexByte(rest[:end], '@')
	host := rest[user+1 : end]
	if host == "" && schemed || host != "" && !plausibleHost(host, schemed) {
		return ""
	}
	if lower := strings.ToLower(host); lower != host {
		return shorten(lower + cleanPath(rest[end:]))
	}
	return shorten(rest[user+1 : end+len(cleanPath(rest[end:]))])
}

// plausibleHost reports whether the text can be a host with an optional port;
// without a scheme before it, it must also look like a domain name, so that a
// telephone number or a word is none.
func plausibleHost(host string, schemed bool) bool {
	name, port, hasPort := strings.Cut(host, ":")
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		return end > 0 && schemed && strings.Trim(host[1:end], "0123456789abcdefABCDEF:.") == "" &&
			strings.Trim(host[end+1:], ":0123456789") == ""
	}
	if hasPort && (len(port) > 5 || strings.Trim(port, "0123456789") != "") || name == "" {
		return false
	}
	for i := range len(name) {
		// Bytes of 0x80 and above belong to an internationalised name.
		if c := name[i]; !legalByte(c) && c != '.' && c < 0x80 {
			return false
		}
	}
	if schemed {
		return true
	}
	dot := strings.LastIndexByte(name, '.')
	return dot > 0 && strings.Trim(name[dot+1:], "0123456789") != ""
}

// cleanPath returns the beginning of the path that surely names a page only.
func cleanPath(path string) string {
	if i := strings.IndexAny(path, "&;"); i >= 0 {
		path = path[:i]
	}
	for start := 0; start < len(path); {
		segment := path[start:]
		if i := strings.IndexByte(segment, '/'); i >= 0 {
			segment = segment[:i]
		}
		if revealing(segment) {
			return path[:start]
		}
		start += len(segment) + 1
	}
	return path
}

// revealing reports whether a segment of a path may hold a parameter, an
// e-mail address or a click id.
func revealing(segment string) bool {
	if strings.ContainsAny(segment, "=@") || strings.Contains(segment, "%") && suspectEscapes(segment) {
		return true
	}
	if len(segment) < usualID || len(segment) > MaxID || !legal(segment) {
		return false
	}
	return gbraidShape(segment) || scan(segment).family != FamilyUnknown
}

// suspectEscapes reports whether an encoded ?, #, &, =, @, percent sign or
// control character occurs.
func suspectEscapes(segment string) bool {
	for i := range len(segment) {
		if c, ok := escape(segment[i:]); ok && (c < 0x20 || strings.IndexByte("?#&=@%", c) >= 0) {
			return true
		}
	}
	return false
}

// shorten keeps hostPath storable: valid UTF-8, no control characters,
// bounded.
func shorten(hostPath string) string {
	if len(hostPath) > maxHostPath {
		hostPath = hostPath[:maxHostPath]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(hostPath, ""))
}
