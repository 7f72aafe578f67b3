package conversions

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// Stage is what a conversion stands for; each has a conversion action of its
// own at Google.
type Stage string

// The stages, in the order in which a run sends them.
const (
	StageBooked Stage = "booked"
	StageQuoted Stage = "quoted"
)

// Stages returns the stages in sending order.
func Stages() []Stage { return []Stage{StageBooked, StageQuoted} }

// Rank is the stage's place in sending order, from 0.
func (s Stage) Rank() int {
	if s == StageBooked {
		return 0
	}
	return 1
}

// Mode says whether an account's conversions are really sent.
type Mode string

// The modes. There is no default: the configuration must say.
const (
	ModeTest Mode = "test" // everything happens but nothing is sent: requests are validate-only
	ModeLive Mode = "live"
)

// OnBooked says what becomes of a quote when the lead is booked.
type OnBooked string

// The choices; the zero value means KeepQuote.
const (
	KeepQuote    OnBooked = "keep_quote"
	RetractQuote OnBooked = "retract_quote"
)

// MissingValue says what becomes of an outcome that never had an amount.
type MissingValue string

// The choices; the zero value means MissingSkip. A value is never invented.
const (
	MissingSkip    MissingValue = "skip"    // not sent, and reported
	MissingDefault MissingValue = "default" // sent without a value: Google books the action's default
)

// ConsentRule is an account's setting for deliveries that say nothing.
type ConsentRule string

// The settings. There is no default. An event's own consent beats each.
const (
	ConsentRuleGranted     ConsentRule = "granted"
	ConsentRuleDenied      ConsentRule = "denied"
	ConsentRuleUnspecified ConsentRule = "unspecified"
	ConsentRuleEvent       ConsentRule = "event" // only what the event says
)

// StageRules are the rules of one stage of an account.
type StageRules struct {
	// Action is the numeric id of the conversion action.
	Action string `json:"action"`
	// ValueOrder is the order of preference among a tag's amounts; empty
	// means actual, revenue, estimated.
	ValueOrder []ValueField `json:"value_order,omitempty"`
	// Share is the part of the amount that is sent, 1..MaxShare.
	Share BasisPoints `json:"share"`
	// Minimum is the least amount that is sent, after Share; 0 for none.
	Minimum Cents `json:"minimum,omitempty"`
	// Missing is what becomes of an outcome without any amount.
	Missing MissingValue `json:"missing,omitempty"`
	// WithdrawnBy are the outcomes that take the stage back; nil means
	// DefaultWithdrawnBy, an empty list that none does.
	WithdrawnBy []Outcome `json:"withdrawn_by,omitzero"`
	// LookBack is how long after the lead a conversion still counts: the
	// action's click-through look-back window; 0 means MaxAge.
	LookBack time.Duration `json:"look_back,omitempty"`
}

func (r StageRules) valueOrder() []ValueField {
	if len(r.ValueOrder) == 0 {
		return DefaultValueOrder()
	}
	return r.ValueOrder
}

// Rules are all that decides, for one account, what a lead's events mean.
type Rules struct {
	Account  AccountID   `json:"account"`
	Target   Target      `json:"target"`
	Mode     Mode        `json:"mode"`
	Currency string      `json:"currency"`
	Consent  ConsentRule `json:"consent"`
	OnBooked OnBooked    `json:"on_booked,omitempty"`
	// WithdrawWait is how long after the tag that took an outcome back its
	// conversion is retracted: mistakes get corrected, a retraction is final.
	WithdrawWait time.Duration `json:"withdraw_wait"`
	// WithdrawDenied retracts what was sent when consent is denied later.
	WithdrawDenied bool `json:"withdraw_denied,omitempty"`
	// KeepValue forbids to set a withdrawn conversion's value to 0 where the
	// API cannot retract.
	KeepValue bool `json:"keep_value,omitempty"`
	// Hold is how long after the lead nothing is sent; DefaultHold unless set.
	Hold time.Duration `json:"hold"`
	// Settle is how long after a tag nothing is sent; DefaultSettle unless set.
	Settle time.Duration `json:"settle"`
	// ClickWait is how long an outcome waits for a click id.
	ClickWait time.Duration `json:"click_wait"`
	// MatchContact lets an outcome without a click id of its own call take the
	// single newest click of the same contact within the look-back.
	MatchContact bool `json:"match_contact,omitempty"`
	// UploadFrom: outcomes before it are recorded and never sent; the zero
	// time sends all.
	UploadFrom time.Time            `json:"upload_from,omitzero"`
	Stages     map[Stage]StageRules `json:"stages"`
}

// Defaults and limits of the clocks.
const (
	// DefaultHold: Google refuses clicks younger than six hours
	// (ConversionUploadError.TOO_RECENT_EVENT, Google Ads API v25).
	DefaultHold = 6 * time.Hour
	// DefaultHoldDataManager: what the Data Manager API took cannot be
	// retracted, so agents get a day to correct themselves.
	DefaultHoldDataManager = 24 * time.Hour
	// DefaultSettle: agents correct themselves.
	DefaultSettle = time.Hour
	// DefaultWithdrawWait: a retraction at Google is final.
	DefaultWithdrawWait = 24 * time.Hour
	// DefaultClickWait: a call's click id may come in a later event.
	DefaultClickWait = 7 * 24 * time.Hour
	// MaxAdjustAge: Google takes no adjustment later than 54 days after the
	// conversion (Google Ads API v25, upload-adjustments guide).
	MaxAdjustAge = 54 * 24 * time.Hour
	// MaxAge: Google takes no conversion later than 90 days after the click
	// (Google Ads Help 15081888).
	MaxAge = 90 * 24 * time.Hour
)

// DefaultWithdrawnBy are the outcomes that take a stage back when its rules
// name none.
func DefaultWithdrawnBy(s Stage) []Outcome {
	if s == StageBooked {
		return []Outcome{OutcomeQuoted, OutcomeNotInterested, OutcomeSpam, OutcomeWrongNumber}
	}
	return []Outcome{OutcomeSpam, OutcomeWrongNumber}
}

// withdrawnBy reports whether an outcome takes the stage back.
func (r Rules) withdrawnBy(s Stage, o Outcome) bool {
	by := r.Stages[s].WithdrawnBy
	if by == nil {
		by = DefaultWithdrawnBy(s)
	}
	return slices.Contains(by, o)
}

// DefaultValueOrder is the order of preference when a rule names none.
func DefaultValueOrder() []ValueField {
	return []ValueField{FieldActual, FieldRevenue, FieldEstimated}
}

// Fingerprint identifies the rules: rows that were never sent are decided
// anew when it changes. 64 lower-case hex characters.
func (r Rules) Fingerprint() string {
	text, err := json.Marshal(r)
	if err != nil {
		panic("conversions: rules do not marshal: " + err.Error()) // plain data always does
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
