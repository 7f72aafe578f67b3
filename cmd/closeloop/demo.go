package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"text/template"
	"time"

	"github.com/spf13/cobra"

	"closeloop/audit"
	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/sandbox"
)

//go:embed demo.yaml
var demoConfig string

// The customer and the actions that the sandbox knows when no configuration
// names others.
const (
	demoCustomer = "1234567890"
	demoBooked   = 1001
	demoQuoted   = 1002
)

func demoCommand(a *app) *cobra.Command {
	var keep bool
	var address string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play the whole loop on this machine: no account, no credential, no network",
		Long: "Demo starts a stand-in for Google's servers, opens a database, starts the real HTTP server,\n" +
			"posts signed webhooks of yesterday's calls, runs the upload through both of Google's upload\n" +
			"APIs, each for an account of its own, and compares what was wanted with what \"Google\" now\n" +
			"holds. It ends with exit code 1 if they differ.",
		Example: "  closeloop demo\n  closeloop demo --keep",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.demo(cmd.Context(), address, keep)
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave everything serving until Ctrl-C, to look around")
	cmd.Flags().StringVar(&address, "address", "127.0.0.1:0", "where the webhook server of the demo listens")
	return cmd
}

// demo plays the loop in a folder of its own, which it removes again.
func (a *app) demo(ctx context.Context, address string, keep bool) error {
	dir, err := demoFolder()
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ahead := &clock{base: a.now}
	app := *a
	app.now = ahead.now
	d := &demo{app: &app, clock: ahead, dir: dir, sides: demoSides(a.now())}
	if d.google, err = startSandbox(ctx, ahead.now, d.sides); err != nil {
		return err
	}
	defer func() { _ = d.google.Close() }()
	if d.cfg, err = d.configure(address); err != nil {
		return err
	}
	return d.play1(ctx, keep)
}

// clock can be set forward, so that nobody has to wait for Google.
type clock struct {
	base  func() time.Time
	ahead atomic.Int64
}

func (c *clock) now() time.Time { return c.base().Add(time.Duration(c.ahead.Load())) }

func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// demoFolder makes the folder of the demo: among the temporary files, or here
// where there is no place for such, as in an empty root.
func demoFolder() (string, error) {
	const pattern = "closeloop-demo-"
	dir, err := os.MkdirTemp("", pattern)
	if err != nil {
		dir, err = os.MkdirTemp(".", pattern)
	}
	if err != nil {
		return "", &hinted{
			err: fmt.Errorf("make a folder for the demo: %w", err), code: exitFailed,
			hint: "set TMPDIR to a folder that may be written to, or run it in one",
		}
	}
	dir, err = filepath.Abs(dir) // relative paths in a configuration start at its folder
	if err != nil {
		return "", fmt.Errorf("make a folder for the demo: %w", err)
	}
	return dir, nil
}

// startSandbox starts the stand-in for Google with the demo's accounts.
func startSandbox(ctx context.Context, now func() time.Time, sides []*demoSide) (*sandbox.Server, error) {
	cfg := sandbox.Config{Now: now, OAuth: sandbox.OAuth{AcceptAny: true}}
	for _, side := range sides {
		cfg.Clicks = append(cfg.Clicks, side.play.Clicks...)
		cfg.Customers = append(cfg.Customers, sandbox.Customer{
			ID: side.Customer, Name: string(side.Account), Currency: "USD", Zone: "America/New_York",
			Allowlisted: side.API == conversions.APIGoogleAds, // as a new user is not
			Actions:     []sandbox.Action{{ID: side.Booked, Name: "Booked call"}, {ID: side.Quoted, Name: "Quoted call"}},
		})
	}
	s, err := sandbox.Start(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("start sandbox: %w", err)
	}
	return s, nil
}

// demo is one demo under way.
type demo struct {
	*app
	clock  *clock
	sides  []*demoSide
	google *sandbox.Server
	cfg    *config.Config
	dir    string
	url    string
	wrong  []string // what did not come out as it should
}

// configure writes the configuration file of the demo and reads it as any
// other.
func (d *demo) configure(address string) (*config.Config, error) {
	var text bytes.Buffer
	err := template.Must(template.New("demo").Parse(demoConfig)).Execute(&text, map[string]any{
		"Database": filepath.Join(d.dir, "closeloop.db"), "Address": address, "Sides": d.sides,
		"Endpoint": d.google.GRPCAddr(), "DataManager": hostOf(d.google.DataManagerURL()), "TokenURL": d.google.TokenURL(),
	})
	if err != nil {
		return nil, fmt.Errorf("write demo configuration: %w", err)
	}
	path := filepath.Join(d.dir, defaultConfig)
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return nil, fmt.Errorf("write demo configuration: %w", err)
	}
	cfg, err := config.Load(path, d.getenv, os.ReadFile)
	if err != nil {
		return nil, fmt.Errorf("read demo configuration: %w", err)
	}
	return cfg, nil
}

