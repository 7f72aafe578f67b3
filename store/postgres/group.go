package postgres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
)

// writeAll writes a group in one transaction and sets the receipts. Whether a
// lost connection had committed does not matter: the second time finds the
// first one's copies, and knows them by their time of receipt. A conflict with
// another replica that wrote the same delivery meanwhile is tried again, and
// then finds its copy.
func (in *ingest) writeAll(ctx context.Context, gather func() []*delivery) error {
	unsure := false
	return in.db.retry(ctx, func() error {
		conn, err := in.pool.Acquire(ctx)
		if err != nil {
			return fmt.Errorf("connect: %w", plain(err))
		}
		defer conn.Release()
		steady, cancel := context.WithTimeout(ctx, txTime)
		defer cancel()
		g := newGroup(in, gather())
		if len(g.events)+len(g.quarantined) == 0 {
			return nil
		}
		err = g.write(steady, &tx{conn: conn, batch: &pgx.Batch{}}, unsure)
		unsure = unsure || err != nil && !g.undone
		return err
	})
}

// group is deliveries that are written together, each once, in the order of
// their keys: replicas that write the same ones wait for each other and never
// in a circle.
type group struct {
	in          *ingest
	events      []*eventRecord
	quarantined []*quarantineRecord
	asked       []*delivery
	receipts    map[deliveryID]conversions.Receipt
	tagged      map[leadKey]bool // leads with a tag among the events
	// undone is true when PostgreSQL said that the writing transaction was rolled
	// back (class 23, integrity constraint violation, and class 40, transaction
	// rollback): then surely nothing of it is there, and a copy is another
	// replica's.
	undone bool
}

// leadKey names a lead as stored.
type leadKey struct{ account, source, lead string }

func newGroup(in *ingest, asked []*delivery) *group {
	g := &group{
		in: in, asked: asked, receipts: make(map[deliveryID]conversions.Receipt, len(asked)),
		tagged: map[leadKey]bool{},
	}
	seen := make(map[deliveryID]bool, len(asked))
	for _, d := range asked {
		id := d.record.identity()
		if seen[id] {
			continue
		}
		seen[id] = true
		switch r := d.record.(type) {
		case *eventRecord:
			g.events = append(g.events, r)
			if r.e.Outcome != "" {
				g.tagged[leadKey{r.account, r.source, r.lead}] = true
			}
		case *quarantineRecord:
			g.quarantined = append(g.quarantined, r)
		}
	}
	slices.SortFunc(g.events, func(a, b *eventRecord) int {
		return cmp.Or(strings.Compare(a.account, b.account), strings.Compare(a.source, b.source), bytes.Compare(a.e.Body[:], b.e.Body[:]))
	})
	slices.SortFunc(g.quarantined, func(a, b *quarantineRecord) int {
		return cmp.Or(cmp.Compare(a.q.Account, b.q.Account), cmp.Compare(a.q.Source, b.q.Source), bytes.Compare(a.q.Body[:], b.q.Body[:]))
	})
	return g
}

// write writes the group in one transaction. The second look, if the group
// needs one, sees what others have committed once that has ended, and goes out
// with it.
func (g *group) write(ctx context.Context, t *tx, unsure bool) error {
	defer t.abandon(ctx)
	t.queue("BEGIN")
	fresh := g.bind(t)
	if len(g.events) > 0 {
		g.queueEvents(t, g.events, false)
	}
	if len(g.quarantined) > 0 {
		g.queueQuarantined(t)
	}
	committed := false
	t.queueCommit(func() { committed = true })
	if len(g.untagged())+len(withClicks(g.contacts())) > 0 {
		t.queue("BEGIN")
		g.queueSecondLook(t)
		t.queueCommit(func() {})
	}
	err := t.flush(ctx)
	g.undone = !committed && (strings.HasPrefix(code(err), "23") || strings.HasPrefix(code(err), "40"))
	if !committed && code(err) == "23505" && isCopy(err) {
		return errAgain
	}
	if err != nil {
		return err
	}
	for _, b := range fresh {
		g.in.known[b] = true
	}
	g.in.lines += countLines(g.events)
	if err := g.finish(ctx, t, unsure); err != nil {
		return err
	}
	g.answer()
	return nil
}

