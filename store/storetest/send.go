package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"closeloop/conversions"
)

// leadsOf are the leads and stages of rows, in order.
func leadsOf(rows []conversions.Row) []string {
	got := []string{}
	for _, r := range rows {
		got = append(got, string(r.Key.Lead)+" "+string(r.Key.Stage))
	}
	return got
}

func dueOrder(w *world) {
	for i, lead := range []conversions.LeadID{"late", "early", "middle"} {
		at := w.now.Add(time.Duration([]int{-10, -30, -20}[i]) * time.Hour)
		for _, o := range []conversions.Outcome{"quoted", "booked"} {
			e := w.tagged(lead, o)
			e.At, e.Received = at, at
			w.add(e)
			at = at.Add(time.Minute)
		}
	}
	fresh := w.tagged("fresh", "booked")
	fresh.At, fresh.Received = w.now, w.now
	w.add(fresh)
	w.fold()
	want := []string{"early booked", "middle booked", "late booked", "early quoted", "middle quoted", "late quoted"}
	w.same("due", want, leadsOf(w.due()))
	rows, err := w.s.Due(w.Context(), account, conversions.Claim{Now: w.now, Limit: 4})
	w.must(err)
	w.same("four", want[:4], leadsOf(rows))
	at := w.row("fresh").Due
	w.now = at.Add(-time.Microsecond)
	w.same("just before it is due", 6, len(w.due()))
	w.now = at
	w.same("at its due time", 7, len(w.due()))
	none, err := w.s.Due(w.Context(), "other", conversions.Claim{Now: w.now, Limit: 10})
	w.must(err)
	w.same("another account's", 0, len(none))
}

func dueWithout(w *world) {
	w.add(w.tagged("L1", "quoted"), w.tagged("L1", "booked"))
	w.booked("L2", "L3")
	w.same("both actions", 4, len(w.due()))
	w.same("without one", []string{"L1 quoted"}, leadsOf(w.due("101")))
	w.same("without both", 0, len(w.due("101", "102")))
	b := w.begin(w.row("L2"))
	w.same("one in flight", []string{"L1 booked", "L3 booked", "L1 quoted"}, leadsOf(w.due()))
	first, err := w.s.Due(w.Context(), account, conversions.Claim{Now: w.now, Limit: 2})
	w.must(err)
	w.same("the limit counts what is left", 2, len(first))
	w.settle(b, conversions.Answer{Verdict: conversions.Later, Wait: time.Hour})
	w.same("not before the wait is over", 3, len(w.due()))
	w.now = w.now.Add(time.Hour)
	w.same("after the wait", 4, len(w.due()))
}

// dueBetween: rows are claimed and answered that have others between them.
func dueBetween(w *world) {
	rows := w.booked("L1", "L2", "L3", "L4", "L5", "L6")
	w.due()
	w.settle(w.begin(rows[0], rows[2], rows[5]), conversions.Answer{Verdict: conversions.Done})
	w.same("those between", []string{"L2 booked", "L4 booked", "L5 booked"}, leadsOf(w.due()))
	b := w.begin(rows[1], rows[3], rows[4])
	set := w.settlement(b, conversions.Answer{Verdict: conversions.Done})
	set.Entries[1] = rows[3].Answered(b, b.Items[1], conversions.Answer{Verdict: conversions.Retry}, w.now)
	w.must(w.s.Settle(w.Context(), w.hold(), set))
	w.now = w.now.Add(time.Hour)
	w.same("one that is to be tried again", []string{"L4 booked"}, leadsOf(w.due()))
}

func beginApart(w *world) {
	var rows []conversions.Row
	for i, lead := range []conversions.LeadID{"L1", "L2", "L3", "L4", "L5"} {
		e := w.tagged(lead, "booked")
		if i < 4 {
			e.Person.Clicks[0].ID = "CjwKCAshared"
		}
		w.add(e)
		w.fold()
		rows = append(rows, w.row(lead))
	}
	at := rows[0].Want.At
	seconds := func(b conversions.Batch) (got []int) {
		for _, it := range b.Items {
			got = append(got, int(it.At.Sub(at)/time.Second))
		}
		return got
	}
	first := w.begin(rows[1], rows[2], rows[4])
	w.same("within a batch; another click is not moved", []int{0, 1, 0}, seconds(first))
	w.settle(first, conversions.Answer{Verdict: conversions.Retry})
	second := w.begin(rows[0], rows[3])
	w.same("apart from an earlier batch", []int{2, 3}, seconds(second))
	w.settle(second, conversions.Answer{Verdict: conversions.Retry})
	w.reopen()
	again := w.begin(rows[3], rows[2], rows[1], rows[0])
	w.same("each keeps its second", []int{3, 1, 0, 2}, seconds(again))
	w.settle(again, conversions.Answer{Verdict: conversions.Retry})
	_, err := w.s.Forget(w.Context(), account, source, "L2")
	w.must(err)
	w.same("also when another's was erased", []int{1, 3}, seconds(w.begin(rows[2], rows[3])))
	_, offset := again.Items[0].At.Zone()
	w.same("the zone stays", 2*60*60, offset)
}

