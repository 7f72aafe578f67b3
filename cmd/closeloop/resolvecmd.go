package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/scheduler"
)

func resolveCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resolve",
		Short: "Decide about outcomes and deliveries that wait for a person",
		Long: "Resolve records what a person decided about an outcome; who, what and why stand in its history\n" +
			"(closeloop audit show). ROW is the outcome's number or its order id. These list what may need it:\n" +
			"  closeloop audit list --state needs_a_person\n" +
			"  closeloop audit list --state refused\n" +
			"  closeloop audit list --state cannot_change\n" +
			"  closeloop quarantine list",
		Example: "  closeloop resolve retry 17 --note 'the conversion action was mended'", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		decisionCommand(a, scheduler.ResolveRetry, "Try an outcome again that was refused, given up or needs a person",
			"the conversion action was mended"),
		decisionCommand(a, scheduler.ResolveApprove, "Let a retraction go that is held because unusually many came at once",
			"all of them were spam"),
		decisionCommand(a, scheduler.ResolveGiveUp, "Close an outcome: nothing more is sent for it until a new tag changes it",
			"agreed with the client"),
		setClickCommand(a), quarantinedCommand(a),
	)
	return cmd
}

// decisionFlags say who decides, why, and about a row of which account.
type decisionFlags struct{ by, note, account string }

func (f *decisionFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.by, "by", "", "who decides (default: the name of this machine's user)")
	cmd.Flags().StringVar(&f.note, "note", "", "why; required, and kept for good: name nobody in it")
}

// registerAccount adds the flag that says whose row number is meant.
func (f *decisionFlags) registerAccount(a *app, cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.account, "account", "", "the account the row belongs to (default: look in all)")
	completeAccounts(a, cmd)
}

func (f *decisionFlags) check(cmd *cobra.Command) error {
	f.by, f.note = strings.TrimSpace(f.by), strings.TrimSpace(f.note)
	if f.note == "" {
		return usage(errors.New("--note is missing: a decision needs a word on why"), cmd)
	}
	if f.by == "" {
		f.by = "unknown"
		if u, err := user.Current(); err == nil && u.Username != "" {
			f.by = u.Username
		}
	}
	return nil
}

func decisionCommand(a *app, what scheduler.Resolution, short, because string) *cobra.Command {
	f := &decisionFlags{}
	word := wordOf(what)
	cmd := &cobra.Command{
		Use: word + " ROW", Short: short, Args: args(exactly("ROW")), ValidArgsFunction: cobra.NoFileCompletions,
		Example: "  closeloop resolve " + word + " 17 --note '" + because + "'",
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine, cfg *config.Config) error {
				row, err := rowToDecide(ctx, e, cfg, given[0], f.account)
				if err != nil {
					return err
				}
				return a.resolve(ctx, e, row, what, f)
			})
		},
	}
	f.register(cmd)
	f.registerAccount(a, cmd)
	return cmd
}

// wordOf is a resolution as it is typed.
func wordOf(what scheduler.Resolution) string { return strings.ReplaceAll(string(what), "_", "-") }

func (a *app) resolve(ctx context.Context, e *engine, row conversions.Row, what scheduler.Resolution, f *decisionFlags) error {
	after, err := e.Resolve(ctx, row.Key.Account, row.ID, what, f.by, f.note)
	switch {
	case errors.Is(err, scheduler.ErrNothingToResolve):
		return &hinted{
			err:  fmt.Errorf("row %d is %s: there is nothing to %s", row.ID, row.State, wordOf(what)),
			hint: otherWay(row, what), code: exitFailed,
		}
	case errors.Is(err, scheduler.ErrInFlight): // a run took it up just now
		return inFlight(row)
	case err != nil:
		return failedFor(row.Key.Account, "resolve", err)
	}
	fmt.Fprintf(a.stdout, "row %d is now %s%s\n", after.ID, after.State, nextStep(after))
	return nil
}

// failedFor is an error of work for an account, with what helps where another
// process has it.
func failedFor(account conversions.AccountID, doing string, err error) error {
	if errors.Is(err, conversions.ErrHeld) {
		return &hinted{
			err:  fmt.Errorf("account %s is busy: another process sends for it", account),
			hint: "try again in a minute", code: exitFailed,
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// otherWay says what may be decided about a row instead.
func otherWay(row conversions.Row, what scheduler.Resolution) string {
	id := strconv.FormatInt(int64(row.ID), 10)
	switch {
	case row.Held && what != scheduler.ResolveApprove:
		return "its retraction is held: closeloop resolve approve " + id + ", or closeloop resolve give-up " + id
	case row.State == conversions.StateQueued && what == scheduler.ResolveRetry:
		return "it is sent by itself when it is due; closeloop audit show " + id + " says when"
	default:
		return "closeloop audit show " + id + " says where it stands and why"
	}
}

// nextStep says when a row that was decided about is sent, if it is.
func nextStep(row conversions.Row) string {
	switch row.Next() {
	case conversions.OpUpload:
		return "; it is uploaded by a run when it is due"
	case conversions.OpRestate:
		return "; it is restated by a run when it is due"
	case conversions.OpRetract:
		return "; it is retracted by a run when it is due"
	case conversions.OpNone:
	}
	return ""
}

// rowToDecide finds a row by its number or order id. While a request that
// carries it is without an answer there is nothing to decide yet.
func rowToDecide(ctx context.Context, e *engine, cfg *config.Config, subject, account string) (conversions.Row, error) {
	if _, err := chosen(cfg, conversions.AccountID(account)); err != nil {
		return conversions.Row{}, err
	}
	row, err := findRow(ctx, e, subject, conversions.AccountID(account))
	if err != nil {
		return row, err
	}
	if _, err := chosen(cfg, row.Key.Account); err != nil {
		return row, &hinted{
			err:  fmt.Errorf("row %d belongs to account %s, which is not in the configuration", row.ID, row.Key.Account),
			hint: "nothing is sent for it; put the account back to decide about it", code: exitFailed,
		}
	}
	if row.State == conversions.StateSending {
		return row, inFlight(row)
	}
	return row, nil
}

func inFlight(row conversions.Row) error {
	return &hinted{
		err:  fmt.Errorf("row %d was sent and has no answer yet", row.ID),
		hint: "closeloop run asks again for it; decide when its answer is there", code: exitFailed,
	}
}

// findRow looks for a row in the account, or in all of them. It is as it is
// listed, where rows in flight are told apart.
func findRow(ctx context.Context, e *engine, subject string, account conversions.AccountID) (conversions.Row, error) {
	order := subject
	if id, err := strconv.ParseInt(subject, 10, 64); err == nil {
		row, err := rowByNumber(ctx, e, account, conversions.RowID(id))
		if err != nil {
			return row, err
		}
		account, order = row.Key.Account, row.OrderID
	}
	if order == "" { // to the filter that would be every order id
		return conversions.Row{}, fmt.Errorf("row %q: %w", "", conversions.ErrNotFound)
	}
	rows, err := e.store.List(ctx, conversions.Filter{Account: account, OrderID: order, Limit: 1})
	if err != nil {
		return conversions.Row{}, fmt.Errorf("look up order id: %w", err)
	}
	if len(rows) == 0 {
		return conversions.Row{}, fmt.Errorf("row %s: %w", subject, conversions.ErrNotFound)
	}
	return rows[0], nil
}

func rowByNumber(ctx context.Context, e *engine, account conversions.AccountID, id conversions.RowID) (conversions.Row, error) {
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
