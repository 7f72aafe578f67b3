package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"closeloop/conversions"
)

// Limits of the settings of time.
const (
	maxSpread     = day
	minQuarantine = time.Hour
	maxQuarantine = 3650 * day
	minTolerance  = time.Second
	maxTolerance  = day
	maxHold       = 30 * day
	maxLookBack   = 90 * day // conversions.MaxAge
	// Retracting later than this hardly leaves time to do it: conversions.MaxAdjustAge.
	maxWithdrawWait = 30 * day
)

// maxDrain is longer than load balancers take to notice, and short enough for
// who waits for the process to end.
const maxDrain = time.Minute

// maxReplicas is far more than Google's quotas have room for.
const maxReplicas = 1000

const replicasHint = "write how many servers run with this configuration, from 1 to 1000"

// checker looks at the values of a Config, wherever they came from.
type checker struct {
	raw      map[string]string // see reader.raw
	problems []Problem
	warnings []Problem
}

// reject reports a mistake that is not about one value.
func (c *checker) reject(path, what, hint string) {
	c.problems = append(c.problems, Problem{Path: path, What: what, Hint: hint})
}

// refuse reports a value that is not allowed, quoting it.
func (c *checker) refuse(path, value, what, hint string) {
	c.reject(path, quote(c.raw, path, value)+" "+what, hint)
}

func (c *checker) warn(path, what, hint string) {
	c.warnings = append(c.warnings, Problem{Path: path, What: what, Hint: hint})
}

// given reports whether there is a value, and reports it missing otherwise.
func (c *checker) given(path string, present bool, hint string) bool {
	if !present {
		c.reject(path, "is missing", hint)
	}
	return present
}

// oneOf checks a word that must be one of a few.
func (c *checker) oneOf(path, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	hint := "write " + strings.Join(allowed, " or ")
	if !c.given(path, value != "", hint) {
		return
	}
	if near, ok := nearest(value, allowed); ok {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	c.refuse(path, value, "is not known here", hint)
}

// between checks a duration.
func (c *checker) between(path string, d, least, most time.Duration) {
	if d < least || d > most {
		c.reject(path, short(d)+" is out of bounds", span(least, most))
	}
}

// name checks a name or key.
func (c *checker) name(path, value, what string) {
	const shape = "1 to 63 of a-z, 0-9, _ and -, starting with a letter or digit"
	if c.given(path, value != "", what+"; "+shape) && !isName(value) {
		c.refuse(path, value, "cannot be used as a name", "use "+shape)
	}
}

// once checks that value is not among those seen.
func (c *checker) once(seen map[string]string, path, value string) {
	if first, twice := seen[value]; twice && value != "" {
		c.refuse(path, value, "is already used by "+first, "choose another: it must be unique")
		return
	}
	seen[value] = path
}

func element(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

func (c *checker) config(cfg *Config) {
	c.database(cfg.Database)
	c.listen(cfg.Listen)
	c.between("schedule_spread", cfg.SpreadWindow, 0, maxSpread)
	if cfg.Replicas < 1 || cfg.Replicas > maxReplicas {
		c.refuse("replicas", strconv.Itoa(cfg.Replicas), "is out of bounds", replicasHint)
	}
	c.between("retention.quarantine", cfg.Retention.Quarantine, minQuarantine, maxQuarantine)
	accounts := make([]string, len(cfg.Accounts))
	for i, a := range cfg.Accounts {
		accounts[i] = string(a.Name)
	}
	bound := c.sources(cfg.Sources, accounts)
	c.given("accounts", len(cfg.Accounts) > 0, "name at least one account to upload to; closeloop config example shows one")
	c.accounts(cfg.Accounts, bound)
}

func (c *checker) listen(l Listen) {
	c.between("listen.drain", l.Drain, 0, maxDrain)
	if l.TLS.Enabled() {
		const hint = "give both cert and key, or neither to serve plain HTTP behind a proxy"
		c.given("listen.tls.cert", l.TLS.Cert != "", hint)
		c.given("listen.tls.key", l.TLS.Key != "", hint)
	}
	if !c.given("listen.address", l.Address != "", "write host:port, as in "+DefaultAddress) {
		return
	}
	host, fault := hostPort(l.Address, true)
	if fault != nil {
		c.refuse("listen.address", l.Address, fault.what, fault.hint)
		return
	}
	if !l.TLS.Enabled() && !loopback(host) {
		c.warn("listen.address", "other machines are served without encryption",
			"put a proxy that speaks TLS in front, or set listen.tls.cert and listen.tls.key")
	}
}

// sources checks the sources and returns the accounts they are bound to.
func (c *checker) sources(sources []Source, accounts []string) (bound map[string]bool) {
	names, keys := map[string]string{}, map[string]string{}
	bound = map[string]bool{}
	for i, s := range sources {
		path := element("sources", i)
		c.name(path+".name", s.Name, "the name stands in the URL /webhooks/{name}")
		c.once(names, path+".name", s.Name)
		c.name(path+".key", s.Key, "the key goes into order ids and must never change")
		c.once(keys, path+".key", s.Key)
		c.oneOf(path+".type", string(s.Type), string(SourceVarda))
		c.binding(path+".account", string(s.Account), accounts)
		bound[string(s.Account)] = true
		c.secrets(path, s.Secrets)
		if s.Tolerance != 0 {
			c.between(path+".tolerance", s.Tolerance, minTolerance, maxTolerance)
		}
		if s.PhoneRegion != "" && !phonenumbers.GetSupportedRegions()[s.PhoneRegion] {
			c.refuse(path+".phone_region", s.PhoneRegion, "is not a country", "write its two-letter code in capitals, as in US")
		}
	}
	return bound
}

func (c *checker) binding(path, account string, accounts []string) {
	if !c.given(path, account != "", "name the account its outcomes belong to") || slices.Contains(accounts, account) {
		return
	}
	hint := "add it to accounts, or name one of those there"
	if near, ok := nearest(account, accounts); ok {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	c.refuse(path, account, "is not an account", hint)
}

func (c *checker) secrets(path string, secrets []Secret) {
	c.given(path+".secrets", len(secrets) > 0, "list the signing secret of the endpoint in secrets, or name a file in secrets_file")
	for i, s := range secrets {
		if strings.TrimSpace(s.Reveal()) == "" {
			c.reject(element(path+".secrets", i), "the secret is empty", "copy it from the CRM's webhook settings")
		}
	}
}

func (c *checker) accounts(accounts []Account, bound map[string]bool) {
	names, customers := map[string]string{}, map[string]string{}
	for i, a := range accounts {
		path := element("accounts", i)
		c.name(path+".name", string(a.Name), "rows are filed under the name, so it must never change")
		c.once(names, path+".name", string(a.Name))
		c.account(path, a)
		if first, twice := customers[a.Customer]; twice && a.Customer != "" {
			c.warn(path+".customer", "the same customer as "+first, "one lead reaching it through both would be counted twice")
		} else {
			customers[a.Customer] = path
		}
		if a.Name != "" && !bound[string(a.Name)] {
			c.warn(path+".name", "no source is bound to this account", "name it as account of a source, or remove it")
		}
		if a.Mode == conversions.ModeLive && a.Consent == conversions.ConsentRuleDenied {
			c.warn(path+".consent", "nothing is sent but what carries its own consent", "consent: denied holds back every other outcome")
		}
	}
}
