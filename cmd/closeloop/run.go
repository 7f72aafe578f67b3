package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/scheduler"
)

func runCommand(a *app) *cobra.Command {
	var account, format string
	var dry bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Send what is due now, whatever the schedule",
		Long: "Run folds new events, sends what is due and prints what came of it. It works beside a\n" +
			"running server. With --dry-run Google only checks the rows; nothing is changed anywhere.",
		Example: "  closeloop run --account acme --dry-run",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.loadConfig()
			if err != nil {
				return err
			}
			if err := oneOf("format", format, tableOrJSON()); err != nil {
				return err
			}
			return a.run(cmd.Context(), cfg, conversions.AccountID(account), dry, format)
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "run this account only")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "let Google check the rows and change nothing")
	cmd.Flags().StringVar(&format, "format", "table", "table or json")
	complete(cmd, "format", tableOrJSON())
	completeAccounts(a, cmd)
	return cmd
}

func (a *app) run(ctx context.Context, cfg *config.Config, only conversions.AccountID, dry bool, format string) error {
	accounts, err := chosen(cfg, only)
	if err != nil {
		return err
	}
	return a.openEngine(ctx, cfg, func(e *engine) error {
		var reports []scheduler.Report
		for _, account := range accounts {
			report, err := e.RunNow(ctx, account, dry)
			if err != nil {
				return failedFor(account, "run "+string(account), err)
			}
			reports = append(reports, report)
		}
		return a.printReports(reports, format)
	})
}

func chosen(cfg *config.Config, only conversions.AccountID) ([]conversions.AccountID, error) {
	var names []conversions.AccountID
	for _, acc := range cfg.Accounts {
		names = append(names, acc.Name)
	}
	if only == "" {
		return names, nil
	}
	if !slices.Contains(names, only) {
		return nil, &hinted{
			err:  fmt.Errorf("no account %q", only),
			hint: "the configuration has: " + strings.Join(texts(names), ", "), code: exitNotFound,
		}
	}
	return []conversions.AccountID{only}, nil
}

func texts[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, x := range all {
		out[i] = string(x)
	}
	return out
}

// printReports prints runs, and gives an error when rows stayed unsent that
// were due.
func (a *app) printReports(reports []scheduler.Report, format string) error {
	if format == "json" {
		if err := printJSON(a.stdout, reports); err != nil {
			return err
		}
	}
	var unsent []string
	for _, r := range reports {
		if format == "table" {
			printReport(a.stdout, r)
		}
		if r.Failed != nil || r.Unanswered > 0 || len(r.Paused) > 0 {
			unsent = append(unsent, string(r.Account))
		}
	}
	if len(unsent) > 0 {
		return &hinted{
			err:  fmt.Errorf("rows stay queued for: %s", strings.Join(unsent, ", ")),
			hint: "the lines above say why; the schedule, or another closeloop run, tries again", code: exitUnsent,
		}
	}
	return nil
}

// operations says what the rows were sent as, if not all were uploads.
func operations(r scheduler.Report) string {
	if r.Operations[conversions.OpRestate]+r.Operations[conversions.OpRetract] == 0 {
		return ""
	}
	return fmt.Sprintf(" (upload %d, restate %d, retract %d)", r.Operations[conversions.OpUpload],
		r.Operations[conversions.OpRestate], r.Operations[conversions.OpRetract])
}

func plural(n int, one string) string {
	if n == 1 {
		return one
	}
	return one + "s"
}

func printReport(w io.Writer, r scheduler.Report) {
	head := fmt.Sprintf("account %s (%s)", r.Account, r.Mode)
	switch {
	case r.DryRun:
		head += ", dry run: nothing is changed"
	case r.Mode == conversions.ModeTest:
		head += ": requests are validate-only, nothing is really sent"
	}
	fmt.Fprintf(w, "%s\n  requests %d, rows %d%s, leads decided %d\n", head, r.Batches, r.Rows, operations(r), r.Folded)
	for _, k := range slices.Sorted(maps.Keys(r.Answers)) {
		fmt.Fprintf(w, "  %-14s %d\n", k, r.Answers[k])
	}
	if r.Polls > 0 {
		fmt.Fprintf(w, "  asked what became of %d %s under processing\n", r.Polls, plural(r.Polls, "request"))
	}
	for _, k := range slices.Sorted(maps.Keys(r.Processed)) {
		fmt.Fprintf(w, "  then %-9s %d\n", k, r.Processed[k])
	}
	for _, k := range slices.Sorted(maps.Keys(r.Codes)) {
		fmt.Fprintf(w, "    %-60s %d\n", k, r.Codes[k])
	}
	if r.Held > 0 {
		fmt.Fprintf(w, "  held           %d retractions wait for approval: closeloop audit list --state needs_a_person\n", r.Held)
	}
	if r.Closed > 0 {
		fmt.Fprintf(w, "  out of time    %d\n", r.Closed)
	}
	if r.Failed != nil {
		fmt.Fprintf(w, "  the call failed: %s (%s)\n  hint: %s\n", r.Failed.Sentence, r.Failed.Code, r.Failed.Hint)
	}
	if r.Unanswered > 0 {
		fmt.Fprintf(w, "  requests without an answer: %d; sent again from %s on\n",
			r.Unanswered, r.SendAgain.Format("15:04:05"))
	}
	for _, p := range r.Paused {
		fmt.Fprintf(w, "  %s is paused: %s\n", target(r.Account, p.Action), pausedText(p, time.Local))
	}
}
