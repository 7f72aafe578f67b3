package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
)

// decodeIngest reads a request as strictly as the discovery document allows: no unknown name, no name twice, no word an
// enum does not have, int64 as text, times by RFC 3339. What it refuses, Google's front end refuses before the Data
// Manager API sees it, so the field paths lack the API's own prefix.
func decodeIngest(body io.Reader) (*ingestRequest, error) {
	req := new(ingestRequest)
	err := json.UnmarshalRead(body, req, json.RejectUnknownMembers(true))
	if err == nil {
		return req, nil
	}
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, frontRefusal("", "Request payload size exceeds the limit: "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes.")
	}
	semantic := new(json.SemanticError)
	if !errors.As(err, &semantic) {
		return nil, frontRefusal("", "Invalid JSON payload received. The body is no JSON object.")
	}
	path := fieldPath(string(semantic.JSONPointer))
	if errors.Is(err, json.ErrUnknownName) {
		parent, name := cutName(string(semantic.JSONPointer))
		return nil, frontRefusal(parent, fmt.Sprintf("Invalid JSON payload received. Unknown name %q%s: Cannot find field.", name, at(parent)))
	}
	if word := new(wordError); errors.As(err, &word) {
		return nil, frontRefusal(path, "Invalid value"+at(path)+" ("+word.enum+").")
	}
	return nil, frontRefusal(path, "Invalid value"+at(path)+".")
}

func at(path string) string {
	if path == "" {
		return ""
	}
	return " at '" + path + "'"
}

// frontRefusal is how Google's front end refuses what it cannot read: without a reason.
func frontRefusal(path, description string) *apiError {
	return &apiError{
		code: http.StatusBadRequest, status: "INVALID_ARGUMENT", message: description,
		violations: []violation{{Field: path, Description: description}},
	}
}

// fieldPath turns a JSON pointer, "/events/12/eventTimestamp", into "events[12].event_timestamp".
func fieldPath(pointer string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if _, err := strconv.Atoi(part); err == nil {
			b.WriteString("[" + part + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(snake(unescape(part)))
	}
	return b.String()
}

func snake(name string) string {
	var b strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// cutName parts the last name of a JSON pointer from the path to it.
func cutName(pointer string) (parent, name string) {
	i := strings.LastIndexByte(pointer, '/')
	return fieldPath(pointer[:max(i, 0)]), unescape(pointer[i+1:])
}

// unescape undoes the escapes of a JSON pointer (RFC 6901).
func unescape(part string) string { return strings.NewReplacer("~1", "/", "~0", "~").Replace(part) }
