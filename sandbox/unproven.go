package sandbox

// Unproven has one switch for each behaviour of Google's servers that Google does not document. The zero value of each
// is what seems most likely from the texts of the protos (Google Ads API v25) and from reports of users. A program that
// uploads should pass with every one of them.
type Unproven struct {
	// OCIBlockPerRow refuses each row of a customer that is not allow-listed inside partial_failure_error. Otherwise
	// the whole call is refused with PERMISSION_DENIED. NotAllowlistedError.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE
	// is the code either way.
	OCIBlockPerRow bool
	// ConsentUnset says what becomes of a row without ConversionUpload consent for ad user data. Zero accepts it.
	ConsentUnset ConsentPolicy
	// UnknownIsClickNotFound answers CLICK_NOT_FOUND for an unknown click id; the proto speaks of e-mail and phone there.
	// Otherwise EVENT_NOT_FOUND.
	UnknownIsClickNotFound bool
	// DamagedIsNotFound answers a lower-cased or cut click id as unknown. Otherwise UNPARSEABLE_GCLID, _GBRAID or
	// _WBRAID. Characters outside the alphabet are unparseable in any case.
	DamagedIsNotFound bool
	// NoIdentifierIsNotFound answers a row without any identifier EVENT_NOT_FOUND. Otherwise FieldError.REQUIRED.
	NoIdentifierIsNotFound bool
	// RefuseMissingOrderID answers a row without order_id FieldError.REQUIRED. Otherwise it is accepted.
	RefuseMissingOrderID bool
	// AcceptShortOrderID accepts an order id of one character, which later adjustments could not name. Otherwise
	// StringLengthError.TOO_SHORT. The empty string is too short in any case.
	AcceptShortOrderID bool
	// MaxOrderID and MaxClickID are the longest accepted lengths in characters; StringLengthError.TOO_LONG beyond.
	// Zero is no limit.
	MaxOrderID, MaxClickID int
	// AcceptGCLIDWithWBRAID accepts both in one row. Otherwise FieldError.VALUE_MUST_BE_UNSET.
	AcceptGCLIDWithWBRAID bool
	// AcceptJobIDZero follows the comment of the field (non-negative). Otherwise 0 is INVALID_JOB_ID, as the comment of
	// the error has it.
	AcceptJobIDZero bool
	// AcceptNegativeValue accepts a conversion_value below zero. Otherwise RangeError.TOO_LOW.
	AcceptNegativeValue bool
	// AcceptFuture accepts a conversion_date_time after now. Otherwise DateError.LATER_THAN_MAXIMUM_DATE.
	AcceptFuture bool
	// BothDuplicateErrors reports the duplicate order id and the duplicate click and time of one row as two errors.
	// Otherwise the order id alone.
	BothDuplicateErrors bool
	// WholeRequest lists ConversionUploadError numbers that fail the whole call instead of their row.
	WholeRequest []int32
	// OperationsPerDay is the quota of the project; RESOURCE_EXHAUSTED beyond, until the next UTC day. Zero is no
	// limit. OperationsPerRow counts each uploaded row as an operation, otherwise each call.
	OperationsPerDay int
	OperationsPerRow bool
}

// ConsentPolicy is what happens to a row that says nothing about consent for ad user data.
type ConsentPolicy int

// Consent policies: accepted and counted; answered as a success but not counted; refused with
// CONVERSION_NOT_COMPLIANT_WITH_ATT_POLICY.
const (
	ConsentAccept ConsentPolicy = iota
	ConsentDrop
	ConsentRefuse
)
