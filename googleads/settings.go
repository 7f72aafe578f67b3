package googleads

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"closeloop/googleauth"
)

// Settings are a connection as Google's own client libraries are configured.
type Settings struct {
	// Config has at most Endpoint, LoginCustomerID and DeveloperToken set, Credentials exactly one complete kind.
	Config      Config
	Credentials googleauth.Credentials
	// File is GOOGLE_ADS_CONFIGURATION_FILE_PATH: where the google-ads.yaml is that the variables name. It is not read here.
	// When it is set nothing else is: the file counts, and no other variable does, as for Google's libraries.
	File string
	// Notes are about what was given and probably means something else to its giver than it does here.
	Notes []Remark
}

// Remark is something to say about settings. It quotes no value.
type Remark struct {
	// Key is the setting by the name its giver used, such as login_customer_id or GOOGLE_ADS_LOGIN_CUSTOMER_ID; empty when
	// the remark is about all of them.
	Key string
	// Line is where it stands in google-ads.yaml; 0 for variables and for what is missing.
	Line int
	// What goes on from Key or, where that is empty, from the name of the file: lower case, no full stop. Hint is what to
	// do.
	What, Hint string
}

// String renders "line 3: login_customer_id is not a customer id", without the hint.
func (r Remark) String() string {
	text := strings.TrimSpace(r.Key + " " + r.What)
	if r.Line > 0 {
		text = "line " + strconv.Itoa(r.Line) + ": " + text
	}
	return text
}

// SettingsError is everything that is wrong with settings, at once; never nothing. It is an [ErrConfig].
type SettingsError struct{ Faults []Remark }

// Error lists the faults without their hints.
func (e *SettingsError) Error() string {
	texts := make([]string, len(e.Faults))
	for i, fault := range e.Faults {
		texts[i] = fault.String()
	}
	return ErrConfig.Error() + ": " + strings.Join(texts, "; ")
}

// Unwrap returns [ErrConfig].
func (e *SettingsError) Unwrap() error { return ErrConfig }

// keys of google-ads.yaml; a variable is "GOOGLE_ADS_" and the key in upper case (Google Ads API client libraries,
// configuration, November 2026).
const (
	keyDeveloperToken = "developer_token"
	keyLogin          = "login_customer_id"
	keyEndpoint       = "endpoint"
	keyClientID       = "client_id"
	keyClientSecret   = "client_secret"
	keyRefreshToken   = "refresh_token"
	keyKeyFile        = "json_key_file_path"
	keyImpersonated   = "impersonated_email"
	keyDefault        = "use_application_default_credentials"
	keyFile           = "configuration_file_path"
	keyOldKeyFile     = "path_to_private_key_file"
	keyOldSubject     = "delegated_account"
)

// use says what becomes of a key.
type use struct {
	used       bool
	what, hint string // to be said when it is not used; empty for what is passed over in silence
}

// useOf returns what becomes of a key. In silence goes what most such files have and what changes nothing here.
func useOf(key string) use {
	switch key {
	case keyDeveloperToken, keyLogin, keyEndpoint, keyClientID, keyClientSecret, keyRefreshToken, keyKeyFile,
		keyImpersonated, keyDefault, keyFile, keyOldKeyFile, keyOldSubject:
		return use{used: true}
	case "use_proto_plus", "logging", "ads_assistant", "use_cloud_org_for_api_access":
		return use{}
	case "linked_customer_id":
		return use{what: "is not used", hint: "uploads need no linked customer"}
	case "http_proxy":
		return use{what: "is not used", hint: "a proxy is taken from HTTPS_PROXY"}
	default:
		return use{what: "is not used", hint: "Google documents no such key: is it misspelt?"}
	}
}

// variables are the keys that are looked up in the environment.
func variables() []string {
	return []string{
		keyDeveloperToken, keyLogin, keyEndpoint, keyClientID, keyClientSecret, keyRefreshToken, keyKeyFile,
		keyImpersonated, keyDefault, keyFile, keyOldKeyFile, keyOldSubject, "linked_customer_id", "http_proxy",
	}
}

func variable(key string) string { return "GOOGLE_ADS_" + strings.ToUpper(key) }

