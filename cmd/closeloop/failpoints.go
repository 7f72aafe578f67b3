//go:build failpoints

package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// This file is only in the binary that the program in folder torture builds. It
// lets a process die, or stop, between any two steps, and moves its clock.

// The environment of a process that is tortured.
const (
	// failVariable is DEED=POINT:N,POINT:N... At the first of the points that it
	// comes to for the N-th time the process does the deed: kill ends it, stop
	// halts it until SIGCONT.
	failVariable = "CLOSELOOP_FAILPOINT"
	// aheadVariable names a file of eight bytes, little endian: how many
	// nanoseconds the clock is ahead of the machine's.
	aheadVariable = "CLOSELOOP_FAILCLOCK"
)

// steps are what a process does that others can see: every write to the store
// and every call. Each has a point before it and one after it.
var steps = []string{ //nolint:gochecknoglobals // a table
	"append", "quarantine", "acquire", "renew", "release", "advance", "decide", "refold", "save_facts",
	"begin", "again", "settle", "polled", "record", "pause", "resume", "upload", "status",
}

// failpoints are the points at which this process may fail.
type failpoints struct {
	left map[string]*atomic.Int64 // how often each may be passed, and one
	deed syscall.Signal
	done atomic.Bool
}

// theFailpoints are armed once, at the start of the process.
var theFailpoints failpoints //nolint:gochecknoglobals // there is one process, and it dies as a whole

func (p *failpoints) arm(text string) error {
	deed, points, _ := strings.Cut(text, "=")
	p.deed = map[string]syscall.Signal{"kill": syscall.SIGKILL, "stop": syscall.SIGSTOP}[deed]
	p.left = map[string]*atomic.Int64{}
	for point := range strings.SplitSeq(points, ",") {
		name, times, _ := strings.Cut(point, ":")
		step, when, _ := strings.Cut(name, ".")
		n, err := strconv.ParseInt(times, 10, 64)
		if p.deed == 0 || err != nil || n < 1 || !slices.Contains(steps, step) || (when != "before" && when != "after") {
			return fmt.Errorf("%s is %q, and there is no such deed, point or number", failVariable, text)
		}
		p.left[name] = new(atomic.Int64)
		p.left[name].Store(n)
	}
	return nil
}

// at is where the process fails if this is one of its points.
func (p *failpoints) at(name string) {
	left := p.left[name]
	if left == nil || left.Add(-1) != 0 || p.done.Swap(true) {
		return
	}
	fmt.Fprintln(os.Stderr, "failpoint "+name)
	_ = syscall.Kill(os.Getpid(), p.deed)
	if p.deed == syscall.SIGKILL {
		select {} // it is on its way
	}
	time.Sleep(time.Millisecond) // the signal reaches the whole process a little later than this goroutine goes on
}

// step does one step with its two points.
func step(name string, f func()) {
	theFailpoints.at(name + ".before")
	f()
	theFailpoints.at(name + ".after")
}

// clock returns the clock of the environment, and arms the fail point.
func (a *app) clock() (func() time.Time, error) {
	if text := a.getenv(failVariable); text != "" {
		if err := theFailpoints.arm(text); err != nil {
			return nil, err
		}
	}
	name := a.getenv(aheadVariable)
	if name == "" {
		return a.now, nil
	}
	machine := a.now
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open clock: %w", err)
	}
	return func() time.Time {
		var ahead [8]byte
		if _, err := f.ReadAt(ahead[:], 0); err != nil {
			panic(err) // without its clock nothing it does makes sense
		}
		return machine().Round(0).Add(time.Duration(binary.LittleEndian.Uint64(ahead[:]))) //nolint:gosec // a round trip of the same bits
	}, nil
}