// isCopy reports whether an error is the violation of what tells deliveries
// apart.
func isCopy(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Constraint == "event_body" || e.Constraint == "quarantine_body")
}

// bind queues the bindings of sources to accounts that this process has not
// written yet, and returns them.
func (g *group) bind(t *tx) []binding {
	var fresh []binding
	add := func(source, account string) {
		b := binding{source, account}
		if !g.in.known[b] && !slices.Contains(fresh, b) {
			fresh = append(fresh, b)
		}
	}
	for _, r := range g.events {
		add(r.source, r.account)
	}
	for _, r := range g.quarantined {
		add(quoted(r.q.Source), quoted(r.q.Account))
	}
	if len(fresh) == 0 {
		return nil
	}
	slices.SortFunc(fresh, func(a, b binding) int {
		return cmp.Or(strings.Compare(a.source, b.source), strings.Compare(a.account, b.account))
	})
	sources, accounts := make([]string, len(fresh)), make([]string, len(fresh))
	for i, b := range fresh {
		sources[i], accounts[i] = b.source, b.account
	}
	t.queue(`INSERT INTO bound (source, account) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING`, sources, accounts)
	return fresh
}

// Look-ups of one delivery n, or of one event e's lead. OFFSET 0 keeps the
// planner from making a join of them, which it might turn round.
const (
	copyInLog = `SELECT e.seq AS number, e.received FROM bound AS b CROSS JOIN LATERAL (SELECT seq, received FROM event
		WHERE account = b.account AND source = n.source AND body = n.body OFFSET 0) AS e WHERE b.source = n.source OFFSET 0`
	copyInQuarantine = `SELECT q.id AS number, q.received FROM bound AS b CROSS JOIN LATERAL (SELECT id, received FROM quarantine
		WHERE account = b.account AND source = n.source AND body = n.body OFFSET 0) AS q WHERE b.source = n.source OFFSET 0`
	tagOfLead = `SELECT FROM event AS o WHERE o.account = e.account AND o.source = e.source AND o.lead = e.lead
		AND o.lead <> '' AND o.outcome > '' OFFSET 0`
)

// insertEvents writes events, their side rows and notices, and how many they
// are, in one statement. A delivery that is stored already, under any account that
// its source was ever bound to, is left out. Most leads are never tagged, and a
// notice costs a fold of its lead, so an event leaves one only if it is a tag,
// or its lead has one: among the group's events, or in the log (one step into
// an index). $11 lets an event in although its delivery stands in quarantine.
// The arrays are taken apart in step by the list of a SELECT, which keeps
// nothing; ten functions of a FROM would keep each its rows first.
const insertEvents = `
WITH fresh AS MATERIALIZED (
	SELECT nextval('event_seq_seq') AS seq, e.*, e.lead <> '' AND (e.tagged OR EXISTS (` + tagOfLead + `)) AS noticed
	FROM (SELECT unnest($1::text[]) AS account, unnest($2::text[]) AS source, unnest($3::bytea[]) AS body, unnest($4::text[]) AS lead,
		unnest($5::text[]) AS kind, unnest($6::text[]) AS outcome, unnest($7::bigint[]) AS received, unnest($8::bytea[]) AS doc,
		unnest($9::bytea[]) AS person, unnest($10::boolean[]) AS tagged, generate_subscripts($3::bytea[], 1) AS ord OFFSET 0) AS e
	WHERE NOT EXISTS (SELECT FROM bound AS b WHERE b.source = e.source AND (
		EXISTS (SELECT FROM event WHERE account = b.account AND source = e.source AND body = e.body OFFSET 0)
		OR NOT $11 AND EXISTS (SELECT FROM quarantine WHERE account = b.account AND source = e.source AND body = e.body OFFSET 0)) OFFSET 0)
), log AS (
	INSERT INTO event (seq, account, source, body, lead, kind, outcome, received, doc)
	SELECT seq, account, source, body, lead, kind, outcome, received, doc FROM fresh
), side AS (
	INSERT INTO identity (account, seq, doc) SELECT account, seq, person FROM fresh WHERE person IS NOT NULL
), notice AS (
	INSERT INTO inbox (account, notice, source, lead) SELECT account, 2 * seq, source, lead FROM fresh WHERE noticed
), counted AS (
	INSERT INTO received (account, source, kind, outcome, hour, events, first, last)
	SELECT account, source, kind, outcome, hours(received), count(*), min(seq), max(seq) FROM fresh GROUP BY 1, 2, 3, 4, 5
)
SELECT ord, seq FROM fresh`

