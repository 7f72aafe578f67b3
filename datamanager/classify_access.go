package datamanager

import (
	"time"

	"closeloop/conversions"
	"closeloop/googleauth"
)

// access are values of google.api.ErrorReason (googleapis, google/api/error_reason.proto, 2026) that a call can meet before
// it reaches the Data Manager API.
//
//nolint:gochecknoglobals // a constant table
var access = table{
	"ACCESS_TOKEN_SCOPE_INSUFFICIENT": pauseAccount("The credentials were not given access to the Data Manager API.",
		googleauth.HintScopes),
	"ACCESS_TOKEN_EXPIRED":          pauseAccount("The access token has expired and a new one was not accepted either.", hintReissue),
	"ACCESS_TOKEN_TYPE_UNSUPPORTED": pauseAccount("Google does not take this kind of access token.", hintReissue),
	"ACCOUNT_STATE_INVALID":         pauseAccount("The Google user or service account of the credentials is disabled or deleted.", hintReissue),
	"CREDENTIALS_MISSING":           pauseAccount("Google did not see the credentials of this account.", hintEndpoint),
	"SERVICE_DISABLED": pauseAccount("The Data Manager API is turned off in the Google Cloud project of the credentials.",
		"Open that project in the Google Cloud console, APIs and services, and turn on the Data Manager API."),
	"SERVICE_NOT_VISIBLE":          pauseAccount("The Google Cloud project of the credentials may not use the Data Manager API.", hintProject),
	"BILLING_DISABLED":             pauseAccount("Billing is off in the Google Cloud project of the credentials.", hintProject),
	"CONSUMER_SUSPENDED":           pauseAccount("The Google Cloud project of the credentials is suspended.", hintProject),
	"CONSUMER_INVALID":             pauseAccount("Google does not take the Google Cloud project of the credentials.", hintProject+" "+hintQuotaUser),
	"RESOURCE_PROJECT_INVALID":     pauseAccount("Google does not find the Google Cloud project of the credentials.", hintProject),
	"USER_PROJECT_DENIED":          pauseAccount("The credentials may not use the quota project.", hintQuotaUser),
	"IAM_PERMISSION_DENIED":        pauseAccount("The credentials lack a permission in the Google Cloud project.", hintQuotaUser),
	"SECURITY_POLICY_VIOLATED":     pauseAccount("A security policy of the organisation forbids the call.", hintProject),
	"ORG_RESTRICTION_VIOLATION":    pauseAccount("The organisation forbids its users the call.", hintProject),
	"USER_BLOCKED_BY_ADMIN":        pauseAccount("An administrator of the organisation has blocked the API for the user.", hintProject),
	"RATE_LIMIT_EXCEEDED":          later(time.Minute, "The project has used up its calls for now."),
	"RESOURCE_QUOTA_EXCEEDED":      later(dayQuotaWait, "The project has used up its quota."),
	"SYSTEM_PARAMETER_UNSUPPORTED": fixBatch("Google did not take a setting of the call.", hintBug),
}

