package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"closeloop/conversions"
)

// onlyIngest asks for the deliveries on PostgreSQL only; no page is written.
const onlyIngest = "postgres-ingest"

// measurePostgres measures on a throwaway server what measureParts does on
// SQLite, and the store alone.
func measurePostgres(ctx context.Context, o options) (r results, err error) {
	pg, err := startServer(ctx, o.dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, pg.close()) }()
	if r.ingest, err = measureIngest(ctx, o, pg); err != nil {
		return r, err
	}
	if o.only == onlyIngest {
		return r, nil
	}
	if r.fold, err = measureFold(ctx, o, pg); err != nil {
		return r, err
	}
	if r.upload, err = measureUpload(ctx, o, pg); err != nil {
		return r, err
	}
	r.alone, err = measureAlone(ctx, o)
	return r, err
}

// measureAlone runs the benchmarks of store/postgres, once a round. Each
// stands there beside the least on the same engine.
func measureAlone(ctx context.Context, o options) (rounds []figures, err error) {
	b, err := o.compiled(ctx, "store/postgres")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	for range o.rounds {
		f := figures{}
		for _, part := range [][2]string{{"Append", o.span.String()}, {"Batch2000", strconv.Itoa(max(1, o.rows/2000)) + "x"}} {
			if err := b.run(ctx, part[0], part[1], f); err != nil {
				return nil, err
			}
		}
		rounds = append(rounds, f)
	}
	return rounds, nil
}

// postgresPage is the text of docs/benchmarks-postgres.md.
func postgresPage(o options, r results) string {
	var b strings.Builder
	b.WriteString(strings.Replace(heading(o), "# Benchmarks\n\nWritten by `make bench`", "# Benchmarks on PostgreSQL\n\nWritten by `make bench-postgres`", 1))
	b.WriteString("The server runs on the same cores, is reached over a Unix socket, and has synchronous_commit on. The processor's time is that of\n" +
		"Closeloop, without the server's.\n\n")
	if len(r.ingest) > 0 {
		b.WriteString(ingestTables(onPostgres, r.ingest))
	}
	if len(r.fold) > 0 {
		b.WriteString(foldTable(onPostgres, r.fold))
	}
	if len(r.upload) > 0 {
		b.WriteString(cycleTable(r.upload))
	}
	if len(r.alone) > 0 {
		b.WriteString(aloneTables(r.alone))
	}
	b.WriteString("\n## To repeat\n\n    make bench-postgres\n\nIt starts a throwaway server from the installed PostgreSQL, on disk, or uses `CLOSELOOP_TEST_POSTGRES`.\n")
	return b.String()
}

// cycleTable is what a cycle's time goes into, of the service only.
func cycleTable(rounds []uploadRound) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Uploads

%d due rows a round, to a sink in a process of its own that answers from memory over gRPC: one run of the scheduler, in
milliseconds for %d rows. What the statements take alone is below.

| step | ms | CPU ms |
|---|--:|--:|
`, rounds[0].rows, conversions.MaxItems)
	for _, s := range cycleSteps() {
		fmt.Fprintf(&b, "| %s | %.1f | %.1f |\n", s.name,
			medianOf(rounds, func(r uploadRound) float64 { return r.perBatch(s.of(r.full).wall) }),
			medianOf(rounds, func(r uploadRound) float64 { return r.perBatch(s.of(r.full).cpu) }))
	}
	fmt.Fprintf(&b, "\nFrom store to sink: **%.0f rows/s**.\n\n",
		medianOf(rounds, func(r uploadRound) float64 { return float64(r.rows) / r.full.whole.wall.Seconds() }))
	return b.String()
}

func aloneTables(rounds []figures) string {
	var b strings.Builder
	b.WriteString(`## The store alone: deliveries

*Closeloop* is an event with its side row, the look for an earlier copy and for a tag of its lead, a notice if there is one, and its
count. *Bare* is one row of 800 bytes with a unique key, in the same group commit of one writer. No HTTP.

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
## The store alone: claim and settlement of 2,000 rows

*Closeloop* reads every row whole, stores a manifest with every value sent and a second of its click for each row; then reads the rows
again under the lease, appends 2,000 ledger entries and rewrites row, due time and sums. *Bare* is a SELECT of 2,000 ids and a list
of them; then a DELETE and a ledger row of 70 bytes for each.

| step | closeloop ms | bare ms | ratio |
|---|--:|--:|--:|
`)
	for _, step := range []string{"claim", "settle"} {
		b.WriteString(timeLine(rounds, step, "Batch2000/closeloop "+step+"-ms", "Batch2000/bare "+step+"-ms"))
	}
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
