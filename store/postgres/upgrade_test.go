package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"closeloop/conversions"
	"closeloop/store"
	"closeloop/store/postgres"
)

// upgrade is a database that one release after the other migrates.
type upgrade struct {
	*testing.T
	dsn   string
	texts []string // migrations so far
}

// migrate applies one more migration, as its own release would.
func (u *upgrade) migrate(text string) {
	u.Helper()
	u.texts = append(u.texts, text)
	if _, to, err := postgres.MigrateTo(u.Context(), u.dsn, u.texts); err != nil || to != len(u.texts) {
		u.Fatalf("migration %d: got %d, %v", len(u.texts), to, err)
	}
}

// open opens the database as the release that knows a version.
func (u *upgrade) open(version int) *postgres.Store {
	u.Helper()
	s, err := postgres.OpenKnowing(u.Context(), u.dsn, version)
	if err != nil {
		u.Fatalf("a program of version %d opens version %d: %v", version, len(u.texts), err)
	}
	u.Cleanup(func() { _ = s.Close() })
	return s
}

// refuses makes sure that a program of a version is neither ready nor opened.
func (u *upgrade) refuses(s *postgres.Store, version int) {
	u.Helper()
	_, err := postgres.OpenKnowing(u.Context(), u.dsn, version)
	for what, err := range map[string]error{"Open": err, "Ready": s.Ready(u.Context())} {
		var newer *store.SchemaNewerError
		if !errors.As(err, &newer) || newer.Have != len(u.texts) || newer.Want != version {
			u.Errorf("%s: got %v, want a SchemaNewerError of %d and %d", what, err, len(u.texts), version)
		}
	}
}

// serves has a replica take a delivery and decide, claim and settle all that is
// due, under a lease of its own, and leaves a batch without an answer.
func (u *upgrade) serves(s *postgres.Store, holder string, first int64) {
	u.Helper()
	ctx := u.Context()
	must := func(err error) {
		u.Helper()
		if err != nil {
			u.Fatalf("%s at version %d: %v", holder, len(u.texts), err)
		}
	}
	must(s.Ready(ctx))
	for i := first; i < first+3; i++ {
		_, err := s.Append(ctx, sample(i, holder+string(rune('a'+i%26))))
		must(err)
	}
	lease, err := s.Acquire(ctx, "acme", holder, benchNow)
	must(err)
	works, err := s.Unfolded(ctx, "acme", claim)
	must(err)
	must(s.Decide(ctx, lease, decisions(works)))
	open, err := s.Unanswered(ctx, "acme")
	must(err)
	for _, batch := range open {
		u.settles(s, lease, batch)
	}
	rows, err := s.Due(ctx, "acme", conversions.Claim{Now: benchNow, Limit: claim})
	must(err)
	if len(rows) != 3 {
		u.Fatalf("%s at version %d: %d rows are due, want its own 3", holder, len(u.texts), len(rows))
	}
	_, err = s.Begin(ctx, lease, batchOf(rows, int(first)))
	must(err)
	must(s.Release(ctx, lease))
}

func (u *upgrade) settles(s *postgres.Store, lease conversions.Lease, batch conversions.Batch) {
	u.Helper()
	ids := make([]conversions.RowID, len(batch.Items))
	for i, it := range batch.Items {
		ids[i] = it.Row
	}
	rows, err := s.Rows(u.Context(), "acme", ids)
	if err != nil {
		u.Fatal(err)
	}
	place := make(map[conversions.RowID]conversions.Row, len(rows))
	for _, r := range rows {
		place[r.ID] = r
	}
	for i, id := range ids {
		rows[i] = place[id]
	}
	if err := s.Settle(u.Context(), lease, settlement(rows, batch)); err != nil {
		u.Fatal(err)
	}
}

// TestReplicaByReplica has two releases at a time serve one database and settle
// each other's batches, while the schema goes from the first version whose
// program may still go on, through the program's own migrations since and
// through three that are yet to come.
func TestReplicaByReplica(t *testing.T) {
	t.Parallel()
	known, err := postgres.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	first := postgres.CompatibleFrom(known)
	u := &upgrade{T: t, dsn: server.Empty(t)}
	for _, text := range known[:first] {
		u.migrate(text)
	}
	old := u.open(first)
	u.serves(old, "old", 100)
	compatible := fmt.Sprintf("-- compatible from: %d\n", first)
	for _, text := range slices.Concat(known[first:], []string{compatible + "ALTER TABLE event ADD COLUMN newer text"}) {
		u.migrate(text)
	}
	u.serves(old, "old, running", 200)
	next := len(u.texts)
	now := u.open(next)
	u.serves(now, "now", 300)
	u.serves(u.open(first), "old, started again", 400)

	u.migrate(fmt.Sprintf("-- compatible from: %d\nCREATE TABLE newer (a integer)", next))
	u.refuses(old, first)
	u.serves(now, "now, running", 500)
	u.migrate(compatible + "CREATE TABLE newest (a integer)") // says what it broke itself, not what was broken before
	u.refuses(old, first)
	u.serves(u.open(next), "now, started again", 600)

	u.migrate("ALTER TABLE newer ADD COLUMN b integer")
	u.refuses(old, first)
	u.refuses(now, next)

	totals, err := u.open(len(u.texts)).Totals(t.Context(), conversions.Filter{Account: "acme", Stage: conversions.StageBooked})
	if err != nil {
		t.Fatal(err)
	}
	got := map[conversions.State]int64{}
	for _, line := range totals {
		got[line.State] += int64(line.Rows)
	}
	if got[conversions.StateSending] != 3 || got[conversions.StateDone] != 15 {
		t.Errorf("rows: %v; want 15 settled by one release or the other, and the last 3 in flight", got)
	}
}
