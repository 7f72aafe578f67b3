package webhook

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"closeloop/conversions"
)

// ErrOtherBody says that a body is not that of the quarantined delivery.
var ErrOtherBody = errors.New("not the body of this delivery")

// Reread reads the body of a quarantined delivery once more, by the source as
// it is in this program, and returns the event that would have been stored when
// it came. That it is the very body whose signature was verified then is told
// by its SHA-256; another is ErrOtherBody. The headers were not kept, so the
// content type gets the benefit of the doubt. What still cannot be read is a
// *MalformedError. No error quotes the body, and the event does not keep it.
func Reread(s Source, q conversions.Quarantined, body []byte) (conversions.Event, error) {
	if digest(body) != q.Body {
		return conversions.Event{}, ErrOtherBody
	}
	event, _, err := readSafely(s, http.Header{}, body)
	if err != nil {
		return conversions.Event{}, malformed(err)
	}
	event.Account, event.Source, event.Delivery = q.Account, q.Source, q.Delivery
	event.Received, event.Body = q.Received, q.Body
	markFuture(&event)
	return event, nil
}

// digest is what a body is recognised by: the first half of its SHA-256.
func digest(body []byte) [16]byte {
	sum := sha256.Sum256(body)
	return [16]byte(sum[:16])
}

// readSafely has the vendor read the body. A panic there is our fault, but
// the same delivery would panic again at every retry until the sender
// switches the endpoint off; in quarantine it is kept and seen. The stack is
// that of a panic.
func readSafely(s Source, header http.Header, body []byte) (event conversions.Event, stack string, err error) {
	defer func() {
		if v := recover(); v != nil {
			// The value's type, not the value: that may quote the payload.
			err = &MalformedError{Reason: ReasonPanic, Detail: fmt.Sprintf("%T", v)}
			stack = string(debug.Stack())
		}
	}()
	event, err = s.Read(header, body)
	return event, "", err //nolint:wrapcheck // only looked at, never passed on
}

// malformed is an error of reading without what it may quote.
func malformed(err error) *MalformedError {
	if m, ok := errors.AsType[*MalformedError](err); ok {
		return m
	}
	return &MalformedError{Reason: ReasonUnreadable}
}
