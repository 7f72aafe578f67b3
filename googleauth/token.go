package googleauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"golang.org/x/oauth2"

	"closeloop/conversions"
)

// tokenTimeout leaves half of a call's time for the call.
const tokenTimeout = conversions.CallTimeout / 2

// Tokens gets access tokens for one set of credentials and keeps the latest. Several clients may share one. Safe for
// concurrent use: of callers that need a new token at the same time, one asks for it.
type Tokens struct {
	credentials Credentials
	scope       string
	turn        chan struct{} // holds one element while somebody reads or replaces the token
	token       *oauth2.Token
}

// OpenTokens checks the credentials and, for a service account, its key file. It asks nobody for a token yet. scope is
// what the tokens are to allow; a refresh token's scopes were fixed when it was minted, so for one it says nothing.
// Errors: [ErrConfig], [ErrPlaintext].
func OpenTokens(c Credentials, scope string) (*Tokens, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.KeyFile != "" {
		if _, err := c.serviceAccount(scope); err != nil {
			return nil, err
		}
	}
	return &Tokens{credentials: c, scope: scope, turn: make(chan struct{}, 1)}, nil
}

// Token returns an access token that has not expired. The error is a [*TokenError].
func (t *Tokens) Token(ctx context.Context) (string, error) {
	return t.get(ctx, (*oauth2.Token).Valid)
}

// Refresh returns an access token other than the one a server has rejected. The error is a [*TokenError].
func (t *Tokens) Refresh(ctx context.Context, rejected string) (string, error) {
	return t.get(ctx, func(have *oauth2.Token) bool { return have.Valid() && have.AccessToken != rejected })
}

func (t *Tokens) get(ctx context.Context, good func(*oauth2.Token) bool) (string, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", &TokenError{Err: ctx.Err()}
	}
	if good(t.token) {
		return t.token.AccessToken, nil
	}
	fresh, err := t.fetch(ctx)
	if err != nil {
		return "", err
	}
	t.token = fresh
	return fresh.AccessToken, nil
}

func (t *Tokens) fetch(ctx context.Context) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	var seen exchange
	client := &http.Client{
		Transport:     seen.transport(ctx),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	source, err := t.credentials.source(context.WithValue(ctx, oauth2.HTTPClient, client), t.scope)
	if err != nil {
		return nil, &TokenError{Code: codeSetup, Err: err}
	}
	token, err := source.Token()
	if err != nil {
		return nil, seen.explain(ctx, err)
	}
	if token.AccessToken == "" || !printable(token.AccessToken) {
		return nil, &TokenError{Status: seen.status}
	}
	return token, nil
}

// exchange is what was seen of the requests for one token. The libraries' own errors are not passed on, because they
// quote answers and addresses.
type exchange struct {
	status int
	err    error
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// transport puts ctx into each request: the library for service accounts makes them without one.
func (e *exchange) transport(ctx context.Context) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r.WithContext(ctx))
		e.status, e.err = 0, err
		if err == nil {
			e.status = resp.StatusCode
		}
		return resp, err //nolint:wrapcheck // a transport passes on what it got
	}
}

func (e *exchange) explain(ctx context.Context, err error) *TokenError {
	te := &TokenError{Status: e.status, Err: e.err}
	if cause := ctx.Err(); cause != nil {
		te.Err = cause
	}
	if refusal := (*oauth2.RetrieveError)(nil); errors.As(err, &refusal) {
		te.Code = refusalCode(refusal)
	}
	return te
}

// refusalCode returns RFC 6749's error parameter, if it is one: anything else could be somebody's data.
func refusalCode(refusal *oauth2.RetrieveError) string {
	code := refusal.ErrorCode
	if code == "" {
		var answer struct {
			Error string `json:"error"`
		}
		if err := json.Unmarshal(refusal.Body, &answer); err != nil {
			return ""
		}
		code = answer.Error
	}
	for _, r := range code {
		if (r < 'a' || r > 'z') && r != '_' || len(code) > 40 {
			return ""
		}
	}
	return code
}

// codeSetup marks credentials that could not even be asked with.
const codeSetup = "setup"

