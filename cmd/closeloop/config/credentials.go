package config

import (
	"encoding/json"
	"net"
	"strings"

	"go.yaml.in/yaml/v3"
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
		foreign{o, "google_ads_yaml", googleAdsYAML(o, "google_ads_yaml", content)}.into(a)
	}
	if o.on("environment") {
		environment(o, a)
	}
	word(o, "token_url", &c.TokenURL)
	o.secret("developer_token", &c.DeveloperToken)
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

// foreign are the settings of Google's own client libraries, from their file
// or their variables, by the names of google-ads.yaml. Relative paths among
// them start at the working folder, as they do for those libraries.
type foreign struct {
	object
	key    string // the setting that named them
	values map[string]string
}

// googleAdsYAML reads the single values of a google-ads.yaml. Keys of no use
// here are left alone: the file belongs to another program.
func googleAdsYAML(o object, key string, content []byte) map[string]string {
	values := map[string]string{}
	var document yaml.Node
	if yaml.Unmarshal(content, &document) != nil || len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		o.r.fail(o.at(key), 0, "the file it names is not a google-ads.yaml", "see developers.google.com/google-ads/api/docs/client-libs for its form")
		return values
	}
	fields := document.Content[0].Content
	for i := 0; i+1 < len(fields); i += 2 {
		if v := fields[i+1]; v.Kind == yaml.ScalarNode && !isNull(v) {
			values[fields[i].Value] = v.Value
		}
	}
	return values
}

// foreignKeys are the keys of google-ads.yaml that matter here; as a variable
// each is in capitals behind GOOGLE_ADS_ (Google Ads API client libraries,
// configuration, November 2026).
func foreignKeys() []string {
	return []string{
		"client_id", "client_secret", "refresh_token", "json_key_file_path", "path_to_private_key_file",
		"impersonated_email", "delegated_account", "use_application_default_credentials",
		"developer_token", "login_customer_id", "endpoint", "http_proxy", "linked_customer_id",
	}
}

// environment takes the credentials from the variables of Google's client
// libraries or, as they do, from the file that one of them names.
func environment(o object, a *Account) {
	const prefix = "GOOGLE_ADS_"
	values := map[string]string{}
	for _, key := range foreignKeys() {
		if v := o.r.getenv(prefix + strings.ToUpper(key)); v != "" {
			values[key] = v
		}
	}
	if file := o.r.getenv(prefix + "CONFIGURATION_FILE_PATH"); file != "" {
		content, err := o.r.readFile(file)
		if err != nil || len(content) > maxSecretFile {
			o.r.fail(o.at("environment"), 0, "the file named by GOOGLE_ADS_CONFIGURATION_FILE_PATH cannot be read", "mend or unset the variable")
			return
		}
		o.r.holdsSecret(file, o.at("environment"))
		values = googleAdsYAML(o, "environment", content)
	}
	foreign{o, "environment", values}.into(a)
}

// into turns the settings into one of our methods.
func (f foreign) into(a *Account) {
	if f.r.broken[f.at(f.key)] {
		return
	}
	c := &a.Credentials
	app := f.first("client_id", "client_secret", "refresh_token") != ""
	keyFile := f.first("json_key_file_path", "path_to_private_key_file")
	adc := strings.EqualFold(f.values["use_application_default_credentials"], "true")
	switch {
	case app && keyFile == "" && !adc:
		c.Method, c.ClientID = RefreshToken, f.values["client_id"]
		c.ClientSecret, c.RefreshToken = NewSecret(f.values["client_secret"]), NewSecret(f.values["refresh_token"])
		f.complete("client_id", "client_secret", "refresh_token")
	case keyFile != "" && !app && !adc:
		c.Method, c.KeyFile = ServiceAccount, keyFile
		c.Impersonate = f.first("impersonated_email", "delegated_account")
		f.keyFile(keyFile)
	case adc && !app && keyFile == "":
		c.Method = ApplicationDefault
	case !adc && !app && keyFile == "":
		f.fault("holds no credentials", "it needs client_id, client_secret and refresh_token, or json_key_file_path, or use_application_default_credentials")
	default:
		f.fault("holds more than one kind of credentials", "keep one of client_id…, json_key_file_path and use_application_default_credentials")
	}
	f.rest(a)
}

// rest takes over what is not about credentials where the account does not
// say it itself.
func (f foreign) rest(a *Account) {
	a.Credentials.DeveloperToken = NewSecret(f.values["developer_token"])
	if login := f.values["login_customer_id"]; login != "" && a.LoginCustomer == "" {
		id, fault := parseCustomer(login)
		if fault != nil {
			f.fault("login_customer_id "+fault.what, fault.hint)
		}
		a.LoginCustomer = id
	}
	if endpoint := f.values["endpoint"]; endpoint != "" && a.Endpoint == "" {
		a.Endpoint = withPort(endpoint)
		f.r.raw[strings.TrimSuffix(f.path, "credentials")+"endpoint"] = "the endpoint of " + f.key
	}
	for _, key := range []string{"http_proxy", "linked_customer_id"} {
		if f.values[key] != "" {
			f.r.warnings = append(f.r.warnings, Problem{
				Path: f.at(f.key), What: key + " is not used", Hint: "a proxy is taken from HTTPS_PROXY; uploads need no linked customer",
			})
		}
	}
}

// withPort adds the port that Google's libraries imply.
func withPort(endpoint string) string {
	if endpoint == "" || strings.Contains(endpoint, ":") {
		return endpoint
	}
	return net.JoinHostPort(endpoint, "443")
}

func (f foreign) first(keys ...string) string {
	for _, key := range keys {
		if v := f.values[key]; v != "" {
			return v
		}
	}
	return ""
}

func (f foreign) complete(keys ...string) {
	for _, key := range keys {
		if f.values[key] == "" {
			f.r.broken[f.at("refresh_token."+key)] = true
			f.fault("lacks "+key, "as a variable it is GOOGLE_ADS_"+strings.ToUpper(key))
		}
	}
}

func (f foreign) keyFile(file string) {
	content, err := f.r.readFile(file)
	if err != nil || len(content) > maxSecretFile {
		f.fault("names a key file that cannot be read", "check json_key_file_path")
		return
	}
	f.r.holdsSecret(file, f.at(f.key))
	if !isServiceKey(content) {
		f.fault("names a key file that is not the JSON key of a service account", keyHint)
	}
}

// fault reports what is wrong with the settings, without quoting any.
func (f foreign) fault(what, hint string) { f.r.fail(f.at(f.key), 0, what, hint) }