func (g *group) queueEvents(t *tx, events []*eventRecord, released bool) {
	c := columnsOf(events)
	tagged := make([]bool, len(events))
	for i, r := range events {
		tagged[i] = g.tagged[leadKey{r.account, r.source, r.lead}]
	}
	t.query(func(rows pgx.Rows) error {
		var ord, seq int64
		if err := scan(rows, &ord, &seq); err != nil {
			return err
		}
		g.receipts[events[ord-1].identity()] = conversions.Receipt{Seq: seq}
		return nil
	}, insertEvents, c.account, c.source, c.body, c.lead, c.kind, c.outcome, c.received, c.doc, c.person, tagged, released)
	queueContacts(t, g.contacts())
}

// insertQuarantined writes deliveries that could not be read, unless they are
// stored already.
const insertQuarantined = `INSERT INTO quarantine (account, source, body, received, doc)
	SELECT account, source, body, received, doc
	FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::text[]) AS n (account, source, body, received, doc)
	WHERE NOT EXISTS (` + copyInLog + `) AND NOT EXISTS (` + copyInQuarantine + `)
	RETURNING id, source, body`

func (g *group) queueQuarantined(t *tx) {
	n := len(g.quarantined)
	accounts, sources, docs := make([]string, n), make([]string, n), make([]string, n)
	bodies, received := make([][]byte, n), make([]int64, n)
	for i, r := range g.quarantined {
		accounts[i], sources[i], docs[i] = quoted(r.q.Account), quoted(r.q.Source), r.doc
		bodies[i], received[i] = r.q.Body[:], micros(r.q.Received)
	}
	t.query(func(rows pgx.Rows) error {
		var id int64
		var d deliveryID
		var body []byte
		if err := scan(rows, &id, &d.source, &body); err != nil {
			return err
		}
		copy(d.body[:], body)
		g.receipts[d] = conversions.Receipt{Seq: id}
		return nil
	}, insertQuarantined, accounts, sources, bodies, received, docs)
}

// selectCopies finds the first copies of deliveries.
const selectCopies = `SELECT n.source, n.body, e.number, e.received
	FROM unnest($1::text[], $2::bytea[]) AS n (source, body) CROSS JOIN LATERAL (` + copyInLog + `) AS e
	UNION ALL
	SELECT n.source, n.body, q.number, q.received
	FROM unnest($1::text[], $2::bytea[]) AS n (source, body) CROSS JOIN LATERAL (` + copyInQuarantine + `) AS q`

// The second look, for new events and for copies: notices of events whose
// leads have a tag by now. Nearly no lead of a new event has one, so that is
// asked first; a copy's lead is the one that was stored.
const (
	insertLate = `INSERT INTO inbox (account, notice, source, lead)
	SELECT n.account, 2 * l.seq, n.source, n.lead
	FROM (SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[]) AS e (account, source, body, lead)
		WHERE EXISTS (` + tagOfLead + `) OFFSET 0) AS n
	CROSS JOIN LATERAL (SELECT seq, lead FROM event WHERE account = n.account AND source = n.source AND body = n.body OFFSET 0) AS l
	WHERE l.lead = n.lead ON CONFLICT DO NOTHING`
	insertLateOfCopies = `INSERT INTO inbox (account, notice, source, lead)
	SELECT e.account, 2 * e.seq, e.source, e.lead
	FROM unnest($1::text[], $2::text[], $3::bytea[]) AS n (account, source, body)
	CROSS JOIN LATERAL (SELECT * FROM event WHERE account = n.account AND source = n.source AND body = n.body OFFSET 0) AS e
	WHERE e.lead <> '' AND EXISTS (` + tagOfLead + `)
	ON CONFLICT DO NOTHING`
)

