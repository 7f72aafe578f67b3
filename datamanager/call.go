package datamanager

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"closeloop/conversions"
)

// The waits after an answer that the quota is used up and that does not say for how long. The day's quota comes back once a
// day, at an hour that Google does not publish for this API.
const (
	minuteQuotaWait = time.Minute
	dayQuotaWait    = 2 * time.Hour
)

// wholeCall is what a refused call means that says nothing of rows: by Google's reason where that is about calls, else by
// the HTTP status.
func wholeCall(resp response, f failure) conversions.Answer {
	a := withCode("HTTP."+strconv.Itoa(resp.status), statusMeaning(resp.status))
	if f.reason != "" {
		given := Classify(ErrorReason, f.reason)
		if given.Scope == conversions.ScopeAccount || given.Verdict == conversions.Later || isPassing(given) {
			a = given
		} else {
			a.Code = given.Code
		}
	}
	return call(withDelay(a, resp, f))
}

// statusMeaning is what an HTTP status means by itself (google.rpc.Code and its mapping to HTTP).
func statusMeaning(status int) conversions.Answer {
	switch {
	case status == http.StatusUnauthorized:
		return pauseAccount("Google does not accept the credentials of this account.", hintReissue)
	case status == http.StatusForbidden:
		return pauseAccount("The credentials have no access to this Google Ads account.", hintManager+" "+hintAccess)
	case status == http.StatusRequestEntityTooLarge:
		return fixBatch("The request was larger than Google takes.", hintSplit)
	case status == http.StatusTooManyRequests:
		return later(minuteQuotaWait, "Google asked to send more slowly.")
	case status == http.StatusRequestTimeout, status == http.StatusConflict, status == statusCancelled:
		return retry("Google broke the call off.", hintWait)
	case status == http.StatusServiceUnavailable, status == http.StatusBadGateway:
		return retry("Google could not be reached for the moment.", hintNetwork)
	case status == http.StatusGatewayTimeout:
		return retry("Google did not answer in time.", hintWait)
	case status >= http.StatusInternalServerError && status != http.StatusNotImplemented:
		return retry("Google had an error of its own.", hintWait)
	default:
		return pauseAccount("What should be Google's Data Manager API is something else.", hintEndpoint)
	}
}

// statusCancelled is what CANCELLED becomes (google.rpc.Code).
const statusCancelled = 499

// uncertain reports whether Google may have done the work although the call ended with this status. Only what a server
// says before it works is certain.
func uncertain(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, statusCancelled:
		return true
	default:
		return status >= http.StatusInternalServerError && status != http.StatusNotImplemented
	}
}

// withDelay sets the wait that the answer asks for: RetryInfo, else the header Retry-After, else what fits the quota that
// was used up.
func withDelay(a conversions.Answer, resp response, f failure) conversions.Answer {
	if a.Verdict != conversions.Later && a.Verdict != conversions.Retry {
		return a
	}
	switch after, err := strconv.Atoi(resp.header.Get("Retry-After")); {
	case f.delay > 0:
		a.Wait = f.delay
	case err == nil && after > 0:
		a.Wait = bounded(time.Duration(min(after, 1e6)) * time.Second)
	case a.Verdict == conversions.Later && strings.Contains(f.quota, "PerDay"):
		a.Wait = dayQuotaWait
	}
	return a
}

// lost is a call without a whole answer.
func lost(resp response) conversions.Answer {
	var a conversions.Answer
	switch {
	case errors.Is(resp.err, context.Canceled):
		a = withCode("HTTP.CANCELLED", retry("The call was broken off before Google answered.", hintWait))
	case errors.Is(resp.err, context.DeadlineExceeded):
		a = withCode("HTTP.DEADLINE_EXCEEDED", retry("Google did not answer in time.", hintWait))
	case errors.Is(resp.err, errTooLarge):
		a = withCode("HTTP.UNREADABLE", retry("Google's answer could not be read.", hintEndpoint))
	case resp.sent:
		a = withCode("HTTP.CONNECTION_LOST", retry("The connection broke before Google's answer had come.", hintNetwork))
	default:
		a = withCode("HTTP.UNREACHABLE", retry("Google could not be reached.", hintNetwork))
	}
	return call(a)
}

// isPassing reports whether the reason goes away by itself, whatever the rows.
func isPassing(a conversions.Answer) bool {
	word, ok := strings.CutPrefix(a.Code, string(ErrorReason)+".")
	_, found := passing[word]
	return ok && found && word != "ERROR_REASON_UNSPECIFIED"
}

// call is an answer to a call, which never counts against a row.
func call(a conversions.Answer) conversions.Answer {
	a.Counts = false
	return a
}

func withCode(code string, a conversions.Answer) conversions.Answer {
	a.Code = code
	return a
}
