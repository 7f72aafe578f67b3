package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
	"closeloop/store"
	"closeloop/store/postgres"
)

func migrateCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "migrate", Short: "Bring the database's schema up to date",
		Long: "Migrate brings the schema of the PostgreSQL database that the configuration names up to date, and\n" +
			"of an empty one makes it. Serve refuses to start before that. Servers of the release before go on\n" +
			"working meanwhile, so: migrate, then replace them one by one. To do it again changes nothing.\n" +
			"A SQLite file needs no such step: whatever opens it migrates it first.",
		Example: "  closeloop migrate --config /etc/closeloop.yaml", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			database, err := a.namedDatabase()
			if err != nil {
				return err
			}
			return a.migrateSchema(cmd.Context(), database)
		},
	}
	cmd.Flags().StringVar(&a.database, "database", "", "migrate this database (sqlite:PATH or postgres://…) without a configuration")
	return cmd
}

// namedDatabase is what --database names, or else the configuration.
func (a *app) namedDatabase() (config.Database, error) {
	if a.database != "" {
		return parsedDatabase("--database", a.database)
	}
	cfg, err := a.loadConfig()
	if err != nil {
		return config.Database{}, err
	}
	return cfg.Database, nil
}

// parsedDatabase reads what a flag says. It is not quoted: it may hold a
// password.
func parsedDatabase(flag, text string) (config.Database, error) {
	database, wrong := config.ParseDatabase(text)
	if wrong != nil {
		return config.Database{}, &hinted{err: errors.New(flag + " " + wrong.What), hint: wrong.Hint, code: exitUsage}
	}
	return database, nil
}

func (a *app) migrateSchema(ctx context.Context, database config.Database) error {
	if database.SQLite != "" {
		s, err := openStore(ctx, database, false)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%s is up to date: a file is migrated whenever it is opened\n", place(database))
		return s.Close() //nolint:wrapcheck // the store says what it was doing
	}
	from, to, err := postgres.Migrate(ctx, database.Postgres.Reveal())
	switch {
	case errors.Is(err, store.ErrSchemaNewer):
		return cannotOpen(database, err)
	case err != nil:
		return &hinted{err: fmt.Errorf("%w (%s)", err, place(database)), hint: serverHint(err), code: exitFailed}
	case from == to:
		fmt.Fprintf(a.stdout, "%s is up to date: schema version %d\n", place(database), to)
	default:
		fmt.Fprintf(a.stdout, "%s is migrated from schema version %d to %d\n", place(database), from, to)
	}
	return nil
}
