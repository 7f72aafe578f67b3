package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
	"closeloop/store"
)

func copyCommand(a *app) *cobra.Command {
	var from, to string
	var force bool
	cmd := &cobra.Command{
		Use: "copy", Short: "Move to another database, between SQLite and PostgreSQL either way",
		Long: "Copy fills an empty database with all that another one holds, reads it back, and compares counts\n" +
			"and hashes of both sides. Every number that people quote stays. Stop the servers first: what the\n" +
			"source takes while it is copied stays behind. A source or target that somebody is working in is\n" +
			"refused. A copy that is cut short leaves a target that no command opens: empty it and begin again.",
		Example: "  closeloop db copy --from sqlite:closeloop.db --to postgres://closeloop@db.example.com/closeloop",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" || to == "" {
				return usage(errors.New("--from and --to are both needed"), cmd)
			}
			source, err := parsedDatabase("--from", from)
			if err != nil {
				return err
			}
			target, err := parsedDatabase("--to", to)
			if err != nil {
				return err
			}
			return a.copy(cmd.Context(), source, target, force)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the database to copy (sqlite:PATH or postgres://…)")
	cmd.Flags().StringVar(&to, "to", "", "the empty database to fill (sqlite:PATH or postgres://…)")
	cmd.Flags().BoolVar(&force, "force", false, "copy although a server works with one of the two")
	return cmd
}

func (a *app) copy(ctx context.Context, from, to config.Database, force bool) error {
	if _, err := os.Stat(from.SQLite); from.SQLite != "" && errors.Is(err, fs.ErrNotExist) {
		return &hinted{err: fmt.Errorf("there is no database %s", from.SQLite), hint: "--from names the database to copy", code: exitFailed}
	}
	source, err := openStore(ctx, from, false)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := openStore(ctx, to, false)
	if err != nil {
		return err
	}
	defer func() { _ = target.Close() }()
	if !force {
		if err := a.idle(ctx, source, target); err != nil {
			return err
		}
	}
	began := a.now()
	var sent store.Digest
	if err := target.Import(ctx, store.Digested(source.Export(ctx), &sent)); err != nil {
		return &hinted{err: fmt.Errorf("copy to %s: %w", place(to), err), hint: copyHint(to, err), code: exitFailed}
	}
	took := a.now().Sub(began)
	kept, err := store.DigestOf(target.Export(ctx))
	if err != nil {
		return fmt.Errorf("read the copy: %w", err)
	}
	return a.compared(sent, kept, place(from)+" is copied to "+place(to), took)
}

// idle refuses databases that somebody is working in.
func (a *app) idle(ctx context.Context, stores ...store.Store) error {
	for _, s := range stores {
		accounts, err := s.Leased(ctx, a.now())
		if err != nil {
			return err //nolint:wrapcheck // the store says what it was doing
		}
		if len(accounts) > 0 {
			return &hinted{
				err:  fmt.Errorf("a server is working for: %s", strings.Join(texts(accounts), ", ")),
				hint: "stop every server first; leases of one that was killed end after 45 seconds; --force copies all the same", code: exitFailed,
			}
		}
	}
	return nil
}

// copyHint says what to do about a copy that failed.
func copyHint(to config.Database, err error) string {
	if errors.Is(err, store.ErrNotEmpty) {
		return "choose a database that nothing was ever kept in; this one is as it was"
	}
	return emptyHint(to)
}

// emptyHint says how to empty a database.
func emptyHint(database config.Database) string {
	if database.SQLite != "" {
		return "delete the file and what is called as it with -wal and -shm behind, then copy again"
	}
	return "drop the database, make it anew with createdb -E UTF8 and closeloop migrate, then copy again"
}

// compared prints what both sides hold, and gives an error if it is not the
// same.
func (a *app) compared(sent, kept store.Digest, done string, took time.Duration) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "kind\tsource\ttarget\thash of the target's\t")
	records := 0
	for _, kind := range store.Kinds() {
		mark := ""
		if sent.Hash(kind) != kept.Hash(kind) || sent.Counts[kind] != kept.Counts[kind] {
			mark = "DIFFERS from " + sent.Hash(kind)
		}
		records += kept.Counts[kind]
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\n", kind, sent.Counts[kind], kept.Counts[kind], kept.Hash(kind), mark)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if !sent.Equal(kept) {
		return &hinted{err: errors.New("the copy is not the same as its source"), hint: "do not use it; this is a bug: please report it", code: exitFailed}
	}
	fmt.Fprintf(a.stdout, "%s: %d records in %.1f s (%.0f a second), and the same on both sides\n",
		done, records, took.Seconds(), float64(records)/max(took.Seconds(), 0.001))
	return nil
}
