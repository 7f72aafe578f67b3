package webhook

import (
	"context"
	"errors"
	"net/http"
	"time"

	"closeloop/conversions"
)

// Source is one vendor's way of signing and writing deliveries. It is safe
// for concurrent use. Package webhooktest holds the suite every one passes.
type Source interface {
	// Verify reports whether the delivery is genuine: nil, or a
	// *SignatureError. It compares in constant time, tries every configured
	// secret, and refuses a delivery without signature.
	Verify(header http.Header, body []byte, now time.Time) error
	// Read reduces a genuine delivery to the facts that matter. It fills in
	// what the body says and leaves Account, Source, Delivery, Body, Received
	// and the flags to the handler. What it cannot read is a
	// *MalformedError, and goes to quarantine. It must not keep body.
	Read(header http.Header, body []byte) (conversions.Event, error)
	// Delivery returns the sender's id of the delivery as it stands in the
	// header, or "". It is not to be trusted: it may be unsigned.
	Delivery(header http.Header) string
}

// Log is the store as the handler needs it. What it returned nil for is
// durable. Any error counts as temporary and the call is made again, so
// appending the same delivery twice must be harmless.
type Log interface {
	Append(ctx context.Context, event conversions.Event) (conversions.Receipt, error)
	Quarantine(ctx context.Context, q conversions.Quarantined) (conversions.Receipt, error)
}

// ErrSignature is wrapped by every error of Source.Verify.
var ErrSignature = errors.New("signature refused")

// SignatureReason is a short word for why a signature was refused. It is
// logged and never told to the sender.
type SignatureReason string

// The reasons for refusing a signature.
const (
	SignatureMissing   SignatureReason = "signature_missing"
	SignatureMalformed SignatureReason = "signature_malformed"
	SignatureMismatch  SignatureReason = "signature_mismatch"
	SignatureStale     SignatureReason = "signature_stale"  // older than the tolerance
	SignatureFuture    SignatureReason = "signature_future" // further ahead than the tolerance
)

// SignatureError says why a signature was refused. It wraps ErrSignature.
type SignatureError struct{ Reason SignatureReason }

// Error implements error.
func (e *SignatureError) Error() string { return ErrSignature.Error() + ": " + string(e.Reason) }

// Unwrap returns ErrSignature.
func (e *SignatureError) Unwrap() error { return ErrSignature }

// Reason is a short word for why a genuine delivery could not be read.
type Reason string

// The reasons for quarantine.
const (
	ReasonEmpty        Reason = "empty_body"
	ReasonContentType  Reason = "content_type"
	ReasonUTF8         Reason = "bad_utf8"
	ReasonNUL          Reason = "nul_byte"
	ReasonDepth        Reason = "too_deep"
	ReasonJSON         Reason = "bad_json"
	ReasonDuplicateKey Reason = "duplicate_key"
	ReasonType         Reason = "wrong_type"
	ReasonMissing      Reason = "missing_field"
	ReasonTime         Reason = "bad_time"
	ReasonTimeZone     Reason = "time_without_zone"
	ReasonAmount       Reason = "bad_amount"
	ReasonID           Reason = "bad_id"
	ReasonWord         Reason = "bad_word"
	// ReasonUnreadable: the source gave no reason of its own.
	ReasonUnreadable Reason = "unreadable"
	// ReasonPanic: reading failed by a fault of this program.
	ReasonPanic Reason = "reader_panic"
)

// MalformedError says why a genuine delivery could not be read.
type MalformedError struct {
	Reason Reason
	// Detail says where, such as "/data/id" or "byte 17". It never quotes
	// the payload.
	Detail string
	// Shape is the masked structure of the body (see Shape); may be empty.
	Shape string
}

// Error implements error.
func (e *MalformedError) Error() string {
	if e.Detail == "" {
		return "malformed delivery: " + string(e.Reason)
	}
	return "malformed delivery: " + string(e.Reason) + " at " + e.Detail
}
