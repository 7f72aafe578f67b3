package webhook

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// DecodeJSON decodes a body into the struct that into points to, in one
// pass. Members that the struct does not name are ignored. Duplicate names,
// invalid UTF-8, more than MaxDepth levels, another content type and a
// missing body are a *MalformedError. A field's own unmarshaler may return a
// *MalformedError to name its reason; where it happened is added here.
func DecodeJSON(header http.Header, body []byte, into any) error {
	switch {
	case !jsonContent(header):
		return &MalformedError{Reason: ReasonContentType}
	case len(bytes.TrimSpace(body)) == 0:
		return &MalformedError{Reason: ReasonEmpty}
	case tooDeep(body):
		return &MalformedError{Reason: ReasonDepth}
	}
	if err := json.Unmarshal(body, into); err != nil {
		return diagnose(body, err)
	}
	return nil
}

// jsonContent reports whether the content type is JSON in UTF-8. It is not
// signed, so a delivery without one gets the benefit of the doubt.
func jsonContent(header http.Header) bool {
	value := header.Get("Content-Type")
	if value == "" || value == "application/json" {
		return true
	}
	media, params, err := mime.ParseMediaType(value)
	charset, given := params["charset"]
	return err == nil && media == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

// tooDeep reports whether the nesting exceeds MaxDepth. Nearly always there
// are too few brackets for that, and counting bytes is far cheaper than
// following strings.
func tooDeep(body []byte) bool {
	if bytes.Count(body, []byte("{"))+bytes.Count(body, []byte("[")) <= MaxDepth {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// diagnose names what the decoder stumbled over. Its error is not passed on,
// because it may quote the payload.
func diagnose(body []byte, err error) error {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case bytes.IndexByte(body, 0) >= 0:
		return &MalformedError{Reason: ReasonNUL, Detail: at(int64(bytes.IndexByte(body, 0)))}
	case !utf8.Valid(body):
		return &MalformedError{Reason: ReasonUTF8}
	case errors.As(err, &semantic):
		// The pointer holds names of the struct's own fields only.
		where := &MalformedError{Reason: ReasonType, Detail: string(semantic.JSONPointer)}
		if own, ok := errors.AsType[*MalformedError](err); ok {
			where.Reason = own.Reason
		}
		return where
	case !errors.As(err, &syntactic):
		return &MalformedError{Reason: ReasonJSON}
	case errors.Is(err, jsontext.ErrDuplicateName):
		return &MalformedError{Reason: ReasonDuplicateKey, Detail: at(syntactic.ByteOffset)}
	default:
		return &MalformedError{Reason: ReasonJSON, Detail: at(syntactic.ByteOffset)}
	}
}

func at(offset int64) string { return "byte " + strconv.FormatInt(offset, 10) }
