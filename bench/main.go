// Command bench measures Closeloop beside the least that could do the same
// work, in one run and in turns, because figures of two runs on one machine
// do not compare.
//
// It owns the load generator, the bare counterparts, the sink that answers in
// Google's place, how a past is copied, and the pages docs/benchmarks.md,
// docs/benchmarks-postgres.md and docs/growth.md. It asserts nothing: a figure
// is judged by who reads it. Start reading at run, then ingest.go, upload.go
// and growth.go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	os.Exit(realMain(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// collectAt is what serve sets the garbage collector to. What is bare gains by
// it, too.
const collectAt = 400

func realMain(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := dispatch(ctx, args, stdin, stdout, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 2
	}
	if err != nil {
		fmt.Fprintln(stderr, "error: "+err.Error())
		return 1
	}
	return 0
}

// dispatch runs the benchmark, or the part of it that this process was
// started for: see start.
func dispatch(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) == 2 {
		role, known := roleOf(args[0])
		if known {
			return role(ctx, []byte(args[1]), stdin, json.NewEncoder(stdout))
		}
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	return run(ctx, o, stdout)
}

// options say what is measured and how long.
type options struct {
	rounds      int
	span, warm  time.Duration // of one round: what counts, and what comes before it
	connections []int
	rows        int   // of one round of uploads
	events      int   // of one round of folding
	sizes       []int // of the stores that growth is measured on
	stores      []string
	only        string // a part, or "" for all but growth and PostgreSQL
	dir         string // where databases are made
	out         string // the page to write; "" for none
	profile     string // file for a CPU profile; "" for none
	noFold      bool   // see where the time goes
	now         time.Time
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{connections: []int{1, 64, 256}, sizes: []int{10_000, 1_000_000, 10_000_000}, stores: []string{onSQLite, onPostgres}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", 5, "how often each figure is measured; the median counts")
	flags.DurationVar(&o.span, "span", 2*time.Second, "how long one round counts deliveries")
	flags.DurationVar(&o.warm, "warm", 500*time.Millisecond, "how long it delivers before that")
	flags.Func("connections", "connections to deliver over, with commas between (default 1,64,256)", func(text string) (err error) {
		o.connections, err = numbers(text)
		return err
	})
	flags.IntVar(&o.rows, "rows", 20_000, "how many rows one round uploads")
	flags.IntVar(&o.events, "events", 100_000, "how many events one round folds")
	flags.Func("sizes", "with -only growth: how many conversions, with commas between (default 10000,1000000,10000000)", func(text string) (err error) {
		o.sizes, err = numbers(text)
		return err
	})
	flags.Func("stores", "with -only growth: sqlite, postgres or both with a comma between (default both)", func(text string) error {
		o.stores = strings.Split(text, ",")
		return nil
	})
	flags.StringVar(&o.only, "only", "", "ingest, build, fold or upload: that part only, and no page is written; growth: writes docs/growth.md; postgres: writes docs/benchmarks-postgres.md; postgres-ingest: its deliveries over HTTP, and no page is written")
	flags.StringVar(&o.dir, "dir", "", "where databases are made (default the system's temporary folder); must be a real disk")
	flags.StringVar(&o.out, "out", filepath.Join("docs", "benchmarks.md"), "the page to write")
	flags.StringVar(&o.profile, "cpuprofile", "", "profile the server at 64 connections, or with -only upload all rounds, into this file")
	flags.BoolVar(&o.noFold, "nofold", false, "do not fold what is delivered, to see what that costs; no page is written")
	quick := flags.Bool("quick", false, "a look at whether everything works: figures mean nothing, no page is written")
	now := flags.String("now", "", "the date of the page, RFC 3339 (default now)")
	if err := flags.Parse(args); err != nil {
		return o, err //nolint:wrapcheck // names the flag
	}
	o.now = time.Now()
	if *now != "" {
		at, err := time.Parse(time.RFC3339, *now)
		if err != nil {
			return o, fmt.Errorf("read -now: %w", err)
		}
		o.now = at
	}
	if *quick {
		o = o.quick()
	}
	switch {
	case *quick, o.noFold, o.only == onlyIngest, slices.Contains(parts(), o.only):
		o.out = ""
	case o.only == "growth":
		o.out = filepath.Join(filepath.Dir(o.out), "growth.md")
	case o.only == "postgres":
		o.out = filepath.Join(filepath.Dir(o.out), "benchmarks-postgres.md")
	}
	return o, o.validate()
}

// numbers reads a list with commas.
func numbers(text string) ([]int, error) {
	var all []int
	for one := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(one)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a positive number", one)
		}
		all = append(all, n)
	}
	return all, nil
}

// quick is enough to see that nothing fails.
func (o options) quick() options {
	o.rounds, o.span, o.warm, o.rows, o.out = 1, 200*time.Millisecond, 20*time.Millisecond, 400, ""
	o.connections, o.sizes, o.events = []int{1, 16}, []int{4000, 8000}, 2000
	return o
}

func (o options) validate() error {
	switch {
	case o.rounds < 1 || o.span <= 0 || o.warm < 0 || o.rows < 1 || o.events < 1:
		return errors.New("rounds, span, rows and events must be positive")
	case !slices.Contains(append(parts(), "", "growth", "postgres", onlyIngest), o.only):
		return fmt.Errorf("-only is %s, growth, postgres or postgres-ingest, not %q", strings.Join(parts(), ", "), o.only)
	}
	for _, kind := range o.stores {
		if kind != onSQLite && kind != onPostgres {
			return fmt.Errorf("-stores has sqlite and postgres, not %q", kind)
		}
	}
	return nil
}

// parts are what docs/benchmarks.md is made of, in its order.
func parts() []string { return []string{"ingest", "build", "fold", "upload"} }

// results are all that was measured.
type results struct {
	ingest []ingestCase
	build  []figures // of requests
	alone  []figures // of the store without anything around it
	fold   []foldRound
	upload []uploadRound
}

func run(ctx context.Context, o options, stdout io.Writer) error {
	if o.only == "growth" {
		all, err := measureGrowth(ctx, o)
		if err != nil {
			return fmt.Errorf("measure growth: %w", err)
		}
		return write(o, growthPage(o, all), stdout)
	}
	if strings.HasPrefix(o.only, "postgres") {
		r, err := measurePostgres(ctx, o)
		if err != nil {
			return fmt.Errorf("measure PostgreSQL: %w", err)
		}
		return write(o, postgresPage(o, r), stdout)
	}
	r, err := measureParts(ctx, o)
	if err != nil {
		return err
	}
	return write(o, page(o, r), stdout)
}

// measureParts measures all parts, or the one that was asked for.
func measureParts(ctx context.Context, o options) (r results, err error) {
	for _, part := range parts() {
		if o.only != "" && o.only != part {
			continue
		}
		switch part {
		case "ingest":
			r.ingest, err = measureIngest(ctx, o, nil)
		case "build":
			r.build, err = measureBuild(ctx, o)
		case "fold":
			r.fold, err = measureFold(ctx, o, nil)
		case "upload":
			r.upload, err = measureUpload(ctx, o, nil)
		}
		if err != nil {
			return r, fmt.Errorf("measure %s: %w", part, err)
		}
	}
	return r, nil
}

// write prints the page and writes it where it belongs.
func write(o options, text string, stdout io.Writer) error {
	if _, err := io.WriteString(stdout, text); err != nil {
		return fmt.Errorf("print results: %w", err)
	}
	if o.out == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o750); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	if err := os.WriteFile(o.out, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}
