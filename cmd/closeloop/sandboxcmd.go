package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/sandbox"
)

func sandboxCommand(a *app) *cobra.Command {
	var grpc, http string
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run the stand-in for Google's servers alone, to try a configuration",
		Long: "Sandbox answers as Google's two upload APIs and token endpoint do, on this machine only. It\n" +
			"knows the accounts and conversion actions of the configuration, takes any credentials, and\n" +
			"counts every well-formed click id. What came through the Data Manager API it processes half\n" +
			"an hour later, as Google does. What it took is at GET /conversions, requests at\n" +
			"GET /requests, and POST /faults makes it fail: {\"kind\":\"unavailable\",\"after_work\":true}.",
		Example: "  closeloop sandbox --config closeloop.yaml",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			customers, err := a.sandboxCustomers()
			if err != nil {
				return err
			}
			return a.sandbox(cmd.Context(), grpc, http, customers)
		},
	}
	cmd.Flags().StringVar(&grpc, "grpc", "127.0.0.1:9091", "loopback address of the Google Ads API")
	cmd.Flags().StringVar(&http, "http", "127.0.0.1:9092", "loopback address of the Data Manager API, the token endpoint and the control endpoint")
	return cmd
}

// sandboxCustomers takes the accounts from the configuration if there is one,
// else the demo's.
func (a *app) sandboxCustomers() ([]sandbox.Customer, error) {
	if a.configPath == "" && a.getenv("CLOSELOOP_CONFIG") == "" {
		return []sandbox.Customer{{
			ID: demoCustomer, Name: "Sandbox", Currency: "USD", Zone: "America/New_York", Allowlisted: true,
			Actions: []sandbox.Action{{ID: demoBooked, Name: "Booked call"}, {ID: demoQuoted, Name: "Quoted call"}},
		}}, nil
	}
	cfg, err := a.loadConfig()
	if err != nil {
		return nil, err
	}
	var customers []sandbox.Customer
	for _, acc := range cfg.Accounts {
		c, err := sandboxCustomer(acc)
		if err != nil {
			return nil, err
		}
		customers = append(customers, c)
	}
	return customers, nil
}

func sandboxCustomer(acc config.Account) (sandbox.Customer, error) {
	c := sandbox.Customer{
		ID: acc.Customer, Name: string(acc.Name), Currency: acc.Currency, Zone: acc.Zone.String(),
		LoginCustomer: acc.LoginCustomer, Allowlisted: true,
	}
	for _, stage := range conversions.Stages() {
		rules, ok := acc.Stages[stage]
		if !ok {
			continue
		}
		id, err := strconv.ParseInt(rules.Action, 10, 64)
		if err != nil {
			return c, fmt.Errorf("account %s: conversion action %q: %w", acc.Name, rules.Action, err)
		}
		c.Actions = append(c.Actions, sandbox.Action{ID: id, Name: string(stage), LookbackDays: 90})
	}
	return c, nil
}

func (a *app) sandbox(ctx context.Context, grpc, http string, customers []sandbox.Customer) error {
	logger, err := a.logger()
	if err != nil {
		return err
	}
	s, err := sandbox.Start(ctx, sandbox.Config{
		Now: a.now, GRPCAddr: grpc, HTTPAddr: http, Customers: customers,
		AnyClick: true, AnyClickAge: conversions.DefaultHold + conversions.DefaultSettle,
		OAuth: sandbox.OAuth{AcceptAny: true}, Logger: logger,
	})
	if err != nil {
		return &hinted{
			err: fmt.Errorf("start sandbox: %w", err), code: exitFailed,
			hint: "it takes any credentials, so it listens on this machine only: choose free ports with --grpc 127.0.0.1:PORT and --http 127.0.0.1:PORT",
		}
	}
	defer func() { _ = s.Close() }()
	fmt.Fprintf(a.stdout, "The sandbox is running. In each account of the configuration set:\n"+
		"  endpoint: %s\n  data_manager_endpoint: %s\n  plaintext: true\n  credentials: {token_url: %s, ...}\n",
		s.GRPCAddr(), hostOf(s.DataManagerURL()), s.TokenURL())
	fmt.Fprintf(a.stdout, "What it holds: curl %s/conversions\n", s.URL())
	logger.InfoContext(ctx, "sandbox_listening", slog.String("grpc", s.GRPCAddr()), slog.String("http", s.URL()))
	<-ctx.Done()
	return nil
}

// hostOf is the address in a URL of the sandbox, as a configuration names it.
func hostOf(url string) string { return strings.TrimPrefix(url, "http://") }
