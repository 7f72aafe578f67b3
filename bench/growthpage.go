package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"closeloop/conversions"
)

// growthPage is what growth came to, as the text of docs/growth.md.
func growthPage(o options, all []growthOf) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Growth

Written by `+"`make bench-growth`"+` on %s: the stores' own steps, in milliseconds, median of %d (once where it takes longer
than %v, and then at no larger size; what takes %v has failed), with so many settled conversions in it: each with its event, side row, click id, second, its part
of a manifest and two ledger entries, in turns of %d accounts and over 90 days. They were copied in bulk from one that was settled, and
the store grew from size to size. At each %d more are due in the account that is measured, and deliveries come for another. What is read
is of one account of the past, or of the whole store; what is looked up, another conversion each time, none of which was read since it was
copied, and then the same again. What fits into memory is in the page cache. All rounds of what the service does and of what is looked
up come first, then deliveries, then the reports, each after a collection of the program's garbage; a report that lists, lists 50.

%s
`, o.now.UTC().Format("2006-01-02 15:04 UTC"), o.rounds, growthPatience, growthLimit, pastAccounts, o.rounds*conversions.MaxItems, machine(o.dir))
	for _, g := range all {
		b.WriteString(growthTable(g))
	}
	b.WriteString("\"Times\" compares the two largest sizes. To repeat: `make bench-growth`; `GROWTH='-sizes 10000,1000000'` for less. It needs 50 GB of disk\n" +
		"in the temporary folder, or in `-dir`, which has to be a real disk for the figures to mean anything.\n")
	return b.String()
}

func growthTable(all growthOf) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n| step |", nameOf(all.kind))
	for _, g := range all.sizes {
		fmt.Fprintf(&b, " %d |", g.size)
	}
	b.WriteString(" times |\n|---|" + strings.Repeat("--:|", len(all.sizes)+1) + "\n")
	for _, s := range all.sizes[0].steps {
		growthLine(&b, all.sizes, s.name, "%.2f", func(g growth) float64 {
			i := slices.IndexFunc(g.steps, func(x growthStep) bool { return x.name == s.name })
			if len(g.steps[i].took) == 0 {
				return math.NaN()
			}
			if g.steps[i].failed {
				return math.Inf(1)
			}
			took := make([]float64, len(g.steps[i].took))
			for j, t := range g.steps[i].took {
				took[j] = milliseconds(t)
			}
			return median(took)
		})
	}
	growthLine(&b, all.sizes, "durable events a second, 64 callers", "%.0f", func(g growth) float64 { return g.ingest })
	growthLine(&b, all.sizes, "GB for a million conversions", "%.2f", func(g growth) float64 { return float64(g.bytes) / 1e3 })
	growthLine(&b, all.sizes, "MB allocated by a batch of "+strconv.Itoa(conversions.MaxItems)+", claim to settlement", "%.1f",
		func(g growth) float64 { return float64(g.allocated) / 1e6 })
	growthLine(&b, all.sizes, "seconds that growing took", "%.0f", func(g growth) float64 { return g.seeded.Seconds() })
	line := func(name string, of func(growth) string) {
		fmt.Fprintf(&b, "| %s |", name)
		for _, g := range all.sizes {
			b.WriteString(" " + of(g) + " |")
		}
		b.WriteString(" |\n")
	}
	line("largest resident size of the program during a batch", func(g growth) string { return g.batchPeak })
	line("the same of all that is above", func(g growth) string { return g.peak })
	b.WriteString("\n")
	return b.String()
}

// growthLine has a figure of every size, and how many times it is at the
// largest what it is at the one before.
func growthLine(b *strings.Builder, sizes []growth, name, form string, figure func(growth) float64) {
	fmt.Fprintf(b, "| %s |", name)
	for _, g := range sizes {
		text := "–"
		if f := figure(g); math.IsInf(f, 1) {
			text = "failed"
		} else if !math.IsNaN(f) {
			text = fmt.Sprintf(form, f)
		}
		b.WriteString(" " + text + " |")
	}
	times := ""
	if n := len(sizes); n > 1 && figure(sizes[n-2]) > 0 {
		if ratio := figure(sizes[n-1]) / figure(sizes[n-2]); !math.IsNaN(ratio) && !math.IsInf(ratio, 1) {
			times = fmt.Sprintf("%.2f", ratio)
		}
	}
	b.WriteString(" " + times + " |\n")
}
