package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
)

func accountCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "account", Short: "List accounts, pause and resume sending, move to the other API",
		Example: "  closeloop account list", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(accountListCommand(a), pauseCommand(a), resumeCommand(a), migrateAccountCommand(a))
	return cmd
}

// listedAccount is one account as JSON gives it.
type listedAccount struct {
	Name     conversions.AccountID `json:"name"`
	Customer string                `json:"customer"`
	API      conversions.API       `json:"api"`
	Mode     conversions.Mode      `json:"mode"`
	Schedule string                `json:"schedule"`
	// NextRun is null before a server has planned it.
	NextRun *time.Time           `json:"next_run"`
	Paused  []conversions.Paused `json:"paused"`

	zone *time.Location
}

func accountListCommand(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "list", Short: "List accounts with their mode, next run and what is paused",
		Example: "  closeloop account list", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("format", format, tableOrJSON()); err != nil {
				return err
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine, cfg *config.Config) error {
				return a.listAccounts(ctx, e, cfg, format)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "table or json")
	complete(cmd, "format", tableOrJSON())
	return cmd
}

// tableOrJSON are the formats of what is no report of package audit.
func tableOrJSON() []string { return []string{"table", "json"} }

func (a *app) listAccounts(ctx context.Context, e *engine, cfg *config.Config, format string) error {
	var all []listedAccount
	for _, acc := range cfg.Accounts {
		l := listedAccount{
			Name: acc.Name, Customer: acc.Customer, API: acc.API, Mode: acc.Mode, Schedule: acc.Schedule,
			Paused: []conversions.Paused{}, zone: acc.Zone,
		}
		plan, err := e.store.Plan(ctx, acc.Name)
		if err != nil {
			return fmt.Errorf("read schedule: %w", err)
		}
		if !plan.Next.IsZero() {
			next := plan.Next.UTC()
			l.NextRun = &next
		}
		paused, err := e.store.Pauses(ctx, acc.Name)
		if err != nil {
			return fmt.Errorf("read pauses: %w", err)
		}
		l.Paused = append(l.Paused, paused...)
		all = append(all, l)
	}
	if format == "json" {
		return printJSON(a.stdout, all)
	}
	return a.printAccounts(all)
}

func (a *app) printAccounts(all []listedAccount) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "account\tcustomer\tapi\tmode\tnext run\tsending")
	for _, l := range all {
		next := "when a server starts"
		if l.NextRun != nil {
			next = l.NextRun.In(l.zone).Format("2006-01-02 15:04 -07:00")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, l.Customer, l.API, l.Mode, next, sending(l))
	}
	return w.Flush() //nolint:wrapcheck // standard output says enough
}