// play1 is the demo itself: serve, post, run, compare.
func (d *demo) play1(ctx context.Context, keep bool) error {
	serving, stop := context.WithCancel(ctx)
	listening, done := make(chan net.Addr, 1), make(chan error, 1)
	quiet := *d.app
	if !keep {
		quiet.stderr = io.Discard
	}
	go func() { done <- quiet.serve(serving, d.cfg, func(a net.Addr) { listening <- a }) }()
	defer func() { stop(); <-done }() //nolint:errcheck // what went wrong while serving shows in the comparison
	select {
	case addr := <-listening:
		d.url = "http://" + addr.String()
	case err := <-done:
		done <- nil
		return err
	}
	if err := d.loop(ctx); err != nil {
		return err
	}
	if keep {
		d.invite()
		<-ctx.Done()
	}
	return d.verdict()
}

func (d *demo) loop(ctx context.Context) error {
	d.say("1. A stand-in for Google listens on %s (Google Ads API) and %s", d.google.GRPCAddr(), hostOf(d.google.DataManagerURL()))
	d.say("   (Data Manager API): two customers with two conversion actions and %d clicks on their ads each.", len(d.sides[0].play.Clicks))
	d.say("2. The real server listens on %s, with a new database and an account for each API.", d.url)
	d.say("3. The CRM posts calls, signed, to the source of each account: yesterday's, and the same ones a day older,")
	d.say("   because what goes through the Data Manager API waits a day: nothing can be retracted there.")
	if err := d.deliver(ctx); err != nil {
		return err
	}
	d.say("4. The upload runs:")
	if err := d.upload(ctx); err != nil {
		return err
	}
	d.clock.advance(processed)
	d.say("5. The Data Manager API has only taken its rows, to process them. The demo sets its clock half an hour")
	d.say("   forward; then the next run asks what became of them:")
	if err := d.upload(ctx); err != nil {
		return err
	}
	return d.compare(ctx)
}

// processed is when Google has processed a request and is asked about it.
const processed = conversions.FirstPoll + time.Minute

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.stdout, format+"\n", args...) }

// upload does what the schedule does, now.
func (d *demo) upload(ctx context.Context) error {
	var out bytes.Buffer
	runner := *d.app
	runner.stdout, runner.stderr = &out, io.Discard
	err := runner.run(ctx, d.cfg, "", false, "table")
	for line := range strings.Lines(out.String()) {
		d.say("   %s", strings.TrimRight(line, "\n"))
	}
	return err
}

// compare prints the audit, then holds what was wanted, what the store knows
// and what Google holds against each other.
func (d *demo) compare(ctx context.Context) error {
	s, err := openStore(ctx, d.cfg.Database, false)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	rows, err := s.List(ctx, conversions.Filter{})
	if err != nil {
		return fmt.Errorf("list outcomes: %w", err)
	}
	q := audit.Query{Now: d.now()}
	display(&q, d.cfg)
	d.say("6. The audit says (closeloop audit list):")
	for _, r := range audit.Reports() {
		if r.Group != "audit" || r.Name != "list" {
			continue
		}
		result, err := r.Run(ctx, s, q)
		if err == nil {
			err = audit.Write(d.stdout, result, audit.FormatTable)
		}
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	ends := d.ends(rows)
	for _, e := range ends {
		d.agree(e)
	}
	d.holdings(ends)
	d.table(ends)
	return nil
}

// verdict is the demo's end.
func (d *demo) verdict() error {
	if len(d.wrong) == 0 {
		return nil
	}
	for _, w := range d.wrong {
		d.say("   WRONG: %s", w)
	}
	return &hinted{err: errors.New("the demo did not come out as it should"), hint: "this is a bug: please report the output above", code: exitFailed}
}

// invite tells what can be looked at while everything goes on serving.
func (d *demo) invite() {
	d.say("\nEverything goes on serving until Ctrl-C. In another terminal:")
	d.say("  closeloop audit list --config %s", d.cfg.Path)
	d.say("  closeloop audit show 1 --config %s", d.cfg.Path)
	d.say("  curl %s/conversions", d.google.URL())
	d.say("  curl %s/healthz", d.url)
	d.say("If you started with `go run ./cmd/closeloop demo`, write `go run ./cmd/closeloop` instead of `closeloop`.")
	for _, side := range d.sides {
		d.say("Webhooks: POST %s/webhooks/%s, secret %s", d.url, side.Source, side.Secret)
	}
}
