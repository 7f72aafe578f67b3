package webhook

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is the deepest nesting of JSON that is read; documented payloads
// need three levels.
const MaxDepth = 64

// maxShape bounds a shape in bytes, but for closing brackets.
const maxShape = 4 << 10

// harmless is text that may be kept at an allow-listed place: a short word
// such as "booked", or a time (RFC 3339, also without its zone).
var harmless = regexp.MustCompile(`^(?:[a-z0-9._-]{1,40}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?)$`)

// memberName is the name of a member that may be shown: a word as
// programmers write them. Anything else might be data used as a name.
var memberName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Shape returns the masked structure of a JSON body as JSON text: members
// and brackets stay, a string becomes "string(17)" with its length in bytes,
// a number "number". Strings and numbers at the places keep allows are kept
// if they are harmless; a place is the member names joined by dots
// ("data.id"), "[]" for an element. Null, true and false stay. At most 4 KiB
// and MaxDepth levels are shown. It is empty for a body that is no JSON.
func Shape(body []byte, keep func(place string) bool) string {
	m := masker{
		dec: jsontext.NewDecoder(bytes.NewReader(body),
			jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		keep: keep,
	}
	if err := m.value("", 0); err != nil {
		return ""
	}
	if _, err := m.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return ""
	}
	return string(m.out)
}

type masker struct {
	dec  *jsontext.Decoder
	keep func(string) bool
	out  []byte
}

func (m *masker) value(place string, depth int) error {
	switch kind := m.dec.PeekKind(); {
	case kind != jsontext.KindBeginObject && kind != jsontext.KindBeginArray:
	case depth < MaxDepth:
		return m.container(place, depth)
	default:
		m.out = append(m.out, `"deeper"`...)
		return m.dec.SkipValue() //nolint:wrapcheck // only looked at
	}
	token, err := m.dec.ReadToken()
	if err != nil {
		return err //nolint:wrapcheck // only looked at
	}
	m.scalar(token, place)
	return nil
}

// container writes an object or array. Past the size limit members are left
// out, and a last one says so.
func (m *masker) container(place string, depth int) error {
	opening, err := m.dec.ReadToken()
	if err != nil {
		return err //nolint:wrapcheck // only looked at
	}
	object, end := opening.Kind() == jsontext.KindBeginObject, jsontext.KindEndArray
	if object {
		end = jsontext.KindEndObject
	}
	m.out = append(m.out, byte(opening.Kind()))
	for n := 0; m.dec.PeekKind() != end; n++ {
		if n > 0 {
			m.out = append(m.out, ',')
		}
		if len(m.out) >= maxShape {
			return m.leaveOut(object, end)
		}
		inner, err := m.element(object, place)
		if err != nil {
			return err
		}
		if err := m.value(inner, depth+1); err != nil {
			return err
		}
	}
	return m.closing()
}

// element writes what stands before a value and returns the value's place.
func (m *masker) element(object bool, place string) (string, error) {
	if !object {
		return place + "[]", nil
	}
	token, err := m.dec.ReadToken()
	if err != nil {
		return "", err //nolint:wrapcheck // only looked at
	}
	name := token.String()
	if !memberName.MatchString(name) {
		name = "name(" + strconv.Itoa(len(name)) + ")"
	}
	m.out = append(append(append(m.out, '"'), name...), '"', ':')
	if place != "" {
		name = place + "." + name
	}
	return name, nil
}

// leaveOut skips the rest of an object or array.
func (m *masker) leaveOut(object bool, end jsontext.Kind) error {
	if object {
		m.out = append(m.out, `"more":`...)
	}
	m.out = append(m.out, `"left out"`...)
	for m.dec.PeekKind() != end {
		if err := m.dec.SkipValue(); err != nil {
			return err //nolint:wrapcheck // only looked at
		}
	}
	return m.closing()
}

func (m *masker) closing() error {
	token, err := m.dec.ReadToken()
	if err == nil {
		m.out = append(m.out, byte(token.Kind()))
	}
	return err //nolint:wrapcheck // only looked at
}

func (m *masker) scalar(token jsontext.Token, place string) {
	const longestNumber = 40
	text, kept := token.String(), m.keep(place)
	switch token.Kind() {
	case jsontext.KindString:
		if !kept || !harmless.MatchString(text) {
			text = "string(" + strconv.Itoa(len(text)) + ")"
		}
		m.out = strconv.AppendQuote(m.out, text) // plain ASCII by now
	case jsontext.KindNumber:
		if !kept || len(text) > longestNumber {
			text = `"number"`
		}
		m.out = append(m.out, text...)
	default:
		m.out = append(m.out, text...)
	}
}
