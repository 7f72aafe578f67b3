package storetest

import (
	"errors"
	"time"

	"closeloop/conversions"
)

// accepted is a status that says well of the whole request.
func accepted() conversions.Answer {
	return conversions.Answer{Verdict: conversions.Done, Evidence: conversions.EvidenceWhole}
}

// submit has a batch taken for processing, its status due after a time.
func (w *world) submit(b conversions.Batch, after time.Duration) {
	w.Helper()
	s := w.settlement(b, conversions.Answer{Verdict: conversions.Submitted})
	s.RequestID, s.PollAt = "request of "+string(b.ID), w.now.Add(after)
	w.must(w.s.Settle(w.Context(), w.hold(), s))
}

// polls are the batches whose status is due now.
func (w *world) polls(limit int) []conversions.Batch {
	w.Helper()
	batches, err := w.s.Polls(w.Context(), w.account, w.now, limit)
	w.must(err)
	return batches
}

// nextPoll is when the account's next status is due.
func (w *world) nextPoll() time.Time {
	w.Helper()
	at, err := w.s.NextPoll(w.Context(), w.account)
	w.must(err)
	return at
}

// polled is what a status says of every item of a batch alike; it is not asked
// for again.
func (w *world) polled(b conversions.Batch, a conversions.Answer) conversions.Polled {
	w.Helper()
	p := conversions.Polled{Batch: b.ID, At: w.now}
	for _, it := range b.Items {
		rows, err := w.s.Rows(w.Context(), w.account, []conversions.RowID{it.Row})
		w.must(err)
		p.Entries = append(p.Entries, rows[0].Processed(b, it, a, w.now))
	}
	return p
}

// poll stores a status.
func (w *world) poll(p conversions.Polled) {
	w.Helper()
	w.must(w.s.Polled(w.Context(), w.hold(), p))
}

func pollsDue(w *world) {
	ns := 789 * time.Nanosecond // more than a store keeps
	rows := w.booked("late", "soon", "same", "told at once", "in flight")
	w.same("at first", time.Time{}, w.nextPoll())
	late, soon, same := w.begin(rows[0]), w.begin(rows[1]), w.begin(rows[2])
	w.settle(w.begin(rows[3]), conversions.Answer{Verdict: conversions.Done})
	w.begin(rows[4])
	start := w.now.Add(time.Minute)
	w.now = start.Add(ns)
	w.submit(late, time.Hour)
	w.submit(soon, time.Minute)
	w.submit(same, time.Minute)
	other := &world{T: w.T, d: w.d, name: w.name, s: w.s, now: start, account: "other", bodies: 500}
	other.submit(other.begin(other.booked("L9")...), time.Second)
	w.reopen()
	w.same("next", start.Add(time.Minute), w.nextPoll())
	w.now = start.Add(time.Minute - time.Microsecond)
	w.same("just before", 0, len(w.polls(10)))
	for _, b := range []*conversions.Batch{&late, &soon, &same} {
		b.RequestID, b.AnsweredAt = "request of "+string(b.ID), start
	}
	w.now = start.Add(time.Minute)
	w.same("at its time", []conversions.Batch{soon, same}, w.polls(10))
	w.now = start.Add(time.Hour)
	w.same("an hour later", []conversions.Batch{soon, same, late}, w.polls(10))
	w.same("two", []conversions.Batch{soon, same}, w.polls(2))
	_, err := w.s.Forget(w.Context(), account, source, "soon")
	w.must(err)
	w.same("a forgotten click id", "", w.polls(1)[0].Items[0].ClickID)
}

func polledAgain(w *world) {
	b := w.begin(w.booked("L1", "L2")...)
	w.submit(b, 30*time.Minute)
	w.now = w.now.Add(30 * time.Minute)
	first := w.polled(b, accepted())
	first.Entries = first.Entries[:1]
	first.PollAt = w.now.Add(time.Hour)
	w.poll(first)
	w.same("not due", 0, len(w.polls(10)))
	w.same("next", first.PollAt, w.nextPoll())
	w.same("told", conversions.StateDone, w.row("L1").State)
	w.same("not told", conversions.StateSubmitted, w.row("L2").State)
	w.now = first.PollAt
	again := w.polls(10)
	w.same("polls", 1, again[0].Polls)
	last := w.polled(b, accepted())
	last.Entries = last.Entries[1:]
	unknown := last
	unknown.Entries = append(unknown.Entries[:1:1], unknown.Entries[0])
	unknown.Entries[1].Row = 4711
	if err := w.s.Polled(w.Context(), w.lease, unknown); !errors.Is(err, conversions.ErrNotFound) {
		w.Errorf("Polled with an unknown row: got %v, want ErrNotFound", err)
	}
	w.same("after a refused status", again, w.polls(10))
	w.same("row after a refused status", conversions.StateSubmitted, w.row("L2").State)
	w.poll(last)
	w.reopen()
	w.same("after the last", 0, len(w.polls(10)))
	w.same("nothing to ask", time.Time{}, w.nextPoll())
	w.same("told now", conversions.StateDone, w.row("L2").State)
}

