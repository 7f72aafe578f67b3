package googleads

import (
	"time"

	"closeloop/conversions"
)

// quota is QuotaError, Google Ads API v25. The waits are for answers without a retry delay of their own.
//
//nolint:gochecknoglobals // a constant table
var quota = table{
	2: later(time.Hour, "The day's quota of the Google Ads API is used up.",
		"Nothing to do: it goes on later. Ask Google for a higher access level if this happens often."),
	3: pauseAccount("Google has barred the credentials from the API.", hintProject),
	4: paced(30*time.Second, "Google asked to send more slowly."),
	5: later(5*time.Minute, "Google asked for a short pause.", hintWait),
	6: later(time.Hour, "Google asked for a longer pause.", hintWait),
	7: later(7*aDay, "Google limits how often payment profiles are activated.", hintWait),
}

func paced(wait time.Duration, sentence string) conversions.Answer {
	a := retry(sentence, hintWait)
	a.Wait, a.Counts = wait, false
	return a
}

// internal is InternalError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var internal = table{
	2: retry("Google had an error of its own.", hintWait),
	3: retry("Google had an error it gives no name for.",
		"It is tried again. If it stays, ask Google's support with the request id."),
	4: retry("Google had a passing fault.", hintWait),
	5: retry("Google took too long.", hintWait),
}

// database is DatabaseError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var database = table{
	2: retry("Google was changing the same data at that moment.", hintWait),
	3: retry("Google's data did not allow the change at that moment.", hintWait),
	4: fixBatch("The request was larger than Google takes.", "Nothing to do: the batch is split and sent again."),
}

// request is RequestError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var request = table{
	3:  pauseAction("The conversion action is missing.", hintAction),
	4:  pauseAction("The number of the conversion action is malformed.", hintAction),
	5:  fixBatch("The request held nothing to do.", hintBug),
	6:  pauseAction("Google does not find the conversion action.", hintAction),
	7:  fixBatch("A page of results was asked for with a wrong token.", hintBug),
	8:  fixBatch("A page of results was asked for with an old token.", hintBug),
	9:  fixBatch("A required field is missing.", hintBug),
	11: fixBatch("A field that cannot change was changed.", hintBug),
	13: fixBatch("The request held too many operations.", "Nothing to do: the batch is split and sent again."),
	14: pauseAccount("A manager account cannot do this itself.",
		"Set the customer id to the account that manages conversions, shown by `config check --online`."),
	15: fixBatch("A field of another object was changed.", hintBug),
	16: pauseAccount("Google does not take the customer id.", hintCustomer),
	17: pauseAction("The number of the conversion action is wrong.", hintAction),
	18: refuse("The row holds a value Google does not know.", hintBug),
	19: pauseAccount("Google asks for a developer token.", "Set `developer_token` for this account."),
	20: pauseAccount("Google asks for the manager account.", hintManager),
	21: fixBatch("A test of a query asked for a page of results.", hintBug),
	22: fixBatch("A query asked for a wrong page size.", hintBug),
	29: fixBatch("A query asked for a summary of nothing.", hintBug),
	30: fixBatch("A test of a query asked for a summary.", hintBug),
	31: fixBatch("A query changed its summary between pages.", hintBug),
	32: fixBatch("A query asked for its total too late.", hintBug),
	33: retry("The time given to Google was too short.", hintWait),
	38: pauseAccount("Google has switched off the version of its API that this program speaks.", "Update the program."),
	39: pauseAccount("Google does not find the Cloud project of the credentials.", hintProject),
	40: fixBatch("A query asked for a page size, which Google no longer takes.", hintBug),
	41: fixBatch("The request held too many operations on actions.", "Nothing to do: the batch is split and sent again."),
}

// mutate is MutateError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var mutate = table{
	3:  pauseAction("Google does not find the conversion action.", hintAction),
	7:  fixBatch("The same thing was changed twice in one request.", hintBug),
	8:  fixBatch("Two fields contradict each other.", hintBug),
	9:  pauseAccount("Google does not allow this change in this account.", hintAccess),
	10: pauseAction("The conversion action does not exist in Google Ads.", hintAction),
	11: retry("Google says that the thing exists already, without saying which.",
		"It is tried again. If it stays, look at the conversion in Google Ads."),
	12: fixBatch("This cannot be tested without doing it.", hintBug),
	13: pauseAction("The conversion action cannot be written to.", hintAction),
	16: fixBatch("The request cannot fail in part.", hintBug),
	17: pauseAccount("Google wants a declaration about political advertising in the EU.",
		"Sign in to Google Ads and make the declaration."),
}

// partialFailure is PartialFailureError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var partialFailure = table{
	2: fixBatch("The request did not ask for row by row answers.", hintBug),
}
