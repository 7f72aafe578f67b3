package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// figures are what benchmarks reported in one round, by name and unit.
type figures map[string]float64

// measurePostgres runs the benchmarks of store/postgres, whose tests know how
// to find or start a server, once a round. Each stands there beside the least
// on the same engine.
func measurePostgres(ctx context.Context, o options) ([]figures, error) {
	folder, err := os.MkdirTemp(o.dir, "closeloop-bench-")
	if err != nil {
		return nil, err //nolint:wrapcheck // names the folder
	}
	defer func() { _ = os.RemoveAll(folder) }()
	program := folder + "/postgres.test"
	if _, err := output(ctx, "go", "test", "-c", "-o", program, "./store/postgres"); err != nil {
		return nil, err
	}
	rounds := make([]figures, o.rounds)
	for i := range rounds {
		rounds[i] = figures{}
		for _, part := range [][2]string{{"Append", o.span.String()}, {"Batch2000", strconv.Itoa(max(1, o.rows/2000)) + "x"}} {
			text, err := output(ctx, program, "-test.run", "^$", "-test.bench", part[0], "-test.benchtime", part[1])
			if err != nil {
				return nil, err
			}
			rounds[i].read(text)
		}
	}
	return rounds, nil
}

// output runs a program and returns what it printed, which is the error if it
// fails.
func output(ctx context.Context, name string, args ...string) (string, error) {
	var printed bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
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

// postgresPage is the text of docs/benchmarks-postgres.md.
func postgresPage(o options, rounds []figures) string {
	var b strings.Builder
	b.WriteString(strings.Replace(heading(o), "# Benchmarks\n\nWritten by `make bench`", "# Benchmarks on PostgreSQL\n\nWritten by `make bench-postgres`", 1))
	b.WriteString(`
The store alone, on a server on the same cores, over a Unix socket, with synchronous_commit on; no HTTP, no Google.

## Deliveries

*Closeloop* is an event with its side row, the look for an earlier copy and for a tag of its lead, a notice if there is one, and its
count. *Bare* is one row of 800 bytes with a unique key, in the same group commit of one writer.

| callers | delivery | closeloop /s | bare /s | ratio |
|--:|---|--:|--:|--:|
`)
	for _, callers := range []string{"1", "64", "256"} {
		for _, kind := range []string{"tag", "other"} {
			of := func(who string) string { return "Append/c=" + callers + "/" + who + " events/s" }
			b.WriteString(rateLine(rounds, callers+" | "+kind, of(kind), of("bare")))
		}
	}
	b.WriteString(`
## Claim and settlement of 2,000 rows

*Closeloop* reads every row whole, stores a manifest with every value sent and a second of its click for each row; then reads the rows
again under the lease, appends 2,000 ledger entries and rewrites row, due time and sums. *Bare* is a SELECT of 2,000 ids and a list
of them; then a DELETE and a ledger row of 70 bytes for each.

| step | closeloop ms | bare ms | ratio |
|---|--:|--:|--:|
`)
	for _, step := range []string{"claim", "settle"} {
		b.WriteString(timeLine(rounds, step, "Batch2000/closeloop "+step+"-ms", "Batch2000/bare "+step+"-ms"))
	}
	b.WriteString("\n## To repeat\n\n    make bench-postgres\n\nIt starts a throwaway server from the installed PostgreSQL, on disk, or uses `CLOSELOOP_TEST_POSTGRES`.\n")
	return b.String()
}

func rateLine(rounds []figures, what, full, bare string) string {
	of := func(name string) func(figures) float64 { return func(f figures) float64 { return f[name] } }
	ratio := medianOf(rounds, func(f figures) float64 { return f[full] / f[bare] })
	return fmt.Sprintf("| %s | %.0f | %.0f | **%.2f** |\n", what, medianOf(rounds, of(full)), medianOf(rounds, of(bare)), ratio)
}

// timeLine has the ratio of times, so more is slower.
func timeLine(rounds []figures, what, full, bare string) string {
	of := func(name string) func(figures) float64 { return func(f figures) float64 { return f[name] } }
	ratio := medianOf(rounds, func(f figures) float64 { return f[full] / f[bare] })
	return fmt.Sprintf("| %s | %.1f | %.1f | %.1f times |\n", what, medianOf(rounds, of(full)), medianOf(rounds, of(bare)), ratio)
}