func polledUnasked(w *world) {
	ended := w.begin(w.booked("ended")...)
	w.submit(ended, time.Minute)
	w.poll(w.polled(ended, accepted()))
	settled := w.begin(w.booked("settled")...)
	w.settle(settled, conversions.Answer{Verdict: conversions.Done})
	flying := w.begin(w.booked("flying")...)
	other := &world{T: w.T, d: w.d, name: w.name, s: w.s, now: w.now, account: "other", bodies: 500}
	theirs := other.begin(other.booked("L9")...)
	other.submit(theirs, time.Minute)
	rows, ledger := w.rows(), w.ledger()
	for name, b := range map[string]conversions.BatchID{
		"ended": ended.ID, "never asked for": settled.ID, "in flight": flying.ID, "never begun": "never begun", "another's": theirs.ID,
	} {
		p := w.polled(ended, conversions.Answer{Verdict: conversions.Refused})
		p.Batch, p.PollAt = b, w.now.Add(time.Hour)
		if err := w.s.Polled(w.Context(), w.lease, p); !errors.Is(err, conversions.ErrNotFound) {
			w.Errorf("Polled of a batch %s: got %v, want ErrNotFound", name, err)
		}
	}
	w.same("rows", rows, w.rows())
	w.same("ledger", ledger, w.ledger())
	w.same("next", time.Time{}, w.nextPoll())
	other.now = other.now.Add(time.Minute)
	w.same("the other's", 0, other.polls(1)[0].Polls)
}

// polledChanged has values wanted that change while the vendor processes.
func polledChanged(w *world) {
	w.submit(w.begin(w.booked("L1")...), time.Minute)
	r := w.retagged("L1", conversions.OutcomeBooked, 300_00)
	w.same("state", conversions.StateSubmitted, r.State)
	w.same("wanted", conversions.AmountOf(300_00), r.Want.Value)
	w.now = w.now.Add(24 * time.Hour)
	w.same("due while it is processed", 0, len(w.due()))
	listed, err := w.s.List(w.Context(), conversions.Filter{State: conversions.StateSubmitted})
	w.must(err)
	w.same("listed", []conversions.Row{r}, listed)
	w.same("known", map[conversions.State]conversions.Cents{conversions.StateSubmitted: 0}, w.known())
	w.poll(w.polled(w.polls(1)[0], accepted()))
	w.same("state when told", conversions.StateChangeDue, w.row("L1").State)
	w.same("known when told", map[conversions.State]conversions.Cents{conversions.StateChangeDue: 100_00}, w.known())
	w.submit(w.begin(w.due()...), time.Minute)
	w.same("known during a restatement", map[conversions.State]conversions.Cents{conversions.StateSubmitted: 100_00}, w.known())
	w.sameTotals("what is processed", conversions.Filter{})
	w.now = w.now.Add(time.Hour)
	w.poll(w.polled(w.polls(1)[0], accepted()))
	w.same("known after it", map[conversions.State]conversions.Cents{conversions.StateDone: 300_00}, w.known())
}

// polledRetracted has a lead come back while the vendor processes its
// retraction.
func polledRetracted(w *world) {
	w.uploaded("L1")
	w.retagged("L1", conversions.OutcomeSpam, 0)
	w.submit(w.begin(w.due()...), time.Minute)
	w.now = w.now.Add(time.Hour)
	w.retagged("L1", conversions.OutcomeBooked, 300_00)
	w.same("inbox before", 0, len(w.unfolded()))
	w.poll(w.polled(w.polls(1)[0], accepted()))
	w.same("inbox", 1, len(w.unfolded()))
	w.fold()
	rows := w.rows()
	w.same("rows", 2, len(rows))
	w.same("first generation", conversions.StateRetracted, rows[0].State)
	w.same("next generation", conversions.StateQueued, rows[1].State)
}

