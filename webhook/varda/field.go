package varda

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"closeloop/conversions"
	"closeloop/webhook"
)

// The types of the payload's members. All take null for absent. Each names
// why it refuses a value; the value itself is in no error.

// The limits of what is kept.
const (
	longestWord = 64
	longestID   = 128
)

func malformed(reason webhook.Reason) error { return &webhook.MalformedError{Reason: reason} }

// scalar reads a string, a number or null; kind is which.
func scalar(dec *jsontext.Decoder) (text string, kind jsontext.Kind, err error) {
	switch dec.PeekKind() { //nolint:exhaustive // what is no value at all is an error of ReadToken
	case jsontext.KindBeginObject, jsontext.KindBeginArray, jsontext.KindTrue, jsontext.KindFalse:
		return "", 0, malformed(webhook.ReasonType)
	}
	token, err := dec.ReadToken()
	if err != nil {
		return "", 0, err //nolint:wrapcheck // the decoder wants its own error back
	}
	if token.Kind() == jsontext.KindNull {
		return "", jsontext.KindNull, nil
	}
	return token.String(), token.Kind(), nil
}

// word is a name such as "call.ended" or "booked". Text of any other form
// might be somebody's words, so it is not kept.
type word string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (w *word) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	text, kind, err := scalar(dec)
	switch {
	case err != nil:
		return err
	case kind == jsontext.KindNumber:
		return malformed(webhook.ReasonType)
	case kind == jsontext.KindString && !isWord(text):
		return malformed(webhook.ReasonWord)
	}
	*w = word(text)
	return nil
}

func isWord(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return s != "" && len(s) <= longestWord
}

// ident is an id: documented as a number, taken as text too. It is kept
// exactly as written, so that no digit beyond 2^53 is lost.
type ident string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (id *ident) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	text, kind, err := scalar(dec)
	switch {
	case err != nil:
		return err
	case len(text) > longestID,
		kind == jsontext.KindNumber && strings.ContainsAny(text, ".eE"),
		strings.ContainsFunc(text, unicode.IsControl):
		return malformed(webhook.ReasonID)
	}
	*id = ident(text)
	return nil
}

// instant is a time with its zone (RFC 3339); zero when absent.
type instant struct{ time.Time }

// The years a time may lie in: storage counts nanoseconds in 64 bits, and
// what lies outside is surely no time of a call.
const (
	firstYear = 2000
	lastYear  = 2199
)

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (i *instant) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	text, kind, err := scalar(dec)
	switch {
	case err != nil:
		return err
	case kind == jsontext.KindNumber:
		return malformed(webhook.ReasonType)
	case text == "":
		*i = instant{}
		return nil
	}
	var t time.Time
	if err := t.UnmarshalText([]byte(text)); err != nil {
		return malformed(timeReason(text))
	}
	if t = t.UTC(); t.Year() < firstYear || t.Year() > lastYear {
		return malformed(webhook.ReasonTime)
	}
	i.Time = t
	return nil
}

// timeReason tells a time that only lacks its zone from one that is none.
func timeReason(text string) webhook.Reason {
	for _, layout := range []string{"2006-01-02T15:04:05", time.DateTime} {
		if _, err := time.Parse(layout, text); err == nil {
			return webhook.ReasonTimeZone
		}
	}
	return webhook.ReasonTime
}

// cents is an amount. 250000.0 and 2.5e5 are the integer 250000, because
// JSON does not tell them apart; half a cent is refused, as is a text.
type cents struct {
	value conversions.Cents
	known bool
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (c *cents) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	text, kind, err := scalar(dec)
	switch {
	case err != nil:
		return err
	case kind == jsontext.KindNull:
		*c = cents{}
		return nil
	case kind != jsontext.KindNumber:
		return malformed(webhook.ReasonType)
	}
	value, ok := integer(text)
	if !ok || value < 0 || value > int64(conversions.MaxCents) {
		return malformed(webhook.ReasonAmount)
	}
	*c = cents{value: conversions.Cents(value), known: true}
	return nil
}

// pointer returns nil for an amount that was not sent.
func (c cents) pointer() *conversions.Cents {
	if !c.known {
		return nil
	}
	return &c.value
}

// integer returns the value of a JSON number that is an integer, however it
// is written, exactly.
func integer(number string) (int64, bool) {
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		return n, true
	}
	mantissa, exponent, shifted := strings.Cut(strings.ToLower(number), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	fraction = strings.TrimRight(fraction, "0")
	digits, zeros := whole+fraction, -len(fraction)
	if strings.Trim(digits, "-0") == "" {
		return 0, true
	}
	if shifted {
		shift, err := strconv.ParseInt(exponent, 10, 16)
		if err != nil {
			return 0, false
		}
		zeros += int(shift)
	}
	const most = 20 // digits of an int64 and more
	for ; zeros < 0 && strings.HasSuffix(digits, "0"); zeros++ {
		digits = digits[:len(digits)-1]
	}
	if zeros < 0 || zeros > most {
		return 0, false
	}
	n, err := strconv.ParseInt(digits+strings.Repeat("0", zeros), 10, 64)
	return n, err == nil
}

// optional is text that may be dropped when it is none.
type optional string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (o *optional) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*o = ""
	if dec.PeekKind() != jsontext.KindString {
		return dec.SkipValue() //nolint:wrapcheck // the decoder wants its own error back
	}
	text, _, err := scalar(dec)
	*o = optional(text)
	return err
}
