package main

import (
	"net/http"
	"testing"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
)

// newDataLoop is a loop whose account uploads through the Data Manager API.
func newDataLoop(t *testing.T) *loop {
	t.Helper()
	l := newQuickLoop(t)
	withDataManager(t, l)
	l.edit(t, "    api: google_ads", "    api: data_manager")
	return l
}

func TestCheckOnlineAsksTheDataManagerAPI(t *testing.T) {
	t.Parallel()
	l := newDataLoop(t)
	l.does(t, exitOK, "config check --online",
		`took a made-up event, to check it only, for conversion action 1001 and for 1002: credentials, scope and access are right\n`, `account acme: Google agrees`)
	if held := l.holds(t); held != "" {
		t.Errorf("a check left %s at Google", held)
	}
	l.edit(t, `"1002"`, `"999"`)
	l.does(t, exitConfig, "config check --online", `for conversion action 1001:`,
		`error: account acme: stage quoted: conversion action 999: .*\(ErrorReason\.INVALID_CONVERSION_ACTION_ID\)\nhint: .`)
	l.edit(t, `"999"`, `"1002"`)
	l.edit(t, "    endpoint: ", "    # endpoint: ")
	l.does(t, exitOK, "config check --online", `credentials, scope and access are right`, `account acme: Google agrees`)
	l.edit(t, "1234567890", "1234567891")
	l.does(t, exitUnsent, "config check --online", `error: account acme: The credentials have no access to this Google Ads account.*PERMISSION_DENIED\)\nhint: .`)
}

func TestOutcomesAreSubmittedAndFollowedUp(t *testing.T) {
	t.Parallel()
	l := newDataLoop(t)
	server, url := l.serve(t)
	post(t, http.DefaultClient, url, tagged(1, 1, "booked", 100_00, sampleID(1)))
	l.does(t, exitOK, "run --dry-run", `done +1`)
	l.does(t, exitOK, "run", `submitted +1`)
	l.does(t, exitOK, "run", `requests 0, rows 0`)
	l.does(t, exitOK, "audit show 1", `state +submitted`, `taken by Google for processing, .*request id sandbox-\S+, asked again at `, `through the Data Manager API`)
	l.does(t, exitOK, "audit summary", `submitted +1 `, `submitted: Google took them`)
	private(t, server.printed())
}

func TestProjectsOfCredentials(t *testing.T) {
	t.Parallel()
	d := newDialer(2)
	token := func(id string) config.Credentials {
		return config.Credentials{Method: config.RefreshToken, ClientID: id}
	}
	quota := token("123-a.apps.googleusercontent.com")
	quota.QuotaProject = "my-project"
	one := d.limiter(token("123-a.apps.googleusercontent.com"))
	for name, test := range map[string]struct {
		of   config.Credentials
		same bool
	}{
		"another client of the project": {token("123-b.apps.googleusercontent.com"), true},
		"client of another project":     {token("124-a.apps.googleusercontent.com"), false},
		"quota project":                 {quota, false},
		"service account":               {config.Credentials{Method: config.ServiceAccount, KeyFile: "123"}, false},
		"application default":           {config.Credentials{Method: config.ApplicationDefault}, false},
	} {
		if got := d.limiter(test.of) == one; got != test.same {
			t.Errorf("%s: the same limiter: %v, want %v", name, got, test.same)
		}
	}
}

func TestAccountsHaveBothConnectionsUnlessTriedHere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*config.Account)
		want   []conversions.API
	}{
		"Google":                        {func(*config.Account) {}, []conversions.API{conversions.APIGoogleAds, conversions.APIDataManager}},
		"sandbox for the old API alone": {func(a *config.Account) { a.Endpoint, a.Plaintext = "127.0.0.1:1", true }, []conversions.API{conversions.APIGoogleAds}},
		"sandbox for both": {func(a *config.Account) {
			a.Endpoint, a.DataManagerEndpoint, a.Plaintext = "127.0.0.1:1", "127.0.0.1:2", true
		}, []conversions.API{conversions.APIGoogleAds, conversions.APIDataManager}},
		"the other cannot be made": {func(a *config.Account) { a.DataManagerEndpoint = "no port" }, []conversions.API{conversions.APIGoogleAds}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			acc := config.NewAccount()
			acc.Name, acc.Customer, acc.API = "acme", "1234567890", conversions.APIGoogleAds
			acc.Credentials = config.Credentials{Method: config.ApplicationDefault}
			test.change(&acc)
			c, err := newDialer(1).dial(acc)
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			got := c.destinations()
			if len(got) != len(test.want) {
				t.Errorf("got %d connections, want %v", len(got), test.want)
			}
			for _, api := range test.want {
				if got[api] == nil {
					t.Errorf("no connection to %s", api)
				}
			}
		})
	}
}
