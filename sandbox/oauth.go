package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// assertionGrant is the grant type of a signed service-account assertion (RFC 7523).
	assertionGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	// assertionLife is the longest life Google allows an assertion, with room for clocks that differ.
	assertionLife = time.Hour
	clockSkew     = 5 * time.Minute
	maxForm       = 64 << 10
)

// Scopes of the two APIs (developers.google.com/identity/protocols/oauth2/scopes).
const (
	AdsScope         = "https://www.googleapis.com/auth/adwords"
	DataManagerScope = "https://www.googleapis.com/auth/datamanager"
)

// grant is what an access token allows.
type grant struct {
	expires time.Time
	scopes  []string
}

func (g grant) allows(scope string) bool { return slices.Contains(g.scopes, scope) }

type serviceAccount struct{ key *rsa.PublicKey }

// oauthError is the JSON of an error answer (RFC 6749, 5.2).
type oauthError struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// Token issues an access token with these scopes, without any with those of both APIs, for callers that do not want to go
// through OAuth.
func (s *Server) Token(scopes ...string) string {
	if len(scopes) == 0 {
		scopes = bothScopes()
	}
	return s.issue(scopes)
}

func bothScopes() []string { return []string{AdsScope, DataManagerScope} }

func (s *Server) issue(scopes []string) string {
	token := "ya29.sandbox-" + rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = grant{expires: s.cfg.OAuth.Now().Add(s.cfg.OAuth.TokenLifetime), scopes: slices.Clone(scopes)}
	return token
}

func (s *Server) expireToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g, ok := s.tokens[token]; ok {
		g.expires = time.Time{}
		s.tokens[token] = g
	}
}

// NewServiceAccountKey makes a service account with this e-mail address, which the token endpoint knows from now on, and
// returns its key file as Google's console would: JSON with a private key and this sandbox as token_uri. A second call
// for the same address replaces the key.
func (s *Server) NewServiceAccountKey(email string) ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("generate service account key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode service account key: %w", err)
	}
	s.mu.Lock()
	s.accounts[email] = serviceAccount{key: &key.PublicKey}
	s.mu.Unlock()
	file, err := json.MarshalIndent(map[string]string{
		"type":           "service_account",
		"project_id":     "sandbox",
		"private_key_id": "sandbox",
		"private_key":    string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email":   email,
		"client_id":      "1",
		"token_uri":      s.TokenURL(),
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode service account key: %w", err)
	}
	return file, nil
}

func (s *Server) handleToken(w http.ResponseWriter, r *http.Request) {
	fault := s.takeFault(OnToken, "")
	if !fault.AfterWork && s.disturbToken(w, r, fault) {
		return
	}
	scopes, oerr := s.checkGrant(w, r)
	if oerr != nil {
		writeJSON(w, oerr.status, oerr)
		return
	}
	token := s.issue(scopes)
	if fault.AfterWork && s.disturbToken(w, r, fault) {
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": token,
		"expires_in":   int(s.cfg.OAuth.TokenLifetime.Seconds()),
		"scope":        strings.Join(scopes, " "),
		"token_type":   "Bearer",
	})
}

// disturbToken lets a fault befall the token endpoint and says whether that was the answer.
func (s *Server) disturbToken(w http.ResponseWriter, r *http.Request, f Fault) bool {
	if f.Delay > 0 && s.cfg.Sleep(r.Context(), time.Duration(f.Delay)) != nil {
		return true // the caller is gone
	}
	switch f.Kind {
	case FaultUnavailable:
		http.Error(w, "Service Unavailable", http.StatusServiceUnavailable)
	case FaultInternal:
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
	case FaultQuota:
		writeJSON(w, http.StatusTooManyRequests, oauthError{Code: "rate_limit_exceeded", Description: "Retry later."})
	case FaultInvalidGrant:
		writeJSON(w, http.StatusBadRequest, oauthError{Code: "invalid_grant", Description: "Token has been expired or revoked."})
	case FaultCut:
		panic(http.ErrAbortHandler) // the documented way to cut a connection from a handler
	case FaultStall:
		<-r.Context().Done()
	case FaultTokenExpired, FaultLate, FaultError, FaultRowInternal, FaultRowError, FaultSlow, FaultShape, "":
		return false
	}
	return true
}

