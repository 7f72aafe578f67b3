package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"closeloop/conversions"
)

// pastAccount is one of the 50 accounts that the bulk of the rows is spread
// over.
func pastAccount(n int) conversions.AccountID {
	return conversions.AccountID(fmt.Sprintf("past-%02d", n))
}

// pastStep is how many rows of the past one transaction writes.
const pastStep = 100_000

// The past, made of copies of one settled conversion with everything that
// stands with it, over 50 accounts and 90 days: ?1 is the first number, ?2 the
// last. A copy's documents are its pattern's; what is searched is its own.
func pastTexts() []string {
	const numbers = `WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2) `
	const when = ` - (n.i * 7919 % 7776000) * 1000000`                           // within 90 days
	const decided = `1002000 + 16000 * (n.i / 2000) + 1400 * (n.i % 2000 / 200)` // between the chunks of 2,000 answers
	const owner = `printf('past-%02d', n.i % 50)`
	return []string{
		numbers + `INSERT INTO event (seq, account, source, body, lead, kind, outcome, received, doc)
			SELECT 1000000 + n.i, ` + owner + `, e.source, randomblob(16), 'past-' || n.i, e.kind, e.outcome, e.received` + when + `, e.doc
			FROM n, event AS e WHERE e.seq = 1`,
		numbers + `INSERT INTO identity (seq, doc) SELECT 1000000 + n.i, p.doc FROM n, identity AS p WHERE p.seq = 1`,
		numbers + `INSERT INTO conversion (id, account, source, lead, stage, generation, order_id, at, state, reason, known, currency,
				wanted_cents, known_cents, trail, doc)
			SELECT 1000000 + n.i, ` + owner + `, c.source, 'past-' || n.i, c.stage, 0, 'cl' || hex(randomblob(16)), c.at` + when + `, c.state, c.reason,
				c.known, c.currency, c.wanted_cents, c.known_cents, c.trail, c.doc
			FROM n, conversion AS c WHERE c.id = (SELECT min(id) FROM conversion WHERE state = 'done')`,
		numbers + `INSERT INTO click_index (conversion, account, click)
			SELECT 1000000 + n.i, ` + owner + `, 'Cj0KCQjw' || hex(randomblob(41)) FROM n`,
		numbers + `INSERT OR IGNORE INTO slot (key, conversion)
			SELECT (1700000000 + n.i * 7919 % 7776000 << 28) + (random() & 0xfffffff), 1000000 + n.i FROM n`,
		numbers + `INSERT INTO batch (account, id, run, api, customer, created, sent_at, attempts, settled, uploaded, rows, manifest)
			SELECT ` + owner + `, 'past-' || n.i, b.run, b.api, b.customer, b.created` + when + `, b.sent_at, 1, b.settled` + when + `, 2000, b.rows, b.manifest
			FROM n, batch AS b WHERE n.i % 2000 = 0 AND b.seq = 1`,
		numbers + `INSERT INTO ledger (seq, account, last, uploads, entries)
			SELECT 1000000 + 8 * n.i, ` + owner + `, 1000000 + 8 * n.i + l.last - l.seq, l.uploads, l.entries
			FROM n, ledger AS l WHERE n.i % 2000 = 0 AND l.uploads = 2000 AND l.seq < 1000000`,
		numbers + `INSERT INTO ledger (seq, account, last, uploads, entries)
			SELECT ` + decided + `, ` + owner + `, ` + decided + ` + l.last - l.seq, 0, l.entries
			FROM n, ledger AS l WHERE n.i % 200 = 0 AND l.seq = 1`,
	}
}

// grow makes a database of n settled conversions and some that are due, and
// returns by how many bytes the former made it grow.
func grow(ctx context.Context, path string, n int) (int64, error) {
	if err := seedLive(ctx, path); err != nil {
		return 0, err
	}
	before, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("measure file: %w", err)
	}
	if err := copyPast(ctx, path, n); err != nil {
		return 0, err
	}
	after, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("measure file: %w", err)
	}
	return after.Size() - before.Size(), nil
}

func copyPast(ctx context.Context, path string, n int) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(OFF)&_pragma=cache_size(-1000000)&_pragma=wal_autocheckpoint(100000)")
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	for first := 1; first <= n; first += pastStep {
		for _, text := range pastTexts() {
			if _, err := db.ExecContext(ctx, text, first, min(n, first+pastStep-1)); err != nil {
				return fmt.Errorf("copy: %w", err)
			}
		}
	}
	_, err = db.ExecContext(ctx, `
		DELETE FROM total;
		INSERT INTO total SELECT account, stage, state, reason, currency, count(*), sum(wanted_cents), sum(known_cents)
			FROM conversion GROUP BY 1, 2, 3, 4, 5;
		DELETE FROM received;
		INSERT INTO received SELECT account, source, kind, outcome, count(*) FROM event GROUP BY 1, 2, 3, 4;
		PRAGMA wal_checkpoint(TRUNCATE)`)
	if err != nil {
		return fmt.Errorf("sum up: %w", err)
	}
	return nil
}

// forgetPeak lets peakMemory begin anew: what seeding took is no figure (Linux,
// Documentation/filesystems/proc.rst, clear_refs).
func forgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600)
}

// peakMemory is the largest resident size of this process, where the system
// tells.
func peakMemory() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(status)) {
		if size, found := strings.CutPrefix(line, "VmHWM:"); found {
			return strings.TrimSpace(size)
		}
	}
	return "unknown"
}

// growthPage is what growth came to, as the text of docs/growth.md.
func growthPage(o options, all []growth) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Growth

Written by `+"`make bench-growth`"+` on %s: the SQLite store's own steps, in milliseconds, median of %d, with so
many settled conversions in it: each with its event, side row, click id, second, manifest and two ledger entries, over 50
accounts and 90 days, copied in bulk. %d more are due in the account that is measured. The file is in the page cache.

%s
| step |`, o.now.UTC().Format("2006-01-02 15:04 UTC"), growthTimes, growthLive-conversions.MaxItems, machine(o.dir))
	line := func(name string, figure func(growth) string) {
		fmt.Fprintf(&b, "| %s |", name)
		for _, g := range all {
			fmt.Fprintf(&b, " %s |", figure(g))
		}
		b.WriteString("\n")
	}
	for _, g := range all {
		fmt.Fprintf(&b, " %d |", g.size)
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(all)) + "\n")
	for i, s := range all[0].steps {
		line(s.name, func(g growth) string {
			took := make([]float64, len(g.steps[i].took))
			for j, t := range g.steps[i].took {
				took[j] = milliseconds(t)
			}
			return fmt.Sprintf("%.2f", median(took))
		})
	}
	line("durable events a second, 64 callers", func(g growth) string { return fmt.Sprintf("%.0f", g.ingest) })
	line("bytes for each conversion", func(g growth) string { return strconv.FormatInt(g.bytes, 10) })
	line("MB allocated by a batch, claim to settlement", func(g growth) string { return fmt.Sprintf("%.1f", float64(g.allocated)/1e6) })
	line("largest resident size, deliveries included", func(g growth) string { return g.peak })
	b.WriteString("\nTo repeat: `make bench-growth`; `go run ./bench -only growth -sizes 10000,1000000,10000000` for more.\n")
	return b.String()
}
