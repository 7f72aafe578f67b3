package main

import (
	"context"
	"errors"
	"fmt"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/googleads"
)

// checkOnline compares every account with what Google says of it.
func (a *app) checkOnline(ctx context.Context, cfg *config.Config) error {
	bad := 0
	for _, acc := range cfg.Accounts {
		complaints, err := inspect(ctx, acc)
		if err != nil {
			return err
		}
		if len(complaints) == 0 {
			fmt.Fprintf(a.stdout, "account %s: Google agrees\n", acc.Name)
		}
		for _, c := range complaints {
			a.complain(fmt.Sprintf("account %s: %s", acc.Name, c.what), c.hint)
		}
		bad += len(complaints)
	}
	if bad > 0 {
		return &hinted{err: fmt.Errorf("%d settings do not fit what Google says", bad), code: exitConfig}
	}
	return nil
}

type complaint struct{ what, hint string }

func inspect(ctx context.Context, acc config.Account) ([]complaint, error) {
	client, err := dial(acc)
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	seen, err := client.Inspect(ctx, acc.Customer)
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
