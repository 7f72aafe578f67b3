package googleads

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"closeloop/conversions"
)

// Code is one of Google's error codes: the enum's name and the number in it (ErrorCode, Google Ads API v25). The number
// decides, so that codes younger than this program's copy of the API are classified too. The zero value is no code.
type Code struct {
	Family string
	Number int32
}

// String returns FAMILY.NAME, or FAMILY.number for a number without a known name.
func (c Code) String() string {
	if c == cloudProjectNotApproved() {
		return c.Family + ".CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION"
	}
	name := protoreflect.FullName("google.ads.googleads.v25.errors." + c.Family + "Enum." + c.Family)
	if enum, err := protoregistry.GlobalTypes.FindEnumByName(name); err == nil {
		if v := enum.Descriptor().Values().ByNumber(protoreflect.EnumNumber(c.Number)); v != nil {
			return c.Family + "." + string(v.Name())
		}
	}
	return c.Family + "." + strconv.Itoa(int(c.Number))
}

// cloudProjectNotApproved came with Google Ads API v25.1 and has no name in v25.0.
func cloudProjectNotApproved() Code { return Code{Family: "AuthorizationError", Number: 32} }

// Classify returns what a code means for the row it was given for: verdict, sentence and hint, and the code itself. It is
// the only place where that is decided. A code it does not know is a Retry that counts. Pure; safe for concurrent use.
func Classify(c Code) conversions.Answer {
	a, ok := meanings[c.Family][c.Number]
	if !ok {
		a = unknownCode()
	}
	a.Code = c.String()
	return a
}

// known reports whether the table has a row for the code.
func known(c Code) bool {
	_, ok := meanings[c.Family][c.Number]
	return ok
}

// table holds the meanings of one family by number.
type table map[int32]conversions.Answer

// meanings is the table of codes, one entry per family, each in the file of its kind.
//
//nolint:gochecknoglobals // a constant table; a switch of three hundred cases would say the same less readably
var meanings = map[string]table{
	"ConversionUploadError":           conversionUpload,
	"ConversionAdjustmentUploadError": conversionAdjustment,
	"AuthenticationError":             authentication,
	"AuthorizationError":              authorization,
	"NotAllowlistedError":             notAllowlisted,
	"OperationAccessDeniedError":      operationAccess,
	"ResourceAccessDeniedError":       resourceAccess,
	"HeaderError":                     header,
	"QuotaError":                      quota,
	"InternalError":                   internal,
	"DatabaseError":                   database,
	"RequestError":                    request,
	"MutateError":                     mutate,
	"PartialFailureError":             partialFailure,
	"CollectionSizeError":             collectionSize,
	"DistinctError":                   distinct,
	"NullError":                       null,
	"NotEmptyError":                   notEmpty,
	"IdError":                         identifier,
	"DateError":                       date,
	"DateRangeError":                  dateRange,
	"FieldError":                      field,
	"StringFormatError":               stringFormat,
	"StringLengthError":               stringLength,
	"CurrencyCodeError":               currencyCode,
	"RangeError":                      numberRange,
}

func unknownCode() conversions.Answer {
	return retry("Google gave a reason this version of the program does not know.",
		"It is tried again. If it stays, look the code up in Google's documentation and update the program.")
}

// suspect is a refusal that speaks against the account's customer or zone when
// most rows get it.
func suspect(sentence, hint string) conversions.Answer {
	a := refuse(sentence, hint)
	a.Suspect = true
	return a
}

func refuse(sentence, hint string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Refused, Sentence: sentence, Hint: hint}
}

func refuseUnmatched(sentence, hint string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Refused, Unmatched: true, Sentence: sentence, Hint: hint}
}

func later(wait time.Duration, sentence, hint string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Later, Wait: wait, Sentence: sentence, Hint: hint}
}

func notFound(wait time.Duration, sentence, hint string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Later, Wait: wait, NotFound: true, Sentence: sentence, Hint: hint}
}

func retry(sentence, hint string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Retry, Counts: true, Sentence: sentence, Hint: hint}
}

func fixBatch(sentence, hint string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.FixBatch, Sentence: sentence, Hint: hint}
}

func pauseAccount(sentence, hint string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount, Sentence: sentence, Hint: hint}
}

func pauseAction(sentence, hint string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAction, Sentence: sentence, Hint: hint}
}

func there(by conversions.Identity, sentence, hint string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.AlreadyThere, By: by, Sentence: sentence, Hint: hint}
}

// Hints that several codes share.
const (
	hintBug       = "This is a mistake of the program, not of your data. Please report it with the code and the request id."
	hintNothing   = "Nothing to do."
	hintWait      = "Nothing to do: it is sent again by itself."
	hintClickID   = "Check that the web form, the CRM field and the webhook keep the click id whole and in its own upper and lower case."
	hintAction    = "In Google Ads open Goals, Conversions and compare the action's number, type and state with `stages` in the configuration."
	hintAccess    = "In Google Ads open Admin, Access and security and give the user or service account of the credentials at least standard access."
	hintManager   = "Set the account's `login_customer` to the manager account through which it is reached, ten digits."
	hintReissue   = "Issue new credentials for this account and put them into the configuration."
	hintProject   = "Open the Google Cloud project that owns the OAuth client or service account and check the Google Ads API there."
	hintDeveloper = "Leave the developer token out of the configuration (it has not been needed since 9 September 2026), or set the right one."
	hintCustomer  = "Check the customer id of the account, ten digits, and that the credentials may see it."
	hintAttrib    = "Use a conversion action of the type \"import from clicks\" that does not use external attribution."
	hintEnhanced  = "In Google Ads open Goals, Settings and look at enhanced conversions for leads and the customer data terms."
	hintTime      = "Check the time zone of the account in the configuration and the clock of the CRM."
	hintCalls     = "This program uploads clicks, not calls; check the type of the conversion action."
)

const (
	clickHold = 6 * time.Hour
	aDay      = 24 * time.Hour
)
