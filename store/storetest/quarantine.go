package storetest

import (
	"errors"
	"time"

	"closeloop/conversions"
)

// quarantined stores a delivery that cannot be read, of the n-th body.
func (w *world) quarantined(n byte) conversions.Quarantined {
	w.Helper()
	q := conversions.Quarantined{
		Account: w.account, Source: source, Delivery: "dlv_9", Body: [16]byte{n}, Received: w.now.Add(-10 * time.Hour),
		Reason: "wrong_type", Detail: "/data/id", Size: 312, Shape: `{"data":{"id":[0]}}`,
	}
	r, err := w.s.Quarantine(w.Context(), q)
	w.must(err)
	q.ID = r.Seq
	return q
}

// read is what a delivery turns out to be: a booking of the lead.
func (w *world) read(q conversions.Quarantined, lead conversions.LeadID) *conversions.Event {
	e := w.tagged(lead, conversions.OutcomeBooked)
	e.Account, e.Source, e.Body, e.Received = q.Account, q.Source, q.Body, q.Received
	return &e
}

// decision is what a person decides in a case.
func (w *world) decision(kind conversions.EntryKind) conversions.QuarantineDecision {
	return conversions.QuarantineDecision{Kind: kind, At: w.now, By: "sam", Note: "agreed with the client"}
}

// delivery is a quarantined delivery as it is stored.
func (w *world) delivery(id int64) conversions.Quarantined {
	w.Helper()
	q, err := w.s.QuarantinedByID(w.Context(), id)
	w.must(err)
	return q
}

func quarantineGivenUp(w *world) {
	q, other := w.quarantined(1), w.quarantined(2)
	w.now = w.now.Add(789 * time.Nanosecond) // more than a store keeps
	d := w.decision(conversions.EntryGivenUp)
	d.Event = 4711
	w.must(w.s.ResolveQuarantine(w.Context(), q.ID, d, nil))
	w.reopen()
	q.Decided = &conversions.QuarantineDecision{
		Kind: conversions.EntryGivenUp, At: w.now.Truncate(time.Microsecond), By: "sam", Note: "agreed with the client",
	}
	w.same("delivery", q, w.delivery(q.ID))
	w.same("another", other, w.delivery(other.ID))
	all, err := w.s.Quarantined(w.Context(), account, 0)
	w.must(err)
	w.same("list", []conversions.Quarantined{other, q}, all)
	es := w.ledger()
	w.same("ledger", []conversions.Entry{{
		Seq: es[0].Seq, Account: account, Kind: conversions.EntryGivenUp, At: q.Decided.At, By: "sam", Note: "agreed with the client", Quarantine: q.ID,
	}}, es)
	w.same("inbox", 0, len(w.unfolded()))
	r, err := w.s.Append(w.Context(), *w.read(q, "L1"))
	w.must(err)
	w.same("the same delivery again", conversions.Receipt{Seq: q.ID, Duplicate: true}, r)
}

func quarantineRetried(w *world) {
	w.booked("L0") // so that ids of events and of quarantine are apart
	q := w.quarantined(1)
	e := w.read(q, "L1")
	d := w.decision(conversions.EntryRetried)
	d.Event = 4711
	w.must(w.s.ResolveQuarantine(w.Context(), q.ID, d, e))
	w.reopen()
	works := w.unfolded()
	if len(works) != 1 || len(works[0].Events) != 1 {
		w.Fatalf("inbox: got %+v, want the lead of the event", works)
	}
	got := works[0].Events[0]
	d.Event, q.Decided = got.Seq, &d
	w.same("delivery", q, w.delivery(q.ID))
	if got.Person.Salt == nil {
		w.Error("the event's side row has no salt")
	}
	e.Seq, e.Person.Salt = got.Seq, got.Person.Salt
	w.same("event", *e, got)
	w.fold()
	w.same("row", conversions.StateQueued, w.row("L1").State)
	w.same("click id", click("L1"), w.begin(w.row("L1")).Items[0].ClickID)
	es := w.ledger()
	w.same("entry", conversions.Entry{
		Seq: es[1].Seq, Account: account, Kind: conversions.EntryRetried, At: w.now, By: "sam", Note: "agreed with the client", Quarantine: q.ID,
	}, es[1])
	again, err := w.s.Append(w.Context(), *e)
	w.must(err)
	w.same("the same delivery again", true, again.Duplicate)
	n, err := w.s.PurgeQuarantine(w.Context(), w.now)
	w.must(err)
	w.same("purged", 1, n)
	again, err = w.s.Append(w.Context(), *e)
	w.must(err)
	w.same("the same delivery after the purge", conversions.Receipt{Seq: e.Seq, Duplicate: true}, again)
	n, err = w.s.Forget(w.Context(), account, source, "L1")
	w.must(err)
	w.same("forgotten", 1, n)
}