// TokenError says why there is no access token. It holds no secrets and nothing of the endpoint's answer but the code.
type TokenError struct {
	// Code is the endpoint's error code (RFC 6749, 5.2), such as "invalid_grant"; "setup" when the key file or the
	// default credentials could not be read; empty when there is none.
	Code string
	// Status is the HTTP status of the answer; 0 when none came.
	Status int
	// Err is the network's, the file's or the context's error; may be nil.
	Err error
}

// Error names the code, the status and the cause.
func (e *TokenError) Error() string {
	text := "get an access token"
	if e.Code != "" {
		text += ": " + e.Code
	}
	if e.Status != 0 {
		text += ": HTTP status " + strconv.Itoa(e.Status)
	}
	if e.Err != nil {
		text = fmt.Sprintf("%s: %v", text, e.Err)
	}
	return text
}

// Unwrap returns the cause.
func (e *TokenError) Unwrap() error { return e.Err }

// Answer is what the error means for the rows that waited for the token. It never counts against a row.
func (e *TokenError) Answer() conversions.Answer {
	a := e.meaning()
	if a.Code == "" {
		a.Code = "OAuth." + e.word()
	}
	return a
}

func (e *TokenError) word() string {
	switch {
	case e.Code != "":
		return e.Code
	case e.Status != 0:
		return "http_" + strconv.Itoa(e.Status)
	default:
		return "unreachable"
	}
}

func (e *TokenError) meaning() conversions.Answer {
	switch {
	case errors.Is(e.Err, context.Canceled):
		a := retry("The call was broken off before Google answered.", "Nothing to do: it is sent again by itself.")
		a.Code = "OAuth.cancelled"
		return a
	case e.Code == codeSetup:
		return pauseAccount("The credentials of this account cannot be read.",
			"Check the key file, or sign in with `gcloud auth application-default login`.")
	case e.passing():
		return retry("Google's sign-in service could not be reached or had an error of its own.",
			"It is tried again. If it stays, check this machine's network, proxy and firewall.")
	default:
		return refusedToken(e.Code)
	}
}

// passing reports whether the fault is not in the credentials: no answer, an answer that is none, a busy or broken server.
func (e *TokenError) passing() bool {
	switch {
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusRequestTimeout, e.Code == "temporarily_unavailable":
		return true
	default:
		return e.Status < http.StatusMultipleChoices || e.Status >= http.StatusInternalServerError
	}
}

func refusedToken(code string) conversions.Answer {
	switch code {
	case "invalid_grant":
		return pauseAccount("Google no longer accepts the sign-in of this account: it expired or was revoked.",
			"Mint a new refresh token. If the OAuth app is in the state Testing, its tokens die after 7 days: publish the app, "+
				"or use a service account. For a service account check its key and this machine's clock.")
	case "invalid_client":
		return pauseAccount("Google does not know the OAuth client, or its secret is wrong.",
			"Compare client id and client secret with the Google Cloud console.")
	case "unauthorized_client":
		return pauseAccount("Google does not let this OAuth client act for this user.",
			"The refresh token belongs to another client, or the service account may not act for the user: use matching ones, "+
				"or leave the impersonated e-mail out.")
	case "invalid_scope", "access_denied":
		return pauseAccount("The credentials were not given access to Google's upload API.", HintScopes)
	case "":
		return pauseAccount("What should be Google's sign-in service is something else.",
			"Check the token URL if one is set, and this machine's proxy.")
	default:
		return pauseAccount("Google's sign-in service refused the credentials of this account.", hintReissue)
	}
}

func retry(sentence, hint string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Retry, Sentence: sentence, Hint: hint}
}

func pauseAccount(sentence, hint string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount, Sentence: sentence, Hint: hint}
}

// HintScopes says how to get credentials that serve both upload APIs. A refresh token allows what was asked for when it was
// minted, and nothing more (Google Identity, OAuth 2.0; Data Manager API, set up access).
const HintScopes = "Mint a new refresh token with both scopes, " + ScopeGoogleAds + " and " + ScopeDataManager +
	": for application default credentials with `gcloud auth application-default login --client-id-file=CLIENT.json " +
	"--scopes=https://www.googleapis.com/auth/cloud-platform," + ScopeGoogleAds + "," + ScopeDataManager +
	"`. A service account needs no scopes of its own, but the Data Manager API must be on in its project."

const hintReissue = "Issue new credentials for this account and put them into the configuration."

func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return false
		}
	}
	return true
}
