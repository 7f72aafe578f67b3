package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// figures are what benchmarks reported in one round, by name and unit.
type figures map[string]float64

// benchmarks are those of another package's tests, which know what nobody else
// may: how to start a server, what a vendor's types are.
type benchmarks struct {
	dir, program, place string
}

// compiled makes a program of a package's tests.
func (o options) compiled(ctx context.Context, pkg string) (*benchmarks, error) {
	dir, err := os.MkdirTemp(o.dir, "closeloop-bench-")
	if err != nil {
		return nil, err //nolint:wrapcheck // names the folder
	}
	b := &benchmarks{dir: dir, program: filepath.Join(dir, "bench.test"), place: o.dir}
	root, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}")
	if err == nil {
		_, err = output(ctx, "go", "test", "-c", "-o", b.program, filepath.Join(strings.TrimSpace(root), pkg))
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// run adds what benchmarks report. long is how long, or how often, each runs.
func (b *benchmarks) run(ctx context.Context, pattern, long string, into figures) error {
	text, err := output(ctx, b.program, "-test.run", "^$", "-test.bench", pattern, "-test.benchtime", long)
	if err != nil {
		return err
	}
	into.read(text)
	return nil
}

func (b *benchmarks) close() error { return os.RemoveAll(b.dir) } //nolint:wrapcheck,gosec // names the folder, which it made

// output runs a program and returns what it printed, which is the error if it
// fails.
func output(ctx context.Context, name string, args ...string) (string, error) {
	var printed bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the go command, or what it compiled
	cmd.Stdout, cmd.Stderr = &printed, &printed
	err := cmd.Run()
	if _, failed := errors.AsType[*exec.ExitError](err); failed {
		return "", fmt.Errorf("run %s: %w\n%s", name, err, printed.String())
	}
	if err != nil {
		return "", fmt.Errorf("run %s: %w", name, err)
	}
	return printed.String(), nil
}

// read takes the lines of the testing package: a name with the number of
// cores, how often it ran, and pairs of a figure and its unit.
func (f figures) read(text string) {
	cores := regexp.MustCompile(`-\d+$`)
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := cores.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")
		for i := 2; i+1 < len(fields); i += 2 {
			if n, err := strconv.ParseFloat(fields[i], 64); err == nil {
				f[name+" "+fields[i+1]] = n
			}
		}
	}
}
