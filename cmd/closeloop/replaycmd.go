package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/scheduler"
)

func replayCommand(a *app) *cobra.Command {
	var account, source, from, to, format string
	var apply bool
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Fold stored events again under today's rules, and show what that would change",
		Long: "Replay shows the operations that today's rules would cause, also for conversions that were sent\n" +
			"under other rules. Nothing changes without --apply; with it the operations follow when they are due.",
		Example: "  closeloop replay --account acme --from 2026-11-01",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return usage(fmt.Errorf("unknown format %q", format), cmd)
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine, cfg *config.Config) error {
				q, err := replayQuery(cfg, account, source, from, to)
				if err != nil {
					return err
				}
				accounts, err := chosen(cfg, conversions.AccountID(account))
				if err != nil {
					return err
				}
				return a.replay(ctx, e, accounts, q, apply, format)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&account, "account", "", "only this account")
	flags.StringVar(&source, "source", "", "only leads of the source with this key")
	flags.StringVar(&from, "from", "", "only leads with a delivery received from this date or time on")
	flags.StringVar(&to, "to", "", "only leads with a delivery received up to the end of this date, or before this time")
	flags.BoolVar(&apply, "apply", false, "do it")
	flags.StringVar(&format, "format", "table", "table or json")
	return cmd
}

func replayQuery(cfg *config.Config, account, source, from, to string) (conversions.ReplayQuery, error) {
	zone := zoneFor(cfg, account)
	q := conversions.ReplayQuery{Source: source}
	var err error
	if q.From, err = moment(from, zone, 0); err != nil {
		return q, err
	}
	q.To, err = moment(to, zone, 1)
	return q, err
}

func (a *app) replay(ctx context.Context, e *engine, accounts []conversions.AccountID, q conversions.ReplayQuery, apply bool, format string) error {
	var reports []scheduler.ReplayReport
	for _, account := range accounts {
		r, err := e.Replay(ctx, account, q, apply)
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		reports = append(reports, r)
		if format == "table" {
			printReplay(a.stdout, r)
		}
	}
	if format == "table" {
		return nil
	}
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	if err := enc.Encode(reports); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	return nil
}

func printReplay(w io.Writer, r scheduler.ReplayReport) {
	verb := "would change"
	if r.Applied {
		verb = "changed"
	}
	fmt.Fprintf(w, "account %s: %d leads folded again, %d outcomes %s\n", r.Account, r.Leads, r.Changed, verb)
	for _, op := range slices.Sorted(maps.Keys(r.Operations)) {
		fmt.Fprintf(w, "  %-8s %d\n", op, r.Operations[op])
	}
	for _, row := range r.Rows {
		fmt.Fprintf(w, "  lead %s %s: %s -> %s, Google holds %s, wanted %s\n",
			row.Key.Lead, row.Key.Stage, orNew(row.From), row.To, row.Was, row.Want)
	}
	if r.Changed > len(r.Rows) {
		fmt.Fprintf(w, "  and %d more\n", r.Changed-len(r.Rows))
	}
	if !r.Applied && r.Changed > 0 {
		fmt.Fprintln(w, "Nothing was changed; --apply does it.")
	}
}

func orNew(s conversions.State) string {
	if s == "" {
		return "new"
	}
	return string(s)
}