func answersToldLater(w *world) {
	b := w.begin(w.booked("done", "there", "refused", "unclear", "pending")...)
	w.submit(b, time.Minute)
	settled := w.now
	latest := func() []conversions.Entry {
		es, err := w.s.LastAnswers(w.Context(), account, 20)
		w.must(err)
		return es
	}
	uploads := func(since time.Time) int {
		n, err := w.s.Uploaded(w.Context(), account, since)
		w.must(err)
		return n
	}
	w.same("answers while it is processed", 0, len(latest()))
	w.same("uploads while it is processed", 0, uploads(time.Time{}))
	w.now = w.now.Add(time.Hour)
	p := w.polled(b, accepted())
	p.Entries, p.PollAt = p.Entries[:4], w.now.Add(time.Hour)
	there := conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID}
	refused := conversions.Answer{Verdict: conversions.Refused}
	unclear := conversions.Answer{Verdict: conversions.Unclear, Failed: 1, Of: 5}
	p.Entries[1].Answer, p.Entries[2].Answer, p.Entries[3].Answer = &there, &refused, &unclear
	w.poll(p)
	var verdicts []conversions.Verdict
	for _, e := range latest() {
		w.same("kind", conversions.EntryProcessed, e.Kind)
		verdicts = append(verdicts, e.Answer.Verdict)
	}
	w.same("answers", []conversions.Verdict{conversions.Refused, conversions.AlreadyThere, conversions.Done}, verdicts)
	w.same("uploads of batches settled since then", 2, uploads(settled))
	w.same("uploads of batches settled later", 0, uploads(settled.Add(time.Microsecond)))
	w.now = w.now.Add(time.Hour)
	last := w.polled(b, accepted())
	last.Entries = last.Entries[4:]
	w.poll(last)
	w.same("uploads, one more told", 3, uploads(settled))
	w.same("answers, one more told", 4, len(latest()))
}

func submittedIsSent(w *world) {
	w.submit(w.begin(w.booked("submitted")...), time.Minute)
	w.booked("never sent")
	n, err := w.s.Refold(w.Context(), w.lease, "rules")
	w.must(err)
	w.same("leads", 1, n)
	w.same("whose", conversions.LeadID("never sent"), w.unfolded()[0].Lead)
}

// leftByTheTest has a conversion that Google holds changed while the account
// only tests.
func leftByTheTest(w *world) {
	rows := append(w.booked("changed"), w.booked("as it was")...)
	w.settle(w.begin(rows...), conversions.Answer{Verdict: conversions.Done})
	row := w.row("changed")
	want := row.Want
	want.Test, want.Value = true, conversions.AmountOf(want.Value.Cents+1)
	w.must(w.s.Decide(w.Context(), w.hold(), []conversions.Decision{{Source: row.Key.Source, Lead: row.Key.Lead, Entries: []conversions.Entry{{
		Account: row.Key.Account, Row: row.ID, Kind: conversions.EntryDecided, At: w.now, Version: row.Version + 1, Want: &want,
	}}}}))
	w.same("reason", conversions.ReasonTestMode, w.row("changed").Reason)
	n, err := w.s.Refold(w.Context(), w.lease, "rules")
	w.must(err)
	w.same("leads", 1, n)
	w.same("whose", conversions.LeadID("changed"), w.unfolded()[0].Lead)
}

func historyOfPolls(w *world) {
	b := w.begin(w.booked("L1")...)
	w.submit(b, time.Minute)
	w.now = w.now.Add(time.Minute)
	next := w.now.Add(time.Hour)
	w.poll(conversions.Polled{Batch: b.ID, At: w.now, PollAt: next})
	record := func() (conversions.BatchRecord, []conversions.EntryKind) {
		h, err := w.s.History(w.Context(), account, w.row("L1").ID)
		w.must(err)
		var kinds []conversions.EntryKind
		for _, e := range h.Entries {
			kinds = append(kinds, e.Kind)
		}
		return h.Batches[0], kinds
	}
	want := conversions.BatchRecord{
		ID: b.ID, Account: account, Run: "run", Target: b.Target, Created: b.Created, SentAt: b.Created, Attempts: 1, Rows: 1,
		RequestID: "request of " + string(b.ID), JobID: 42, Settled: b.Created, PollAt: next, Polls: 1,
	}
	got, kinds := record()
	w.same("batch", want, got)
	w.same("entries", []conversions.EntryKind{"decided", "answered"}, kinds)
	w.poll(w.polled(b, accepted()))
	want.PollAt, want.Polls = time.Time{}, 2
	got, kinds = record()
	w.same("batch when told", want, got)
	w.same("entries when told", []conversions.EntryKind{"decided", "answered", "processed"}, kinds)
}
