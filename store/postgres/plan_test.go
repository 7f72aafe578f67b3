package postgres_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"closeloop/store/postgres"
	"closeloop/store/storetest"
)

// seed fills the tables with so many rows, nearly all of one account: the
// planner errs most about an account that has everything.
const seed = `
	INSERT INTO bound VALUES ('varda', 'acme'), ('varda', 'other');
	INSERT INTO event (seq, received, account, source, body, lead, kind, outcome, doc)
		SELECT i, i, CASE WHEN i %% 50 = 0 THEN 'other' ELSE 'acme' END, 'varda', decode(md5(i::text), 'hex'), 'call_' || i / 3, 'k',
			CASE WHEN i %% 3 = 0 THEN 'booked' ELSE '' END, repeat('x', 100)::bytea FROM generate_series(1, %[1]d) AS i;
	INSERT INTO identity SELECT seq, account, doc FROM event;
	INSERT INTO inbox SELECT 2 * seq, account, source, lead FROM event;
	INSERT INTO contact_click SELECT received, seq, account, source, 'contact-' || seq / 5 FROM event;
	INSERT INTO contact_lead (account, source, contact, lead) SELECT DISTINCT account, source, 'contact-' || seq / 5, lead FROM event;
	INSERT INTO conversion (id, at, wanted_cents, known_cents, generation, account, source, lead, stage, order_id, state, reason, known, currency, trail, doc)
		SELECT seq, seq, 1, 1, 0, account, source, lead || seq, 'booked', 'o' || seq, 'queued', '', '', 'EUR', ARRAY[seq], repeat('x', 400)::bytea FROM event;
	INSERT INTO pending SELECT 1, id, id, 0, account, 'upload', '1' FROM conversion;
	INSERT INTO click_index SELECT id, account, 'click-' || id FROM conversion;
	INSERT INTO slot SELECT id, 1, at, id, account FROM conversion;
	INSERT INTO ledger (seq, last, uploads, account, conversions, at, kinds, upload, bodies)
		SELECT id, id, id %% 2, account, ARRAY[id], ARRAY[at], '{answered}', ARRAY[id %% 2 = 1], ARRAY[repeat('x', 300)::bytea] FROM conversion;
	INSERT INTO batch (created, sent_at, settled, poll_at, attempts, account, id, run, api, customer, rows, manifest)
		SELECT seq, seq, CASE WHEN seq > %[1]d - 10 THEN NULL ELSE seq END, CASE WHEN seq > %[1]d - 100 AND seq <= %[1]d - 10 THEN seq END, 1, account,
			'b' || seq, 'r', 'google_ads', '1', ARRAY[seq], repeat('x', 200)::bytea FROM event;
	INSERT INTO total SELECT 1, 1, 1, account, 'booked', 'done', '', 'EUR', seq, 1 FROM event;
	INSERT INTO received_total SELECT seq, 1, seq, seq, 1, account, source, kind, outcome FROM event;
	INSERT INTO resting SELECT at, id, account, 'refused' FROM conversion`

// TestPlans: no statement that is run all the time reads a whole table, or all
// of an account, whatever the planner knows: nothing yet, or everything; the
// values, or only their types. A table that grew a moment ago is not analysed
// for a minute.
func TestPlans(t *testing.T) {
	t.Parallel()
	statements := hot(t)
	for _, rows := range []int{10_000, 30_000} {
		t.Run(fmt.Sprintf("%d rows", rows), func(t *testing.T) {
			t.Parallel()
			checkPlans(t, rows, statements)
		})
	}
}

// hot are the statements that are run all the time: those that have a name,
// and whatever else the store runs for a service.
func hot(t *testing.T) map[string]string {
	t.Helper()
	s := open(t, server.Database(t), postgres.Options{Contacts: true})
	storetest.Hot(t, s)
	prepared, err := s.Prepared(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, named := postgres.Hot(), map[string]bool{}
	for _, text := range all {
		named[text] = true
	}
	for i, text := range prepared {
		if !named[text] {
			named[text], all[fmt.Sprintf("statement %d", i)] = true, text
		}
	}
	if len(all) < 80 {
		t.Errorf("%d statements are looked at: the test has lost sight of some", len(all))
	}
	return all
}

func checkPlans(t *testing.T, n int, statements map[string]string) {
	t.Helper()
	cfg, err := pgx.ParseConfig(server.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(cfg.RuntimeParams, postgres.Settings())
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	run := func(text string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), text, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
	}
	run(`DO $$ DECLARE t text; BEGIN FOR t IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
		EXECUTE 'ALTER TABLE ' || t || ' SET (autovacuum_enabled = off)'; END LOOP; END $$`)
	run(fmt.Sprintf(seed, n))
	for _, known := range []string{"nothing is known", "all is known"} {
		if known == "all is known" {
			run("VACUUM ANALYZE")
		}
		for name, text := range statements {
			for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
				plan := planOf(t, conn, text, mode)
				if bad := cmp.Or(wasteful(plan), detour(name, plan)); bad != "" {
					t.Errorf("%s, when %s, %s: %s in\n%s\nof\n%s", name, known, mode, bad, plan, text)
				}
			}
		}
	}
}

