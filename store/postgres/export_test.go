package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"closeloop/conversions"
)

// Quoted and Unquoted are how texts from outside are stored.
func Quoted(s string) string   { return quoted(s) }
func Unquoted(s string) string { return unquoted[string](s) }

// MigrateTo runs migrations of the given texts.
func MigrateTo(ctx context.Context, dsn string, texts []string) (from, to int, err error) {
	return migrate(ctx, dsn, stepsOf(texts))
}

// Migrations are the texts of the program's migrations.
func Migrations() ([]string, error) {
	steps, err := migrations()
	texts := make([]string, len(steps))
	for i, s := range steps {
		texts[i] = s.text
	}
	return texts, err
}

// CompatibleFrom is the oldest version whose program goes on working after all
// of the migrations.
func CompatibleFrom(texts []string) int { return stepsOf(texts)[len(texts)-1].compatible }

// OpenKnowing opens a database as a program does that knows the schema up to a
// version.
func OpenKnowing(ctx context.Context, dsn string, version int) (*Store, error) {
	return open(ctx, dsn, Options{}, version)
}

// Show returns a setting of the store's connections.
func (s *Store) Show(ctx context.Context, name string) (string, error) {
	var value string
	err := s.db.pool.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&value)
	return value, err
}

// Settings are those that every connection has.
func Settings() map[string]string { return settings() }

// Retry retries f as the store does and returns how long it waited each time.
func Retry(ctx context.Context, jitter float64, f func() error) (waits []time.Duration, err error) {
	db := &database{
		wait:   func(_ context.Context, d time.Duration) error { waits = append(waits, d); return ctx.Err() },
		jitter: func() float64 { return jitter },
	}
	err = db.retry(ctx, func() error { return plain(f()) })
	return waits, err
}

// Hot are the statements that are run all the time, for a test of their plans.
func Hot() map[string]string {
	list, _ := listQuery(conversions.Filter{Account: "acme", Limit: 50}, false)
	click, _ := listQuery(conversions.Filter{Account: "acme", ClickID: "c", Limit: 50}, false)
	lead, _ := listQuery(conversions.Filter{Account: "acme", Lead: "l", Limit: 50}, false)
	everywhere, _ := listQuery(conversions.Filter{OrderID: "o", Limit: 50}, false)
	after, _ := listQuery(conversions.Filter{Account: "acme", After: &conversions.Row{}, Limit: 50}, false)
	totals, _ := totalsKept(conversions.Filter{})
	totalsOfOne, _ := totalsKept(conversions.Filter{Account: "acme"})
	month := conversions.Filter{From: time.Unix(1, 0), To: time.Unix(1<<30, 0)}
	totalsOfMonth, _ := totalsKept(month)
	receivedOfMonth, _ := receivedOf(month)
	receivedOfOne, _ := receivedOf(conversions.Filter{Account: "acme"})
	month.Account, month.Stage, month.State = "acme", conversions.StageBooked, conversions.StateDone
	totalsOfPart, _ := totalsKept(month)
	totalsOfLead, _ := totalsByRow(conversions.Filter{Lead: "l"})
	leads, _ := leadsQuery("acme", conversions.ReplayQuery{Limit: 100})
	all := map[string]string{
		"dedup and append": insertEvents, "first copies": selectCopies, "late notices": insertLate, "late notices of copies": insertLateOfCopies, "leads of contacts": insertContactLeads, "clicks of contacts": insertContactClicks, "wake leads": wakeLeads,
		"quarantine": insertQuarantined, "notices": selectNotices, "take notices off": deleteNotices, "gather events": gatherEvents,
		"gather rows": gatherRows, "claim": selectDue, "in flight": inFlight, "rows": selectRows, "side rows": selectPeople,
		"seconds": selectSlots, "update rows": updateRows, "take off pending": deletePending, "unanswered": selectBatch + unanswered,
		"polls": selectBatch + toPoll, "next poll": firstToPoll, "contact": selectContactClicks, "uploads": sumUploaded,
		"last answers": lastAnswers, "ledger": pageLedger, "history": historyEntries, "history's batches": historyBatches,
		"history's events": historyEvents, "list": list, "list by click": click, "list by lead": lead, "list by order id": everywhere,
		"list on": after, "leads": leads, "end batch": endBatch, "wanted clicks": deleteClicks,
		"persons of rows": selectPersons, "rows as listed": selectListed,
		"totals": totals, "an account's totals": totalsOfOne, "sums": upsertTotals,
		"totals of a month": totalsOfMonth, "totals of a state": totalsOfPart, "totals of a lead": totalsOfLead,
		"deliveries of a month": receivedOfMonth, "deliveries of one": receivedOfOne, "add up counts": addUpCounts,
		"count pending": countPending, "begin to rest": insertResting, "end rest": deleteResting,
	}
	for name, f := range map[string]conversions.Filter{
		"queued": {State: conversions.StateQueued}, "sending": {State: conversions.StateSending}, "refused": {State: conversions.StateRefused},
		"click": {ClickID: "c"}, "lead": {Lead: "l"}, "order id": {OrderID: "o"},
	} {
		paged := f
		paged.Account, paged.Limit, paged.After, paged.To = "acme", 50, &conversions.Row{}, time.Unix(1, 0)
		all["list a page by "+name], _ = listQuery(paged, false)
		all["list a page of many by "+name], _ = listQuery(paged, true)
		if f.State != "" {
			continue // all rows in a state are read along the account
		}
		all["list everywhere by "+name], _ = listQuery(f, false)
		f.Account = "acme"
		all["list by "+name+", all"], _ = listQuery(f, false)
	}
	return all
}

// Encoded is a list as a connection of the store sends it, and as the driver
// would by itself.
func Encoded(oid uint32, list any) (ours, drivers []byte, err error) {
	m := pgtype.NewMap()
	if drivers, err = m.Encode(oid, pgtype.BinaryFormatCode, list, nil); err != nil {
		return nil, nil, err
	}
	plan := planOf(oid, list)
	if plan == nil {
		return nil, drivers, nil
	}
	ours, err = plan.Encode(list, nil)
	return ours, drivers, err
}
