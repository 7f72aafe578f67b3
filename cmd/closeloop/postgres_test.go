package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"closeloop/store/postgres"
	"closeloop/store/postgres/pgtest"
)

// server is the PostgreSQL that the tests share.
var server = pgtest.Server{Migrate: func(ctx context.Context, dsn string) error { //nolint:gochecknoglobals // ended by TestMain
	_, _, err := postgres.Migrate(ctx, dsn)
	return err
}}

// onPostgres begins the names of tests whose loops keep their data there.
const onPostgres = "TestOnPostgres/"

// TestOnPostgres runs tests once more whose commands, between them, ask for
// everything that is stored.
func TestOnPostgres(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*testing.T){ //nolint:paralleltest // each test says so itself
		"loop": TestLoopOfRealProcesses, "story": TestTheStoryOfOneLead, "kill": TestKillNineLosesNothingAnswered,
		"held": TestResolveHeldRetractions, "click": TestSetClick, "replay": TestReplayUnderChangedRules,
		"pause": TestPauseAndResumeAnAccount, "contact": TestTheClickOfAContact, "quarantine": TestResolveQuarantined,
		"several": TestSeveralProcessesOnOneDatabase, "orphans": TestAccountTakenOutOfTheConfiguration,
	} {
		t.Run(name, test)
	}
}

func TestSchemaIsMigratedExplicitly(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	dsn := server.Empty(t)
	l.edit(t, "sqlite:closeloop.db", dsn+"&password=hunter2")
	const older = `(?m)^error: open database: database has schema version 0, this program needs version \d+: run closeloop migrate\n`
	for _, command := range []string{"serve", "run", "audit list", "account list", "quarantine list"} {
		l.does(t, exitFailed, command, older)
	}
	l.does(t, exitOK, "migrate", `^database closeloop_test\w+ on \S+ is migrated from schema version 0 to \d+\n$`)
	l.does(t, exitOK, "migrate", `^database closeloop_test\w+ on \S+ is up to date: schema version \d+\n$`)
	l.does(t, exitOK, "account list", `acme`)
	p, url := l.serve(t)
	answers(t, url+"/readyz", http.StatusOK, "ready\n")

	pgtest.Exec(t, dsn, `UPDATE closeloop_schema SET version = 1000, compatible_from = 1`)
	answers(t, url+"/readyz", http.StatusOK, "ready\n") // the release before the newest goes on working
	l.does(t, exitOK, "account list", `acme`)
	pgtest.Exec(t, dsn, `UPDATE closeloop_schema SET compatible_from = 1000`)
	answers(t, url+"/readyz", http.StatusServiceUnavailable, "schema newer\n")
	answers(t, url+"/healthz", http.StatusOK, "ok\n")
	const newer = `error: .*database has schema version 1000, this program knows versions up to \d+\nhint: a newer closeloop wrote it`
	for _, command := range []string{"serve", "migrate", "run"} {
		l.does(t, exitFailed, command, newer)
	}
	if strings.Contains(p.printed(), "hunter2") {
		t.Errorf("the server prints the password:\n%s", p.printed())
	}
}

func TestMistakesWithPostgres(t *testing.T) {
	t.Parallel()
	dsn := server.Empty(t)
	l := newLoop(t, "")
	l.edit(t, "sqlite:closeloop.db", dsn+"&password=hunter2")
	base, query, _ := strings.Cut(dsn, "?")
	for name, c := range map[string]struct{ address, error, hint string }{
		"no such database": {base + "x?password=hunter2&" + query, `PostgreSQL error 3D000 \(database \w+x on `, `createdb -E UTF8 NAME makes it`},
		"nobody listens":   {"postgres://u:hunter2@127.0.0.1:1/c", `connection to PostgreSQL failed \(database c on 127.0.0.1:1\)`, `check that the server runs`},
		"no such option":   {dsn + "&connect_timeout=hunter2", `the address is not one that PostgreSQL understands`, `check that the server runs`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, command := range []string{"audit list --database ", "migrate --database "} {
				l.does(t, exitFailed, command+"'"+c.address+"'", `^error: .*`+c.error, `\nhint: .*`+c.hint)
				if _, stderr, _ := l.run(t, fields(command+"'"+c.address+"'")...); strings.Contains(stderr, "hunter2") {
					t.Errorf("%s prints the password:\n%s", command, stderr)
				}
			}
		})
	}
}

// answers asks a server that must answer so.
func answers(t *testing.T, url string, status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || string(got) != text {
		t.Errorf("%s answers %d %q, %v; want %d %q", url, resp.StatusCode, got, err, status, text)
	}
}

func TestDrainTellsBalancersFirst(t *testing.T) {
	t.Parallel()
	l := newLoop(t, ", drain: 3s")
	p, url := l.serve(t)
	answers(t, url+"/readyz", http.StatusOK, "ready\n")
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	told := time.Now()
	waitFor(t, p, "msg=stopping")
	answers(t, url+"/readyz", http.StatusServiceUnavailable, "draining\n")
	answers(t, url+"/healthz", http.StatusOK, "ok\n")
	if status, _ := post(t, http.DefaultClient, url, outcome(1, "booked", 100, sampleID(1))); status != http.StatusAccepted {
		t.Errorf("a delivery while draining is answered %d, want 202", status)
	}
	waitFor(t, p, "msg=stopped")
	if err := p.cmd.Wait(); err != nil || time.Since(told) < 3*time.Second {
		t.Errorf("ended after %s with %v, want success after the 3s of listen.drain", time.Since(told), err)
	}
}

func TestBackupOfPostgresIsItsOwn(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	l.does(t, exitFailed, "db backup --to x --database postgres://u:hunter2@127.0.0.1:1/c", `^error: a PostgreSQL database is backed up by`, `hint: pg_dump `)
	l.does(t, exitUsage, "db backup", `^error: --to is missing`)
	l.does(t, exitFailed, "db backup --to nowhere/x --database sqlite:none.db", `^error: back up database none\.db`, `hint: the database and the folder`)
}
