package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"closeloop/audit"
	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/gclid"
)

// reportFlags are the filters as they are typed.
type reportFlags struct {
	account, state, stage, from, to, lead, gclid, format string
	limit                                                int
	all                                                  bool
}

func reportCommand(a *app, r audit.Report) *cobra.Command {
	f := &reportFlags{}
	use, check := r.Name, args(cobra.NoArgs)
	if r.Subject != "" {
		use, check = r.Name+" "+r.Subject, args(exactly(r.Subject))
	}
	cmd := &cobra.Command{
		Use: use, Short: r.Short, Example: "  " + r.Example, Args: check,
		RunE: func(cmd *cobra.Command, given []string) error {
			q, database, err := a.query(f, given)
			if err != nil {
				return err
			}
			return a.report(cmd.Context(), r, q, database, audit.Format(f.format))
		},
	}
	f.register(cmd, r.Group == "audit" && r.Subject == "")
	completeAccounts(a, cmd)
	if r.All != "" {
		cmd.Flags().BoolVar(&f.all, "all", false, r.All)
	}
	cmd.Flags().StringVar(&a.database, "database", "", "read this database (sqlite:PATH or postgres://…) without a configuration")
	return cmd
}

// exactly asks for one argument by its name.
func exactly(subject string) cobra.PositionalArgs {
	return func(_ *cobra.Command, given []string) error {
		switch {
		case len(given) == 0:
			return fmt.Errorf("%s is missing", subject)
		case len(given) > 1:
			return fmt.Errorf("one %s at a time, not %d", subject, len(given))
		default:
			return nil
		}
	}
}

func (f *reportFlags) register(cmd *cobra.Command, filters bool) {
	flags := cmd.Flags()
	flags.StringVar(&f.format, "format", "table", "table, json or csv")
	flags.StringVar(&f.account, "account", "", "only this account")
	complete(cmd, "format", texts(audit.Formats()))
	if !filters {
		return
	}
	flags.StringVar(&f.state, "state", "", "only outcomes in this state: "+strings.Join(texts(conversions.States()), ", "))
	flags.StringVar(&f.stage, "stage", "", "only booked or only quoted")
	flags.StringVar(&f.from, "from", "", "conversion time from this date or time on (2026-11-01, in the account's zone, or RFC 3339)")
	flags.StringVar(&f.to, "to", "", "conversion time up to the end of this date, or before this time")
	flags.StringVar(&f.lead, "lead", "", "only this lead (call session id)")
	flags.StringVar(&f.gclid, "gclid", "", "only this click id (gclid, gbraid or wbraid)")
	flags.IntVar(&f.limit, "limit", 0, "at most this many, from the top; 0 for all")
	complete(cmd, "state", texts(conversions.States()))
	complete(cmd, "stage", texts(conversions.Stages()))
}

func complete(cmd *cobra.Command, flag string, values []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic("completion of a flag that does not exist: " + err.Error()) // a bug in this file
	}
}

// query reads flags and configuration into what a report asks for.
func (a *app) query(f *reportFlags, given []string) (q audit.Query, database config.Database, err error) {
	q.Now, q.All, q.Damage = a.now(), f.all, damage
	zone := time.UTC
	if a.database != "" {
		if database, err = parsedDatabase("--database", a.database); err != nil {
			return q, database, err
		}
	} else {
		cfg, err := a.loadConfig()
		if err != nil {
			return q, database, err
		}
		database = cfg.Database
		display(&q, cfg)
		zone = zoneFor(cfg, f.account)
	}
	if len(given) > 0 {
		q.Subject = given[0]
	}
	q.Filter, err = f.filter(zone)
	return q, database, err
}

// damage says in words what is wrong with a click id.
func damage(name string) (sentence, hint string) {
	d := gclid.Damage(name)
	return d.Sentence(), d.Hint()
}

// zoneFor is the zone in which dates are meant: the account's, or that of all
// accounts if they agree.
func zoneFor(cfg *config.Config, account string) *time.Location {
	var zone *time.Location
	for _, acc := range cfg.Accounts {
		if account != "" && string(acc.Name) != account {
			continue
		}
		if zone != nil && zone.String() != acc.Zone.String() {
			return time.UTC
		}
		zone = acc.Zone
	}
	if zone == nil {
		return time.UTC
	}
	return zone
}

func (f *reportFlags) filter(zone *time.Location) (conversions.Filter, error) {
	out := conversions.Filter{
		Account: conversions.AccountID(f.account), State: conversions.State(f.state), Stage: conversions.Stage(f.stage),
		Lead: conversions.LeadID(f.lead), ClickID: f.gclid, Limit: f.limit,
	}
	if err := oneOf("state", f.state, texts(conversions.States())); err != nil {
		return out, err
	}
	if err := oneOf("stage", f.stage, texts(conversions.Stages())); err != nil {
		return out, err
	}
	if err := oneOf("format", f.format, texts(audit.Formats())); err != nil {
		return out, err
	}
	if f.limit < 0 {
		return out, &hinted{err: fmt.Errorf("--limit cannot be %d", f.limit), hint: "0 is for all", code: exitUsage}
	}
	var err error
	if out.From, err = moment(f.from, zone, 0); err != nil {
		return out, err
	}
	out.To, err = moment(f.to, zone, 1)
	return out, err
}

func oneOf(flag, value string, allowed []string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return &hinted{
		err:  fmt.Errorf("--%s cannot be %q", flag, value),
		hint: "it is one of " + strings.Join(allowed, ", "), code: exitUsage,
	}
}

// moment reads a date, moved by days, or a time.
func moment(text string, zone *time.Location, days int) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return t.AddDate(0, 0, days), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, &hinted{
			err:  fmt.Errorf("%q is no date or time", text),
			hint: "write 2026-11-01, or 2026-11-01T15:04:05-05:00", code: exitUsage,
		}
	}
	return t, nil
}

func (a *app) report(ctx context.Context, r audit.Report, q audit.Query, database config.Database, format audit.Format) error {
	if _, err := os.Stat(database.SQLite); database.SQLite != "" && errors.Is(err, fs.ErrNotExist) {
		return &hinted{
			err: fmt.Errorf("there is no database %s", database.SQLite), code: exitFailed,
			hint: "closeloop serve makes it at its first start; until then there is nothing to report",
		}
	}
	s, err := openStore(ctx, database, false)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	result, err := r.Run(ctx, s, q)
	if err != nil {
		return err //nolint:wrapcheck // the report says what it was doing
	}
	return audit.Write(a.stdout, result, format) //nolint:wrapcheck // so does Write
}