// untagged are the events of leads that are no tags: those that leave no notice
// unless there is a tag.
func (g *group) untagged() []*eventRecord {
	var events []*eventRecord
	for _, r := range g.events {
		if r.lead != "" && r.e.Outcome == "" {
			events = append(events, r)
		}
	}
	return events
}

// queueSecondLook queues what can only be done after the commit: it looks once
// more for tags of leads that seemed to have none, and for leads to wake.
// Another replica may have been storing the tag at the same time: neither
// transaction saw the other, but whichever ends last has its look now, before
// the delivery is answered.
func (g *group) queueSecondLook(t *tx) {
	if c := columnsOf(g.untagged()); len(c.lead) > 0 {
		t.queue(insertLate, c.account, c.source, c.body, c.lead)
	}
	if clicks := withClicks(g.contacts()); len(clicks) > 0 {
		queueWake(t, clicks)
	}
}

// finish finds the first copies of duplicates. They are looked at too, for
// whoever stored one may have died before its second look.
func (g *group) finish(ctx context.Context, t *tx, unsure bool) error {
	var copies []deliveryID
	for _, d := range g.asked {
		if id := d.record.identity(); g.receipts[id] == (conversions.Receipt{}) {
			copies = append(copies, id)
		}
	}
	if len(copies) == 0 {
		return nil
	}
	g.queueCopies(t, copies, unsure)
	g.queueLateOfCopies(t)
	if err := t.flush(ctx); err != nil {
		return err
	}
	for _, id := range copies {
		if g.receipts[id] == (conversions.Receipt{}) {
			return errAgain // purged from quarantine meanwhile: it is a new delivery now
		}
	}
	return nil
}

func (g *group) queueCopies(t *tx, copies []deliveryID, unsure bool) {
	sources, bodies := make([]string, len(copies)), make([][]byte, len(copies))
	for i, id := range copies {
		sources[i], bodies[i] = id.source, id.body[:]
	}
	received := map[deliveryID]int64{}
	for _, r := range g.events {
		received[r.identity()] = micros(r.e.Received)
	}
	t.query(func(rows pgx.Rows) error {
		var id deliveryID
		var body []byte
		var seq, at int64
		if err := scan(rows, &id.source, &body, &seq, &at); err != nil {
			return err
		}
		copy(id.body[:], body)
		if g.receipts[id] == (conversions.Receipt{}) {
			ours := unsure && received[id] == at
			g.receipts[id] = conversions.Receipt{Seq: seq, Duplicate: !ours}
		}
		return nil
	}, selectCopies, sources, bodies)
}

// queueLateOfCopies queues the second look for copies.
func (g *group) queueLateOfCopies(t *tx) {
	var copies []*eventRecord
	for _, r := range g.untagged() {
		if g.receipts[r.identity()] == (conversions.Receipt{}) {
			copies = append(copies, r)
		}
	}
	if c := columnsOf(copies); len(copies) > 0 {
		t.queue(insertLateOfCopies, c.account, c.source, c.body)
	}
}

// answer sets the receipts: the first delivery of a body is stored, others in
// the group are its duplicates.
func (g *group) answer() {
	given := make(map[deliveryID]bool, len(g.asked))
	for _, d := range g.asked {
		id := d.record.identity()
		d.receipt = g.receipts[id]
		d.receipt.Duplicate = d.receipt.Duplicate || given[id]
		given[id] = true
	}
}