func (s *Server) checkGrant(w http.ResponseWriter, r *http.Request) (scopes []string, oerr *oauthError) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, badToken("invalid_request", "The body is no form.")
	}
	switch r.PostForm.Get("grant_type") {
	case "refresh_token":
		return s.checkRefresh(r)
	case assertionGrant:
		return s.checkAssertion(r.PostForm.Get("assertion"))
	case "":
		return nil, badToken("invalid_request", "Missing required parameter: grant_type")
	}
	return nil, badToken("unsupported_grant_type", "Invalid grant_type.")
}

func badToken(code, description string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, Code: code, Description: description}
}

func (s *Server) checkRefresh(r *http.Request) (scopes []string, oerr *oauthError) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	refresh := r.PostForm.Get("refresh_token")
	o := s.cfg.OAuth
	switch {
	case id == "" || refresh == "":
		return nil, badToken("invalid_request", "Missing required parameter: client_id or refresh_token")
	case o.AcceptAny:
	case o.ClientID == "" || !same(id, o.ClientID) || !same(secret, o.ClientSecret):
		oerr = badToken("invalid_client", "The OAuth client was not found.")
		oerr.status = http.StatusUnauthorized
		return nil, oerr
	case !same(refresh, o.RefreshToken):
		return nil, badToken("invalid_grant", "Bad Request")
	}
	return narrow(o.Scopes, strings.Fields(r.PostForm.Get("scope")))
}

// narrow leaves of the scopes granted once those asked for now; none asked for leaves all (RFC 6749, 6).
func narrow(granted, asked []string) ([]string, *oauthError) {
	if len(asked) == 0 {
		return granted, nil
	}
	for _, scope := range asked {
		if !slices.Contains(granted, scope) {
			return nil, badToken("invalid_scope", "Some requested scopes were not granted.")
		}
	}
	return asked, nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// claims are the parts of a service-account assertion Google looks at.
type claims struct {
	Issuer   string `json:"iss"`
	Scope    string `json:"scope"`
	Audience string `json:"aud"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

func (s *Server) checkAssertion(assertion string) (scopes []string, oerr *oauthError) {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return nil, badToken("invalid_request", "The assertion is no JWT.")
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	var cl claims
	if decodePart(parts[0], &header) != nil || decodePart(parts[1], &cl) != nil || header.Algorithm != "RS256" {
		return nil, badToken("invalid_grant", "Invalid JWT.")
	}
	if oerr := s.checkSignature(parts, cl.Issuer); oerr != nil {
		return nil, oerr
	}
	if oerr := s.checkClaims(cl); oerr != nil {
		return nil, oerr
	}
	return strings.Fields(cl.Scope), nil
}

func (s *Server) checkSignature(parts []string, issuer string) *oauthError {
	if s.cfg.OAuth.AcceptAny {
		return nil
	}
	s.mu.Lock()
	account, ok := s.accounts[issuer]
	s.mu.Unlock()
	if !ok {
		return badToken("invalid_grant", "Invalid grant: account not found")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(account.key, crypto.SHA256, digest[:], signature) != nil {
		return badToken("invalid_grant", "Invalid JWT Signature.")
	}
	return nil
}

func (s *Server) checkClaims(cl claims) *oauthError {
	now := s.cfg.OAuth.Now()
	issued, expires := time.Unix(cl.Issued, 0), time.Unix(cl.Expires, 0)
	switch {
	case cl.Audience != s.TokenURL() && !s.cfg.OAuth.AcceptAny:
		return badToken("invalid_grant", "Invalid JWT: Failed audience check.")
	case issued.After(now.Add(clockSkew)), !expires.After(now.Add(-clockSkew)), expires.Sub(issued) > assertionLife+clockSkew:
		return badToken("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.")
	case cl.Scope == "":
		return badToken("invalid_scope", "Empty or missing scope not allowed.")
	}
	return nil
}

func decodePart(part string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return fmt.Errorf("decode JWT part: %w", err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("decode JWT part: %w", err)
	}
	return nil
}
