package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
	"closeloop/store/sqlite"
)

func dbCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "db", Short: "Back up the database, or move to another one",
		Example: "  closeloop db backup --to backups/monday.db", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(backupCommand(a), copyCommand(a))
	return cmd
}

func backupCommand(a *app) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use: "backup", Short: "Write a copy of the SQLite database while it is used",
		Long: "Backup writes the database, as it is in one instant, to a new file; a server goes on meanwhile. The\n" +
			"copy is checked and flushed to disk before it gets its name, and no file is ever written over.\n" +
			"To restore: stop the server, put the copy in the database's place, delete what is called as the\n" +
			"database with -wal and -shm behind, start. See docs/operations.md. Copying the file of a running\n" +
			"server by other means may give a damaged one. PostgreSQL is backed up by its own pg_dump.",
		Example: "  closeloop db backup --to backups/monday.db", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" {
				return usage(errors.New("--to is missing"), cmd)
			}
			database, err := a.namedDatabase()
			if err != nil {
				return err
			}
			return a.backup(cmd.Context(), database, to)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "the file to write; it must not exist")
	cmd.Flags().StringVar(&a.database, "database", "", "back up this database (sqlite:PATH) without a configuration")
	return cmd
}

func (a *app) backup(ctx context.Context, database config.Database, to string) error {
	if database.SQLite == "" {
		return &hinted{
			err: errors.New("a PostgreSQL database is backed up by its own tools"), code: exitFailed,
			hint: "pg_dump --format=custom --file=FILE DATABASE; pg_restore --dbname=EMPTY-DATABASE FILE brings it back",
		}
	}
	if err := sqlite.Backup(ctx, database.SQLite, to); err != nil {
		return &hinted{err: err, hint: backupHint(err, to), code: exitFailed}
	}
	info, err := os.Stat(to)
	if err != nil {
		return fmt.Errorf("look at the backup: %w", err)
	}
	fmt.Fprintf(a.stdout, "%s is backed up to %s (%d bytes)\n", database.SQLite, to, info.Size())
	return nil
}

func backupHint(err error, to string) string {
	switch {
	case errors.Is(err, fs.ErrExist):
		return "choose a name that no file has; " + to + ".part is a backup being made, or one that was cut short and may be deleted"
	case errors.Is(err, fs.ErrNotExist):
		return "the database and the folder of --to must exist"
	default:
		return "check that this user may write there and that the disk has room for another copy"
	}
}
