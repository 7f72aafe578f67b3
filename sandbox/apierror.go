package sandbox

import (
	"cmp"
	"net/http"
	"time"
)

// A refusal in the error model of Google's HTTP APIs (https://google.aip.dev/193), with the standard details that the
// Data Manager API documents (developers.google.com/data-manager/api/devguides/concepts/understand-errors).

const (
	// ingestDomain is the domain of reasons of the Data Manager API itself, frontDomain that of Google's front end.
	ingestDomain = "datamanager.googleapis.com"
	frontDomain  = "googleapis.com"

	typeErrorInfo    = "type.googleapis.com/google.rpc.ErrorInfo"
	typeBadRequest   = "type.googleapis.com/google.rpc.BadRequest"
	typeRequestInfo  = "type.googleapis.com/google.rpc.RequestInfo"
	typeQuotaFailure = "type.googleapis.com/google.rpc.QuotaFailure"
	typeRetryInfo    = "type.googleapis.com/google.rpc.RetryInfo"
)

// apiError refuses a call of the Data Manager API.
type apiError struct {
	code    int // the HTTP status
	status  string
	message string
	// reason and domain go into ErrorInfo; no reason, no ErrorInfo.
	reason, domain string
	metadata       map[string]string
	violations     []violation
	// quota names the limit that was exceeded, "" for none; retry goes into RetryInfo when above zero.
	quota string
	retry time.Duration
}

// violation is a google.rpc.BadRequest.FieldViolation.
type violation struct {
	Field       string `json:"field,omitempty"`
	Description string `json:"description"`
	Reason      string `json:"reason,omitempty"`
}

func (e *apiError) Error() string { return e.outcome() }

// outcome is what Request.Outcome remembers.
func (e *apiError) outcome() string {
	switch {
	case len(e.violations) > 0 && e.violations[0].Reason != "":
		return e.status + "." + e.violations[0].Reason
	case e.reason != "":
		return e.status + "." + e.reason
	}
	return e.status
}

// badRequest refuses a request for the violations.
func badRequest(violations ...violation) *apiError {
	return &apiError{
		code: http.StatusBadRequest, status: "INVALID_ARGUMENT", message: "There was a problem with the request.",
		reason: "INVALID_ARGUMENT", domain: ingestDomain, violations: violations,
	}
}

type errorBody struct {
	Error errorStatus `json:"error"`
}

type errorStatus struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
	Details []any  `json:"details,omitempty"`
}

type detail struct {
	Type string `json:"@type"`
}

type errorInfo struct {
	detail
	Reason   string            `json:"reason"`
	Domain   string            `json:"domain"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

type badRequestDetail struct {
	detail
	FieldViolations []violation `json:"fieldViolations"`
}

type requestInfo struct {
	detail
	RequestID string `json:"requestId"`
}

type quotaFailure struct {
	detail
	Violations []quotaViolation `json:"violations"`
}

type quotaViolation struct {
	Subject     string `json:"subject"`
	Description string `json:"description"`
}

type retryInfo struct {
	detail
	RetryDelay string `json:"retryDelay"`
}

// body is the JSON of the refusal.
func (e *apiError) body(requestID string) errorBody {
	var details []any
	if e.reason != "" {
		details = append(details, errorInfo{detail{typeErrorInfo}, e.reason, e.domain, e.metadata})
	}
	if len(e.violations) > 0 {
		details = append(details, badRequestDetail{detail{typeBadRequest}, e.violations})
	}
	if e.quota != "" {
		details = append(details, quotaFailure{detail{typeQuotaFailure}, []quotaViolation{{"project:sandbox", e.quota}}})
	}
	if e.retry > 0 {
		seconds := (e.retry + time.Second - 1) / time.Second * time.Second
		details = append(details, retryInfo{detail{typeRetryInfo}, jsonSeconds(seconds)})
	}
	details = append(details, requestInfo{detail{typeRequestInfo}, requestID})
	return errorBody{errorStatus{Code: e.code, Message: e.message, Status: e.status, Details: details}}
}

const askedText = "The sandbox was asked for this error."

// apiRefusal is the error of FaultError.
func (f *Fault) apiRefusal() *apiError {
	code := cmp.Or(f.Status, http.StatusBadRequest)
	e := &apiError{
		code: code, status: statusWord(code), message: askedText,
		reason: f.Reason, domain: ingestDomain, retry: time.Duration(f.RetryDelay),
	}
	if f.Field != "" {
		e.reason, e.violations = e.status, []violation{{f.Field, askedText, f.Reason}}
	}
	return e
}

// statusWord is the canonical code of an HTTP status (google/rpc/code.proto), "" for one that Google's APIs do not answer.
func statusWord(code int) string {
	switch code {
	case http.StatusBadRequest:
		return "INVALID_ARGUMENT"
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusConflict:
		return "ABORTED"
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case http.StatusInternalServerError:
		return "INTERNAL"
	case http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	case http.StatusGatewayTimeout:
		return "DEADLINE_EXCEEDED"
	}
	return ""
}
