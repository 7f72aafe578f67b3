package storetest

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"closeloop/conversions"
)

// The environment that makes the test binary play a second process.
const (
	partVariable = "CLOSELOOP_STORETEST_PART"
	nameVariable = "CLOSELOOP_STORETEST_NAME"
)

// The parts of the second process.
const (
	partAppend = "append" // append events for ever, and print each acknowledged body's number
	partCount  = "count"  // for each line read, print how many events are stored
)

// play plays a part and returns the exit code.
func play(d Driver, part, name string) int {
	ctx := context.Background()
	s, err := d.Open(ctx, name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer s.Close()
	switch part {
	case partAppend:
		err = playAppend(ctx, s)
	case partCount:
		err = playCount(ctx, s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

type appender interface {
	Append(ctx context.Context, e conversions.Event) (conversions.Receipt, error)
}

// playAppend appends from several goroutines until it is killed or its input ends.
func playAppend(ctx context.Context, s appender) error {
	failed := make(chan error, 1)
	for g := range uint64(8) {
		go func() {
			for i := g; ; i += 8 {
				if _, err := s.Append(ctx, numbered(i)); err != nil {
					failed <- err
					return
				}
				fmt.Fprintln(os.Stdout, i) // one short write to a pipe is never torn
			}
		}()
	}
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		failed <- err
	}()
	return <-failed
}

// numbered is the i-th event of the second process.
func numbered(i uint64) conversions.Event {
	e := conversions.Event{Account: account, Source: "second", Kind: "k", Lead: "L"}
	binary.BigEndian.PutUint64(e.Body[:], i)
	return e
}

type counter interface {
	Received(ctx context.Context, f conversions.Filter) ([]conversions.Received, error)
}

func playCount(ctx context.Context, s counter) error {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		counts, err := s.Received(ctx, conversions.Filter{Account: account})
		if err != nil {
			return fmt.Errorf("count: %w", err)
		}
		n := 0
		for _, c := range counts {
			n += c.Events
		}
		fmt.Fprintln(os.Stdout, n)
	}
	return in.Err()
}

// process is a second process playing a part.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// start starts the test binary to play a part on the world's database.
func (w *world) start(part string) *process {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), partVariable+"="+part, nameVariable+"="+w.name)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	w.must(err)
	out, err := cmd.StdoutPipe()
	w.must(err)
	w.must(cmd.Start())
	return &process{cmd: cmd, in: in, out: bufio.NewScanner(out)}
}

// line is the next line that the process prints; false at the end.
func (p *process) line() (string, bool) {
	ok := p.out.Scan()
	return strings.TrimSpace(p.out.Text()), ok
}

func secondProcess(w *world) {
	writer := w.start(partAppend)
	reader := w.start(partCount)
	written := 0
	for i := range 20 {
		if _, ok := writer.line(); !ok {
			w.Fatal("the process that writes ended early")
		}
		written++
		w.add(w.tagged("L", conversions.OutcomeBooked)) // this process writes too
		written++
		fmt.Fprintln(reader.in, i)
		text, _ := reader.line()
		got, err := strconv.Atoi(text)
		if err != nil || got < written {
			w.Fatalf("the process that reads counts %q, %v; want at least the %d acknowledged", text, err, written)
		}
	}
	w.must(writer.in.Close())
	w.must(reader.in.Close())
	for ok := true; ok; _, ok = writer.line() { //nolint:revive // draining is the point
	}
	w.must(writer.cmd.Wait())
	w.must(reader.cmd.Wait())
}

func killedProcess(w *world) {
	p := w.start(partAppend)
	var acknowledged []uint64
	for text, ok := p.line(); ok; text, ok = p.line() {
		i, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			break // the last line may be cut
		}
		if acknowledged = append(acknowledged, i); len(acknowledged) == 300 {
			w.must(p.cmd.Process.Kill())
		}
	}
	if err := p.cmd.Wait(); err == nil {
		w.Fatal("the process ended by itself, want it killed")
	}
	w.reopen()
	for _, i := range acknowledged {
		r, err := w.s.Append(w.Context(), numbered(i))
		w.must(err)
		if !r.Duplicate {
			w.Fatalf("event %d was acknowledged and is gone (%d were)", i, len(acknowledged))
		}
	}
}
