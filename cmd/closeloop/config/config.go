package config

import (
	"time"

	"closeloop/conversions"
)

// Config is the whole configuration. Load makes it from a file; a Config
// built in code starts from New and is checked by Validate. It is not changed
// after that and may be read concurrently.
type Config struct {
	// Path is the file it was read from; empty when built in code. Relative
	// paths in the file start at the file's folder and are kept here resolved.
	Path     string
	Database Database
	Listen   Listen
	// SpreadWindow is the window over which the accounts' runs are spread;
	// 0 starts all accounts of a schedule at once.
	SpreadWindow time.Duration
	// Replicas is how many servers share the configuration, 1 to 1000: each
	// takes that part of Google's quotas.
	Replicas  int
	Retention Retention
	Sources   []Source
	Accounts  []Account
	// Warnings are what is allowed but probably not meant. Load fills them in.
	Warnings []Problem
	// SecretFiles are the files that secrets were read from; the
	// configuration itself is among them when a secret stands in it.
	SecretFiles []SecretFile
}

// Database says where the events and the ledger are kept: in exactly one of
// the two.
type Database struct {
	// SQLite is the path of the database file.
	SQLite string
	// Postgres is the address of a PostgreSQL database, postgres://…, which may
	// hold a password.
	Postgres Secret
}

// Listen is the HTTP listener.
type Listen struct {
	// Address is host:port. Port 0 takes any free port.
	Address string
	// Drain is how long, once told to stop, the server still takes deliveries
	// while /readyz says 503, so that a load balancer sends them elsewhere; 0
	// (the default) to 1m.
	Drain time.Duration
	// TLS is empty to serve plain HTTP, for a proxy in front.
	TLS TLS
}

// TLS names the two PEM files of a server certificate: both or none.
type TLS struct{ Cert, Key string }

// Enabled reports whether the listener is to speak TLS.
func (t TLS) Enabled() bool { return t.Cert != "" || t.Key != "" }

// Retention says how long things are kept that are not kept for ever.
type Retention struct {
	// Quarantine is how long an unreadable delivery's masked shape is kept.
	Quarantine time.Duration
}

// SourceType is a webhook vendor.
type SourceType string

// SourceVarda is Varda, the only source type of this version.
const SourceVarda SourceType = "varda"

// Source is one webhook endpoint of one CRM account.
type Source struct {
	// Name stands in the URL: /webhooks/{name}. It may change. Like every
	// name it is 1 to 63 of a-z, 0-9, "_" and "-" and starts with a letter or
	// digit.
	Name string
	// Key goes into order ids and must never change; of the shape of a name.
	Key  string
	Type SourceType
	// Account is the account that the source's outcomes belong to.
	Account conversions.AccountID
	// Secrets verify the signature; any one of them is enough. At least one.
	Secrets []Secret
	// Tolerance is how far the signature's time may lie from now; 0 leaves
	// the time unchecked.
	Tolerance time.Duration
	// PhoneRegion is the ISO 3166-1 country ("US") of phone numbers written
	// without a country code; "" takes international numbers only.
	PhoneRegion string
}

// Account is one Google Ads customer and the rules for it.
type Account struct {
	// Name is immutable: rows are filed under it.
	Name conversions.AccountID
	// Customer and LoginCustomer are ten digits without dashes.
	// LoginCustomer is the manager through which access is had, or "".
	Customer      string
	LoginCustomer string
	// API has no default. Rows that were sent stay with the one they were sent
	// through.
	API conversions.API
	// Mode has no default.
	Mode conversions.Mode
	// Schedule is a standard cron expression, read in Zone.
	Schedule string
	// Zone is the Google Ads account's own time zone. Required.
	Zone *time.Location
	// Currency is an ISO 4217 code in capitals.
	Currency string
	// Consent has no default.
	Consent conversions.ConsentRule
	// Hold, Settle and ClickWait are as in conversions.Rules, except that 0 is
	// taken as zero and not as the default. The default of Hold is DefaultHold's.
	Hold, Settle, ClickWait time.Duration
	// MatchContact is as in conversions.Rules.
	MatchContact bool
	// WithdrawWait and WithdrawDenied are as in conversions.Rules; a
	// WithdrawWait of 0 retracts at once.
	WithdrawWait   time.Duration
	WithdrawDenied bool
	// KeepValue is as in conversions.Rules: it counts for what was sent through
	// conversions.APIDataManager.
	KeepValue bool
	// EventSource says where the outcomes come about, one of EventSources; the
	// Data Manager API wants to know, the Google Ads API does not.
	EventSource string
	// UploadFrom: older outcomes are recorded and never sent; zero sends all.
	UploadFrom time.Time
	// OnBooked may be empty, which is conversions.KeepQuote.
	OnBooked conversions.OnBooked
	// Stages holds the stages that are sent, at least one. With a zero LookBack
	// Google is asked for it; until it has answered it is
	// conversions.MaxAge; Share has no zero meaning; a nil WithdrawnBy is
	// conversions.DefaultWithdrawnBy, an empty one is none.
	Stages      map[conversions.Stage]conversions.StageRules
	Credentials Credentials
	// Endpoint is host:port of the Google Ads API, and DataManagerEndpoint of the
	// Data Manager API; "" is Google's own.
	Endpoint            string
	DataManagerEndpoint string
	// Plaintext talks to the endpoints that are given without TLS: to the
	// sandbox. Loopback only.
	Plaintext bool
}

