package sandbox

// Unproven has one switch for each behaviour of Google's servers that Google does not document. The zero value of each
// is what seems most likely from Google's texts (the protos of the Google Ads API v25, the documents of the Data Manager
// API v1) and from reports of users. A program that uploads should pass with every one of them.
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
	// OCIBlockAdjustments keeps customers that are not allow-listed from adjusting too. The announcement of the block names
	// only UploadClickConversions (Google Ads developer blog, May 2026), so otherwise everybody may.
	OCIBlockAdjustments bool
	// RecentConversion says what becomes of the adjustment of a fresh conversion. Zero makes it count at once.
	RecentConversion RecentPolicy
	// IgnoreRetracted accepts an adjustment of a retracted conversion without effect, as Google Ads Help has it
	// (answer 7686280). Otherwise CONVERSION_ALREADY_RETRACTED.
	IgnoreRetracted bool
	// IgnoreRepeated accepts an adjustment with the adjustment_date_time of an earlier one without effect, as the comment
	// of RestatementValue has it. Otherwise RESTATEMENT_ALREADY_EXISTS.
	IgnoreRepeated bool
	// AcceptFutureAdjustment accepts an adjustment_date_time after now. Otherwise DateError.LATER_THAN_MAXIMUM_DATE.
	AcceptFutureAdjustment bool
	// AdjustWBRAID adjusts a conversion that was matched by its wbraid. Otherwise CONVERSION_NOT_FOUND.
	AdjustWBRAID bool
	// MaxAdjustments is how many adjustments of one conversion take effect; TOO_MANY_ADJUSTMENTS beyond. Zero is no limit.
	MaxAdjustments int
	// WholeAdjustRequest lists ConversionAdjustmentUploadError numbers that fail the whole call instead of their row.
	WholeAdjustRequest []int32
	// OperationsPerDay is the quota of the project; RESOURCE_EXHAUSTED beyond, until the next UTC day. Zero is no
	// limit. OperationsPerRow counts each row sent as an operation, otherwise each call.
	OperationsPerDay int
	OperationsPerRow bool
	// DataManager are the switches of the Data Manager API alone.
	DataManager DataManagerUnproven
}

// RecentPolicy is what happens to the adjustment of a conversion of less than 24 hours. Google says that it holds such
// adjustments itself since 9 September 2024 (Google Ads developer blog, August 2024); the codes from before still exist.
type RecentPolicy int

// Policies for recent conversions: adjusted at once; refused with TOO_RECENT_CONVERSION until 24 hours after the conversion;
// refused with CONVERSION_NOT_FOUND until 24 hours after its upload.
const (
	RecentAccept RecentPolicy = iota
	RecentRefuse
	RecentHidden
)

// ConsentPolicy is what happens to a row that says nothing about consent for ad user data.
type ConsentPolicy int

// Consent policies: accepted and counted; answered as a success but not counted; refused with
// CONVERSION_NOT_COMPLIANT_WITH_ATT_POLICY.
const (
	ConsentAccept ConsentPolicy = iota
	ConsentDrop
	ConsentRefuse
)
