// Command closeloop takes a CRM's webhooks, keeps every booked or quoted
// outcome in a durable queue, and uploads them on a schedule to Google Ads as
// offline conversions.
//
// This package owns flags, the wiring, exit codes and the real clock; each
// subcommand is one file. Start reading at newRoot and, for the service,
// at serve.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	// Time zones and certificate roots are inside the binary, so that it runs
	// alone in an empty file system.
	_ "time/tzdata"

	_ "golang.org/x/crypto/x509roots/fallback"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
)

// version is set by the build.
var version = "dev"

func main() {
	os.Exit(realMain(time.Now))
}

func realMain(now func() time.Time) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stopOnSignal(cancel)
	a := &app{stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: now}
	var err error
	if a.now, err = a.clock(); err != nil {
		return a.exit(err)
	}
	root := newRoot(a)
	root.SetArgs(os.Args[1:])
	return a.exit(root.ExecuteContext(ctx))
}

// stopOnSignal has stop called when the program is told to end. A second signal ends
// the program at once, from the moment that anybody can see the first one take
// effect.
func stopOnSignal(stop context.CancelFunc) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		stop()
	}()
}

// app is what every command is given.
type app struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time

	// The global flags.
	configPath string
	database   string
	logFormat  string
	logLevel   string
}

// The exit codes, as `closeloop help exit-codes` documents them.
const (
	exitOK       = 0
	exitFailed   = 1
	exitUsage    = 2
	exitConfig   = 3
	exitNotFound = 4
	exitUnsent   = 5
)

// hinted is an error for a person: what is wrong, what to do, and the exit
// code.
type hinted struct {
	err  error
	hint string
	code int
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// exit prints an error as "error:" and "hint:" lines and returns the code.
func (a *app) exit(err error) int {
	if err == nil {
		return exitOK
	}
	if problems, ok := errors.AsType[config.Problems](err); ok {
		for _, p := range problems {
			a.complain(p.String(), p.Hint)
		}
		return exitConfig
	}
	if h, ok := errors.AsType[*hinted](err); ok {
		a.complain(h.Error(), h.hint)
		return h.code
	}
	if errors.Is(err, conversions.ErrNotFound) {
		a.complain(err.Error(), "closeloop audit list shows the ids there are")
		return exitNotFound
	}
	a.complain(err.Error(), "")
	return exitFailed
}

func (a *app) complain(what, hint string) {
	fmt.Fprintln(a.stderr, "error: "+what)
	if hint != "" {
		fmt.Fprintln(a.stderr, "hint: "+hint)
	}
}