func beginStored(w *world) {
	rows := w.booked("L1", "L2")
	_, err := w.s.Forget(w.Context(), account, source, "L2")
	w.must(err)
	b := w.batch(rows...)
	given := slices.Clone(b.Items)
	got, err := w.s.Begin(w.Context(), w.hold(), b)
	w.must(err)
	w.same("the caller's items", given, b.Items)
	want := b
	want.SentAt, want.Attempts = b.Created, 1
	want.Items = slices.Clone(b.Items)
	want.Items[0].ClickID = click("L1")
	w.same("batch", want, got)
	filled, err := w.s.Fill(w.Context(), account, b.Items)
	w.must(err)
	w.same("filled items", want.Items, filled)
	for _, r := range w.rows() {
		w.same("state while in flight", conversions.StateSending, r.State)
	}
	sent := w.ledger()[2]
	w.same("sent entry", conversions.Entry{
		Seq: sent.Seq, Account: account, Kind: conversions.EntrySent, At: w.now, Batch: b.ID, Target: &b.Target, Count: 2,
	}, sent)
	if _, err := w.s.Begin(w.Context(), w.lease, b); err == nil {
		w.Error("Begin of a batch id that is taken: no error")
	}
}

func unansweredFound(w *world) {
	rows := w.booked("L1", "L2", "L3")
	one := w.begin(rows[0], rows[1])
	w.now = w.now.Add(time.Minute)
	two := w.begin(rows[2])
	w.reopen()
	batches, err := w.s.Unanswered(w.Context(), account)
	w.must(err)
	w.same("batches", []conversions.Batch{one, two}, batches)
	for _, it := range batches[0].Items {
		if _, offset := it.At.Zone(); offset != 2*60*60 || it.ClickID == "" {
			w.Errorf("item: offset %d, click id set: %t; want 7200 and true", offset, it.ClickID != "")
		}
	}
	_, err = w.s.Forget(w.Context(), account, source, "L1")
	w.must(err)
	w.settle(two, conversions.Answer{Verdict: conversions.Done})
	batches, err = w.s.Unanswered(w.Context(), account)
	w.must(err)
	one.Items[0].ClickID = ""
	w.same("after one was answered and one lead forgotten", []conversions.Batch{one}, batches)
}

func sendsAgain(w *world) {
	b := w.begin(w.booked("L1")...)
	w.now = w.now.Add(time.Minute)
	again, err := w.s.Again(w.Context(), w.lease, b.ID, w.now)
	w.must(err)
	b.Attempts, b.SentAt = 2, w.now
	w.same("batch", b, again)
	batches, err := w.s.Unanswered(w.Context(), account)
	w.must(err)
	w.same("stored", []conversions.Batch{b}, batches)
	w.settle(b, conversions.Answer{Verdict: conversions.Done})
	for _, id := range []conversions.BatchID{b.ID, "never begun"} {
		if _, err := w.s.Again(w.Context(), w.lease, id, w.now); !errors.Is(err, conversions.ErrNotFound) {
			w.Errorf("Again of %s: got %v, want ErrNotFound", id, err)
		}
	}
}

func settlesChanged(w *world) {
	b := w.begin(w.booked("L1")...)
	settlement := w.settlement(b, conversions.Answer{Verdict: conversions.Done})
	more := w.tagged("L1", "booked")
	amount := conversions.Cents(900_00)
	more.Amounts.Actual, more.At, more.Received = &amount, w.now.Add(-9*time.Hour), w.now.Add(-9*time.Hour)
	w.add(more)
	w.fold() // while the row is in flight
	w.must(w.s.Settle(w.Context(), w.lease, settlement))
	r := w.row("L1")
	w.same("wanted", conversions.AmountOf(900_00), r.Want.Value)
	w.same("known", conversions.AmountOf(100_00), r.Known.Value)
	w.same("state", conversions.StateChangeDue, r.State)
	w.same("version", int64(2), r.Version)
}