// EventSources are the words of the Data Manager API for where an event came
// about (EventSource, Data Manager API v1).
func EventSources() []string { return []string{"WEB", "APP", "IN_STORE", "PHONE", "OTHER", "MESSAGE"} }

// DefaultEventSource is the word for calls.
const DefaultEventSource = "PHONE"

// Rules returns what decides on the account's outcomes, with the defaults of
// empty settings written out.
func (a Account) Rules() conversions.Rules {
	stages := make(map[conversions.Stage]conversions.StageRules, len(a.Stages))
	for stage, rules := range a.Stages {
		if len(rules.ValueOrder) == 0 {
			rules.ValueOrder = conversions.DefaultValueOrder()
		}
		if rules.Missing == "" {
			rules.Missing = conversions.MissingSkip
		}
		if rules.WithdrawnBy == nil {
			rules.WithdrawnBy = conversions.DefaultWithdrawnBy(stage)
		}
		stages[stage] = rules
	}
	onBooked := a.OnBooked
	if onBooked == "" {
		onBooked = conversions.KeepQuote
	}
	return conversions.Rules{
		Account: a.Name, Target: conversions.Target{API: a.API, Customer: a.Customer},
		Mode: a.Mode, Currency: a.Currency, Consent: a.Consent, OnBooked: onBooked,
		Hold: a.Hold, Settle: a.Settle, ClickWait: a.ClickWait,
		MatchContact: a.MatchContact,
		WithdrawWait: a.WithdrawWait, WithdrawDenied: a.WithdrawDenied, KeepValue: a.KeepValue,
		UploadFrom: a.UploadFrom, Stages: stages,
	}
}

// CredentialMethod is a way to prove who is uploading.
type CredentialMethod string

// The methods. Credentials from google-ads.yaml or the GOOGLE_ADS_* variables
// come down to one of them when they are loaded.
const (
	RefreshToken       CredentialMethod = "refresh_token"
	ServiceAccount     CredentialMethod = "service_account"
	ApplicationDefault CredentialMethod = "application_default"
)

// Credentials prove who is uploading.
type Credentials struct {
	// Method says which of the fields below count.
	Method CredentialMethod
	// ClientID, ClientSecret and RefreshToken are an OAuth client and a token
	// granted to it; for RefreshToken.
	ClientID     string
	ClientSecret Secret
	RefreshToken Secret
	// KeyFile is the path of a service account's JSON key, and Impersonate the
	// user it acts for, or ""; for ServiceAccount.
	KeyFile     string
	Impersonate string
	// TokenURL is where tokens are fetched; "" is Google's own. Plain http
	// only to a loopback address.
	TokenURL string
	// DeveloperToken is sent when it is set. Google has not asked for it since
	// 9 September 2026 (Google Ads API release notes).
	DeveloperToken Secret
	// QuotaProject is the Google Cloud project whose quota requests to the Data
	// Manager API count against; "" is that of the credentials.
	QuotaProject string
}

// SecretFile is a file that holds a secret, and the setting that named it.
type SecretFile struct {
	File    string
	Problem Problem // where it was named; What and Hint are empty
}

// The defaults of the file.
const (
	DefaultDatabase            = "closeloop.db"
	DefaultAddress             = "127.0.0.1:8080"
	DefaultSpreadWindow        = 10 * time.Minute
	DefaultQuarantineRetention = 30 * 24 * time.Hour
)

// New returns a Config that holds the defaults: no source and no account.
func New() *Config {
	return &Config{
		Database:     Database{SQLite: DefaultDatabase},
		Listen:       Listen{Address: DefaultAddress},
		SpreadWindow: DefaultSpreadWindow,
		Replicas:     1,
		Retention:    Retention{Quarantine: DefaultQuarantineRetention},
	}
}

// DefaultHold is how long after a lead nothing is sent when the configuration
// does not say.
func DefaultHold(api conversions.API) time.Duration {
	if api == conversions.APIDataManager {
		return conversions.DefaultHoldDataManager
	}
	return conversions.DefaultHold
}

// NewAccount returns an account that holds the defaults, Hold that of the
// Google Ads API. Name, Customer, API,
// Mode, Schedule, Zone, Currency, Consent, Stages and Credentials have none.
func NewAccount() Account {
	return Account{
		Hold:         conversions.DefaultHold,
		Settle:       conversions.DefaultSettle,
		ClickWait:    conversions.DefaultClickWait,
		WithdrawWait: conversions.DefaultWithdrawWait,
		OnBooked:     conversions.KeepQuote,
		EventSource:  DefaultEventSource,
	}
}
