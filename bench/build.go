package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// builders are the packages that make requests of rows, and what their APIs
// are called.
func builders() [][2]string {
	return [][2]string{{"googleads", "Google Ads API, protobuf"}, {"datamanager", "Data Manager API, JSON"}}
}

// measureBuild runs the benchmarks of the packages that make requests, in
// turns: only they know the vendor's types. The figures' names begin with the
// package.
func measureBuild(ctx context.Context, o options) (rounds []figures, err error) {
	rounds = make([]figures, o.rounds)
	programs := map[string]*benchmarks{}
	defer func() {
		for _, b := range programs {
			err = errors.Join(err, b.close())
		}
	}()
	for _, pkg := range builders() {
		if programs[pkg[0]], err = o.compiled(ctx, pkg[0]); err != nil {
			delete(programs, pkg[0])
			return nil, err
		}
	}
	for i := range rounds {
		rounds[i] = figures{}
		for name, b := range programs {
			f := figures{}
			if err := b.run(ctx, "^BenchmarkBuild$", o.span.String(), f); err != nil {
				return nil, err
			}
			for figure, n := range f {
				rounds[i][name+" "+figure] = n
			}
		}
	}
	return rounds, nil
}

func buildTable(rounds []figures) string {
	var b strings.Builder
	b.WriteString(`## Building a request

2,000 rows as the store gives them, to the bytes of one request: rows built, the batch's name hashed into its job id, marshalled.
*Closeloop* is the client's own path. *Slabs* are rows that are allocated at once and filled without a look at them, marshalled by
the same library; a test holds both to the same bytes.

| request | closeloop rows/s | slabs rows/s | ratio | closeloop allocations a row | slabs allocations a row |
|---|--:|--:|--:|--:|--:|
`)
	for _, pkg := range builders() {
		of := func(who, unit string) func(figures) float64 {
			return func(f figures) float64 { return f[pkg[0]+" Build/"+who+" "+unit] }
		}
		ours, slabs := of("closeloop", "rows/s"), of("slabs", "rows/s")
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | **%.2f** | %.2f | %.2f |\n", pkg[1], medianOf(rounds, ours), medianOf(rounds, slabs),
			medianOf(rounds, func(f figures) float64 { return ours(f) / slabs(f) }),
			medianOf(rounds, of("closeloop", "allocs/row")), medianOf(rounds, of("slabs", "allocs/row")))
	}
	b.WriteString("\n")
	return b.String()
}
