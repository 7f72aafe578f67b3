package googleads

import "closeloop/conversions"

// authentication is AuthenticationError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var authentication = table{
	2:  pauseAccount("Google could not establish who is asking.", hintReissue),
	5:  pauseAccount("Google does not take the customer id.", hintCustomer),
	8:  pauseAccount("Google knows no account with this customer id.", hintCustomer),
	9:  pauseAccount("The Google user of the credentials has been deleted.", hintReissue),
	10: pauseAccount("Google no longer accepts the sign-in of the credentials.", hintReissue),
	12: pauseAccount("The Google user of the credentials is not the Google Ads user.", hintReissue),
	13: pauseAccount("Google asks the user of the credentials to sign in again.", hintReissue),
	14: pauseAccount("The Google user of the credentials has no Google Ads account.", hintAccess),
	15: pauseAccount("Google does not accept the access token.", hintReissue),
	16: pauseAccount("The access token has expired and a new one was not accepted either.", hintReissue),
	17: pauseAccount("The access token has been disabled.", hintReissue),
	18: pauseAccount("The access was revoked by the Google user.", hintReissue),
	19: pauseAccount("Google cannot read the access token.", hintReissue),
	20: pauseAccount("Google no longer accepts the sign-in of the credentials.", hintReissue),
	21: pauseAccount("Google does not know the e-mail address of the user.", hintReissue),
	22: pauseAccount("Google does not know the user of the credentials.", hintReissue),
	23: pauseAccount("The Google user has not turned on two-step verification, which the account demands.",
		"Turn on two-step verification for that user, or use a service account."),
	24: pauseAccount("The Google user is not in the Advanced Protection Program, which the account demands.",
		"Enrol that user, or use a service account."),
	25: pauseAccount("Google could not sign in the user of the credentials.", hintReissue),
	26: pauseAccount("Google does not recognise the organisation of the Cloud project.", hintProject),
	27: pauseAccount("The organisation of the Cloud project is not approved for the Google Ads API.", hintProject),
	28: pauseAccount("The organisation of the Cloud project does not own the developer token.", hintDeveloper),
	29: pauseAccount("Google does not accept the developer token.", hintDeveloper),
}

// authorization is AuthorizationError, Google Ads API v25.1.
//
//nolint:gochecknoglobals // a constant table
var authorization = table{
	2: pauseAccount("The credentials have no access to this Google Ads account.", hintManager+" "+hintAccess),
	4: pauseAccount("The developer token does not belong to the Cloud project of the credentials.", hintDeveloper),
	5: pauseAccount("The Google Ads API is turned off in the Cloud project of the credentials.", hintProject),
	6: pauseAccount("Google does not allow the credentials to do this.", hintAccess),
	7: pauseAccount("The user of the credentials may read but not upload.", hintAccess),
	8: pauseAccount("The Google Ads account has not been set up to the end.", "Sign in to Google Ads and finish the set-up."),
	9: pauseAccount("The terms of the Google Ads API have not been accepted.", hintProject),
	10: pauseAccount("The credentials may use test accounts only.",
		"Ask Google for a higher access level for the Cloud project, or use a test account."),
	11: pauseAccount("The manager account given does not manage this account.", hintManager),
	12: pauseAccount("Google does not give this account access to the service.", hintAccess),
	13: pauseAccount("The caller is not on the list of those who may use this.", hintDataManager),
	24: pauseAccount("The Google Ads account is closed or not yet active.", "Activate the account in Google Ads."),
	25: pauseAccount("Accounts of this type cannot be used this way.", hintCustomer),
	26: pauseAccount("The credentials may not read these figures.", hintAccess),
	27: pauseAccount("The Cloud project of the credentials belongs to no organisation.", hintProject),
	28: pauseAccount("The Google Ads account is suspended.", "Sign in to Google Ads and follow the notice there."),
	32: pauseAccount("The Cloud project of the credentials is not approved for production accounts.",
		"Ask Google for a higher access level for the Cloud project, or use a test account."),
}

// hintDataManager names the way out for those whom Google no longer lets use this API.
const hintDataManager = "Set `api: data_manager` for this account, as closeloop account migrate does; the queued rows are kept."

// notAllowlisted is NotAllowlistedError, Google Ads API v25. Since 15 June 2026 it closes UploadClickConversions to new
// adopters (Google Ads developer blog, May 2026).
//
//nolint:gochecknoglobals // a constant table
var notAllowlisted = table{
	2: pauseAccount("Google lets new adopters upload through the Data Manager API only, not through the Google Ads API.",
		hintDataManager),
}

// operationAccess is OperationAccessDeniedError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var operationAccess = table{
	2:  operationDenied(),
	3:  operationDenied(),
	4:  operationDenied(),
	5:  operationDenied(),
	6:  operationDenied(),
	7:  operationDenied(),
	8:  operationDenied(),
	9:  operationDenied(),
	10: operationDenied(),
	11: operationDenied(),
}

func operationDenied() conversions.Answer {
	return pauseAccount("Google does not allow this operation in this account.", hintAccess)
}

// resourceAccess is ResourceAccessDeniedError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var resourceAccess = table{
	3: pauseAccount("The user of the credentials may not write to this account.", hintAccess),
}

// header is HeaderError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var header = table{
	3: pauseAccount("Google does not take the id of the manager account.", hintManager),
	7: pauseAccount("Google does not take the id of the linked account.", hintCustomer),
}
