package datamanager

import (
	"strings"
	"time"

	"closeloop/conversions"
)

// Family is one of Google's lists of reasons.
type Family string

// The families of reasons.
const (
	// ErrorReason refuses a call (ErrorReason, Data Manager API v1; also google.api.ErrorReason, which every Google API
	// uses for access and quotas).
	ErrorReason Family = "ErrorReason"
	// ProcessingErrorReason is why a record failed after its request was taken (ProcessingErrorReason, Data Manager API v1).
	ProcessingErrorReason Family = "ProcessingErrorReason"
)

// Classify returns what a reason means for the row it was given for: verdict, sentence and hint, and the code, which is
// family and reason without the prefix that every word of its list has. It is the only place where that is decided. A
// reason it does not know is a Retry that counts, and stands in the code only if it looks like one of Google's words. Pure;
// safe for concurrent use.
func Classify(f Family, reason string) conversions.Answer {
	word := shortWord(f, reason)
	a, ok := meanings(f)[word]
	if !ok {
		a = retry("Google gave a reason this version of the program does not know.",
			"It is tried again. If it stays, look the code up in Google's documentation and update the program.")
	}
	a.Code = string(f) + "." + word
	return a
}

// table holds the meanings of one family by word.
type table map[string]conversions.Answer

func meanings(f Family) table {
	if f == ProcessingErrorReason {
		return processing
	}
	return refusals
}

// shortWord returns the reason without its list's prefix. The list of processing reasons has one word with a shorter
// prefix than the others.
func shortWord(f Family, reason string) string {
	if f == ProcessingErrorReason {
		reason = strings.TrimPrefix(strings.TrimPrefix(reason, "PROCESSING_ERROR_"), "REASON_")
	}
	if !isWord(reason) {
		return "UNRECOGNISED"
	}
	return reason
}

// isWord reports whether s could be the name of an enum value. Anything else could be somebody's data.
func isWord(s string) bool {
	if s == "" || len(s) > 120 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == ""
}

func refuse(sentence, hint string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Refused, Sentence: sentence, Hint: hint}
}

// suspect is a refusal that speaks against the account's customer or zone when most rows get it.
func suspect(sentence, hint string) conversions.Answer {
	a := refuse(sentence, hint)
	a.Suspect = true
	return a
}

func refuseUnmatched(sentence, hint string) conversions.Answer {
	a := refuse(sentence, hint)
	a.Unmatched = true
	return a
}

func later(wait time.Duration, sentence string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Later, Wait: wait, Sentence: sentence, Hint: hintWait}
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

func there(by conversions.Identity, sentence string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.AlreadyThere, By: by, Sentence: sentence, Hint: hintNothing}
}

// Hints that several reasons share.
const (
	hintBug       = "This is a mistake of the program, not of your data. Please report it with the code and the request id."
	hintNothing   = "Nothing to do."
	hintWait      = "Nothing to do: it is sent again by itself."
	hintSplit     = "Nothing to do: the batch is split and sent again."
	hintClickID   = "Check that the web form, the CRM field and the webhook keep the click id whole and in its own upper and lower case."
	hintAction    = "In Google Ads open Goals, Conversions and compare the action's number, type and state with `stages` in the configuration."
	hintAccess    = "In Google Ads open Admin, Access and security and give the user or service account of the credentials at least standard access."
	hintManager   = "If the account is reached through a manager account, set `login_customer` to that manager, ten digits; else leave it out."
	hintReissue   = "Issue new credentials for this account and put them into the configuration."
	hintProject   = "Open the Google Cloud project that owns the OAuth client or service account and check the Data Manager API there."
	hintQuotaUser = "Check the quota project of the account: its Data Manager API must be on, and the credentials need the role Service Usage Consumer in it."
	hintCustomer  = "Check the customer id of the account, ten digits: it must be the account that owns the conversion action."
	hintEnhanced  = "In Google Ads open Goals, Settings and look at enhanced conversions for leads and the customer data terms."
	hintConsent   = "Set `consent` for this account to what your customers agreed to, or pass it on with each event."
	hintTime      = "Check the time zone of the account in the configuration and the clock of the CRM."
	hintOwner     = "Compare the account's customer id with the account whose ads were clicked; with cross-account tracking it is the manager."
	hintSupport   = "It is tried again. If it stays, ask Google's support with the request id."
	hintEndpoint  = "Check `endpoint` if it is set, and this machine's proxy."
	hintNetwork   = "It is tried again. If it stays, check this machine's network, proxy and firewall."
)

const (
	clickHold = 6 * time.Hour
	aDay      = 24 * time.Hour
)
