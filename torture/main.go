// Command torture runs replicas of the real program against the stand-in for
// Google, ends and disturbs them in every way it knows, lets everything
// settle, and checks that nothing was lost and nothing doubled. It is run by
// `make torture`; `go test ./torture` is its short form.
//
// It owns the campaign: what happens, when, and a short model of how things
// must stand in the end. The fail points themselves are in the program
// (cmd/closeloop, build tag failpoints), and not in the binary that is
// shipped. Start reading at campaign.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error: "+err.Error())
		os.Exit(1) //nolint:gocritic // stop has nothing left to do
	}
}

// errViolated says that a campaign found something wrong, which was printed.
var errViolated = errors.New("what must never happen has happened; the report says what")

func run(ctx context.Context, args []string, out io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("torture", flag.ContinueOnError)
	flags.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()), "what chance begins with; a report names its own")
	flags.IntVar(&s.kills, "kills", 300, "end after so many kills")
	minutes := flags.Float64("minutes", 10, "end after so long, the rest in the end not counted")
	flags.IntVar(&s.replicas, "replicas", 3, "how many run at a time")
	flags.Func("only", "arm this fail point alone: POINT:kill or POINT:stop", func(text string) error {
		point, deed, _ := strings.Cut(text, ":")
		s.only = arming{deed, []string{point}}
		return nil
	})
	flags.Func("disk", "how it gets full: "+diskMount+" or "+diskLimit+"; without this the first that works here", func(text string) error {
		if text != diskMount && text != diskLimit {
			return fmt.Errorf("it is %s or %s", diskMount, diskLimit)
		}
		s.disk = text
		return nil
	})
	stores := flags.String("stores", engineSQLite, "where data is kept, one campaign after the other: "+engineSQLite+", "+enginePostgres)
	keep := flags.Bool("keep", false, "keep the folder with database, logs and configurations")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read flags: %w", err)
	}
	s.atMost = time.Duration(*minutes * float64(time.Minute))
	s.tagEvery = 40 * time.Millisecond
	base, err := os.MkdirTemp("", "closeloop-torture-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	s.binary = filepath.Join(base, "closeloop")
	if err := build(ctx, s.binary); err != nil {
		return err
	}
	wrong := 0
	for name := range strings.SplitSeq(*stores, ",") {
		s.store, s.dir = name, filepath.Join(base, name)
		n, err := s.campaign(ctx, *keep, out)
		if err != nil {
			return err
		}
		wrong += n
	}
	if wrong > 0 {
		return errViolated
	}
	if !*keep {
		_ = os.RemoveAll(base)
	}
	return nil
}

// build makes the program with its fail points.
func build(ctx context.Context, binary string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "failpoints", "-o", binary, "closeloop/cmd/closeloop")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, text)
	}
	return nil
}

// campaign runs one and prints its report. It returns how many violations it
// found; then, or with keep, its folder is left as it is.
func (s settings) campaign(ctx context.Context, keep bool, out io.Writer) (int, error) {
	began := time.Now()
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return 0, fmt.Errorf("make folder: %w", err)
	}
	w, err := newWorld(ctx, s)
	if err != nil {
		return 0, err
	}
	v, err := w.play(ctx)
	w.close(keep || err != nil || len(v.violations) > 0)
	if err != nil {
		return 0, fmt.Errorf("campaign with seed %d in %s: %w", s.seed, s.dir, err)
	}
	w.report(out, v, time.Since(began))
	return len(v.violations), nil
}

// play is the campaign: hell first, then rest, then the check.
func (w *world) play(ctx context.Context) (*verdict, error) {
	began := time.Now()
	if err := w.hell(ctx); err != nil {
		return nil, err
	}
	w.lasted = time.Since(began)
	rest, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if err := w.rest(rest); err != nil {
		return nil, err
	}
	return w.check(rest)
}

// hell lets everything go wrong at once until there were enough kills or the
// time is over.
func (w *world) hell(all context.Context) error {
	bounded, cancel := context.WithTimeout(all, w.atMost)
	defer cancel()
	g, ctx := errgroup.WithContext(bounded)
	for i, r := range w.replicas {
		g.Go(func() error { return w.life(ctx, r, w.chance(uint64(100+i))) }) //nolint:gosec // a few
	}
	g.Go(func() error { return w.time(ctx, w.chance(2)) })
	g.Go(func() error { return w.google(ctx, w.chance(3)) })
	g.Go(func() error { return w.engine.hurt(ctx, w, w.chance(4)) })
	g.Go(func() error { w.storms(ctx, w.chance(5)); return nil })
	g.Go(func() error { return w.visits(ctx, w.chance(6)) })
	g.Go(func() error { w.crm.run(ctx, all, w.tagEvery); return nil })
	g.Go(func() error {
		for ctx.Err() == nil && w.tally.kills() < w.kills {
			sleep(ctx, 100*time.Millisecond)
		}
		cancel()
		return nil
	})
	return g.Wait() //nolint:wrapcheck // each part wraps its own
}

// report prints what was done and what came of it.
func (w *world) report(out io.Writer, v *verdict, took time.Duration) {
	fmt.Fprintf(out, "torture, seed %d, %s, %d replicas, %s and %s to rest\n", w.seed, w.store, len(w.replicas),
		w.lasted.Round(time.Second), (took - w.lasted).Round(time.Second))
	fmt.Fprintf(out, "  database       %s\n", w.engine.about())
	w.tally.print(out)
	fmt.Fprintf(out, "  deliveries     %d answered 2xx, in %d attempts, about %d leads; %d quarantined\n",
		v.deliveries, v.attempts, len(w.crm.leads), v.unread)
	fmt.Fprintf(out, "  rows           %v, %d ledger entries\n", v.rows, v.ledger)
	fmt.Fprintf(out, "  Google counts  %d, %d more may be there and cannot be taken back\n", v.held, v.stuck)
	fmt.Fprintf(out, "  violations     %d\n", len(v.violations))
	const most = 10
	for _, text := range v.violations[:min(most, len(v.violations))] {
		fmt.Fprintf(out, "violation: %s\n", text)
	}
	if n := len(v.violations); n > 0 {
		fmt.Fprintf(out, "seed %d, everything in %s\n", w.seed, w.dir)
	}
	w.notes.print(out)
}
