// Command bench measures Closeloop beside the least that could do the same
// work, in one run and in turns, because figures of two runs on one machine
// do not compare.
//
// It owns the load generator, the bare counterparts, the sink that answers in
// Google's place and the page docs/benchmarks.md. It asserts nothing: a
// figure is judged by who reads it. Start reading at run, then ingest.go and
// upload.go.
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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	os.Exit(realMain(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func realMain(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
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
	rows        int    // of one round of uploads
	sizes       []int  // of the stores that growth is measured on
	only        string // "ingest", "upload", "growth" or "" for the first two
	dir         string // where databases are made
	out         string // the page to write; "" for none
	profile     string // file for a CPU profile; "" for none
	noFold      bool   // see where the time goes
	now         time.Time
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{connections: []int{1, 64, 256}, sizes: []int{10_000, 1_000_000}}
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
	flags.Func("sizes", "with -only growth: how many conversions, with commas between (default 10000,1000000)", func(text string) (err error) {
		o.sizes, err = numbers(text)
		return err
	})
	flags.StringVar(&o.only, "only", "", "ingest or upload: that part only, and no page is written; growth: writes docs/growth.md; postgres: writes docs/benchmarks-postgres.md")
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
	case *quick, o.noFold, o.only == "ingest", o.only == "upload":
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
	o.connections, o.sizes = []int{1, 16}, []int{4000}
	return o
}

func (o options) validate() error {
	switch {
	case o.rounds < 1 || o.span <= 0 || o.warm < 0 || o.rows < 1:
		return errors.New("rounds, span and rows must be positive")
	case !slices.Contains([]string{"", "ingest", "upload", "growth", "postgres"}, o.only):
		return fmt.Errorf("-only is ingest, upload, growth or postgres, not %q", o.only)
	default:
		return nil
	}
}

// results are all that was measured.
type results struct {
	ingest []ingestCase
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
	if o.only == "postgres" {
		rounds, err := measurePostgres(ctx, o)
		if err != nil {
			return fmt.Errorf("measure PostgreSQL: %w", err)
		}
		return write(o, postgresPage(o, rounds), stdout)
	}
	var r results
	var err error
	if o.only != "upload" {
		if r.ingest, err = measureIngest(ctx, o); err != nil {
			return fmt.Errorf("measure ingest: %w", err)
		}
	}
	if o.only != "ingest" {
		if r.upload, err = measureUpload(ctx, o); err != nil {
			return fmt.Errorf("measure upload: %w", err)
		}
	}
	return write(o, page(o, r), stdout)
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
