package datamanager

import (
	"maps"
	"time"

	"closeloop/conversions"
)

// refusals are the reasons of refused calls.
//
//nolint:gochecknoglobals // a constant table
var refusals = joined(passing, ofRows, ofBatches, ofSettings, access, elsewhere())

func joined(tables ...table) table {
	all := table{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

// passing are the values of ErrorReason, Data Manager API v1, that go away by themselves.
//
//nolint:gochecknoglobals // a constant table
var passing = table{
	"ERROR_REASON_UNSPECIFIED": retry("Google did not take the row and gave no reason.", hintSupport),
	"INTERNAL_ERROR":           retry("Google had an error of its own.", hintWait),
	"DEADLINE_EXCEEDED":        retry("Google took too long.", hintWait),
	"RESOURCE_EXHAUSTED":       later(time.Minute, "Google asked to send more slowly."),
	"INVALID_REQUEST_ID":       retry("Google does not know the request whose status was asked for.", hintSupport),
	"CONVERSION_ACTION_TOO_RECENTLY_CREATED": later(clickHold,
		"The conversion action was created a short time ago; Google takes nothing for it yet."),
}

// ofRows are the values of ErrorReason, Data Manager API v1, that one row causes.
//
//nolint:gochecknoglobals // a constant table
var ofRows = table{
	"REQUIRED_FIELD_MISSING":              refuse("The row lacks something Google needs.", hintBug),
	"INVALID_FORMAT":                      refuse("Google cannot read a value of the row, most likely its click id.", hintClickID),
	"INVALID_HEX_ENCODING":                refuse("Google cannot read a hashed value of the row.", hintBug),
	"INVALID_BASE64_ENCODING":             refuse("Google cannot read an encoded value of the row.", hintBug),
	"INVALID_SHA256_FORMAT":               refuse("Google cannot read a hashed value of the row.", hintBug),
	"INVALID_POSTAL_CODE":                 refuse("Google does not know the postal code of the row.", hintBug),
	"INVALID_COUNTRY_CODE":                refuse("Google does not know the country of the row.", hintBug),
	"INVALID_ENUM_VALUE":                  refuse("The row holds a word Google does not know.", hintBug),
	"TOO_MANY_USER_IDENTIFIERS":           refuse("The row names its customer in more ways than Google takes.", hintBug),
	"INVALID_NUMBER_FORMAT":               refuse("Google cannot read a number of the row, most likely its value.", "Look at the amount in the CRM."),
	"INVALID_EVENT":                       refuse("Google does not take the row as a conversion.", hintBug),
	"NO_IDENTIFIERS_PROVIDED":             refuse("The row has no click id, so Google cannot tell which ad it belongs to.", hintClickID),
	"EVENT_TIME_INVALID":                  refuse("The time of the conversion is not one Google takes: too long ago, or in the future.", hintTime),
	"RESERVED_NAME_USED":                  refuse("The row uses a name that Google keeps for itself.", hintBug),
	"INVALID_EVENT_NAME":                  refuse("Google does not know the name of the event.", hintBug),
	"FIELD_VALUE_TOO_LONG":                refuse("A text of the row is too long for Google, most likely its click id.", hintClickID),
	"FIELD_VALUE_TOO_SHORT":               refuse("A text of the row is too short for Google, most likely its click id.", hintClickID),
	"INVALID_AD_IDENTIFIER_FOR_ACCOUNT":   suspect("The click id belongs to another Google Ads account.", hintOwner),
	"INVALID_MERCHANT_ID":                 refuse("Google does not take the merchant id of the row.", hintBug),
	"INVALID_MERCHANT_FEED_LANGUAGE_CODE": refuse("Google does not know the language of the row.", hintBug),
	"INVALID_REGION_CODE":                 unknownPlace(),
	"INVALID_SUBDIVISION_CODE":            unknownPlace(),
	"INVALID_SUBCONTINENT_CODE":           unknownPlace(),
	"INVALID_CONTINENT_CODE":              unknownPlace(),
	"INVALID_DEVICE_CATEGORY":             refuse("Google does not know the kind of device of the row.", hintBug),
	"INVALID_COUPON_CODE":                 refuse("Google does not take the coupon of the row.", hintBug),
	"CUSTOM_VARIABLE_VALUE_CONTAINS_PII":  refuse("A custom variable held personal data, which Google forbids.", hintBug),
	"INVALID_CUSTOM_VARIABLE_VALUE":       refuse("Google does not take the value of a custom variable.", hintBug),
}

func unknownPlace() conversions.Answer {
	return refuse("Google does not know the place of the row.", hintBug)
}

// ofBatches are the values of ErrorReason, Data Manager API v1, that the request as a whole causes.
//
//nolint:gochecknoglobals // a constant table
var ofBatches = table{
	"INVALID_ARGUMENT":                fixBatch("Google did not take the request as a whole.", hintSplit),
	"TOO_MANY_EVENTS":                 fixBatch("More rows were sent at once than Google takes.", hintSplit),
	"TOO_MANY_DESTINATIONS":           fixBatch("More conversion actions were sent to at once than Google takes.", hintSplit),
	"TOO_MANY_ELEMENTS":               fixBatch("A list of the request was too long.", hintSplit),
	"TOO_FEW_ELEMENTS":                fixBatch("A list of the request was too short.", hintBug),
	"MULTIPLE_DATA_TYPES_NOT_ALLOWED": fixBatch("Different kinds of data stood in one request.", hintBug),
	"DUPLICATE_DESTINATION_REFERENCE": fixBatch("The same conversion action stood twice in one request.", hintBug),
}

// ofSettings are the values of ErrorReason, Data Manager API v1, that the account or one of its conversion actions causes.
// The currency is a setting, so the account is at fault and not the row.
//
//nolint:gochecknoglobals // a constant table
var ofSettings = table{
	"NOT_FOUND":                      pauseAccount("Google does not find the account or its conversion action.", hintCustomer),
	"PERMISSION_DENIED":              pauseAccount("The credentials have no access to this Google Ads account, or it does not exist.", hintManager+" "+hintAccess),
	"INVALID_DESTINATION":            pauseAction("Google does not take the conversion action as a destination.", hintAction),
	"INVALID_CONVERSION_ACTION_ID":   pauseAction("Google does not find the conversion action in this account.", hintAction),
	"INVALID_CONVERSION_ACTION_TYPE": pauseAction("The conversion action is not of a kind that takes imported clicks.", hintAction),
	"EVENT_SOURCE_AND_DESTINATION_MISMATCH": pauseAction("The conversion action does not take events from calls.",
		hintAction),
	"INVALID_CURRENCY_CODE": pauseAccount("Google does not know the currency of the account.", "Correct `currency` in the account's settings."),
	"TERMS_AND_CONDITIONS_NOT_SIGNED": pauseAccount("The account has not accepted terms that Google requires.",
		"Sign in to Google Ads and accept the terms it shows."),
	"DESTINATION_ACCOUNT_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS": pauseAccount(
		"Enhanced conversions for leads are off in the account.", hintEnhanced),
	"DESTINATION_ACCOUNT_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS": pauseAccount(
		"Google's data policy forbids enhanced conversions for the account.", "Ask your contact at Google."),
	"DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED": pauseAccount(
		"The account has not accepted the terms of enhanced conversions.", hintEnhanced),
	"LINKED_ACCOUNT_ONLY_ALLOWED_WITH_DATA_PARTNER_LOGIN_ACCOUNT": pauseAccount("Google does not take a linked account here.", hintBug),
	"OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH":                    pauseAccount("The manager account given may not be used for this account.", hintManager),
	"NOT_ALLOWLISTED":                   pauseAccount("Google has not opened this feature to the account.", "Ask your contact at Google."),
	"MISMATCHED_ACCOUNT_TYPE":           notGoogleAds(),
	"DESTINATION_ACCOUNT_TYPE_MISMATCH": notGoogleAds(),
	"EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED": pauseAccount(
		"Google wants a declaration about political advertising in the EU.", "Sign in to Google Ads and make the declaration."),
	"THIRD_PARTY_USER_DATA_NOT_ALLOWED": pauseAccount("Google takes data of third parties from its partners only.", hintBug),
	"CUSTOM_VARIABLE_NOT_ENABLED":       pauseAccount("A custom variable is not enabled in Google Ads.", hintBug),
	"CUSTOM_VARIABLE_NOT_FOUND":         pauseAccount("Google Ads has no such custom variable.", hintBug),
}

func notGoogleAds() conversions.Answer {
	return pauseAccount("The customer id is not that of a Google Ads account.", hintCustomer)
}
