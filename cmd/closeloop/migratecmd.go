package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
)

// migrateFlags are those of account migrate.
type migrateFlags struct {
	to, format      string
	dryRun, offline bool
}

func migrateAccountCommand(a *app) *cobra.Command {
	f := &migrateFlags{}
	cmd := &cobra.Command{
		Use: "migrate ACCOUNT", Short: "Move an account to the other upload API",
		Long: "Migrate changes one word of the configuration file: the account's api. Outcomes that were sent\n" +
			"stay with the API they were sent through, which also gets their corrections; what is queued\n" +
			"goes through the other one. Nothing is sent twice. With --dry-run it shows the plan only.",
		Example: "  closeloop account migrate acme --to data_manager --dry-run", Args: args(exactly("ACCOUNT")),
		ValidArgsFunction: a.accountNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			if f.to == "" {
				return usage(errors.New("--to is missing"), cmd)
			}
			if err := oneOf("to", f.to, apis()); err != nil {
				return err
			}
			if err := oneOf("format", f.format, tableOrJSON()); err != nil {
				return err
			}
			return a.migrate(cmd.Context(), conversions.AccountID(given[0]), f)
		},
	}
	cmd.Flags().StringVar(&f.to, "to", "", "data_manager or google_ads")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "show the plan and change nothing")
	cmd.Flags().BoolVar(&f.offline, "offline", false, "do not ask Google whether the credentials fit")
	cmd.Flags().StringVar(&f.format, "format", "table", "table or json")
	complete(cmd, "to", apis())
	complete(cmd, "format", tableOrJSON())
	return cmd
}

func apis() []string {
	return []string{string(conversions.APIDataManager), string(conversions.APIGoogleAds)}
}

// migrate plans the move and, but for a dry run, does it.
func (a *app) migrate(ctx context.Context, account conversions.AccountID, f *migrateFlags) error {
	before, err := a.loadConfig()
	if err != nil {
		return err
	}
	if _, err := chosen(before, account); err != nil {
		return err
	}
	was := accountOf(before, account)
	if string(was.API) == f.to {
		fmt.Fprintf(a.stdout, "account %s goes through %s already; nothing to change\n", account, f.to)
		return nil
	}
	text, err := os.ReadFile(before.Path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	edit, after, err := a.edited(before, text, account, conversions.API(f.to))
	if err != nil {
		return err
	}
	m := newMigration(before, after, account, edit)
	m.DryRun = f.dryRun
	if err := m.count(ctx, before.Database, was.Currency); err != nil {
		return err
	}
	if !f.offline {
		m.ask(ctx, a, after)
	}
	if m.CredentialsFit != nil && !*m.CredentialsFit && !f.dryRun {
		return &hinted{
			err:  fmt.Errorf("nothing was changed: %s", m.Credentials),
			hint: m.hint + " (--offline changes the file without asking Google)", code: exitUnsent,
		}
	}
	if !f.dryRun {
		if err := replaceFile(before.Path, text, edit.Text); err != nil {
			return fmt.Errorf("change configuration: %w", err)
		}
	}
	if f.format == "json" {
		return printJSON(a.stdout, m)
	}
	return m.print(a)
}

// edited is the configuration as it is to be: checked, and no other account
// moves along.
func (a *app) edited(before *config.Config, text []byte, account conversions.AccountID, to conversions.API) (config.Edit, *config.Config, error) {
	edit, wrong := config.EditAPI(before.Path, text, a.getenv, account, to)
	if wrong != nil {
		return edit, nil, config.Problems{*wrong}
	}
	after, err := config.Load(before.Path, a.getenv, func(path string) ([]byte, error) {
		if path == before.Path {
			return edit.Text, nil
		}
		return os.ReadFile(path)
	})
	if err != nil {
		return edit, nil, fmt.Errorf("check the configuration as it would be: %w", err)
	}
	for i, acc := range after.Accounts {
		want := before.Accounts[i].API
		if acc.Name == account {
			want = to
		}
		if acc.API != want {
			return edit, nil, &hinted{
				err:  fmt.Errorf("%s:%d: the line also decides for account %s", before.Path, edit.Line, acc.Name),
				hint: "give each account an api of its own, then try again", code: exitConfig,
			}
		}
	}
	return edit, after, nil
}

func accountOf(cfg *config.Config, name conversions.AccountID) config.Account {
	i := slices.IndexFunc(cfg.Accounts, func(a config.Account) bool { return a.Name == name })
	return cfg.Accounts[i]
}

// newMigration is the plan as far as the two configurations tell it.
func newMigration(before, after *config.Config, account conversions.AccountID, edit config.Edit) *migration {
	was, is := accountOf(before, account), accountOf(after, account)
	m := &migration{
		Account: account, From: was.API, To: is.API,
		File: filepath.Clean(before.Path), Line: edit.Line, Before: edit.Before, After: edit.After,
		Settings: []changedSetting{},
	}
	if was.Hold != is.Hold {
		m.Settings = append(m.Settings, changedSetting{Setting: "hold", Was: short(was.Hold), Becomes: short(is.Hold)})
	}
	for _, w := range after.Warnings {
		if !slices.ContainsFunc(before.Warnings, func(o config.Problem) bool { return o.Path == w.Path && o.What == w.What }) {
			m.Warnings = append(m.Warnings, w.String())
		}
	}
	return m
}

// ask asks Google whether the account's credentials may be used for the API it
// moves to.
func (m *migration) ask(ctx context.Context, a *app, after *config.Config) {
	fit := false
	m.CredentialsFit = &fit
	found, err := a.examine(ctx, newDialer(after.Replicas), accountOf(after, m.Account))
	switch {
	case err != nil:
		m.Credentials = err.Error()
		if h, ok := errors.AsType[*hinted](err); ok {
			m.hint = h.hint
		}
	case len(found.complaints) > 0:
		m.Credentials, m.hint = found.complaints[0].what, found.complaints[0].hint
	default:
		fit = true
		m.Credentials = "Google takes them"
	}
}
