package googleads

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"closeloop/conversions"
	"closeloop/googleauth"
)

// DefaultEndpoint is Google's own server.
const DefaultEndpoint = "googleads.googleapis.com:443"

// ErrConfig refuses a setting that cannot work.
var ErrConfig = errors.New("invalid Google Ads connection")

// Config is how one account's server is reached. The zero value is Google's own server, directly.
type Config struct {
	// Endpoint is host, host:port, or either with the scheme https or http. Empty is [DefaultEndpoint]; without a port
	// it is 443. The scheme http means Plaintext.
	Endpoint string
	// Plaintext leaves TLS out. Only for a loopback address: localhost or a literal one.
	Plaintext bool
	// LoginCustomerID is the manager account through which the account is reached: ten digits, with or without dashes.
	// Empty for direct access.
	LoginCustomerID string
	// DeveloperToken is sent when set; Google has not needed it since 9 September 2026 (Google Ads API, API policy). Secret.
	DeveloperToken string
	// Timeout is how long one Upload or Inspect may take in all; zero is conversions.CallTimeout, which is also the most.
	Timeout time.Duration
	// UserAgent is put before gRPC's own; empty is "closeloop".
	UserAgent string
}

// Validate reports everything that is wrong, joined: [ErrConfig] or [googleauth.ErrPlaintext] each.
func (c Config) Validate() error {
	_, err := c.normalised()
	return err
}

// String leaves the secrets out.
func (c Config) String() string {
	return fmt.Sprintf("endpoint %s, login customer %s", c.Endpoint, c.LoginCustomerID)
}

// GoString leaves the secrets out.
func (c Config) GoString() string { return "googleads.Config{" + c.String() + "}" }

// LogValue leaves the secrets out.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// normalised returns the configuration with every default filled in and every id in Google's form.
func (c Config) normalised() (Config, error) {
	errs := []error{c.normaliseEndpoint()}
	login, err := customerID(c.LoginCustomerID)
	if c.LoginCustomerID != "" && err != nil {
		errs = append(errs, fmt.Errorf("login customer: %w", err))
	}
	c.LoginCustomerID = login
	if !printable(c.DeveloperToken) {
		errs = append(errs, fmt.Errorf("%w: the developer token holds a character that cannot be sent", ErrConfig))
	}
	if !printable(c.UserAgent) {
		errs = append(errs, fmt.Errorf("%w: the user agent holds a character that cannot be sent", ErrConfig))
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
	return c, errors.Join(errs...)
}

func (c *Config) normaliseEndpoint() error {
	address, plain := strings.CutPrefix(c.Endpoint, "http://")
	address = strings.TrimSuffix(strings.TrimPrefix(address, "https://"), "/")
	if address == "" {
		address = DefaultEndpoint
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.Trim(address, "[]"), "443"
	}
	if host == "" || !digits(port) || strings.ContainsAny(host, "/@?# ") {
		return fmt.Errorf("%w: endpoint is not host:port", ErrConfig)
	}
	c.Plaintext = c.Plaintext || plain
	c.Endpoint = net.JoinHostPort(host, port)
	if c.Plaintext && !googleauth.Loopback(host) {
		return fmt.Errorf("endpoint %s: %w", c.Endpoint, googleauth.ErrPlaintext)
	}
	return nil
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