// FromEnv reads the official GOOGLE_ADS_* variables through getenv (os.Getenv); unset and empty are the same. It reads no
// file: see Settings.File. The error is a [*SettingsError].
func FromEnv(getenv func(string) string) (Settings, error) {
	g := given{values: map[string]string{}, label: variable}
	for _, key := range variables() {
		if v := strings.TrimSpace(getenv(variable(key))); v != "" {
			g.values[key] = v
		}
	}
	if file := g.values[keyFile]; file != "" {
		return Settings{File: file}, nil
	}
	return g.settings()
}

// given are settings as they were given, by key.
type given struct {
	values map[string]string
	lines  map[string]int          // where they stand; empty for variables
	label  func(key string) string // what the giver calls a key
	faults []Remark
}

// remark makes a remark on a key. One that nobody documents may be a secret that slipped into a key's place.
func (g *given) remark(key, what, hint string) Remark {
	name := g.label(key)
	if strings.Trim(key, "abcdefghijklmnopqrstuvwxyz_") != "" || len(key) > len(keyDefault) {
		name = "a key"
	}
	return Remark{Key: name, Line: g.lines[key], What: what, Hint: hint}
}

func (g *given) fault(key, what, hint string) {
	g.faults = append(g.faults, g.remark(key, what, hint))
}

func (g *given) settings() (Settings, error) {
	s := Settings{
		Config:      Config{Endpoint: g.values[keyEndpoint], DeveloperToken: g.values[keyDeveloperToken]},
		Credentials: g.credentials(),
		Notes:       g.notes(),
	}
	if login := g.values[keyLogin]; login != "" {
		id, err := customerID(login)
		if err != nil {
			g.fault(keyLogin, "is not a customer id", "write the ten digits of the manager account, with or without dashes")
		}
		s.Config.LoginCustomerID = id
	}
	if len(g.faults) > 0 {
		return Settings{}, &SettingsError{Faults: g.faults}
	}
	return s, nil
}

// credentials takes the one kind that is given. Google's libraries choose among several; here that is a mistake, because
// whoever gave them cannot know by whom is uploaded.
func (g *given) credentials() googleauth.Credentials {
	c := googleauth.Credentials{
		ClientID: g.values[keyClientID], ClientSecret: g.values[keyClientSecret], RefreshToken: g.values[keyRefreshToken],
		KeyFile:            first(g.values[keyKeyFile], g.values[keyOldKeyFile]),
		ApplicationDefault: g.on(keyDefault),
	}
	switch kinds := c.Kinds(); {
	case len(kinds) == 0 && len(g.faults) == 0:
		g.faults = append(g.faults, Remark{
			What: "holds no credentials",
			Hint: "it needs " + g.label(keyClientID) + ", " + g.label(keyClientSecret) + " and " + g.label(keyRefreshToken) +
				", or " + g.label(keyKeyFile) + ", or " + g.label(keyDefault),
		})
	case len(kinds) > 1:
		g.faults = append(g.faults, Remark{
			What: "holds more than one kind of credentials (" + strings.Join(kinds, ", ") + ")",
			Hint: "keep one of " + g.label(keyClientID) + " and what goes with it, " + g.label(keyKeyFile) + " and " + g.label(keyDefault),
		})
	case c.Kind() == googleauth.KindRefreshToken:
		g.complete(keyClientID, keyClientSecret, keyRefreshToken)
	case c.Kind() == googleauth.KindServiceAccount:
		c.ImpersonatedEmail = first(g.values[keyImpersonated], g.values[keyOldSubject])
	}
	return c
}

// on reads a switch.
func (g *given) on(key string) bool {
	switch strings.ToLower(g.values[key]) {
	case "", "0", "false", "no", "off":
		return false
	case "1", "true", "yes", "on":
		return true
	default:
		g.fault(key, "is neither true nor false", "write true, or delete it")
		return false
	}
}

func (g *given) complete(keys ...string) {
	for _, key := range keys {
		if g.values[key] == "" {
			g.fault(key, "is missing", "an OAuth client, its secret and a refresh token belong together")
		}
	}
}

func (g *given) notes() []Remark {
	var list []Remark
	for _, key := range slices.Sorted(maps.Keys(g.values)) {
		if u := useOf(key); u.what != "" {
			list = append(list, g.remark(key, u.what, u.hint))
		}
	}
	slices.SortStableFunc(list, func(a, b Remark) int { return cmp.Compare(a.Line, b.Line) })
	return list
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
