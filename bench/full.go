package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"closeloop/conversions"
	"closeloop/gclid"
	"closeloop/scheduler"
	"closeloop/store"
	"closeloop/store/postgres"
	"closeloop/store/sqlite"
	"closeloop/webhook"
	"closeloop/webhook/varda"
)

// The account that is measured, as a configuration would have it.
const (
	account  = conversions.AccountID("bench")
	source   = "varda-bench"
	customer = "1234567890"
	region   = "US"
	actionID = "1001"
)

func rules() conversions.Rules {
	stage := conversions.StageRules{Action: actionID, Share: conversions.MaxShare}
	return conversions.Rules{
		Account: account, Target: conversions.Target{API: conversions.APIGoogleAds, Customer: customer},
		Mode: conversions.ModeLive, Currency: "USD", Consent: conversions.ConsentRuleGranted,
		Settle: conversions.DefaultSettle, ClickWait: conversions.DefaultClickWait,
		Stages: map[conversions.Stage]conversions.StageRules{conversions.StageBooked: stage, conversions.StageQuoted: stage},
	}
}

// newFull wires the service as cmd/closeloop's serve does, up to the upload:
// its schedule does not fire while it is measured.
func newFull(ctx context.Context, s engineSpec, logPath string) (*engine, error) {
	logFile, err := os.Create(filepath.Clean(logPath))
	if err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	logger := slog.New(slog.NewTextHandler(logFile, nil))
	store, err := s.open(ctx)
	if err != nil {
		return nil, errors.Join(err, logFile.Close())
	}
	closeAll := func() error { return errors.Join(store.Close(), logFile.Close()) }
	sched, err := newScheduler(store, logger, time.Now, never{})
	if err != nil {
		return nil, errors.Join(err, closeAll())
	}
	vendor, err := varda.New(varda.Config{Secrets: []string{secret}, Region: region})
	if err != nil {
		return nil, errors.Join(err, closeAll())
	}
	hooks, err := webhook.New(webhook.Config{
		Endpoints: []webhook.Endpoint{{Name: "varda", Key: source, Account: account, Source: vendor}},
		Log:       store, Now: time.Now, Logger: logger, OnEvent: sched.Wake,
	})
	if err != nil {
		return nil, errors.Join(err, closeAll())
	}
	mux := http.NewServeMux()
	mux.Handle(webhook.Prefix, hooks)
	return &engine{
		server: webhook.Server(mux, logger), work: sched.Run, close: closeAll,
		counts: []string{`SELECT count(*) FROM event`, `SELECT count(*) FROM inbox`},
	}, nil
}

// open opens the store of an engine.
func (s engineSpec) open(ctx context.Context) (store.Store, error) {
	if s.DSN != "" {
		return postgres.Open(ctx, s.DSN, postgres.Options{}) //nolint:wrapcheck // says what it was doing
	}
	return sqlite.Open(ctx, s.path(), sqlite.Options{}) //nolint:wrapcheck // names the file
}

func newScheduler(s scheduler.Store, logger *slog.Logger, now func() time.Time, to scheduler.Destination) (*scheduler.Scheduler, error) {
	yearly, err := scheduler.ParseSchedule("@yearly", time.UTC)
	if err != nil {
		return nil, err //nolint:wrapcheck // quotes the expression
	}
	return scheduler.New(scheduler.Config{
		Store: s, Match: gclid.Belonging, Now: now, NewID: rand.Text, Holder: "bench", Logger: logger,
		Accounts: []scheduler.Account{{Rules: rules(), Zone: time.UTC, Schedule: yearly, Destinations: map[conversions.API]scheduler.Destination{conversions.APIGoogleAds: to}}},
	}), nil
}

// never is a destination that nothing is sent to.
type never struct{}

// Upload implements scheduler.Destination.
func (never) Upload(context.Context, conversions.Batch, bool) conversions.Reply {
	return conversions.Reply{Unknown: true}
}
