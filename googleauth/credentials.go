package googleauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"
)

// What an access token must allow (OAuth 2.0 scopes of the Google Ads API and of the Data Manager API).
const (
	ScopeGoogleAds   = "https://www.googleapis.com/auth/adwords"
	ScopeDataManager = "https://www.googleapis.com/auth/datamanager"
)

// maxFile bounds the files read here; real ones have a few kilobytes.
const maxFile = 1 << 20

// Errors of [Credentials.Validate].
var (
	// ErrPlaintext refuses an unencrypted connection to anything but this machine.
	ErrPlaintext = errors.New("plain text is allowed to a loopback address only")
	// ErrConfig refuses credentials that cannot work.
	ErrConfig = errors.New("invalid Google credentials")
)

// Credentials say who is asking: exactly one of a refresh token, a service account's key file, and the application
// default. The zero value is nobody. It never prints its secrets.
type Credentials struct {
	// ClientID, ClientSecret and RefreshToken are an OAuth application and the consent a Google user gave it.
	ClientID, ClientSecret, RefreshToken string
	// KeyFile is the path of a service account's JSON key. It is read whenever a token is needed, so it may be replaced.
	KeyFile string
	// ImpersonatedEmail is the user a service account acts for; empty for the service account itself.
	ImpersonatedEmail string
	// ApplicationDefault looks for credentials where Google's libraries look: GOOGLE_APPLICATION_CREDENTIALS, gcloud's
	// file, the metadata server.
	ApplicationDefault bool
	// TokenURL replaces Google's token endpoint, also the one named in a key file. https, or http to a loopback address.
	TokenURL string
}

// The kinds of credentials.
const (
	KindRefreshToken       = "refresh token"
	KindServiceAccount     = "service account"
	KindApplicationDefault = "application default"
)

// Kind names which credentials these are; empty for none or several.
func (c Credentials) Kind() string {
	kinds := c.Kinds()
	if len(kinds) != 1 {
		return ""
	}
	return kinds[0]
}

// Kinds names every kind of which something is given.
func (c Credentials) Kinds() []string {
	var kinds []string
	if c.ClientID != "" || c.ClientSecret != "" || c.RefreshToken != "" {
		kinds = append(kinds, KindRefreshToken)
	}
	if c.KeyFile != "" {
		kinds = append(kinds, KindServiceAccount)
	}
	if c.ApplicationDefault {
		kinds = append(kinds, KindApplicationDefault)
	}
	return kinds
}

// String names the kind only.
func (c Credentials) String() string { return "credentials: " + c.Kind() }

// GoString names the kind only.
func (c Credentials) GoString() string { return "googleauth.Credentials{" + c.Kind() + "}" }

// LogValue names the kind only.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.Kind()) }

// Validate reports what is wrong without touching disk or network: [ErrConfig] or [ErrPlaintext].
func (c Credentials) Validate() error {
	var errs []error
	switch len(c.Kinds()) {
	case 0:
		errs = append(errs, fmt.Errorf("%w: no credentials: give a refresh token, a key file or the application default",
			ErrConfig))
	case 1:
	default:
		errs = append(errs, fmt.Errorf("%w: several credentials: keep one of refresh token, key file and application default",
			ErrConfig))
	}
	whole := c.ClientID != "" && c.ClientSecret != "" && c.RefreshToken != ""
	if c.Kind() == KindRefreshToken && !whole {
		errs = append(errs, fmt.Errorf("%w: a refresh token needs client id, client secret and refresh token", ErrConfig))
	}
	if c.ImpersonatedEmail != "" && c.KeyFile == "" {
		errs = append(errs, fmt.Errorf("%w: only a service account can act for another user", ErrConfig))
	}
	if c.TokenURL != "" {
		errs = append(errs, checkTokenURL(c.TokenURL))
	}
	return errors.Join(errs...)
}

// checkTokenURL keeps secrets from travelling in plain text. Its errors name the host only: the rest may hold secrets.
func checkTokenURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%w: the token URL is not one", ErrConfig)
	}
	switch {
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && Loopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("token endpoint at %s: %w", u.Hostname(), ErrPlaintext)
	default:
		return fmt.Errorf("%w: the token URL is neither https nor http", ErrConfig)
	}
}

// Loopback reports whether host is this machine without asking a name server, whose answer others could choose.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// source returns where the next access token comes from. The requests are made with ctx and the client in it.
func (c Credentials) source(ctx context.Context, scope string) (oauth2.TokenSource, error) {
	switch c.Kind() {
	case KindRefreshToken:
		app := oauth2.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret, Endpoint: google.Endpoint}
		app.Endpoint.AuthStyle = oauth2.AuthStyleInParams // Google's; guessing would spend a second request.
		if c.TokenURL != "" {
			app.Endpoint.TokenURL = c.TokenURL
		}
		return app.TokenSource(ctx, &oauth2.Token{RefreshToken: c.RefreshToken}), nil
	case KindServiceAccount:
		key, err := c.serviceAccount(scope)
		if err != nil {
			return nil, err
		}
		return key.TokenSource(ctx), nil
	default:
		found, err := google.FindDefaultCredentialsWithParams(ctx,
			google.CredentialsParams{Scopes: []string{scope}, TokenURL: c.TokenURL})
		if err != nil {
			return nil, fmt.Errorf("%w: no application default credentials", ErrConfig) // its text may quote the file
		}
		return found.TokenSource, nil
	}
}

func (c Credentials) serviceAccount(scope string) (*jwt.Config, error) {
	text, err := readFile(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	key, err := google.JWTConfigFromJSON(text, scope)
	if err != nil {
		return nil, fmt.Errorf("%w: %s is not the key of a service account", ErrConfig, c.KeyFile) // its text may quote the file
	}
	key.Subject = c.ImpersonatedEmail
	if c.TokenURL != "" {
		key.TokenURL = c.TokenURL
	}
	if err := checkTokenURL(key.TokenURL); err != nil {
		return nil, err
	}
	return key, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrConfig, path, maxFile)
	}
	return text, nil
}