// elsewhere are the values of ErrorReason, Data Manager API v1, that belong to audiences, Analytics, licences, partners and
// insights. None can come to an event of Google Ads; if one does, nobody knows why.
func elsewhere() table {
	t := table{}
	for _, word := range []string{
		"INVALID_USER_LIST_TYPE", "INVALID_AUDIENCE_MEMBER", "TOO_MANY_AUDIENCE_MEMBERS",
		"DATA_PARTNER_USER_LIST_MUTATE_NOT_ALLOWED", "INVALID_MOBILE_ID_FORMAT", "INVALID_USER_LIST_ID",
		"DIFFERENT_LOGIN_ACCOUNTS_NOT_ALLOWED_FOR_DATA_PARTNER", "UNSUPPORTED_OPERATING_ACCOUNT_FOR_DATA_PARTNER",
		"UNSUPPORTED_LINKED_ACCOUNT_FOR_DATA_PARTNER", "INVALID_PROPERTY_TYPE", "INVALID_STREAM_TYPE",
		"MULTIPLE_DESTINATIONS_FOR_GOOGLE_ANALYTICS_EVENT", "ALREADY_EXISTS", "IMMUTABLE_FIELD_FOR_UPDATE",
		"INVALID_RESOURCE_NAME", "INVALID_FILTER", "INVALID_UPDATE_MASK", "INVALID_PAGE_TOKEN",
		"CANNOT_UPDATE_DISABLED_LICENSE", "CANNOT_CREATE_LICENSE_FOR_SENSITIVE_USERLIST", "INSUFFICIENT_COST",
		"CANNOT_DISABLE_LICENSE", "INVALID_CLIENT_ACCOUNT_ID", "PRICING_ONLY_ZERO_COST_ALLOWED", "PRICE_TOO_HIGH",
		"CUSTOMER_NOT_ALLOWED_TO_CREATE_LICENSE", "INVALID_PRICING_END_DATE",
		"CANNOT_LICENSE_LOGICAL_LIST_WITH_LICENSED_OR_SHARED_SEGMENT", "MEDIA_SHARE_COST_NOT_ALLOWED_FOR_LICENSE_TYPE",
		"MEDIA_SHARE_COST_NOT_ALLOWED_FOR_CLIENT_CUSTOMER", "INVALID_MEDIA_SHARE_COST", "INVALID_COST_TYPE",
		"MEDIA_SHARE_COST_NOT_ALLOWED_FOR_NON_COMMERCE_USER_LIST", "MAX_COST_NOT_ALLOWED",
		"COMMERCE_AUDIENCE_CAN_ONLY_BE_DIRECTLY_LICENSED", "INVALID_DESCRIPTION", "INVALID_DISPLAY_NAME",
		"DISPLAY_NAME_ALREADY_USED", "OWNERSHIP_REQUIRED_FOR_UPDATE", "USER_LIST_MUTATION_NOT_SUPPORTED",
		"SENSITIVE_USER_LIST_IMMUTABLE", "BILLABLE_RECORD_COUNT_IMMUTABLE", "USER_LIST_NAME_RESERVED",
		"ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA", "UNSUPPORTED_PARTNER_AUDIENCE_SOURCE",
		"COMMERCE_PARTNER_NOT_ALLOWED", "UNSUPPORTED_PARTNER_AUDIENCE_INFO", "PARTNER_MATCH_FOR_MANAGER_ACCOUNT_DISALLOWED",
		"DATA_PARTNER_NOT_ALLOWLISTED_FOR_THIRD_PARTY_PARTNER_DATA", "ADVERTISER_TOS_NOT_ACCEPTED",
		"ADVERTISER_NOT_ALLOWLISTED_FOR_THIRD_PARTY_PARTNER_DATA", "USER_LIST_TYPE_NOT_SUPPORTED_FOR_ACCOUNT",
		"INVALID_COMMERCE_PARTNER", "CUSTOMER_NOT_ALLOWLISTED_FOR_COMMERCE_AUDIENCE", "UNSUPPORTED_USER_LIST_UPLOAD_KEY_TYPES",
		"UNSUPPORTED_INGESTED_USER_LIST_INFO_CONFIG", "UNSUPPORTED_ACCOUNT_TYPES_FOR_USER_LIST_TYPE",
		"UNSUPPORTED_ACCOUNT_TYPE_FOR_PARTNER_LINK", "MEMBERSHIP_DURATION_TOO_LONG", "ACCOUNT_INELIGIBLE_FOR_STORE_SALES",
		"BOTH_CLIENT_ID_AND_APP_INSTANCE_ID_NOT_ALLOWED", "GOOGLE_ANALYTICS_SUBPROPERTY_OR_ROLLUP_PROPERTY_NOT_ALLOWED",
		"BASELINE_LOCATION_AUTO_DETECTION_FAILED", "INSIGHTS_MISSING_FOR_DIMENSION",
	} {
		t[word] = foreign()
	}
	return t
}

func foreign() conversions.Answer {
	return retry("Google gave a reason that belongs to another kind of data than conversions.", hintBug)
}
