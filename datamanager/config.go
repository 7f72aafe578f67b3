package datamanager

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"closeloop/conversions"
	"closeloop/googleauth"
)

// DefaultEndpoint is Google's own server.
const DefaultEndpoint = "https://datamanager.googleapis.com/"

// ErrConfig refuses a setting that cannot work.
var ErrConfig = errors.New("invalid Data Manager connection")

// Config is how one account's server is reached. The zero value is Google's own server, directly.
type Config struct {
	// Endpoint is host, host:port, or either with the scheme https or http. Empty is [DefaultEndpoint]. The scheme http
	// means Plaintext.
	Endpoint string
	// Plaintext leaves TLS out. Only for a loopback address: localhost or a literal one.
	Plaintext bool
	// LoginCustomerID is the manager account through which the account is reached: ten digits, with or without dashes.
	// Empty for direct access (Destination.loginAccount, Data Manager API v1).
	LoginCustomerID string
	// QuotaProject is the Google Cloud project whose quota is used, sent as x-goog-user-project; empty for the one that
	// owns the credentials.
	QuotaProject string
	// Timeout is how long one Upload or Status may take in all; zero is conversions.CallTimeout, which is also the most.
	Timeout time.Duration
	// UserAgent is sent as it is; empty is "closeloop".
	UserAgent string
	// Limiter is shared by all clients of one Google Cloud project; nil limits nothing.
	Limiter *Limiter
	// EventSource says where the conversions happened: WEB, APP, IN_STORE, PHONE, OTHER or MESSAGE (EventSource, Data
	// Manager API v1). Empty is PHONE.
	EventSource string
}

// Validate reports everything that is wrong, joined: [ErrConfig] or [googleauth.ErrPlaintext] each.
func (c Config) Validate() error {
	_, err := c.normalised()
	return err
}

// String names the endpoint and the manager.
func (c Config) String() string {
	return fmt.Sprintf("endpoint %s, login customer %s", c.Endpoint, c.LoginCustomerID)
}

// LogValue names the endpoint and the manager.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// normalised returns the configuration with every default filled in and every id in Google's form.
func (c Config) normalised() (Config, error) {
	errs := []error{c.normaliseEndpoint()}
	login, err := customerID(c.LoginCustomerID)
	if c.LoginCustomerID != "" && err != nil {
		errs = append(errs, fmt.Errorf("login customer: %w", err))
	}
	c.LoginCustomerID = login
	for name, text := range map[string]string{"quota project": c.QuotaProject, "user agent": c.UserAgent} {
		if !printable(text) {
			errs = append(errs, fmt.Errorf("%w: the %s holds a character that cannot be sent", ErrConfig, name))
		}
	}
	if c.Timeout < 0 || c.Timeout > conversions.CallTimeout {
		errs = append(errs, fmt.Errorf("%w: timeout %s is not within 0 and %s", ErrConfig, c.Timeout, conversions.CallTimeout))
	}
	if c.Timeout == 0 {
		c.Timeout = conversions.CallTimeout
	}
	if c.UserAgent == "" {
		c.UserAgent = "closeloop"
	}
	switch c.EventSource {
	case "":
		c.EventSource = "PHONE"
	case "WEB", "APP", "IN_STORE", "PHONE", "OTHER", "MESSAGE":
	default:
		errs = append(errs, fmt.Errorf("%w: the event source is none of Google's", ErrConfig))
	}
	return c, errors.Join(errs...)
}

// normaliseEndpoint makes the endpoint an address with scheme and a slash at its end.
func (c *Config) normaliseEndpoint() error {
	address := c.Endpoint
	if address == "" {
		address = DefaultEndpoint
	}
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || !bare(u) {
		return fmt.Errorf("%w: endpoint is not host:port", ErrConfig)
	}
	c.Plaintext = c.Plaintext || u.Scheme == "http"
	u.Scheme, u.Path = "https", "/"
	if c.Plaintext {
		u.Scheme = "http"
	}
	c.Endpoint = u.String()
	if c.Plaintext && !googleauth.Loopback(u.Hostname()) {
		return fmt.Errorf("endpoint %s: %w", net.JoinHostPort(u.Hostname(), u.Port()), googleauth.ErrPlaintext)
	}
	return nil
}

// bare reports whether an address is made of scheme, host and port only.
func bare(u *url.URL) bool {
	web := u.Scheme == "https" || u.Scheme == "http"
	rest := u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != ""
	return web && !rest && u.Hostname() != "" && (u.Port() == "" || digits(u.Port()))
}

// customerID returns the ten digits of a customer id written with or without dashes.
func customerID(text string) (string, error) {
	id := strings.ReplaceAll(strings.TrimSpace(text), "-", "")
	if len(id) != 10 || !digits(id) {
		return "", fmt.Errorf("%w: a customer id has ten digits", ErrConfig)
	}
	return id, nil
}

// digits reports whether s is made of digits and not empty.
func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return false
		}
	}
	return true
}
