package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"time"
)

// Errors of [Start].
var (
	// ErrNotLoopback refuses a listening address that other machines could reach.
	ErrNotLoopback = errors.New("address is not loopback")
	// ErrConfig refuses a [Config] that contradicts itself or lacks a required part.
	ErrConfig = errors.New("invalid sandbox configuration")
)

// Config is everything a [Server] knows at its start. It is read once; changing it afterwards has no effect.
type Config struct {
	// Now is the sandbox's clock. Required. It must be safe for concurrent use.
	Now func() time.Time
	// Sleep waits for d or until ctx ends, whose error it then returns. It serves slow faults.
	// Nil waits in real time.
	Sleep func(ctx context.Context, d time.Duration) error
	// GRPCAddr is the listening address of the Google Ads API, HTTPAddr that of all else; "" is 127.0.0.1:0. The host must be a loopback IP
	// address or localhost.
	GRPCAddr, HTTPAddr string
	// Customers are the Google Ads accounts that exist. Others are answered CUSTOMER_NOT_FOUND.
	Customers []Customer
	// Clicks are the clicks Google knows from the start; more come by [Server.AddClick].
	Clicks []Click
	// AnyClick makes a well-formed click id that is not known count as a click of the customer that sends it,
	// AnyClickAge before the conversion. It lets people try their own ids.
	AnyClick bool
	// AnyClickAge is how long before its conversion such a click took place. Zero is one hour.
	AnyClickAge time.Duration
	// OAuth says which credentials the token endpoint takes.
	OAuth OAuth
	// DataManager says how fast and how much the Data Manager API works.
	DataManager DataManagerConfig
	// Unproven chooses among behaviours that Google does not document.
	Unproven Unproven
	// Logger gets one line per call: method, customer, counts, codes. It never gets click ids, order ids, hashes or
	// tokens. Nil is silent.
	Logger *slog.Logger
}

// OAuth is what the token endpoint accepts. The zero value accepts nothing; [Server.Token] and
// [Server.NewServiceAccountKey] work all the same.
type OAuth struct {
	// ClientID, ClientSecret and RefreshToken are the one installed application that may refresh.
	ClientID, ClientSecret, RefreshToken string
	// Scopes are those the refresh token was minted with. Nil is those of both APIs.
	Scopes []string
	// AcceptAny takes every complete refresh request and every service account without looking at secrets, signatures
	// or the audience, for people who try their real configuration against the sandbox.
	AcceptAny bool
	// TokenLifetime is how long an access token lasts. Zero is one hour, as at Google.
	TokenLifetime time.Duration
	// Now is the clock of token lifetimes and assertions, which client libraries measure in real time.
	// Nil is the Config's.
	Now func() time.Time
}

// DataManagerConfig is the pace of the Data Manager API.
type DataManagerConfig struct {
	// Processing is how long after its arrival a request is processed; its status is PROCESSING until then. Zero is 30
	// minutes, after which Google suggests the first look (developers.google.com/data-manager/api/devguides/diagnostics).
	// Below zero, it is processed at once.
	Processing time.Duration
	// PerMinute and PerDay are how many ingest requests, and apart from them how many status requests, the project may
	// make. Zero is Google's 300 and 100,000 (developers.google.com/data-manager/api/limits), below zero no limit.
	PerMinute, PerDay int
}

func (c DataManagerConfig) withDefaults() DataManagerConfig {
	if c.Processing == 0 {
		c.Processing = 30 * time.Minute
	}
	c.Processing = max(c.Processing, 0)
	c.PerMinute, c.PerDay = cmp.Or(c.PerMinute, 300), cmp.Or(c.PerDay, 100_000)
	return c
}

// Customer is a Google Ads account.
type Customer struct {
	// ID has ten digits and no hyphens.
	ID string `json:"id"`
	// Name is what Google shows.
	Name string `json:"name"`
	// Currency is ISO 4217 and stands in for a row without one. Zone is an IANA name. Neither is checked.
	Currency string `json:"currency"`
	Zone     string `json:"zone"`
	// LoginCustomer is the manager whose id must stand in login-customer-id to reach this account; "" is direct access.
	LoginCustomer string `json:"login_customer"`
	// ConversionCustomer is the account that owns this account's conversions; "" is the account itself. Clicks of
	// this account are then accepted there and nowhere else
	// (ConversionTrackingSetting.google_ads_conversion_customer, Google Ads API v25).
	ConversionCustomer string `json:"conversion_customer"`
	// Actions are the conversion actions of the account.
	Actions []Action `json:"actions"`
	// EnhancedConversionsForLeads and AcceptedTerms allow user identifiers in rows; without them such rows fail.
	EnhancedConversionsForLeads bool `json:"enhanced_conversions_for_leads"`
	AcceptedTerms               bool `json:"accepted_terms"`
	// Allowlisted says that UploadClickConversions is open to the caller, which it has not been for new adopters
	// since 15 June 2026 (Google Ads developer blog, May 2026).
	Allowlisted bool `json:"allowlisted"`
	// Disabled answers every call with CUSTOMER_NOT_ENABLED.
	Disabled bool `json:"disabled"`
	// Manager and TestAccount are shown by queries and change nothing else.
	Manager     bool `json:"manager"`
	TestAccount bool `json:"test_account"`
	// AutoTaggingOff is shown by queries; the zero value is what most accounts have.
	AutoTaggingOff bool `json:"auto_tagging_off"`
}

