package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
)

func accountCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "account", Short: "List accounts, pause and resume sending",
		Example: "  closeloop account list", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(accountListCommand(a), pauseCommand(a), resumeCommand(a))
	return cmd
}

func accountListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List accounts with their mode, next run and pauses",
		Example: "  closeloop account list", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withEngine(cmd.Context(), a.listAccounts)
		},
	}
}

func (a *app) listAccounts(ctx context.Context, e *engine, cfg *config.Config) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "account\tcustomer\tapi\tmode\tnext run\tsending")
	for _, acc := range cfg.Accounts {
		plan, err := e.store.Plan(ctx, acc.Name)
		if err != nil {
			return fmt.Errorf("read schedule: %w", err)
		}
		next := "when the server starts"
		if !plan.Next.IsZero() {
			next = plan.Next.In(acc.Zone).Format("2006-01-02 15:04 -07:00")
		}
		paused, err := e.store.Pauses(ctx, acc.Name)
		if err != nil {
			return fmt.Errorf("read pauses: %w", err)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", acc.Name, acc.Customer, acc.API, acc.Mode, next, sending(paused))
	}
	return w.Flush() //nolint:wrapcheck // standard output says enough
}

// sending says whether, and why not, an account is sent to.
func sending(paused []conversions.Paused) string {
	if len(paused) == 0 {
		return "on"
	}
	text := ""
	for i, p := range paused {
		if i > 0 {
			text += " "
		}
		what := "paused"
		if p.Action != "" {
			what = "conversion action " + p.Action + " paused"
		}
		text += what + ": " + p.Answer.Sentence + " " + p.Answer.Hint
	}
	return text
}

func pauseCommand(a *app) *cobra.Command {
	var action, by, note string
	cmd := &cobra.Command{
		Use: "pause ACCOUNT", Short: "Stop sending to an account; webhooks go on being taken",
		Example: "  closeloop account pause acme --note 'tracking is being rebuilt'", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			f := decisionFlags{by: by, note: note}
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine, cfg *config.Config) error {
				if _, err := chosen(cfg, conversions.AccountID(given[0])); err != nil {
					return err
				}
				return e.PauseByHand(ctx, conversions.AccountID(given[0]), action, f.by, f.note) //nolint:wrapcheck // says which account
			})
		},
	}
	cmd.Flags().StringVar(&action, "action", "", "only this conversion action")
	cmd.Flags().StringVar(&by, "by", "", "who decides (default: the name of the user)")
	cmd.Flags().StringVar(&note, "note", "", "why; required")
	return cmd
}

func resumeCommand(a *app) *cobra.Command {
	var action string
	cmd := &cobra.Command{
		Use: "resume ACCOUNT", Short: "Send to an account again",
		Example: "  closeloop account resume acme", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine, cfg *config.Config) error {
				if _, err := chosen(cfg, conversions.AccountID(given[0])); err != nil {
					return err
				}
				return e.ResumeByHand(ctx, conversions.AccountID(given[0]), action) //nolint:wrapcheck // says which account
			})
		},
	}
	cmd.Flags().StringVar(&action, "action", "", "only this conversion action")
	return cmd
}
