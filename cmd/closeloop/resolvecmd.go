package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/gclid"
	"closeloop/scheduler"
)

func resolveCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resolve",
		Short: "Decide about outcomes that wait for a person",
		Long: "Resolve records what a person decided about an outcome: who, what and why stand in its history.\n" +
			"closeloop audit list --state needs_a_person lists what waits.",
		Example: "  closeloop resolve retry 17 --note 'action was mended'", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		decisionCommand(a, scheduler.ResolveRetry, "Try a refused outcome, or one that needs a person, again"),
		decisionCommand(a, scheduler.ResolveApprove, "Let a retraction go that is held because unusually many came at once"),
		decisionCommand(a, scheduler.ResolveGiveUp, "Close an outcome: nothing more is sent until it changes"),
		setClickCommand(a),
	)
	return cmd
}

// who and why are the flags of every decision.
type decisionFlags struct{ by, note, account string }

func (f *decisionFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.by, "by", "", "who decides (default: the name of the user)")
	cmd.Flags().StringVar(&f.note, "note", "", "why; required")
	cmd.Flags().StringVar(&f.account, "account", "", "the account, if row numbers of several are in the database")
}

func (f *decisionFlags) check(cmd *cobra.Command) error {
	if strings.TrimSpace(f.note) == "" {
		return usage(errors.New("a decision needs a note that says why"), cmd)
	}
	if f.by == "" {
		f.by = "unknown"
		if u, err := user.Current(); err == nil && u.Username != "" {
			f.by = u.Username
		}
	}
	return nil
}

func decisionCommand(a *app, what scheduler.Resolution, short string) *cobra.Command {
	f := &decisionFlags{}
	word := strings.ReplaceAll(string(what), "_", "-")
	cmd := &cobra.Command{
		Use: word + " ROW", Short: short, Args: args(cobra.ExactArgs(1)),
		Example: "  closeloop resolve " + word + " 17 --note 'agreed with the client'",
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine, _ *config.Config) error {
				row, err := a.rowOf(ctx, e, given[0], f.account)
				if err != nil {
					return err
				}
				after, err := e.Resolve(ctx, row.Key.Account, row.ID, what, f.by, f.note)
				if errors.Is(err, scheduler.ErrNothingToResolve) {
					return &hinted{err: err, hint: "closeloop audit show " + given[0] + " says where it stands", code: exitFailed}
				}
				if err != nil {
					return fmt.Errorf("resolve: %w", err)
				}
				fmt.Fprintf(a.stdout, "row %d is now %s\n", after.ID, after.State)
				return nil
			})
		},
	}
	f.register(cmd)
	return cmd
}

func setClickCommand(a *app) *cobra.Command {
	f := &decisionFlags{}
	cmd := &cobra.Command{
		Use: "set-click ROW CLICK_ID", Short: "Give an outcome the click id that its webhooks lack or had wrong",
		Example: "  closeloop resolve set-click 17 Cj0KCQjw... --note 'from the landing page report'",
		Args:    args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			click := gclid.Parse(given[1], conversions.GCLID)
			if !click.Usable {
				return &hinted{err: errors.New("that is no click id"), hint: click.Damage.Hint(), code: exitUsage}
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine, _ *config.Config) error {
				row, err := a.rowOf(ctx, e, given[0], f.account)
				if err != nil {
					return err
				}
				return a.setClick(ctx, e, row, click, f)
			})
		},
	}
	f.register(cmd)
	return cmd
}

// setClick stores the click id as an event of the lead, so that it is folded
// as any other, found first, and erasable.
func (a *app) setClick(ctx context.Context, e *engine, row conversions.Row, click gclid.Result, f *decisionFlags) error {
	now := a.now()
	sum := sha256.Sum256([]byte(newID()))
	event := conversions.Event{
		Account: row.Key.Account, Source: row.Key.Source, Lead: row.Key.Lead, Kind: conversions.KindClickSet,
		Body: [16]byte(sum[:16]), At: now, Received: now, By: f.by, Note: f.note,
		Person: conversions.Person{Clicks: []conversions.FoundClick{{
			Click: click.Click, Place: conversions.PlaceField, Damage: string(click.Damage),
		}}},
	}
	if _, err := e.store.Append(ctx, event); err != nil {
		return fmt.Errorf("store click id: %w", err)
	}
	if err := e.Fold(ctx, row.Key.Account); err != nil {
		return fmt.Errorf("fold: %w", err)
	}
	rows, err := e.store.Rows(ctx, row.Key.Account, []conversions.RowID{row.ID})
	if err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	for _, r := range rows {
		fmt.Fprintf(a.stdout, "row %d is now %s\n", r.ID, r.State)
	}
	return nil
}

// rowOf finds a row by its number or order id.
func (a *app) rowOf(ctx context.Context, e *engine, subject, account string) (conversions.Row, error) {
	f := conversions.Filter{Account: conversions.AccountID(account)}
	if id, err := strconv.ParseInt(subject, 10, 64); err == nil {
		return findRow(ctx, e, f.Account, conversions.RowID(id))
	}
	f.OrderID, f.Limit = subject, 1
	rows, err := e.store.List(ctx, f)
	if err != nil {
		return conversions.Row{}, fmt.Errorf("look up order id: %w", err)
	}
	if len(rows) == 0 {
		return conversions.Row{}, fmt.Errorf("row %q: %w", subject, conversions.ErrNotFound)
	}
	return rows[0], nil
}

// findRow looks for a row number in the account, or in all of them.
func findRow(ctx context.Context, e *engine, account conversions.AccountID, id conversions.RowID) (conversions.Row, error) {
	accounts := []conversions.AccountID{account}
	if account == "" {
		var err error
		if accounts, err = e.store.Accounts(ctx); err != nil {
			return conversions.Row{}, fmt.Errorf("list accounts: %w", err)
		}
	}
	for _, a := range accounts {
		rows, err := e.store.Rows(ctx, a, []conversions.RowID{id})
		if err != nil {
			return conversions.Row{}, fmt.Errorf("look up row: %w", err)
		}
		if len(rows) > 0 {
			return rows[0], nil
		}
	}
	return conversions.Row{}, fmt.Errorf("row %d: %w", id, conversions.ErrNotFound)
}

// withEngine opens what a command needs to work for an account, and closes it.
func (a *app) withEngine(ctx context.Context, f func(context.Context, *engine, *config.Config) error) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	logger, err := a.logger()
	if err != nil {
		return err
	}
	s, err := openStore(ctx, cfg.Database.SQLite)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	e, err := a.newEngine(cfg, s, logger)
	if err != nil {
		return err
	}
	defer e.close()
	return f(ctx, e, cfg)
}
