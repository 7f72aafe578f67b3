package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/datamanager"
	"closeloop/googleads"
)

// checkOnline compares every account with what Google says of it.
func (a *app) checkOnline(ctx context.Context, cfg *config.Config) error {
	bad := 0
	dialer := newDialer(cfg.Replicas)
	for _, acc := range cfg.Accounts {
		found, err := a.examine(ctx, dialer, acc)
		if err != nil {
			return err
		}
		for _, note := range found.notes {
			fmt.Fprintf(a.stdout, "account %s: %s\n", acc.Name, note)
		}
		if len(found.complaints) == 0 {
			fmt.Fprintf(a.stdout, "account %s: Google agrees\n", acc.Name)
		}
		for _, c := range found.complaints {
			a.complain(fmt.Sprintf("account %s: %s", acc.Name, c.what), c.hint)
		}
		bad += len(found.complaints)
	}
	if bad > 0 {
		return &hinted{err: fmt.Errorf("%d settings do not fit what Google says", bad), code: exitConfig}
	}
	return nil
}

type complaint struct{ what, hint string }

// findings are what Google says of an account: what was proven or could not be,
// and what does not fit.
type findings struct {
	notes      []string
	complaints []complaint
}

// examine asks the API that the account uploads through, and as far as the
// credentials allow the Google Ads API, which alone tells currency, time zone
// and the kinds of actions.
func (a *app) examine(ctx context.Context, dialer *dialer, acc config.Account) (findings, error) {
	clients, err := dialer.dial(acc)
	if err != nil {
		return findings{}, err
	}
	defer clients.close()
	if acc.API == conversions.APIGoogleAds {
		seen, err := inspect(ctx, clients, acc)
		return findings{complaints: seen}, err
	}
	found, err := probe(ctx, clients.data, acc, a.now())
	if err != nil || clients.ads == nil {
		return found, err
	}
	seen, err := inspect(ctx, clients, acc)
	if err != nil {
		found.notes = append(found.notes, "currency, time zone and the kinds of its actions were not compared: that takes credentials for the Google Ads API as well")
		return found, nil
	}
	found.complaints = append(found.complaints, seen...)
	return found, nil
}

// probe has the Data Manager API check, and not take, a made-up event for each
// conversion action. That goes through only with credentials that have the
// scope and access to the account, and with an action that takes uploads; it
// cannot tell whether a click exists.
func probe(ctx context.Context, client *datamanager.Client, acc config.Account, now time.Time) (findings, error) {
	var found findings
	var fine []string
	for _, stage := range conversions.Stages() {
		rules, ok := acc.Stages[stage]
		if !ok {
			continue
		}
		reply := client.Upload(ctx, probeBatch(acc, rules.Action, now), true)
		answer := reply.Answers[0]
		switch {
		case answer.Verdict == conversions.Done:
			fine = append(fine, rules.Action)
		case reply.Call != nil:
			return found, &hinted{
				err:  fmt.Errorf("account %s: %s", acc.Name, said(*reply.Call)),
				hint: reply.Call.Hint, code: exitUnsent,
			}
		default:
			found.complaints = append(found.complaints, complaint{
				fmt.Sprintf("stage %s: conversion action %s: %s", stage, rules.Action, said(answer)), answer.Hint,
			})
		}
	}
	if len(fine) > 0 {
		found.notes = append(found.notes, "the Data Manager API took a made-up event, to check it only, for conversion action "+
			strings.Join(fine, " and for ")+": credentials, scope and access are right")
	}
	return found, nil
}

// said is an answer in words, with its code, to be put behind a colon.
func said(a conversions.Answer) string {
	text := strings.TrimSuffix(a.Sentence, ".")
	if a.Code != "" {
		text += " (" + a.Code + ")"
	}
	return text
}

// probeBatch is one event of a click that cannot exist, yesterday, worth
// nothing.
func probeBatch(acc config.Account, action string, now time.Time) conversions.Batch {
	const noClick = "closeloop-checks-its-configuration-and-this-is-no-click"
	return conversions.Batch{
		ID: "check", Account: acc.Name, Target: conversions.Target{API: conversions.APIDataManager, Customer: acc.Customer}, Created: now,
		Items: []conversions.Item{{
			Row: 1, Version: 1, Op: conversions.OpUpload, OrderID: "closeloop-check-" + action, Action: action,
			Click: conversions.ClickRef{Kind: conversions.GCLID}, ClickID: noClick,
			At: now.AddDate(0, 0, -1).Truncate(time.Second).In(acc.Zone), Value: conversions.AmountOf(0), Currency: acc.Currency,
		}},
	}
}

// inspect compares the account with what the Google Ads API says of it.
func inspect(ctx context.Context, clients connections, acc config.Account) ([]complaint, error) {
	seen, err := clients.ads.Inspect(ctx, acc.Customer)
	if call, ok := errors.AsType[*googleads.CallError](err); ok {
		return nil, &hinted{err: fmt.Errorf("account %s: %w", acc.Name, err), hint: call.Answer.Hint, code: exitUnsent}
	}
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", acc.Name, err)
	}
	return append(customerComplaints(acc, seen), actionComplaints(acc, seen)...), nil
}

func customerComplaints(acc config.Account, seen googleads.Inspection) []complaint {
	var cs []complaint
	if seen.ConversionCustomer != "" && seen.ConversionCustomer != acc.Customer {
		cs = append(cs, complaint{
			"another account owns its conversions: " + seen.ConversionCustomer,
			"set customer to that account, and login_customer as needed to reach it",
		})
	}
	if seen.Currency != acc.Currency {
		cs = append(cs, complaint{
			fmt.Sprintf("currency is %s here and %s at Google", acc.Currency, seen.Currency),
			"set currency to what the CRM's amounts are in; if that is " + seen.Currency + ", write it",
		})
	}
	if seen.Zone != acc.Zone.String() {
		cs = append(cs, complaint{fmt.Sprintf("zone is %s here and %s at Google", acc.Zone, seen.Zone), "set zone to " + seen.Zone})
	}
	if !seen.AutoTagging {
		cs = append(cs, complaint{"auto-tagging is off: clicks carry no gclid", "switch it on in the account's settings at Google"})
	}
	return cs
}

func actionComplaints(acc config.Account, seen googleads.Inspection) []complaint {
	var cs []complaint
	for _, stage := range conversions.Stages() {
		rules, ok := acc.Stages[stage]
		if !ok {
			continue
		}
		action, found := seen.Action(rules.Action)
		switch {
		case !found:
			cs = append(cs, complaint{
				fmt.Sprintf("stage %s: Google has no conversion action %s for this account", stage, rules.Action),
				"take the number of an action of type UPLOAD_CLICKS from the account",
			})
		case action.Type != "UPLOAD_CLICKS" || action.Status != "ENABLED":
			cs = append(cs, complaint{
				fmt.Sprintf("stage %s: conversion action %s is %s and %s", stage, rules.Action, action.Type, action.Status),
				"it has to be an enabled action of type UPLOAD_CLICKS",
			})
		case action.AlwaysDefault:
			cs = append(cs, complaint{
				fmt.Sprintf("stage %s: conversion action %s ignores the values that are sent", stage, rules.Action),
				"switch off 'use the same value for each conversion' for it at Google",
			})
		}
	}
	return cs
}
