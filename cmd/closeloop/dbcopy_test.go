package main

import (
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"closeloop/store/postgres/pgtest"
)

// end stops a server and waits for it.
func (p *process) end(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, p, "msg=stopped")
}

// TestMoveToPostgresAndBack lives a little on each of three databases.
func TestMoveToPostgresAndBack(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	dsn := server.Database(t)
	l.live(t, 1)
	before := l.does(t, exitOK, "audit list")

	out := l.does(t, exitOK, "db copy --from sqlite:closeloop.db --to '"+dsn+"'", `\nledger +\d+ `, `closeloop\.db is copied to database closeloop_test\w+ on .* the same on both sides\n$`)
	l.edit(t, "sqlite:closeloop.db", dsn)
	if after := l.does(t, exitOK, "audit list"); after != before {
		t.Errorf("on PostgreSQL the audit says\n%s\nwant, as on SQLite,\n%s", after, before)
	}
	back := l.does(t, exitOK, "db copy --from '"+dsn+"' --to sqlite:back.db", `the same on both sides`)
	table := regexp.MustCompile(`(?ms)\A.*^pauses [^\n]*\n`)
	if got, want := table.FindString(back), table.FindString(out); got != want || got == "" {
		t.Errorf("after there and back the digests are\n%s\nwant\n%s", got, want)
	}
	l.live(t, 2)
	l.does(t, exitFailed, "db copy --from '"+dsn+"' --to sqlite:back.db", `error: copy to back\.db: import: database is not empty\nhint: choose a database`)
	l.does(t, exitOK, "db copy --from '"+dsn+"' --to sqlite:"+filepath.Join(l.dir, "third.db"))
	l.edit(t, dsn, "sqlite:third.db")
	l.live(t, 3)
	if got, want := l.holds(t), "1001 100.00, 1001 100.00, 1001 100.00, 1001 100.00, 1001 100.00, 1001 100.00, 1001 retracted, 1001 retracted, 1001 retracted"; got != want {
		t.Errorf("Google holds %s, want %s", got, want)
	}
	private(t, out+back)
}

// live has a server take deliveries, of which one stays in quarantine, and
// runs it: two bookings, one of them changed before, and one taken back.
func (l *loop) live(t *testing.T, n int) {
	t.Helper()
	p, url := l.serve(t)
	for i := range 3 {
		post(t, http.DefaultClient, url, tagged(10*n+i, 0, "booked", 90_00+10_00*(i%2), sampleID(10*n+i)))
	}
	postAs(t, url, "text/plain", tagged(10*n+9, 0, "booked", 1_00, sampleID(10*n+9)))
	l.does(t, exitOK, "run")
	post(t, http.DefaultClient, url, tagged(10*n, 1, "booked", 100_00, sampleID(10*n)))
	post(t, http.DefaultClient, url, tagged(10*n+1, 1, "spam", 0, sampleID(10*n+1)))
	post(t, http.DefaultClient, url, tagged(10*n+2, 1, "booked", 100_00, sampleID(10*n+2)))
	nextSecond()
	l.does(t, exitOK, "run")
	p.end(t)
}

func TestCopyRefuses(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	dsn := server.Database(t)
	l.does(t, exitUsage, "db copy --from sqlite:closeloop.db", `^error: --from and --to are both needed`)
	l.does(t, exitUsage, "db copy --from closeloop.db --to sqlite:x", `^error: --from is not a database`)
	l.does(t, exitFailed, "db copy --from sqlite:none.db --to sqlite:x.db", `^error: there is no database none\.db`)
	l.does(t, exitFailed, "db copy --from '"+dsn+"' --to '"+dsn+"x'", `error: .* \(database `)

	pgtest.Exec(t, dsn, `INSERT INTO lease (account, holder, token, until) VALUES ('acme', 'somebody', 1, 9223372036854775807)`)
	const served = `^error: a server is working for: acme\nhint: stop every server first`
	l.does(t, exitFailed, "db copy --from '"+dsn+"' --to sqlite:y.db", served)
	l.does(t, exitOK, "db copy --force --from '"+dsn+"' --to sqlite:z.db", `the same on both sides`)

	pgtest.Exec(t, dsn, `CREATE TABLE closeloop_unfinished ()`)
	l.edit(t, "sqlite:closeloop.db", dsn)
	for _, command := range []string{"serve", "audit list", "db copy --from sqlite:z.db --to '" + dsn + "'"} {
		out, stderr, code := l.run(t, fields(command)...)
		if code != exitFailed || !strings.Contains(stderr, "database holds a copy that is not finished\nhint: drop the database") {
			t.Errorf("%s on an unfinished copy: exit %d\n%s%s", command, code, out, stderr)
		}
	}
}