// printJSON prints data as programs read it.
func printJSON(w io.Writer, data any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(data); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

// sending says whether, and why not, an account is sent to.
func sending(l listedAccount) string {
	if len(l.Paused) == 0 {
		return "on"
	}
	var parts []string
	for _, p := range l.Paused {
		what := "paused: "
		if p.Action != "" {
			what = "conversion action " + p.Action + " paused: "
		}
		parts = append(parts, what+pausedText(p, l.zone))
	}
	return strings.Join(parts, " ")
}

// pausedText says why something is paused, what to do, and when it is tried
// again; a pause by hand is not.
func pausedText(p conversions.Paused, zone *time.Location) string {
	text := strings.TrimSpace(p.Answer.Sentence + " " + p.Answer.Hint)
	const aYear = 365 * 24 * time.Hour // longer than any pause that ends by itself
	if p.ProbeAt.Sub(p.Since) < aYear {
		text += " Tried again " + p.ProbeAt.In(zone).Format("2006-01-02 15:04 -07:00") + "."
	}
	return text
}

func pauseCommand(a *app) *cobra.Command {
	f := &decisionFlags{}
	var action string
	cmd := &cobra.Command{
		Use: "pause ACCOUNT", Short: "Stop sending to an account; webhooks go on being taken",
		Long: "Pause stops sending to an account, or to one of its conversion actions, until closeloop account\n" +
			"resume. Outcomes stay queued; webhooks go on being taken.",
		Example: "  closeloop account pause acme --note 'tracking is being rebuilt'", Args: args(exactly("ACCOUNT")),
		ValidArgsFunction: a.accountNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.withAccount(cmd.Context(), given[0], action, func(ctx context.Context, e *engine, acc config.Account) error {
				err := e.PauseByHand(ctx, acc.Name, action, f.by, strings.TrimRight(f.note, "."))
				if err != nil {
					return failedFor(acc.Name, "pause", err)
				}
				fmt.Fprintf(a.stdout, "%s is paused; outcomes stay queued until: %s\n", target(acc.Name, action), resumeLine(acc.Name, action))
				return nil
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&action, "action", "", "only this conversion action")
	return cmd
}

func resumeCommand(a *app) *cobra.Command {
	var action string
	cmd := &cobra.Command{
		Use: "resume ACCOUNT", Short: "Send to an account again, whoever or whatever paused it",
		Example: "  closeloop account resume acme", Args: args(exactly("ACCOUNT")),
		ValidArgsFunction: a.accountNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withAccount(cmd.Context(), given[0], "", func(ctx context.Context, e *engine, acc config.Account) error {
				return a.resume(ctx, e, acc.Name, action)
			})
		},
	}
	cmd.Flags().StringVar(&action, "action", "", "only this conversion action")
	return cmd
}

func (a *app) resume(ctx context.Context, e *engine, account conversions.AccountID, action string) error {
	paused, err := e.store.Pauses(ctx, account)
	if err != nil {
		return fmt.Errorf("read pauses: %w", err)
	}
	if !slices.ContainsFunc(paused, func(p conversions.Paused) bool { return p.Action == action }) {
		h := &hinted{err: fmt.Errorf("%s is not paused", target(account, action)), hint: "closeloop account list shows what is", code: exitFailed}
		if len(paused) > 0 {
			h.hint = "but " + target(account, paused[0].Action) + " is: " + resumeLine(account, paused[0].Action)
		}
		return h
	}
	if err := e.ResumeByHand(ctx, account, action); err != nil {
		return failedFor(account, "resume", err)
	}
	fmt.Fprintf(a.stdout, "%s is sent to again\n", target(account, action))
	return nil
}

// target names what is paused.
func target(account conversions.AccountID, action string) string {
	if action == "" {
		return "account " + string(account)
	}
	return "conversion action " + action + " of account " + string(account)
}

func resumeLine(account conversions.AccountID, action string) string {
	line := "closeloop account resume " + string(account)
	if action != "" {
		line += " --action " + action
	}
	return line
}

// withAccount opens what is needed to work for an account of the
// configuration. An action that is given must be one of its.
func (a *app) withAccount(ctx context.Context, name, action string, f func(context.Context, *engine, config.Account) error) error {
	return a.withEngine(ctx, func(ctx context.Context, e *engine, cfg *config.Config) error {
		if _, err := chosen(cfg, conversions.AccountID(name)); err != nil {
			return err
		}
		for _, acc := range cfg.Accounts {
			if string(acc.Name) != name {
				continue
			}
			if err := ownAction(acc, action); err != nil {
				return err
			}
			return f(ctx, e, acc)
		}
		return fmt.Errorf("account %q: %w", name, conversions.ErrNotFound)
	})
}

func ownAction(acc config.Account, action string) error {
	var own []string
	for _, stage := range conversions.Stages() {
		if rules, ok := acc.Stages[stage]; ok {
			own = append(own, rules.Action)
		}
	}
	if action == "" || slices.Contains(own, action) {
		return nil
	}
	return &hinted{
		err:  fmt.Errorf("account %s has no conversion action %q", acc.Name, action),
		hint: "it has: " + strings.Join(own, ", "), code: exitNotFound,
	}
}

// accountNames completes the name of an account, if the configuration loads.
func (a *app) accountNames(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, err := a.loadConfig()
	if err != nil || len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, _ := chosen(cfg, "")
	return texts(names), cobra.ShellCompDirectiveNoFileComp
}

// completeAccounts completes the flag that names an account.
func completeAccounts(a *app, cmd *cobra.Command) {
	err := cmd.RegisterFlagCompletionFunc("account", func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return a.accountNames(cmd, nil, typed)
	})
	if err != nil {
		panic("completion of a flag that does not exist: " + err.Error()) // a bug in this file
	}
}