// planOf is how PostgreSQL would run a statement with empty arrays and small
// numbers for its parameters.
func planOf(t *testing.T, conn *pgx.Conn, text, mode string) string {
	t.Helper()
	stmt, err := conn.Prepare(t.Context(), "s", text)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if _, err := conn.Exec(t.Context(), "SET plan_cache_mode = "+mode); err != nil {
		t.Fatal(err)
	}
	args := make([]string, len(stmt.ParamOIDs))
	for i, oid := range stmt.ParamOIDs {
		if args[i] = sampleOf(oid); strings.Contains(text, "tid[]") && oid == 1009 {
			args[i] = many(`"(0,1)"`, "text")
		}
	}
	call := ""
	if len(args) > 0 {
		call = "(" + strings.Join(args, ", ") + ")"
	}
	rows, err := conn.Query(t.Context(), "EXPLAIN EXECUTE s"+call, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if err := conn.Deallocate(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	for i, line := range lines {
		lines[i] = line[:min(len(line), 160)]
	}
	return strings.Join(lines, "\n")
}

// sampleOf is a value of a type, as text; lists have 2,000 elements.
func sampleOf(oid uint32) string {
	switch oid {
	case 16:
		return "false"
	case 25, 1043:
		return "'acme'"
	case 17:
		return "'\\x00'"
	case 1016:
		return many("1", "bigint")
	case 1009:
		return many("acme", "text")
	case 1001:
		return many("x", "bytea")
	case 1007:
		return many("1", "integer")
	case 1005:
		return many("0", "smallint")
	case 1000:
		return many("f", "boolean")
	default:
		return "5"
	}
}

// many is an array of 2,000 equal elements.
func many(element, kind string) string {
	return "'{" + strings.TrimSuffix(strings.Repeat(element+",", 2000), ",") + "}'::" + kind + "[]"
}

// detour says what a list reads that it could do without: all accounts for an
// order id, the clicks of rows that were found by their click.
func detour(name, plan string) string {
	switch _, by, _ := strings.Cut(name, "by "); {
	case strings.HasPrefix(by, "order id") && strings.Contains(plan, "Recursive Union"):
		return "a walk through the accounts"
	case strings.HasPrefix(by, "click") && strings.Count(plan, " on click_index ") > 1:
		return "a second look at the click"
	default:
		return ""
	}
}

// wasteful says what is wrong with a plan, if anything.
func wasteful(plan string) string {
	if found := regexp.MustCompile(`Seq Scan on (event|identity|inbox|contact_click|contact_lead|conversion|pending|click_index|slot|ledger|batch|total|received_total|resting)\b`).FindString(plan); found != "" {
		return found
	}
	if found := regexp.MustCompile(`Filter: \(body = `).FindString(plan); found != "" {
		return found
	}
	// An index scan whose only condition is the account reads all that the account has, unless it stops at a limit.
	// Ids of what is pending are read alone only for a report about all of them.
	if strings.Contains(plan, "Limit") {
		return ""
	}
	few := regexp.MustCompile(`\b(Index Only Scan using pending_pkey|batch_sending|batch_failed|lease_pkey|plan_pkey|account_pkey|facts_pkey|pause_pkey|total_pkey|bound_pkey)\b`)
	whole := regexp.MustCompile(`(.*)\n *Index Cond: \(account = [^)]*?\)+\n`)
	for _, found := range whole.FindAllStringSubmatch(plan+"\n", -1) {
		if !few.MatchString(found[1]) {
			return fmt.Sprintf("%q", found[0])
		}
	}
	return ""
}
