package conversions

import "time"

// Reason says why an outcome is not, or not yet, to be uploaded. The empty
// Reason is "it is".
type Reason string

// The reasons a want names.
const (
	ReasonWaitingForClick  Reason = "waiting_for_click_id"
	ReasonNoClick          Reason = "no_click_id"
	ReasonPlaceholder      Reason = "placeholder_click_id"
	ReasonNoValue          Reason = "no_value"
	ReasonBelowMinimum     Reason = "below_minimum"
	ReasonConsentDenied    Reason = "consent_denied"
	ReasonBeforeUploadFrom Reason = "before_upload_from"
	ReasonAfterLookBack    Reason = "after_look_back"
	ReasonWithdrawn        Reason = "withdrawn"
	ReasonNoAction         Reason = "no_conversion_action"
	ReasonExpired          Reason = "expired"
)

// The reasons an answer gives.
const (
	ReasonRefused     Reason = "refused_by_google"
	ReasonUnmatched   Reason = "unmatched"
	ReasonForeign     Reason = "uploaded_by_another_tool"
	ReasonNeedsPerson Reason = "needs_a_person"
	ReasonUnanswered  Reason = "sent_without_answer"
)

// The reasons why what Google holds cannot be changed, or waits for a person.
const (
	ReasonTooLateToAdjust Reason = "too_late_to_adjust"
	ReasonNotAdjustable   Reason = "click_id_not_adjustable"
	ReasonAdjustRefused   Reason = "adjustment_refused"
	ReasonAdjustNotFound  Reason = "not_found_to_adjust"
	ReasonWithdrawalsHeld Reason = "withdrawals_held"
	ReasonGivenUp         Reason = "given_up"
	ReasonTestMode        Reason = "account_only_tests"
	// ReasonRetracting: wanted again, after a retraction that went unanswered.
	ReasonRetracting Reason = "retraction_unanswered"
	// ReasonValueKept: Google kept the value it had.
	ReasonValueKept Reason = "value_kept_by_google"
	// ReasonMayBeThere: sent through the Data Manager API without an answer,
	// and not wanted any more.
	ReasonMayBeThere Reason = "may_be_there"
	// ReasonZeroForbidden: a rule keeps the value of what cannot be retracted.
	ReasonZeroForbidden Reason = "zero_forbidden"
	// ReasonUnclear and ReasonNoStatus: Google took the row and did not tell
	// what became of it.
	ReasonUnclear  Reason = "failed_in_part"
	ReasonNoStatus Reason = "no_status"
	// ReasonErased: the click id was erased before the operation was sent.
	ReasonErased Reason = "click_id_erased"
	// ReasonRetractedElsewhere: somebody else retracted what is wanted.
	ReasonRetractedElsewhere Reason = "retracted_by_another_tool"
)

// refusal reports whether Google refused the upload.
func (r Reason) refusal() bool {
	return r == ReasonRefused || r == ReasonUnmatched || r == ReasonForeign
}

