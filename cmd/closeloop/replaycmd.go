package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/scheduler"
)

// replayFlags are the window of a replay as it is typed.
type replayFlags struct {
	account, source, from, to, format string
	apply                             bool
}

func replayCommand(a *app) *cobra.Command {
	f := &replayFlags{}
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Fold stored deliveries again under today's rules, and show what that would change",
		Long: "A changed rule applies by itself only to what was never sent. Replay shows what today's rules\n" +
			"would come to for all stored deliveries, also where conversions were sent under other rules:\n" +
			"which would be uploaded, restated or retracted. Nothing changes without --apply; with it the\n" +
			"operations follow in the next runs, when they are due.",
		Example: "  closeloop replay --account acme --from 2026-11-01\n  closeloop replay --account acme --from 2026-11-01 --apply",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("format", f.format, tableOrJSON()); err != nil {
				return err
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine, cfg *config.Config) error {
				return a.replay(ctx, e, cfg, f)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.account, "account", "", "only this account")
	flags.StringVar(&f.source, "source", "", "only leads of the source with this key")
	flags.StringVar(&f.from, "from", "", "only leads with a delivery received from this date or time on")
	flags.StringVar(&f.to, "to", "", "only leads with a delivery received up to the end of this date, or before this time")
	flags.BoolVar(&f.apply, "apply", false, "change what is wanted accordingly")
	flags.StringVar(&f.format, "format", "table", "table or json")
	complete(cmd, "format", tableOrJSON())
	completeAccounts(a, cmd)
	return cmd
}

func (f *replayFlags) query(cfg *config.Config) (q conversions.ReplayQuery, err error) {
	zone := zoneFor(cfg, f.account)
	q.Source = f.source
	if q.From, err = moment(f.from, zone, 0); err != nil {
		return q, err
	}
	q.To, err = moment(f.to, zone, 1)
	return q, err
}

func (a *app) replay(ctx context.Context, e *engine, cfg *config.Config, f *replayFlags) error {
	accounts, err := chosen(cfg, conversions.AccountID(f.account))
	if err != nil {
		return err
	}
	q, err := f.query(cfg)
	if err != nil {
		return err
	}
	var reports []scheduler.ReplayReport
	leads := 0
	for _, account := range accounts {
		r, err := e.Replay(ctx, account, q, f.apply)
		if err != nil {
			return failedFor(account, "replay", err)
		}
		leads += r.Leads
		reports = append(reports, r)
	}
	if keys := sourceKeys(cfg); leads == 0 && f.source != "" && !slices.Contains(keys, f.source) {
		return &hinted{
			err:  fmt.Errorf("no delivery came from a source with the key %q", f.source),
			hint: "the configuration has the keys: " + strings.Join(keys, ", "), code: exitNotFound,
		}
	}
	if f.format == "json" {
		return printJSON(a.stdout, reports)
	}
	for _, r := range reports {
		printReplay(a.stdout, r)
	}
	return nil
}

func sourceKeys(cfg *config.Config) []string {
	var keys []string
	for _, s := range cfg.Sources {
		keys = append(keys, s.Key)
	}
	return keys
}

func printReplay(w io.Writer, r scheduler.ReplayReport) {
	verb := "would change"
	if r.Applied {
		verb = "changed"
	}
	fmt.Fprintf(w, "account %s: leads folded again %d, outcomes that %s %d\n", r.Account, r.Leads, verb, r.Changed)
	for _, op := range slices.Sorted(maps.Keys(r.Operations)) {
		fmt.Fprintf(w, "  %-14s %d\n", operationWord(conversions.Operation(op)), r.Operations[op])
	}
	for _, row := range r.Rows {
		fmt.Fprintf(w, "    lead %s, %s: %s\n", row.Key.Lead, row.Key.Stage, changeOf(row))
	}
	if r.Changed > len(r.Rows) {
		fmt.Fprintf(w, "    and %d more\n", r.Changed-len(r.Rows))
	}
	switch {
	case r.Changed == 0:
		fmt.Fprintln(w, "  Everything is as today's rules want it.")
	case r.Applied:
		fmt.Fprintln(w, "  The operations follow in the next runs, when they are due.")
	default:
		fmt.Fprintln(w, "  Nothing was changed; --apply does it.")
	}
}

func operationWord(op conversions.Operation) string {
	switch op {
	case conversions.OpUpload, conversions.OpRestate, conversions.OpRetract:
		return string(op)
	case conversions.OpNone:
	}
	return "nothing sent"
}

// changeOf says what a replay makes of one outcome.
func changeOf(row scheduler.ReplayRow) string {
	states := "from " + string(row.From) + " to " + string(row.To)
	if row.From == "" {
		states = "new, " + string(row.To)
	}
	switch row.Next {
	case conversions.OpUpload:
		states += ", upload " + row.Want.String()
	case conversions.OpRestate:
		states += ", restate " + row.Was.String() + " to " + row.Want.String()
	case conversions.OpRetract:
		states += ", retract " + row.Was.String()
	case conversions.OpNone:
	}
	if sentence := row.Why.Sentence(); sentence != "" {
		states += ". " + sentence
	}
	return states
}
