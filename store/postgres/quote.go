package postgres

import (
	"strings"
	"unicode/utf8"
)

// quoted is a text from outside as PostgreSQL can hold it: it refuses NUL and
// what is not UTF-8. A backslash leads what stands for something else. Nearly
// every text is itself.
func quoted[T ~string](s T) string {
	text := string(s)
	if !strings.ContainsAny(text, "\x00\\") && utf8.ValidString(text) {
		return text
	}
	const hex = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1, r == 0:
			b.WriteString(`\x`)
			b.WriteByte(hex[text[i]>>4])
			b.WriteByte(hex[text[i]&15])
		case r == '\\':
			b.WriteString(`\\`)
		default:
			b.WriteString(text[i : i+size])
		}
		i += size
	}
	return b.String()
}

// unquoted is the text that quoted made s of.
func unquoted[T ~string](s string) T {
	if !strings.Contains(s, `\`) {
		return T(s)
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\' || i+1 == len(s):
			out = append(out, s[i])
		case s[i+1] == 'x' && i+3 < len(s):
			out = append(out, nibble(s[i+2])<<4|nibble(s[i+3]))
			i += 3
		default:
			out = append(out, s[i+1])
			i++
		}
	}
	return T(out)
}

func nibble(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}
