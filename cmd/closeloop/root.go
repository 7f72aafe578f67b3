package main

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"closeloop/audit"
)

const defaultConfig = "closeloop.yaml"

// newRoot builds the command line.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "closeloop",
		Short: "Upload what calls earned to Google Ads, and prove it",
		Long: "Closeloop takes a CRM's webhooks, keeps every booked or quoted outcome that carries a\n" +
			"Google click id in a durable queue, uploads them on a schedule to Google Ads as offline\n" +
			"conversions, and shows for every outcome what became of it.",
		Example:       "  closeloop demo\n  closeloop config example > closeloop.yaml\n  closeloop serve",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(err, cmd)
	})
	flags := root.PersistentFlags()
	flags.StringVarP(&a.configPath, "config", "c", "", "configuration file (default $CLOSELOOP_CONFIG, else "+defaultConfig+")")
	flags.StringVar(&a.logFormat, "log-format", "text", "format of log lines: text or json")
	flags.StringVar(&a.logLevel, "log-level", "info", "least level of log lines: debug, info, warn or error")
	root.AddCommand(
		serveCommand(a), runCommand(a), resolveCommand(a), replayCommand(a), accountCommand(a),
		migrateCommand(a), dbCommand(a),
		demoCommand(a), sandboxCommand(a), configCommand(a), versionCommand(a), exitCodesTopic(),
	)
	addReports(root, a)
	return root
}

// addReports makes a command of every report, so that a new one lists itself.
func addReports(root *cobra.Command, a *app) {
	groups := map[string]*cobra.Command{}
	shorts := map[string]string{
		"audit":      "Show what was uploaded, what was not and why",
		"quarantine": "Show deliveries that could not be read",
	}
	for _, r := range audit.Reports() {
		g := groups[r.Group]
		if g == nil {
			g = &cobra.Command{
				Use: r.Group, Short: shorts[r.Group], Example: "  " + r.Example,
				Args: cobra.NoArgs,
				RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
			}
			groups[r.Group] = g
			root.AddCommand(g)
		}
		g.AddCommand(reportCommand(a, r))
	}
}

// usage turns a mistake on the command line into one that names the help.
func usage(err error, cmd *cobra.Command) error {
	return &hinted{err: err, hint: cmd.CommandPath() + " --help shows how it is used", code: exitUsage}
}

// args wraps an argument check so that its error is a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return usage(err, cmd)
		}
		return nil
	}
}

func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: strings.Join([]string{
			"0  all went well",
			"1  something failed; the error says what",
			"2  the command line was wrong",
			"3  the configuration has mistakes; each is listed with file and line",
			"4  nothing has the id that was asked for",
			"5  a run ended with rows unsent: a call failed, went unanswered, or sending is paused",
		}, "\n"),
	}
}

// logger makes the one logger of the process, writing to standard error.
func (a *app) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return nil, &hinted{
			err: fmt.Errorf("unknown log level %q", a.logLevel), hint: "use debug, info, warn or error", code: exitUsage,
		}
	}
	options := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(a.stderr, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(a.stderr, options)), nil
	default:
		return nil, &hinted{err: fmt.Errorf("unknown log format %q", a.logFormat), hint: "use text or json", code: exitUsage}
	}
}
