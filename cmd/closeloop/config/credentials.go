package config

import (
	"encoding/json"
	"errors"
	"net"
	"strconv"
	"strings"

	"closeloop/googleads"
	"closeloop/googleauth"
)

const (
	waysHint = "give exactly one of refresh_token, service_account, application_default, google_ads_yaml and environment"
	keyHint  = "download a JSON key of the service account in the Google Cloud console"
)

// credentials reads the one way in which the account proves who it is.
func credentials(o object, a *Account) {
	ways := 0
	for _, key := range []string{"refresh_token", "service_account", "application_default", "google_ads_yaml", "environment"} {
		if o.has(key) {
			ways++
		}
	}
	if ways > 1 {
		o.r.report(o.path, 0, "more than one way to prove who is uploading", waysHint)
	}
	c := &a.Credentials
	refreshToken(o, c)
	serviceAccount(o, c)
	if o.on("application_default") {
		c.Method = ApplicationDefault
	}
	if content, file, ok := o.content("google_ads_yaml"); ok {
		o.r.holdsSecret(file, o.at("google_ads_yaml"))
		foreign{o, "google_ads_yaml", o.shown("google_ads_yaml", file)}.parse(content, a)
	}
	if o.on("environment") {
		environment(o, a)
	}
	word(o, "token_url", &c.TokenURL)
	o.secret("developer_token", &c.DeveloperToken)
	word(o, "quota_project", &c.QuotaProject)
}

// on reads a way that is switched on by true.
func (o object) on(key string) bool {
	var on bool
	set(o, key, &on, parseBool)
	return on
}

func refreshToken(o object, c *Credentials) {
	token, ok := o.child("refresh_token", sectionRefreshToken)
	if !ok {
		return
	}
	c.Method = RefreshToken
	word(token, "client_id", &c.ClientID)
	token.secret("client_secret", &c.ClientSecret)
	token.secret("refresh_token", &c.RefreshToken)
}

func serviceAccount(o object, c *Credentials) {
	key, ok := o.child("service_account", sectionServiceAccount)
	if !ok {
		return
	}
	c.Method = ServiceAccount
	word(key, "impersonate", &c.Impersonate)
	content, file, ok := key.content("key_file")
	if !ok {
		return
	}
	c.KeyFile = file
	o.r.holdsSecret(file, key.at("key_file"))
	if !isServiceKey(content) {
		o.r.fail(key.at("key_file"), 0, "the file "+key.shown("key_file", file)+" is not the JSON key of a service account", keyHint)
	}
}

// isServiceKey reports whether content is a service account's JSON key.
func isServiceKey(content []byte) bool {
	var k struct {
		Type        string `json:"type"`
		ClientEmail string `json:"client_email"`
		PrivateKey  string `json:"private_key"`
	}
	return json.Unmarshal(content, &k) == nil && k.Type == "service_account" && k.ClientEmail != "" && k.PrivateKey != ""
}

// foreign takes settings of Google's own client libraries, from their file or
// their variables. The account's own login_customer, endpoint and
// developer_token come before them. Relative paths among them start at the
// working folder, as they do for those libraries.
type foreign struct {
	object
	key  string // the setting that named them
	file string // the file they stand in, as it is shown; "" for variables
}

// environment takes the variables of Google's client libraries or, as those
// do, only the file that one of them names.
func environment(o object, a *Account) {
	const named = "the file named by GOOGLE_ADS_CONFIGURATION_FILE_PATH"
	s, err := googleads.FromEnv(o.r.getenv)
	if err != nil || s.File == "" {
		foreign{o, "environment", ""}.into(a, s, err)
		return
	}
	content, err := o.r.readFile(s.File)
	if err != nil || len(content) > maxSecretFile {
		o.r.fail(o.at("environment"), 0, named+" cannot be read", "mend or unset the variable")
		return
	}
	o.r.holdsSecret(s.File, o.at("environment"))
	foreign{o, "environment", named}.parse(content, a)
}

func (f foreign) parse(content []byte, a *Account) {
	s, err := googleads.ParseGoogleAdsYAML(content)
	f.into(a, s, err)
}

// into fills in the account, or reports what is wrong with the settings.
func (f foreign) into(a *Account, s googleads.Settings, err error) {
	if wrong := (*googleads.SettingsError)(nil); errors.As(err, &wrong) {
		for _, fault := range wrong.Faults {
			f.fault(fault)
		}
		return
	}
	for _, note := range s.Notes {
		f.r.warnings = append(f.r.warnings, Problem{Path: f.at(f.key), What: f.say(note), Hint: note.Hint})
	}
	f.credentials(&a.Credentials, s.Credentials)
	a.Credentials.DeveloperToken = NewSecret(s.Config.DeveloperToken)
	if a.LoginCustomer == "" {
		a.LoginCustomer = s.Config.LoginCustomerID
	}
	if endpoint := s.Config.Endpoint; endpoint != "" && a.Endpoint == "" {
		a.Endpoint = withPort(endpoint)
		f.r.raw[strings.TrimSuffix(f.path, "credentials")+"endpoint"] = "the endpoint of " + f.key
	}
}

func (f foreign) credentials(c *Credentials, from googleauth.Credentials) {
	switch {
	case from.ApplicationDefault:
		c.Method = ApplicationDefault
	case from.KeyFile != "":
		c.Method, c.KeyFile, c.Impersonate = ServiceAccount, from.KeyFile, from.ImpersonatedEmail
		f.keyFile(from.KeyFile)
	default:
		c.Method, c.ClientID = RefreshToken, from.ClientID
		c.ClientSecret, c.RefreshToken = NewSecret(from.ClientSecret), NewSecret(from.RefreshToken)
	}
}

// withPort adds the port that Google's libraries imply.
func withPort(endpoint string) string {
	if strings.Contains(endpoint, ":") {
		return endpoint
	}
	return net.JoinHostPort(endpoint, "443")
}

func (f foreign) keyFile(file string) {
	content, err := f.r.readFile(file)
	if err != nil || len(content) > maxSecretFile {
		f.fault(googleads.Remark{What: "names a key file that cannot be read", Hint: "check json_key_file_path"})
		return
	}
	f.r.holdsSecret(file, f.at(f.key))
	if !isServiceKey(content) {
		f.fault(googleads.Remark{What: "names a key file that is not the JSON key of a service account", Hint: keyHint})
	}
}

// fault reports what is wrong with the settings, without quoting any.
func (f foreign) fault(remark googleads.Remark) {
	f.r.fail(f.at(f.key), 0, f.say(remark), remark.Hint)
}

// say names the file a remark is about and, where it has one, the line there.
func (f foreign) say(remark googleads.Remark) string {
	where := f.file
	switch {
	case where == "":
		return remark.String()
	case remark.Line > 0:
		where = "line " + strconv.Itoa(remark.Line) + " of " + where
	}
	if remark.Key != "" {
		where += ": " + remark.Key
	}
	return where + " " + remark.What
}