func settlesOnce(w *world) {
	b := w.begin(w.booked("L1")...)
	settlement := w.settlement(b, conversions.Answer{Verdict: conversions.Done})
	w.must(w.s.Settle(w.Context(), w.lease, settlement))
	rows, ledger := w.rows(), w.ledger()
	if err := w.s.Settle(w.Context(), w.lease, settlement); !errors.Is(err, conversions.ErrNotFound) {
		w.Errorf("Settle of a settled batch: got %v, want ErrNotFound", err)
	}
	settlement.Batch = "never begun"
	if err := w.s.Settle(w.Context(), w.lease, settlement); !errors.Is(err, conversions.ErrNotFound) {
		w.Errorf("Settle of no batch: got %v, want ErrNotFound", err)
	}
	w.same("rows", rows, w.rows())
	w.same("ledger", ledger, w.ledger())
}

func settlesPartly(w *world) {
	rows := w.booked("L1", "L2", "L3")
	b := w.begin(rows...)
	settlement := w.settlement(b, conversions.Answer{Verdict: conversions.Done})
	unknown := settlement
	unknown.Entries = slices.Clone(settlement.Entries)
	unknown.Entries[2].Row = 4711
	if err := w.s.Settle(w.Context(), w.lease, unknown); !errors.Is(err, conversions.ErrNotFound) {
		w.Errorf("Settle with an unknown row: got %v, want ErrNotFound", err)
	}
	w.same("after a refused settlement", 0, len(w.due()))
	settlement.Entries = settlement.Entries[:2]
	w.must(w.s.Settle(w.Context(), w.lease, settlement))
	w.same("due again", []string{"L3 booked"}, leadsOf(w.due()))
	w.same("as if not sent", rows[2], w.row("L3"))
	w.same("answered", conversions.StateDone, w.row("L1").State)
}

func records(w *world) {
	r := w.booked("L1")[0]
	w.now = r.Want.Deadline
	e, ok := r.Close(w.now)
	if !ok {
		w.Fatal("the row does not close at its deadline")
	}
	w.must(w.s.Record(w.Context(), w.lease, []conversions.Entry{e}))
	closed := w.row("L1")
	w.same("row", r.Apply(e), closed)
	w.same("due", 0, len(w.due()))
	got := w.ledger()
	e.Seq = got[len(got)-1].Seq
	w.same("entry", e, got[len(got)-1])
	rows, err := w.s.Rows(w.Context(), account, []conversions.RowID{r.ID, 4711})
	w.must(err)
	w.same("rows by id", []conversions.Row{closed}, rows)
}

func recordsInTurn(w *world) {
	r := w.booked("L1")[0]
	want := r.Want
	want.Value = conversions.AmountOf(5_00)
	es := []conversions.Entry{
		{Account: account, Row: r.ID, Kind: conversions.EntryDecided, At: w.now, Version: 2, Want: &want},
		{Account: account, Row: r.ID, Kind: conversions.EntryClosed, At: w.now, Version: 2, Reason: conversions.ReasonExpired},
	}
	w.must(w.s.Record(w.Context(), w.lease, es))
	w.same("row", r.Apply(es[0]).Apply(es[1]), w.row("L1"))
}

func pauses(w *world) {
	w.hold()
	whole := conversions.Paused{
		Account: account, Since: w.now, ProbeAt: w.now.Add(conversions.ProbeEvery),
		Answer: conversions.Answer{Verdict: conversions.Pause, Code: "AuthorizationError.USER_PERMISSION_DENIED", Scope: conversions.ScopeAccount},
	}
	one := whole
	one.Action = "101"
	for _, p := range []conversions.Paused{whole, one, one} {
		w.must(w.s.Pause(w.Context(), w.lease, p))
	}
	one.ProbeAt = one.ProbeAt.Add(time.Hour)
	w.must(w.s.Pause(w.Context(), w.lease, one))
	w.reopen()
	got, err := w.s.Pauses(w.Context(), account)
	w.must(err)
	w.same("pauses", []conversions.Paused{whole, one}, got)
	for range 2 {
		w.must(w.s.Resume(w.Context(), w.lease, "101", w.now))
	}
	got, err = w.s.Pauses(w.Context(), account)
	w.must(err)
	w.same("pauses after one was resumed", []conversions.Paused{whole}, got)
	var told []string
	for _, e := range w.ledger() {
		told = append(told, fmt.Sprintf("%s %s", e.Kind, e.Action))
	}
	w.same("ledger", []string{"paused ", "paused 101", "resumed 101"}, told)
}