// quarantineRefused has decisions that cannot be.
func quarantineRefused(w *world) {
	open, given, retried := w.quarantined(1), w.quarantined(2), w.quarantined(3)
	w.must(w.s.ResolveQuarantine(w.Context(), given.ID, w.decision(conversions.EntryGivenUp), nil))
	w.must(w.s.ResolveQuarantine(w.Context(), retried.ID, w.decision(conversions.EntryRetried), w.read(retried, "L1")))
	before, ledger, works := w.inQuarantine(), w.ledger(), w.unfolded()
	foreign, elsewhere, body := w.read(open, "L2"), w.read(open, "L2"), w.read(open, "L2")
	foreign.Account, elsewhere.Source, body.Body = "other", "another", [16]byte{7}
	for name, c := range map[string]struct {
		id   int64
		kind conversions.EntryKind
		e    *conversions.Event
		want error // nil: any error
	}{
		"unknown":           {4711, conversions.EntryGivenUp, nil, conversions.ErrNotFound},
		"given up again":    {given.ID, conversions.EntryGivenUp, nil, conversions.ErrDecided},
		"given up, retried": {given.ID, conversions.EntryRetried, w.read(given, "L2"), conversions.ErrDecided},
		"retried again":     {retried.ID, conversions.EntryRetried, w.read(retried, "L1"), conversions.ErrDecided},
		"retried, given up": {retried.ID, conversions.EntryGivenUp, nil, conversions.ErrDecided},
		"without an event":  {open.ID, conversions.EntryRetried, nil, nil},
		"with an event":     {open.ID, conversions.EntryGivenUp, w.read(open, "L2"), nil},
		"another kind":      {open.ID, conversions.EntryApproved, w.read(open, "L2"), nil},
		"no kind":           {open.ID, "", nil, nil},
		"another's account": {open.ID, conversions.EntryRetried, foreign, nil},
		"another's source":  {open.ID, conversions.EntryRetried, elsewhere, nil},
		"another body":      {open.ID, conversions.EntryRetried, body, nil},
	} {
		err := w.s.ResolveQuarantine(w.Context(), c.id, w.decision(c.kind), c.e)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			w.Errorf("ResolveQuarantine %s: got %v, want %v", name, err, c.want)
		}
	}
	w.same("quarantine", before, w.inQuarantine())
	w.same("ledger", ledger, w.ledger())
	w.same("inbox", works, w.unfolded())
	works, err := w.s.Leads(w.Context(), account, conversions.ReplayQuery{Limit: 10})
	w.must(err)
	w.same("leads", 1, len(works))
}

// inQuarantine is all that stands in the account's quarantine.
func (w *world) inQuarantine() []conversions.Quarantined {
	w.Helper()
	qs, err := w.s.Quarantined(w.Context(), w.account, 0)
	w.must(err)
	return qs
}

func quarantineOfContact(w *world) {
	w.s = w.keeping()
	q := w.quarantined(1)
	e := w.visit("c1", "read after all", 10)
	e.Body = q.Body
	w.must(w.s.ResolveQuarantine(w.Context(), q.ID, w.decision(conversions.EntryRetried), &e))
	w.same("clicks of the contact", []conversions.LeadID{"read after all"}, w.ofContact(w.s, 1000, 0, 10))
}
