package sandbox

import "time"

// DataManagerUnproven are the switches of [Unproven] that concern the Data Manager API v1. Switches of both APIs (consent that
// is not said, damaged click ids, lengths, negative values, the future) stand in [Unproven] and hold here too.
type DataManagerUnproven struct {
	// AcceptNumericTransactionID takes transaction ids of digits alone. Otherwise a real ingest is refused for them, which
	// users report and Google does not document; validateOnly passes either way.
	AcceptNumericTransactionID bool
	// AcceptSeveralClickIDs takes more than one of gclid, gbraid and wbraid in one event and goes by the first of them.
	// Otherwise INVALID_EVENT. The documents allow it in no word and forbid it in none.
	AcceptSeveralClickIDs bool
	// Violations says which bad fields a refusal names. Zero names all of them.
	Violations ViolationsPolicy
	// ShortPaths names a bad event by "events[12]" alone, as users report of numeric transaction ids. Otherwise
	// "events.events[12].event_timestamp", as in the documentation and in other reports.
	ShortPaths bool
	// OldEventRefused refuses an event of more than 90 days with EVENT_TIME_INVALID at ingest. Otherwise it is processed
	// as EVENT_TOO_OLD. The documents name both and no window.
	OldEventRefused bool
	// QuotaRetryInfo adds RetryInfo to the refusals of the limits. Google documents that clients look for it, not when it
	// is there.
	QuotaRetryInfo bool

	// OutOfOrder processes every other request, the first included, in twice the time, so that it may be processed after a
	// later one; else processing keeps the order of arrival. Google promises neither.
	OutOfOrder bool
	// StatusUnknownFor is how long after its ingest the status of a request is not known yet: INVALID_REQUEST_ID, or with
	// FreshStatusNotFound status 404. Zero is not at all.
	StatusUnknownFor    time.Duration
	FreshStatusNotFound bool
	// StatusStuck leaves every status PROCESSING for good, although the events are processed. The time to a final status
	// is not documented.
	StatusStuck bool
	// NoErrorCounts leaves errorCounts empty whatever failed, which the documentation of ErrorInfo allows.
	NoErrorCounts bool
	// RecordIndices says how errorCounts name the events. Zero is as JSON numbers. The field is there since 4 November 2026
	// (release notes, v1.9); its JSON type is not published.
	RecordIndices IndicesPolicy
	// IndicesPerDestination counts only the events meant for the destination. Otherwise the index is the place in the
	// request, as the announcement of v1.9 has it.
	IndicesPerDestination bool

	// Repeated says what becomes of a transaction id that was taken before for the same action. Zero overwrites value and
	// currency.
	Repeated RepeatedPolicy
	// SeparateTransactionIDs keeps transaction ids, and clicks with their times, apart from those of the Google Ads API.
	// Otherwise one API recognises what the other took.
	SeparateTransactionIDs bool
	// AdjustAcross lets the Google Ads API adjust conversions that came through the Data Manager API. Otherwise
	// CONVERSION_NOT_FOUND.
	AdjustAcross bool
	// ExpiredIsTooOld answers EVENT_TOO_OLD for a click beyond its window. Otherwise EXPIRED_CLICK, which is
	// in the discovery document and in no description.
	ExpiredIsTooOld bool
	// ForeignIsMismatch answers PROCESSING_ERROR_OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER for another account's click.
	// Otherwise INVALID_OPERATING_ACCOUNT_FOR_CLICK. The descriptions of the two overlap.
	ForeignIsMismatch bool
}

// ViolationsPolicy says which bad fields a refusal names.
type ViolationsPolicy int

// Policies for violations: all; the first alone; none, only the reason of the request.
const (
	ViolationsAll ViolationsPolicy = iota
	ViolationsFirst
	ViolationsNone
)

// IndicesPolicy says how the status of a request names the events that failed.
type IndicesPolicy int

// Policies for record indices: JSON numbers; JSON strings, as int64 is written in the JSON form of protocol buffers; none.
const (
	IndicesAsNumbers IndicesPolicy = iota
	IndicesAsText
	IndicesAbsent
)

// RepeatedPolicy is what becomes of a transaction id that was taken before for the same action. Google's page on adjustments
// says that value and currency are overwritten (developers.google.com/data-manager/api/devguides/events/google-ads/
// conversion-adjustments), the description of DUPLICATE_TRANSACTION_ID that it is an error.
type RepeatedPolicy int

// Policies for repeated transaction ids: overwritten; refused with DUPLICATE_TRANSACTION_ID, the old value stands; refused so
// only when value and currency are the same, else overwritten.
const (
	RepeatedOverwrite RepeatedPolicy = iota
	RepeatedRefuse
	RepeatedRefuseSame
)
