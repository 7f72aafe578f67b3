package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"closeloop/conversions"
)

// page is what a run came to, as the text of docs/benchmarks.md.
func page(o options, r results) string {
	var b strings.Builder
	b.WriteString(heading(o))
	if len(r.ingest) > 0 {
		b.WriteString(ingestTables(onSQLite, r.ingest))
	}
	if len(r.build) > 0 {
		b.WriteString(buildTable(r.build))
	}
	if len(r.fold) > 0 {
		b.WriteString(foldTable(onSQLite, r.fold))
	}
	if len(r.upload) > 0 {
		b.WriteString(uploadTable(o, r.upload))
	}
	b.WriteString(repeating)
	return b.String()
}

func heading(o options) string {
	return fmt.Sprintf(`# Benchmarks

Written by `+"`make bench`"+` on %s. Every figure is the median of %d rounds. What is
compared was measured in turns in one run, so compare ratios: absolute figures are this machine's and this hour's.
A ratio is the median of the ratios of neighbouring rounds.

%s
`, o.now.UTC().Format("2006-01-02 15:04 UTC"), o.rounds, machine(o.dir))
}

const repeating = `## To repeat

    make bench

It takes some minutes and two quiet cores; ` + "`go run ./bench -h`" + ` lists what can be varied. The databases are made in the
temporary folder, or in ` + "`-dir`" + `, which has to be a real disk for the figures to mean anything.
`

func ingestTables(kind string, cases []ingestCase) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Deliveries

Signed deliveries, every body another, from a process of their own over kept connections. *Closeloop* is all that serve
does: limits, signature, reading, hashing, the event with its side row durable in %s, the log line, and the fold of
each lead behind it. *Bare* is the least on the same engine: net/http, signature, JSON, one row found by its hash, in a
durable group commit. Both answer 202 only for what is durable, and each round's database was asked whether it holds it.

| connections | delivery | closeloop /s | p50 ms | p99 ms | CPU µs | folded | bare /s | p50 ms | p99 ms | CPU µs | ratio | p99 ratio | CPU ratio |
|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
`, nameOf(kind))
	for _, c := range cases {
		for _, kind := range []string{outcomeTagged, callEnded} {
			b.WriteString(ingestLine(c, kind))
		}
	}
	b.WriteString("\n`CPU` is the server's processor time for one delivery, with the fold of those leads that were folded; `folded` the share of\n" +
		"deliveries that waited for no fold when the round ended. While deliveries take all there is, the fold leaves most of the time to\n" +
		"them and catches up when they pause.\n\n")
	return b.String()
}

func ingestLine(c ingestCase, kind string) string {
	full, bare := c.rounds[series{engineFull, kind}], c.rounds[series{engineBare, kind}]
	rate := func(r ingestRound) float64 { return r.Rate() }
	p50 := func(r ingestRound) float64 { return milliseconds(r.P50) }
	p99 := func(r ingestRound) float64 { return milliseconds(r.P99) }
	cpu := func(r ingestRound) float64 { return float64(r.each()) / float64(time.Microsecond) }
	folded := func(r ingestRound) float64 { return 100 - 100*float64(r.Unfolded)/float64(r.Stored) }
	return fmt.Sprintf("| %d | %s | %.0f | %.2f | %.2f | %.0f | %.0f %% | %.0f | %.2f | %.2f | %.0f | **%.2f** | %.1f | %.2f |\n",
		c.connections, kind, medianOf(full, rate), medianOf(full, p50), medianOf(full, p99), medianOf(full, cpu), medianOf(full, folded),
		medianOf(bare, rate), medianOf(bare, p50), medianOf(bare, p99), medianOf(bare, cpu),
		medianRatio(full, bare, rate), medianRatio(full, bare, p99), medianRatio(bare, full, cpu))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// medianOf is the median of one figure of every round.
func medianOf[R any](rounds []R, figure func(R) float64) float64 {
	all := make([]float64, len(rounds))
	for i, r := range rounds {
		all[i] = figure(r)
	}
	return median(all)
}

// medianRatio is the median of the ratios of rounds that were measured one
// after the other.
func medianRatio[R any](over, under []R, figure func(R) float64) float64 {
	all := make([]float64, len(over))
	for i := range over {
		all[i] = figure(over[i]) / figure(under[i])
	}
	return median(all)
}

func median(all []float64) float64 {
	slices.Sort(all)
	n := len(all)
	if n%2 == 1 {
		return all[n/2]
	}
	return (all[n/2-1] + all[n/2]) / 2
}

func uploadTable(o options, rounds []uploadRound) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Uploads

%d due rows a round, in batches of %d, to a sink in a process of its own that answers from memory over gRPC. *Closeloop* is
one run of the scheduler: every row read whole, manifest with every value sent, a second of its click for each, Google's types,
answers classified, ledger, row and due time rewritten. *Bare* is the parts alone on a narrow shape: one SELECT and a list of
ids, request bytes written by hand, a DELETE and a ledger INSERT for each row, nothing between them. Milliseconds are for %[2]d
rows; CPU is the processor's time for this process, the collector's included, whatever else the machine did.

| step | closeloop ms | bare ms | ratio | closeloop CPU ms | bare CPU ms | CPU ratio |
|---|--:|--:|--:|--:|--:|--:|
`, o.rows, min(o.rows, conversions.MaxItems))
	for _, s := range cycleSteps() {
		b.WriteString(stepLine(s.name, rounds, s.of))
	}
	full := medianOf(rounds, func(r uploadRound) float64 { return float64(r.rows) / r.full.whole.wall.Seconds() })
	bare := medianOf(rounds, func(r uploadRound) float64 { return float64(r.rows) / r.bare.whole.wall.Seconds() })
	ratio := medianOf(rounds, func(r uploadRound) float64 { return r.bare.whole.wall.Seconds() / r.full.whole.wall.Seconds() })
	fmt.Fprintf(&b, "\nFrom store to sink: **%.0f rows/s**, its bare parts %.0f rows/s, ratio **%.2f**.\n\n", full, bare, ratio)
	return b.String()
}

// cycleStep is a part of a cycle.
type cycleStep struct {
	name string
	of   func(steps) spent
}

func cycleSteps() []cycleStep {
	return []cycleStep{
		{"claim and manifest", func(s steps) spent { return s.claim }},
		{"build, call, decode", func(s steps) spent { return s.call }},
		{"settle", func(s steps) spent { return s.settle }},
		{"all else", func(s steps) spent { return s.whole.minus(s.claim).minus(s.call).minus(s.settle) }},
		{"**whole cycle**", func(s steps) spent { return s.whole }},
	}
}

// perBatch is how many milliseconds of the round a batch took.
func (r uploadRound) perBatch(d time.Duration) float64 {
	return milliseconds(d) * conversions.MaxItems / float64(r.rows)
}

func stepLine(name string, rounds []uploadRound, of func(steps) spent) string {
	full := medianOf(rounds, func(r uploadRound) float64 { return r.perBatch(of(r.full).wall) })
	bare := medianOf(rounds, func(r uploadRound) float64 { return r.perBatch(of(r.bare).wall) })
	fullCPU := medianOf(rounds, func(r uploadRound) float64 { return r.perBatch(of(r.full).cpu) })
	bareCPU := medianOf(rounds, func(r uploadRound) float64 { return r.perBatch(of(r.bare).cpu) })
	return fmt.Sprintf("| %s | %.1f | %.1f | %.2f | %.1f | %.1f | %.2f |\n", name, full, bare, bare/full, fullCPU, bareCPU, bareCPU/max(fullCPU, 0.001))
}
