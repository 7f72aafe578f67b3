package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// childVariable marks a process that was started by start, for the test
// binary, which has flags of its own.
const childVariable = "CLOSELOOP_BENCH_CHILD"

// role is a part of the benchmark that runs in a process of its own, as it
// would in earnest: what one costs is not hidden in another's heap and
// scheduler.
type role func(ctx context.Context, spec []byte, stdin io.Reader, out *json.Encoder) error

func roleOf(name string) (role, bool) {
	switch name {
	case "engine":
		return engineRole, true
	case "load":
		return loadRole, true
	case "past":
		return pastRole, true
	case "server":
		return serverRole, true
	case "sink":
		return sinkRole, true
	default:
		return nil, false
	}
}

// process is a running role. It says what it has to say as JSON values on its
// standard output, and a server ends when its standard input does.
type process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *json.Decoder
}

// start runs this program again in another role and waits for its first word.
func start(ctx context.Context, name string, spec, first any) (*process, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, cmd: exec.CommandContext(ctx, self, name, string(text))}
	p.cmd.Env = append(os.Environ(), childVariable+"=1")
	p.cmd.Stderr = os.Stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.out = json.NewDecoder(stdout)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := p.out.Decode(first); err != nil {
		p.kill()
		return nil, fmt.Errorf("start %s: it said nothing: %w", name, err)
	}
	return p, nil
}

// stop has the process end, reads its last word if last is not nil, and
// returns the processor time it took.
func (p *process) stop(last any) (time.Duration, error) {
	if err := p.stdin.Close(); err != nil {
		return 0, fmt.Errorf("stop %s: %w", p.name, err)
	}
	if last != nil {
		if err := p.out.Decode(last); err != nil {
			p.kill()
			return 0, fmt.Errorf("stop %s: it said nothing: %w", p.name, err)
		}
	}
	if err := p.cmd.Wait(); err != nil {
		return 0, fmt.Errorf("stop %s: %w", p.name, err)
	}
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime(), nil
}

// kill ends a process that has failed; ending it again does nothing.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// untilEOF returns when whoever started this process wants it to end.
func untilEOF(ctx context.Context, stdin io.Reader) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, stdin)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// spec reads what a role was started with.
func spec[T any](text []byte) (T, error) {
	var s T
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("read specification: %w", err)
	}
	return s, nil
}