// ActionType is the kind of a conversion action (ConversionActionTypeEnum, Google Ads API v25).
type ActionType string

// Kinds of conversion action the sandbox knows. Only UploadClicks takes uploaded clicks; it is the zero value.
const (
	UploadClicks ActionType = ""
	UploadCalls  ActionType = "UPLOAD_CALLS"
	Webpage      ActionType = "WEBPAGE"
)

// ActionStatus is the state of a conversion action (ConversionActionStatusEnum, Google Ads API v25).
type ActionStatus string

// States of a conversion action. Only an enabled one, the zero value, is found by uploads.
const (
	Enabled ActionStatus = ""
	Removed ActionStatus = "REMOVED"
	Hidden  ActionStatus = "HIDDEN"
)

// Action is a conversion action.
type Action struct {
	// ID is the number in the resource name customers/{customer}/conversionActions/{id}.
	ID     int64        `json:"id"`
	Name   string       `json:"name"`
	Type   ActionType   `json:"type"`
	Status ActionStatus `json:"status"`
	// Created is when the action was made; younger than six hours it takes no rows. Zero is long ago.
	Created time.Time `json:"created"`
	// OnePerClick counts one conversion per click, else every one. It forbids gbraid and wbraid.
	OnePerClick bool `json:"one_per_click"`
	// LookbackDays is the click-through window, 1 to 90. Zero is Google's default of 30.
	LookbackDays int64 `json:"lookback_days"`
	// AlwaysUseDefault ignores the value and currency a row brings.
	AlwaysUseDefault bool `json:"always_use_default"`
	// DefaultValue, in major units, and DefaultCurrency stand in for what a row leaves out; "" is the account's.
	DefaultValue    float64 `json:"default_value"`
	DefaultCurrency string  `json:"default_currency"`
}

// ClickKind says which URL parameter a click id came in.
type ClickKind string

// The three click ids UploadClickConversions takes.
const (
	GCLID  ClickKind = "gclid"
	GBRAID ClickKind = "gbraid"
	WBRAID ClickKind = "wbraid"
)

// Click is an ad click Google knows.
type Click struct {
	Kind ClickKind `json:"kind"`
	// ID is opaque and case-sensitive.
	ID string `json:"id"`
	// Customer is the account whose ad was clicked; ten digits. One the sandbox does not know is out of reach.
	Customer string    `json:"customer"`
	Time     time.Time `json:"time"`
	// Hashes are the SHA-256 hashes, in lower-case hex, of the e-mail addresses and phone numbers that match this click.
	Hashes []string `json:"hashes,omitempty"`
}

var customerIDForm = regexp.MustCompile(`^\d{10}$`)

func (c *Config) withDefaults() Config {
	d := *c
	d.GRPCAddr, d.HTTPAddr = orLoopback(c.GRPCAddr), orLoopback(c.HTTPAddr)
	if d.AnyClickAge == 0 {
		d.AnyClickAge = time.Hour
	}
	if d.OAuth.TokenLifetime == 0 {
		d.OAuth.TokenLifetime = time.Hour
	}
	if d.OAuth.Now == nil {
		d.OAuth.Now = d.Now
	}
	if d.OAuth.Scopes == nil {
		d.OAuth.Scopes = bothScopes()
	}
	d.DataManager = c.DataManager.withDefaults()
	if d.Sleep == nil {
		d.Sleep = sleep
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return d
}

func (c *Config) validate() error {
	if c.Now == nil {
		return fmt.Errorf("%w: Now is required", ErrConfig)
	}
	for _, cu := range c.Customers {
		if err := cu.validate(); err != nil {
			return err
		}
	}
	for _, cl := range c.Clicks {
		if err := cl.validate(); err != nil {
			return err
		}
	}
	return errors.Join(checkLoopback(c.GRPCAddr), checkLoopback(c.HTTPAddr))
}

func (c *Customer) validate() error {
	if !customerIDForm.MatchString(c.ID) {
		return fmt.Errorf("%w: customer id %q is not ten digits", ErrConfig, c.ID)
	}
	for _, id := range []string{c.LoginCustomer, c.ConversionCustomer} {
		if id != "" && !customerIDForm.MatchString(id) {
			return fmt.Errorf("%w: customer %s names customer %q, which is not ten digits", ErrConfig, c.ID, id)
		}
	}
	seen := make(map[int64]bool, len(c.Actions))
	for _, a := range c.Actions {
		if a.ID <= 0 || seen[a.ID] {
			return fmt.Errorf("%w: customer %s has conversion action %d twice or not positive", ErrConfig, c.ID, a.ID)
		}
		seen[a.ID] = true
	}
	return nil
}

func (c *Click) validate() error {
	if c.ID == "" || c.Time.IsZero() || !customerIDForm.MatchString(c.Customer) {
		return fmt.Errorf("%w: a click needs an id, a time and a customer of ten digits", ErrConfig)
	}
	switch c.Kind {
	case GCLID, GBRAID, WBRAID:
		return nil
	}
	return fmt.Errorf("%w: click kind %q", ErrConfig, c.Kind)
}

func (a *Action) lookback() time.Duration {
	if a.LookbackDays == 0 {
		return 30 * day
	}
	return time.Duration(a.LookbackDays) * day
}

func orLoopback(addr string) string {
	if addr == "" {
		return "127.0.0.1:0"
	}
	return addr
}

func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%w: address %q: %w", ErrConfig, addr, err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("listen on %q: %w", addr, ErrNotLoopback)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait %s: %w", d, ctx.Err())
	}
}
