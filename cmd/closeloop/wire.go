package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"closeloop/audit"
	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/gclid"
	"closeloop/scheduler"
	"closeloop/store"
	"closeloop/webhook"
	"closeloop/webhook/varda"
)

// loadConfig reads the configuration file that the flags and the environment
// name.
func (a *app) loadConfig() (*config.Config, error) {
	cfg, err := config.Load(a.configFile(), a.getenv, os.ReadFile)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return cfg, nil
}

// warn prints what is allowed and probably not meant. Only the service and the
// check say it: reports would say it every time.
func (a *app) warn(cfg *config.Config) {
	for _, w := range append(cfg.Warnings, cfg.Exposed(os.Stat)...) {
		fmt.Fprintln(a.stderr, "warning: "+w.String())
		if w.Hint != "" {
			fmt.Fprintln(a.stderr, "hint: "+w.Hint)
		}
	}
}

func (a *app) configFile() string {
	if a.configPath != "" {
		return a.configPath
	}
	if path := a.getenv("CLOSELOOP_CONFIG"); path != "" {
		return path
	}
	return defaultConfig
}

// matchesContacts reports whether any account takes clicks of contacts.
func matchesContacts(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Accounts, func(a config.Account) bool { return a.MatchContact })
}

// endpoints makes the webhook sources.
func endpoints(cfg *config.Config) ([]webhook.Endpoint, error) {
	var all []webhook.Endpoint
	for _, s := range cfg.Sources {
		source, err := newSource(s)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", s.Name, err)
		}
		all = append(all, webhook.Endpoint{Name: s.Name, Key: s.Key, Account: s.Account, Source: source})
	}
	return all, nil
}

// newSource makes one source: the place where a new vendor is wired.
func newSource(s config.Source) (webhook.Source, error) {
	var secrets []string
	for _, secret := range s.Secrets {
		secrets = append(secrets, secret.Reveal())
	}
	switch s.Type {
	case config.SourceVarda:
		return varda.New(varda.Config{Secrets: secrets, Tolerance: s.Tolerance, Region: s.PhoneRegion}) //nolint:wrapcheck // endpoints names the source
	default:
		return nil, fmt.Errorf("unknown type %q", s.Type)
	}
}

// engine is the scheduler with the connections it uses.
type engine struct {
	*scheduler.Scheduler
	store   store.Store
	logger  *slog.Logger
	clients []connections
}

func (e *engine) close() {
	for _, c := range e.clients {
		c.close()
	}
}

// newEngine wires the scheduler to the store and to Google.
func (a *app) newEngine(cfg *config.Config, s store.Store, logger *slog.Logger) (*engine, error) {
	e := &engine{store: s, logger: logger}
	var accounts []scheduler.Account
	dialer := newDialer(cfg.Replicas)
	for _, acc := range cfg.Accounts {
		schedule, err := scheduler.ParseSchedule(acc.Schedule, acc.Zone)
		if err != nil {
			e.close()
			return nil, fmt.Errorf("account %s: %w", acc.Name, err)
		}
		clients, err := dialer.dial(acc)
		if err != nil {
			e.close()
			return nil, err
		}
		e.clients = append(e.clients, clients)
		accounts = append(accounts, scheduler.Account{
			Rules: acc.Rules(), Zone: acc.Zone, Schedule: schedule, Destinations: a.frailDestinations(clients.destinations()),
		})
	}
	e.Scheduler = scheduler.New(scheduler.Config{
		Store: s, Accounts: accounts, Match: gclid.Belonging, Contacts: s, MatchContact: gclid.OfContact,
		Now: a.now, NewID: newID,
		Holder: holder(), Logger: logger, Spread: cfg.SpreadWindow,
	})
	return e, nil
}

// newID returns 26 random letters and digits.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// holder names this process in leases: host and process for people, and a
// random part because both come again.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), newID()[:8])
}

// display tells reports what they show of the configuration.
func display(q *audit.Query, cfg *config.Config) {
	q.Zones = map[conversions.AccountID]*time.Location{}
	q.Modes = map[conversions.AccountID]conversions.Mode{}
	q.Sources = map[string]conversions.AccountID{}
	for _, acc := range cfg.Accounts {
		q.Zones[acc.Name], q.Modes[acc.Name] = acc.Zone, acc.Mode
	}
	for _, s := range cfg.Sources {
		q.Sources[s.Key] = s.Account
	}
}

// withEngine opens what the named configuration needs to work for its
// accounts, and closes it after f.
func (a *app) withEngine(ctx context.Context, f func(context.Context, *engine, *config.Config) error) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	return a.openEngine(ctx, cfg, func(e *engine) error { return f(ctx, e, cfg) })
}

// openEngine opens the database and the connections for f, and closes them
// after it.
func (a *app) openEngine(ctx context.Context, cfg *config.Config, f func(*engine) error) error {
	logger, err := a.logger()
	if err != nil {
		return err
	}
	s, err := openStore(ctx, cfg.Database, matchesContacts(cfg))
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	e, err := a.newEngine(cfg, a.frailStore(s), logger)
	if err != nil {
		return err
	}
	defer e.close()
	return f(e)
}
