package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// webCall is one call of the Data Manager API from its arrival to its answer.
type webCall struct {
	server   *Server
	sequence int64 // from 1
	place    FaultPlace
	token    string
	fault    Fault
	record   Request
}

func (s *Server) newWebCall(method string, place FaultPlace) *webCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return &webCall{server: s, sequence: s.calls, place: place, record: Request{
		ID:     fmt.Sprintf("sandbox-%08d", s.calls),
		API:    APIDataManager,
		Method: method,
		Time:   s.cfg.Now(),
	}}
}

// errCut stands for an answer that never comes.
var errCut = errors.New("connection cut")

// serve checks access and quota, lets the fault befall the call, works, and answers. prepare finds out whom the call is
// for, before a fault is chosen.
func (c *webCall) serve(w http.ResponseWriter, r *http.Request, prepare func() error, work func() (any, error)) {
	body, err := c.attempt(r, prepare, work)
	c.answer(w, r, body, err)
}

func (c *webCall) attempt(r *http.Request, prepare func() error, work func() (any, error)) (any, error) {
	c.record.QuotaProject = r.Header.Get("X-Goog-User-Project")
	if err := c.checkToken(r.Header.Get("Authorization")); err != nil {
		return nil, err
	}
	if err := c.server.spendRequest(c.place, c.record.QuotaProject); err != nil {
		return nil, err
	}
	unprepared := prepare()
	c.fault = c.server.takeFault(c.place, c.record.Customer)
	c.record.Fault = c.fault.Kind
	if !c.fault.AfterWork {
		if err := c.disturb(r.Context()); err != nil {
			return nil, err
		}
	}
	if unprepared != nil {
		return nil, unprepared
	}
	body, err := work()
	if err == nil && c.fault.AfterWork {
		err = c.disturb(r.Context())
	}
	return body, err
}

func (c *webCall) checkToken(header string) error {
	token, ok := strings.CutPrefix(header, "Bearer ")
	if !ok || token == "" {
		return c.unauthenticated("CREDENTIALS_MISSING")
	}
	s := c.server
	s.mu.Lock()
	g, known := s.tokens[token]
	s.mu.Unlock()
	switch {
	case !known:
		return c.unauthenticated("ACCESS_TOKEN_TYPE_UNSUPPORTED")
	case !s.cfg.OAuth.Now().Before(g.expires):
		return c.unauthenticated("ACCESS_TOKEN_EXPIRED")
	case !g.allows(DataManagerScope):
		return &apiError{
			code: http.StatusForbidden, status: "PERMISSION_DENIED",
			message: "Request had insufficient authentication scopes.",
			reason:  "ACCESS_TOKEN_SCOPE_INSUFFICIENT", domain: frontDomain, metadata: c.aboutMethod(),
		}
	}
	c.token = token
	return nil
}

// unauthenticated refuses credentials for a reason of google.api.ErrorReason.
func (c *webCall) unauthenticated(reason string) *apiError {
	return &apiError{
		code: http.StatusUnauthorized, status: "UNAUTHENTICATED",
		message: "Request had invalid authentication credentials. Expected an OAuth 2 access token.",
		reason:  reason, domain: frontDomain, metadata: c.aboutMethod(),
	}
}

func (c *webCall) aboutMethod() map[string]string {
	return map[string]string{
		"service": ingestDomain,
		"method":  strings.Replace(strings.TrimPrefix(c.record.Method, "/"), "/", ".", 1),
	}
}

// disturb lets the call's fault happen.
func (c *webCall) disturb(ctx context.Context) error {
	if c.fault.Delay > 0 && c.server.cfg.Sleep(ctx, time.Duration(c.fault.Delay)) != nil {
		return errCut // the caller is gone
	}
	switch c.fault.Kind {
	case FaultUnavailable:
		return &apiError{code: http.StatusServiceUnavailable, status: "UNAVAILABLE", message: "The service is currently unavailable."}
	case FaultCut:
		return errCut
	case FaultStall:
		<-ctx.Done()
		return errCut
	case FaultInternal:
		return &apiError{
			code: http.StatusInternalServerError, status: "INTERNAL", message: "An internal error has occurred.",
			reason: "INTERNAL_ERROR", domain: ingestDomain,
		}
	case FaultQuota:
		return quotaExceeded(c.place, perMinute, time.Duration(c.fault.RetryDelay))
	case FaultTokenExpired:
		c.server.expireToken(c.token)
		return c.unauthenticated("ACCESS_TOKEN_EXPIRED")
	case FaultError:
		return c.fault.apiRefusal()
	case FaultSlow, FaultShape, FaultRowInternal, FaultRowError, FaultInvalidGrant, FaultLate, "":
	}
	return nil
}

// answer remembers the call, then writes what goes over the wire: whoever has the answer finds the call remembered.
func (c *webCall) answer(w http.ResponseWriter, r *http.Request, body any, err error) {
	refused := new(apiError)
	code := http.StatusOK
	switch {
	case errors.As(err, &refused):
		c.record.Outcome, code, body = refused.outcome(), refused.code, refused.body(c.record.ID)
	case err != nil:
		c.record.Outcome = "CUT"
	default:
		c.record.Outcome = "OK"
	}
	c.server.remember(r.Context(), c.record)
	if err != nil && !errors.As(err, &refused) {
		panic(http.ErrAbortHandler) // the documented way to cut a connection from a handler
	}
	writeJSON(w, code, body)
}

// jsonSeconds is the JSON of a google.protobuf.Duration in whole seconds.
func jsonSeconds(d time.Duration) string { return strconv.Itoa(int(d/time.Second)) + "s" }
