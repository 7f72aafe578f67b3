package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/store/postgres"
	"closeloop/store/postgres/pgtest"
)

// TestWindowsOfWhatWasThere migrates a database that holds rows and events and
// keeps no sums of windows yet.
func TestWindowsOfWhatWasThere(t *testing.T) {
	t.Parallel()
	known, err := postgres.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	dsn := server.Empty(t)
	if _, _, err := postgres.MigrateTo(t.Context(), dsn, known[:2]); err != nil {
		t.Fatal(err)
	}
	const minute = 60_000_000 // an event and a row at minute 1, 11, 21 and so on, for 100 hours, from 50 hours before 1970 on
	pgtest.Exec(t, dsn, `INSERT INTO event (received, account, source, body, lead, kind, outcome, doc)
		SELECT (10 * i + 1) * 60000000::bigint, 'acme', 'varda', decode(md5(i::text), 'hex'), '', 'ping', '', '' FROM generate_series(-300, 299) AS i`)
	pgtest.Exec(t, dsn, `INSERT INTO conversion (id, at, wanted_cents, known_cents, generation, account, source, lead, stage, order_id, state, reason,
			known, currency, trail, doc)
		SELECT seq, received, 100, 50, 0, account, source, seq::text, 'booked', seq::text, 'done', '', 'there', 'EUR', '{}', '' FROM event`)
	if _, _, err := postgres.Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	s := open(t, dsn, postgres.Options{})
	at := func(m int64) time.Time { return time.UnixMicro(m * minute) }
	for name, c := range map[string]struct {
		from, to time.Time
		want     int
	}{
		"all":                      {want: 600},
		"days":                     {at(-24 * 60), at(24 * 60), 288},
		"days and hours":           {at(-25 * 60), at(25 * 60), 300},
		"cut at both ends":         {at(-25*60 - 59), at(25*60 + 2), 307},
		"within an hour":           {at(61), at(82), 3},
		"over the end of an hour":  {at(51), at(72), 3},
		"before":                   {to: at(-49 * 60), want: 6},
		"since":                    {from: at(49*60 + 1), want: 6},
		"since, a microsecond off": {from: at(49*60 + 1).Add(time.Microsecond), want: 5},
		"the other way round":      {at(60), at(0), 0},
	} {
		f := conversions.Filter{From: c.from, To: c.to}
		totals, err := s.Totals(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		received, err := s.Received(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		var sums []conversions.Total
		var counts []conversions.Received
		if n := conversions.Cents(c.want); n > 0 {
			sums = []conversions.Total{{
				Account: "acme", Stage: conversions.StageBooked, State: conversions.StateDone, Currency: "EUR", Rows: c.want, Wanted: 100 * n, Known: 50 * n,
			}}
			counts = []conversions.Received{{Account: "acme", Source: "varda", Kind: "ping", Events: c.want}}
		}
		if diff := cmp.Diff(sums, totals); diff != "" {
			t.Errorf("%s: rows (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(counts, received); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", name, diff)
		}
	}
}

// TestSumsMadeAnew compares what is kept of rows and events with what is made
// of them.
func TestSumsMadeAnew(t *testing.T) {
	t.Parallel()
	known, err := postgres.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	u := &upgrade{T: t, dsn: server.Empty(t)}
	for _, text := range known {
		u.migrate(text)
	}
	s := u.open(len(known))
	u.serves(s, "one", 100)
	u.serves(s, "two", 200)
	if err := s.Close(); err != nil { // what was received is added up behind the first commit only
		t.Fatal(err)
	}
	const kept = `SELECT 'total', account, width, start, stage, state, reason, currency, rows, wanted, known FROM total WHERE rows > 0
		UNION ALL SELECT 'received', account, width, start, source, kind, outcome, '', events, first, last FROM (
			SELECT account, w.width, starts(hour, w.width) AS start, source, kind, outcome, sum(events)::bigint AS events, min(first) AS first, max(last) AS last
			FROM (SELECT account, hour, source, kind, outcome, events, first, last FROM received
				UNION ALL SELECT account, start, source, kind, outcome, events, first, last FROM received_total WHERE width = 1) AS r
			CROSS JOIN (VALUES (0::smallint), (1::smallint), (24::smallint)) AS w (width) GROUP BY 1, 2, 3, 4, 5, 6) AS r
		UNION ALL SELECT 'resting', account, 0, at, state, '', '', '', id, 0, 0 FROM resting ORDER BY 1, 2, 3, 4, 5, 6, 7, 8`
	before := pgtest.Look(t, u.dsn, kept)
	pgtest.Exec(t, u.dsn, `SELECT sum_up()`)
	after := pgtest.Look(t, u.dsn, kept)
	if diff := cmp.Diff(after, before); diff != "" || !slices.ContainsFunc(after, func(line []string) bool { return line[0] == "total" }) {
		t.Errorf("kept, of %d lines (-made anew +kept):\n%s", len(after), diff)
	}
}
