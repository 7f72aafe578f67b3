package varda

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"closeloop/webhook"
)

// The headers of a delivery (docs.tryvarda.com/webhooks/overview), in the
// canonical form of net/http.
const (
	signatureHeader = "X-Varda-Signature"
	deliveryHeader  = "X-Varda-Delivery"
)

// Config is what a Source needs.
type Config struct {
	// Secrets are the endpoint's secrets as Varda shows them: at least one,
	// more while one replaces another.
	Secrets []string
	// Tolerance is how far the signature's time may lie from now, both ways.
	// 0, the default, leaves the time unchecked: nothing says that a retry is
	// signed anew, refused retries lead to the endpoint being switched off,
	// and a replay is a duplicate anyway.
	Tolerance time.Duration
	// Region is the ISO 3166-1 country ("US") of phone numbers written
	// without a country code; "" takes international numbers only.
	Region string
}

// Validate reports everything that is wrong with the configuration, without
// quoting a secret.
func (c Config) Validate() error {
	var errs []error
	if len(c.Secrets) == 0 {
		errs = append(errs, errors.New("varda: at least one secret is required"))
	}
	for i, secret := range c.Secrets {
		if strings.TrimSpace(secret) == "" {
			errs = append(errs, fmt.Errorf("varda: secret %d is empty", i+1))
		}
	}
	if c.Tolerance < 0 {
		errs = append(errs, errors.New("varda: tolerance must not be negative"))
	}
	if c.Region != "" && !phonenumbers.GetSupportedRegions()[c.Region] {
		errs = append(errs, fmt.Errorf("varda: region %q is no country's two-letter code", c.Region))
	}
	return errors.Join(errs...)
}

// Source verifies and reads the deliveries of one webhook endpoint of one
// Varda account. It is safe for concurrent use.
type Source struct {
	keys      []key
	tolerance time.Duration
	region    string
}

var _ webhook.Source = (*Source)(nil)

// New returns a source; the error lists all that is wrong with c.
func New(c Config) (*Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Source{keys: make([]key, len(c.Secrets)), tolerance: c.Tolerance, region: c.Region}
	for i, secret := range c.Secrets {
		s.keys[i].init(secret)
	}
	return s, nil
}

// Delivery implements webhook.Source: the X-Varda-Delivery header, which is
// not signed.
func (s *Source) Delivery(header http.Header) string { return header.Get(deliveryHeader) }
