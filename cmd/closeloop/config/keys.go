package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The sections of the file, as they are called in hints.
const (
	sectionTop            = "the top level"
	sectionListen         = "listen"
	sectionTLS            = "listen.tls"
	sectionRetention      = "retention"
	sectionSource         = "sources[]"
	sectionAccount        = "accounts[]"
	sectionStages         = "accounts[].stages"
	sectionStage          = "accounts[].stages.booked or .quoted"
	sectionCredentials    = "accounts[].credentials"                 //nolint:gosec // the name of a setting
	sectionRefreshToken   = "accounts[].credentials.refresh_token"   //nolint:gosec // the name of a setting
	sectionServiceAccount = "accounts[].credentials.service_account" //nolint:gosec // the name of a setting
)

func sections() []string {
	return []string{
		sectionTop, sectionListen, sectionTLS, sectionRetention, sectionSource, sectionAccount,
		sectionStages, sectionStage, sectionCredentials, sectionRefreshToken, sectionServiceAccount,
	}
}

// keysOf returns the keys a section may hold, in the order of the example.
func keysOf(section string) []string {
	switch section {
	case sectionTop:
		return []string{"database", "listen", "schedule_spread", "replicas", "retention", "sources", "accounts"}
	case sectionListen:
		return []string{"address", "drain", "tls"}
	case sectionTLS:
		return []string{"cert", "key"}
	case sectionRetention:
		return []string{"quarantine"}
	case sectionSource:
		return []string{"name", "key", "type", "account", "secrets", "secrets_file", "tolerance", "phone_region"}
	case sectionAccount:
		return []string{
			"name", "customer", "login_customer", "api", "mode", "schedule", "zone", "currency", "consent",
			"hold", "settle", "click_wait", "match_contact", "withdraw_wait", "withdraw_denied", "withdraw_as_zero", "event_source",
			"upload_from", "on_booked", "stages", "credentials", "endpoint", "data_manager_endpoint", "plaintext",
		}
	case sectionStages:
		return []string{"booked", "quoted"}
	case sectionStage:
		return []string{"action", "value_order", "share", "minimum", "missing_value", "look_back", "withdrawn_by"}
	case sectionCredentials:
		return []string{
			"refresh_token", "service_account", "application_default", "google_ads_yaml", "environment",
			"token_url", "developer_token", "developer_token_file", "quota_project",
		}
	case sectionRefreshToken:
		return []string{"client_id", "client_secret", "client_secret_file", "refresh_token", "refresh_token_file"}
	case sectionServiceAccount:
		return []string{"key_file", "impersonate"}
	default:
		return nil
	}
}

// known reports whether the section may hold the key, and reports the key
// when it may not.
func (o object) known(key *yaml.Node, section string) bool {
	keys := keysOf(section)
	if slices.Contains(keys, key.Value) {
		return true
	}
	what := "unknown key"
	if plain(key.Value) {
		what = fmt.Sprintf("unknown key %q", key.Value)
	}
	hint := "known here: " + strings.Join(keys, ", ")
	near, isNear := nearest(key.Value, keys)
	elsewhere := belongs(key.Value)
	switch {
	case elsewhere != "":
		hint = fmt.Sprintf("%q belongs under %s", key.Value, elsewhere)
	case isNear:
		hint = fmt.Sprintf("did you mean %q?", near)
		o.meant[near] = true
	}
	o.r.report(o.path, key.Line, what, hint)
	return false
}

// plain reports whether text looks like a key rather than like a value that
// slipped into a key's place and may be a secret.
func plain(text string) bool {
	return len(text) <= 32 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == ""
}

// belongs returns the sections that do know the key.
func belongs(key string) (where string) {
	var found []string
	for _, section := range sections() {
		if slices.Contains(keysOf(section), key) {
			found = append(found, section)
		}
	}
	return strings.Join(found, " or ")
}

// nearest returns the word most like text; ok is false when none is close.
func nearest(text string, words []string) (best string, ok bool) {
	const longest = 40
	if text == "" || len(text) > longest {
		return "", false
	}
	text = strings.ReplaceAll(strings.ToLower(text), "-", "_")
	least := 1 << 30
	for _, w := range words {
		d := distance(text, w)
		similar := d <= max(1, len(w)/3) || len(w) >= 4 && strings.Contains(text, w) || len(text) >= 4 && strings.Contains(w, text)
		if similar && d < least {
			best, least = w, d
		}
	}
	return best, best != ""
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
