package googleads

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Settings are a connection as Google's own client libraries are configured.
type Settings struct {
	Config      Config
	Credentials Credentials
	// File is GOOGLE_ADS_CONFIGURATION_FILE_PATH: where the google-ads.yaml is that the variables name. It is not read here.
	File string
	// Notes say which keys were given and have no meaning here. They hold no values.
	Notes []string
}

// keys of google-ads.yaml; a variable is "GOOGLE_ADS_" and the key in upper case (Google Ads API client libraries,
// configuration).
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

// knownKeys returns every documented key with what to say of it when it is given: nothing for those that are used.
func knownKeys() map[string]string {
	return map[string]string{
		keyDeveloperToken: "", keyLogin: "", keyEndpoint: "", keyClientID: "", keyClientSecret: "", keyRefreshToken: "",
		keyKeyFile: "", keyImpersonated: "", keyDefault: "", keyFile: "",
		keyOldKeyFile:                  "is deprecated: use " + keyKeyFile,
		keyOldSubject:                  "is deprecated: use " + keyImpersonated,
		"use_proto_plus":               "is ignored: it is about Python",
		"logging":                      "is ignored: logging is configured elsewhere",
		"linked_customer_id":           "is ignored: it is for app analytics providers",
		"http_proxy":                   "is ignored: set the variable HTTPS_PROXY instead",
		"use_cloud_org_for_api_access": "is ignored: access belongs to the Cloud project by itself",
		"ads_assistant":                "is ignored: it is about Google's assistant",
	}
}

// FromEnv reads the official GOOGLE_ADS_* variables through getenv (os.Getenv); unset and empty are the same. It reads no
// file: see Settings.File. Nothing is validated but what cannot be understood; error: [ErrConfig].
func FromEnv(getenv func(string) string) (Settings, error) {
	values := map[string]string{}
	for key := range knownKeys() {
		if v := strings.TrimSpace(getenv(variable(key))); v != "" {
			values[key] = v
		}
	}
	return settings(values, variable)
}

func variable(key string) string { return "GOOGLE_ADS_" + strings.ToUpper(key) }

// Or returns s with what it leaves open taken from other. Credentials are taken whole from one of the two, so that the
// client of one is never used with the token of the other. The order of the program is: its own configuration, the
// variables, google-ads.yaml.
func (s Settings) Or(other Settings) Settings {
	s.Config.Endpoint = first(s.Config.Endpoint, other.Config.Endpoint)
	s.Config.LoginCustomerID = first(s.Config.LoginCustomerID, other.Config.LoginCustomerID)
	s.Config.DeveloperToken = first(s.Config.DeveloperToken, other.Config.DeveloperToken)
	s.Config.UserAgent = first(s.Config.UserAgent, other.Config.UserAgent)
	if s.Config.Timeout == 0 {
		s.Config.Timeout = other.Config.Timeout
	}
	if len(s.Credentials.kinds()) == 0 {
		tokenURL := first(s.Credentials.TokenURL, other.Credentials.TokenURL)
		s.Credentials = other.Credentials
		s.Credentials.TokenURL = tokenURL
	}
	s.File = first(s.File, other.File)
	s.Notes = append(slices.Clip(s.Notes), other.Notes...)
	return s
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// settings makes settings of documented keys; label names a key as its giver wrote it.
func settings(values map[string]string, label func(string) string) (Settings, error) {
	s := Settings{
		Config: Config{Endpoint: values[keyEndpoint], DeveloperToken: values[keyDeveloperToken]},
		Credentials: Credentials{
			ClientID: values[keyClientID], ClientSecret: values[keyClientSecret], RefreshToken: values[keyRefreshToken],
			KeyFile:           first(values[keyKeyFile], values[keyOldKeyFile]),
			ImpersonatedEmail: first(values[keyImpersonated], values[keyOldSubject]),
		},
		File:  values[keyFile],
		Notes: notes(values, label),
	}
	if login := values[keyLogin]; login != "" {
		id, err := customerID(login)
		if err != nil {
			return Settings{}, fmt.Errorf("%s: %w", label(keyLogin), err)
		}
		s.Config.LoginCustomerID = id
	}
	useDefault, err := boolean(values[keyDefault])
	if err != nil {
		return Settings{}, fmt.Errorf("%s: %w", label(keyDefault), err)
	}
	s.Credentials.ApplicationDefault = useDefault
	s.keepOneKind(label)
	return s, nil
}

// keepOneKind chooses as Google's libraries do when several kinds of credentials are given: the application default
// where it is asked for, a complete refresh token, a key file.
func (s *Settings) keepOneKind(label func(string) string) {
	c := s.Credentials
	complete := c.ClientID != "" && c.ClientSecret != "" && c.RefreshToken != ""
	only := Credentials{TokenURL: c.TokenURL}
	switch {
	case len(c.kinds()) < 2:
		return
	case c.ApplicationDefault:
		only.ApplicationDefault = true
	case complete:
		only.ClientID, only.ClientSecret, only.RefreshToken = c.ClientID, c.ClientSecret, c.RefreshToken
	default:
		only.KeyFile, only.ImpersonatedEmail = c.KeyFile, c.ImpersonatedEmail
	}
	s.Credentials = only
	s.Notes = append(s.Notes, fmt.Sprintf("several kinds of credentials are given (%s, %s, %s): the %s is used",
		label(keyDefault), label(keyRefreshToken), label(keyKeyFile), only.Kind()))
}

func notes(values map[string]string, label func(string) string) []string {
	var list []string
	all := knownKeys()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		text, documented := all[key]
		if !documented {
			text = "is ignored: Google documents no such key"
		}
		if text != "" {
			list = append(list, label(key)+" "+text)
		}
	}
	return list
}

func boolean(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "", "0", "false", "no", "off":
		return false, nil
	case "1", "true", "yes", "on":
		return true, nil
	default:
		return false, fmt.Errorf("%w: neither true nor false", ErrConfig)
	}
}
