package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/datamanager"
	"closeloop/googleads"
	"closeloop/googleauth"
	"closeloop/scheduler"
)

// connections are the clients of one account: that of its own API, and that of
// the other one for the rows that were sent through it. Neither connects before
// its first call. A client is nil when the account cannot have it.
type connections struct {
	ads  *googleads.Client
	data *datamanager.Client
}

func (c connections) close() {
	if c.ads != nil {
		_ = c.ads.Close() // nothing is under way any more
	}
	if c.data != nil {
		_ = c.data.Close()
	}
}

// destinations are the connections as the scheduler uses them.
func (c connections) destinations() map[conversions.API]scheduler.Destination {
	all := map[conversions.API]scheduler.Destination{}
	if c.ads != nil {
		all[conversions.APIGoogleAds] = destination{c.ads}
	}
	if c.data != nil {
		all[conversions.APIDataManager] = c.data
	}
	return all
}

// destination is a connection to the Google Ads API as the scheduler uses it.
type destination struct{ *googleads.Client }

var (
	_ scheduler.Destination = destination{}
	_ scheduler.Inspector   = destination{}
	_ scheduler.Destination = (*datamanager.Client)(nil)
	_ scheduler.Poller      = (*datamanager.Client)(nil)
)

// LookBacks implements scheduler.Inspector.
func (d destination) LookBacks(ctx context.Context, customer string) (map[string]time.Duration, error) {
	seen, err := d.Inspect(ctx, customer)
	if err != nil {
		return nil, fmt.Errorf("ask for conversion actions: %w", err)
	}
	lookBacks := map[string]time.Duration{}
	for _, action := range seen.Actions {
		lookBacks[action.ID] = action.LookBack
	}
	return lookBacks, nil
}

// dialer makes the connections of all accounts. Those of one Google Cloud
// project share its quota.
type dialer struct {
	replicas int
	limiters map[string]*datamanager.Limiter
}

func newDialer(replicas int) *dialer {
	return &dialer{replicas: replicas, limiters: map[string]*datamanager.Limiter{}}
}

// dial makes an account's connections: the place where a new API is wired. That
// the other API's cannot be made is no error; rows that need it wait. So it is
// for an account that is tried on this machine and names no endpoint of the
// other API: plain text never goes to Google.
func (d *dialer) dial(acc config.Account) (connections, error) {
	ads, adsErr := dialAds(acc)
	data, dataErr := d.dialData(acc)
	own := adsErr
	if acc.API == conversions.APIDataManager {
		own = dataErr
	}
	c := connections{ads: ads, data: data}
	if own != nil {
		c.close()
		return connections{}, fmt.Errorf("account %s: %w", acc.Name, own)
	}
	return c, nil
}

func dialAds(acc config.Account) (*googleads.Client, error) {
	tokens, err := googleauth.OpenTokens(credentials(acc), googleauth.ScopeGoogleAds)
	if err != nil {
		return nil, err //nolint:wrapcheck // dial names the account
	}
	return googleads.Dial(googleads.Config{ //nolint:wrapcheck // dial names the account
		Endpoint: acc.Endpoint, Plaintext: acc.Plaintext, LoginCustomerID: acc.LoginCustomer,
		DeveloperToken: acc.Credentials.DeveloperToken.Reveal(), UserAgent: userAgent(),
	}, tokens)
}

func (d *dialer) dialData(acc config.Account) (*datamanager.Client, error) {
	tokens, err := googleauth.OpenTokens(credentials(acc), googleauth.ScopeDataManager)
	if err != nil {
		return nil, err //nolint:wrapcheck // dial names the account
	}
	return datamanager.Dial(datamanager.Config{ //nolint:wrapcheck // dial names the account
		Endpoint: acc.DataManagerEndpoint, Plaintext: acc.Plaintext, LoginCustomerID: acc.LoginCustomer,
		QuotaProject: acc.Credentials.QuotaProject, EventSource: acc.EventSource,
		Limiter: d.limiter(acc.Credentials), UserAgent: userAgent(),
	}, tokens)
}

func userAgent() string { return "closeloop/" + version }

// credentials are the account's as the connections take them.
func credentials(acc config.Account) googleauth.Credentials {
	c := acc.Credentials
	out := googleauth.Credentials{TokenURL: c.TokenURL}
	switch c.Method {
	case config.RefreshToken:
		out.ClientID, out.ClientSecret = c.ClientID, c.ClientSecret.Reveal()
		out.RefreshToken = c.RefreshToken.Reveal()
	case config.ServiceAccount:
		out.KeyFile, out.ImpersonatedEmail = c.KeyFile, c.Impersonate
	case config.ApplicationDefault:
		out.ApplicationDefault = true
	}
	return out
}

// limiter is that of the project whose quota the credentials use.
func (d *dialer) limiter(c config.Credentials) *datamanager.Limiter {
	p := project(c)
	if d.limiters[p] == nil {
		d.limiters[p] = datamanager.NewLimiter(d.replicas)
	}
	return d.limiters[p]
}

// project names the Google Cloud project whose quota credentials use, as far as
// they tell: an OAuth client's id begins with its project's number, and a key
// file belongs to one project.
func project(c config.Credentials) string {
	number, _, _ := strings.Cut(c.ClientID, "-")
	switch {
	case c.QuotaProject != "":
		return "project " + c.QuotaProject
	case c.Method == config.RefreshToken:
		return "client " + number
	case c.Method == config.ServiceAccount:
		return "key " + c.KeyFile
	default:
		return string(c.Method)
	}
}
