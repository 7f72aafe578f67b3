package datamanager

import "closeloop/conversions"

// processing is ProcessingErrorReason, Data Manager API v1, discovery document of 7 October 2026.
//
//nolint:gochecknoglobals // a constant table
var processing = table{
	"UNSPECIFIED": retry("Google did not process the row and gave no reason.", hintSupport),

	"DUPLICATE_TRANSACTION_ID": there(conversions.ByOrderID, "Google has this conversion already, by its order id."),
	"DUPLICATE_GCLID":          there(conversions.ByClickTime, "Google has a conversion of this click at this second already."),

	"INVALID_GCLID":  refuse("Google cannot read the click id (gclid).", hintClickID),
	"INVALID_GBRAID": refuse("Google cannot read the click id (gbraid).", hintClickID),
	"INVALID_WBRAID": refuse("Google cannot read the click id (wbraid).", hintClickID),
	"CLICK_NOT_FOUND": refuseUnmatched("Google found no ad click for this lead.",
		"Expected for leads that did not come from an ad. If most are not found, check that the click id is kept whole."),
	"INVALID_CLICK": refuse("The click is none that Google Ads counts conversions for.",
		"Nothing to do: the click came from another Google product than Google Ads."),
	"EXPIRED_CLICK": refuse("The click is older than the conversion action looks back.",
		"Widen the action's look-back window for later leads."),
	"EVENT_TOO_OLD": refuse("The conversion is too old for Google.",
		"Widen the action's look-back window for later leads, and send outcomes sooner."),
	"TOO_RECENT_CLICK":                 later(clickHold, "The click is younger than six hours; Google takes it later."),
	"DESTINATION_TOO_RECENTLY_CREATED": later(clickHold, "The conversion action was created a short time ago; Google takes nothing for it yet."),
	"CONVERSION_PRECEDES_CLICK":        suspect("The conversion is dated before the click.", hintTime),
	"INVALID_OPERATING_ACCOUNT_FOR_CLICK": suspect("The click belongs to another Google Ads account.",
		hintOwner),
	"OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER": suspect("The click id belongs to another Google Ads account.",
		hintOwner),

	"DENIED_CONSENT": refuse("The customer did not agree to the use of this data for ads.",
		"Nothing to do: Google counts nothing for customers who refused."),
	"NO_CONSENT":      pauseAccount("The account has not agreed that its data may be used in Google's ads services.", hintConsent),
	"UNKNOWN_CONSENT": pauseAccount("Google cannot tell whether the customer agreed to the use of this data for ads.", hintConsent),

	"INTERNAL_ERROR": retry("Google had an error of its own.", hintWait),
	"INVALID_EVENT":  refuse("Google does not take the row as a conversion.", hintBug),
	"INVALID_FORMAT": refuse("Google cannot read a value of the row, most likely its click id.", hintClickID),

	"ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID": onePerClick(),
	"EXTERNAL_ATTRIBUTION_DATA_MISSING": pauseAction("The conversion action expects external attribution, which is not sent.",
		"Use a conversion action of the type \"import from clicks\" that does not use external attribution."),
	"DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED": pauseAccount(
		"The account has not accepted the terms of enhanced conversions.", hintEnhanced),
	"CUSTOM_VARIABLE_NOT_ENABLED": pauseAccount("A custom variable is not enabled in Google Ads.", hintBug),
	"INVALID_CUSTOM_VARIABLE":     refuse("Google does not take a custom variable of the row.", hintBug),
	"INVALID_MERCHANT_ID":         refuse("Google does not take the merchant id of the row.", hintBug),

	// Of data that this program does not send: store sales, encryption, Floodlight.
	"INSUFFICIENT_MATCHED_TRANSACTIONS":   refuse("Too few of the transactions could be matched.", hintBug),
	"INSUFFICIENT_TRANSACTIONS":           refuse("Too few transactions were sent.", hintBug),
	"DECRYPTION_ERROR":                    undecryptable(),
	"DEK_DECRYPTION_ERROR":                undecryptable(),
	"INVALID_WIP":                         undecryptable(),
	"INVALID_KEK":                         undecryptable(),
	"WIP_AUTH_FAILED":                     undecryptable(),
	"KEK_PERMISSION_DENIED":               undecryptable(),
	"AWS_AUTH_FAILED":                     undecryptable(),
	"USER_IDENTIFIER_DECRYPTION_ERROR":    undecryptable(),
	"MATCH_ID_NOT_FOUND":                  unidentified(),
	"USER_ID_NOT_FOUND_FOR_MATCH_ID":      unidentified(),
	"USER_ID_NOT_FOUND_FOR_GCLID":         unidentified(),
	"USER_ID_NOT_FOUND_FOR_DCLID":         unidentified(),
	"USER_ID_NOT_FOUND_FOR_IMPRESSION_ID": unidentified(),
	"USER_ID_NOT_FOUND":                   unidentified(),
	"INVALID_AD_IDENTIFIERS":              refuse("Google cannot read the click id.", hintClickID),
	"INVALID_MOBILE_ID_FORMAT":            refuse("Google cannot read the id of the mobile device.", hintBug),
	"ORIGINAL_CONVERSIONS_NOT_FOUND":      refuse("Google does not find the conversion that was to be changed.", hintBug),
	"EVENT_ID_DECODE_ERROR":               refuse("Google cannot read the id of the event.", hintBug),
}

func undecryptable() conversions.Answer {
	return pauseAccount("Google could not decrypt the data, although none was sent encrypted.", hintBug)
}

func unidentified() conversions.Answer {
	return refuse("Google finds nobody for the click id.", hintClickID)
}

// onePerClick is of the rows with a gbraid or wbraid alone: rows with a gclid are taken by the same action. They wait, for
// the setting can be changed.
func onePerClick() conversions.Answer {
	a := later(aDay, "The conversion action counts one conversion per click, which Google does not allow for clicks from apps (gbraid, wbraid).")
	a.Hint = "In Google Ads set the action to count every conversion. These rows are tried again once a day; those with a gclid go on."
	return a
}