// Sentence says the reason so that a marketer understands it.
func (r Reason) Sentence() string { //nolint:gocyclo,funlen // a table: one line for each reason
	switch r {
	case ReasonWaitingForClick:
		return "No Google click id has come for this call yet; a later event may still bring it."
	case ReasonNoClick:
		return "No Google click id came for this call in time, so Google cannot know which click earned it."
	case ReasonPlaceholder:
		return "The CRM sent a placeholder instead of a Google click id."
	case ReasonNoValue:
		return "The outcome was never given an amount."
	case ReasonBelowMinimum:
		return "The amount is below the account's minimum for this stage."
	case ReasonConsentDenied:
		return "The person's consent to the use of their data for advertising is denied."
	case ReasonBeforeUploadFrom:
		return "The outcome is older than the account's upload_from; another tool may have sent it."
	case ReasonAfterLookBack:
		return "The outcome came later after the call than the conversion action looks back."
	case ReasonWithdrawn:
		return "A later tag took the outcome back before it was sent."
	case ReasonNoAction:
		return "The account has no conversion action for this stage."
	case ReasonExpired:
		return "Google takes no conversions this long after the click."
	case ReasonRefused:
		return "Google refused the conversion."
	case ReasonUnmatched:
		return "Google found no click of its own that belongs to this id."
	case ReasonForeign:
		return "Somebody else had uploaded this click at this time already."
	case ReasonNeedsPerson:
		return "Google answered with an error of its own too often; a person must decide."
	case ReasonTooLateToAdjust:
		return "Google takes no correction this long after the conversion."
	case ReasonNotAdjustable:
		return "Google takes no correction of a conversion that was matched by a wbraid."
	case ReasonAdjustRefused:
		return "Google refused the correction; it still holds what was uploaded."
	case ReasonAdjustNotFound:
		return "Google says it knows no such conversion to correct."
	case ReasonValueKept:
		return "Google answered that it has the conversion already, so it may have kept the value it had."
	case ReasonMayBeThere:
		return "It was sent and Google's answer was lost; taking it back through the Data Manager API could create what is not there."
	case ReasonZeroForbidden:
		return "The Data Manager API cannot retract, and the account forbids to set the value to 0 instead."
	case ReasonUnclear:
		return "Some rows of its request failed, and Google does not say which."
	case ReasonNoStatus:
		return "Google took it for processing and did not say within three days what became of it."
	case ReasonErased:
		return "The click id was erased on request before this was sent, and without it Google cannot tell which conversion is meant."
	case ReasonTestMode:
		return "The account only tests, so nothing that Google holds is changed."
	case ReasonRetractedElsewhere:
		return "Somebody else retracted the conversion at Google, and a retracted conversion cannot come back."
	case ReasonRetracting:
		return "Google's answer to its retraction was lost before the outcome came back; it is retracted for certain first, and then uploaded anew."
	case ReasonGivenUp:
		return "A person gave it up."
	case ReasonWithdrawalsHeld:
		return "Unusually many conversions would be retracted at once; a person must approve."
	case ReasonUnanswered:
		return "The row was sent, no answer came, and meanwhile it is no longer wanted."
	default:
		return ""
	}
}

// Want is what should exist at Google for one stage of a lead, as the fold of
// the lead's events under the account's rules. It holds nothing that
// identifies a person, so it can stand in the ledger.
type Want struct {
	Stage Stage `json:"stage"`
	// Wanted is true when the conversion should exist; Reason says why not
	// otherwise. A row that waits for its click id is not wanted yet.
	Wanted bool   `json:"wanted"`
	Reason Reason `json:"reason,omitempty"`
	// Outcome is the tag that decided; Tag the event that brought it.
	Outcome Outcome `json:"outcome"`
	Tag     int64   `json:"tag"`
	// Click points at the click that belongs to the lead.
	Click ClickRef `json:"click,omitzero"`
	// Value is what is to be sent, Field the amount it was taken from, Amount
	// that amount before the share, and ValueEvent the event that brought it.
	Value      Amount     `json:"value"`
	Field      ValueField `json:"field,omitempty"`
	Amount     Cents      `json:"amount,omitempty"`
	ValueEvent int64      `json:"value_event,omitempty"`
	Currency   string     `json:"currency"`
	Consent    Consent    `json:"consent,omitempty"`
	// Denial is the event since which consent is denied; 0 when none denies it.
	Denial int64 `json:"denial,omitempty"`
	// Action is the numeric id of the conversion action.
	Action string `json:"action,omitempty"`
	Target Target `json:"target"`
	// At is the conversion time: the first tag of the current unbroken
	// outcome, in whole seconds, UTC.
	At time.Time `json:"at"`
	// Lead is the time of the lead: the call's start, else its earliest event.
	Lead time.Time `json:"lead"`
	// Due is when it may be sent, Deadline when sending stops.
	Due      time.Time `json:"due"`
	Deadline time.Time `json:"deadline"`
	// ChangeDue is when what Google holds already may be restated or, if
	// Withdraw is set, retracted.
	ChangeDue time.Time `json:"change_due,omitzero"`
	// Withdraw is true when what Google holds is to be taken back.
	Withdraw bool `json:"withdraw,omitempty"`
	// WaitUntil is when waiting for a click id ends; zero when not waiting.
	WaitUntil time.Time `json:"wait_until,omitzero"`
	// Test is true when the account only tests: nothing is really sent.
	Test bool `json:"test,omitempty"`
	// KeepValue is true when a conversion that cannot be retracted keeps its
	// value instead of getting 0.
	KeepValue bool `json:"keep_value,omitempty"`
}

// stands reports whether a conversion that is there is to keep the want's
// value. Where and from when conversions are sent are rules for what was never
// sent: later changes go where the upload went.
func (w Want) stands() bool {
	switch w.Reason {
	case "", ReasonNoAction, ReasonBeforeUploadFrom, ReasonAfterLookBack:
		return true
	default:
		return false
	}
}

// Waiting reports whether the want waits for a click id.
func (w Want) Waiting() bool { return w.Reason == ReasonWaitingForClick }
