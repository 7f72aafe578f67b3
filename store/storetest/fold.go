package storetest

import (
	"errors"
	"time"

	"closeloop/conversions"
)

func unfoldedOrder(w *world) {
	quiet := w.tagged("", "")
	quiet.Kind = "endpoint.test"
	w.add(quiet) // about no lead: nothing to fold
	w.add(w.tagged("L1", "quoted"), w.tagged("L2", "booked"), w.tagged("L1", "booked"), w.tagged("L3", "booked"))
	other := w.tagged("L1", "booked")
	other.Source = "another source"
	w.add(other)
	leads := func(limit int) (got []string) {
		works, err := w.s.Unfolded(w.Context(), account, limit)
		w.must(err)
		for _, work := range works {
			got = append(got, work.Source+" "+string(work.Lead))
			for _, e := range work.Events {
				if e.Lead != work.Lead || e.Source != work.Source {
					w.Errorf("%s %s has an event of %s %s", work.Source, work.Lead, e.Source, e.Lead)
				}
			}
		}
		return got
	}
	w.same("all", []string{"varda L1", "varda L2", "varda L3", "another source L1"}, leads(10))
	w.same("two", []string{"varda L1", "varda L2"}, leads(2))
	works, err := w.s.Unfolded(w.Context(), account, 1)
	w.must(err)
	w.same("events of the first lead", 2, len(works[0].Events))
	w.must(w.s.Decide(w.Context(), w.hold(), []conversions.Decision{w.decide(works[0])}))
	w.fold()
	w.same("after all were decided", 0, len(leads(10)))
	w.same("rows", 5, len(w.rows())) // L1 has two stages
	w.add(w.tagged("L1", "spam"))
	works, err = w.s.Unfolded(w.Context(), account, 10)
	w.must(err)
	if len(works) != 1 || len(works[0].Events) != 3 || len(works[0].Rows) != 2 {
		w.Fatalf("a lead with a new event: got %+v, want it whole", works)
	}
}

func inboxNotLost(w *world) {
	w.add(w.tagged("L1", conversions.OutcomeBooked))
	works, err := w.s.Unfolded(w.Context(), account, 10)
	w.must(err)
	w.add(w.tagged("L1", conversions.OutcomeSpam)) // meanwhile
	w.must(w.s.Decide(w.Context(), w.hold(), []conversions.Decision{w.decide(works[0])}))
	w.same("decided from what was read", conversions.StateQueued, w.row("L1").State)
	w.fold()
	w.same("decided again", conversions.StateSkipped, w.row("L1").State)
	works, err = w.s.Unfolded(w.Context(), account, 10)
	w.must(err)
	w.same("left in the inbox", 0, len(works))
}

func decides(w *world) {
	ns := 789 * time.Nanosecond // more than a store keeps
	w.now = w.now.Add(ns)
	r := w.booked("L1")[0]
	key := conversions.Key{Account: account, Source: source, Lead: "L1", Stage: conversions.StageBooked}
	w.same("key", key, r.Key)
	w.same("order id", key.OrderID(), r.OrderID)
	w.same("version", int64(1), r.Version)
	w.same("value", conversions.AmountOf(100_00), r.Want.Value)
	if r.ID <= 0 {
		w.Errorf("id %d, want it positive", r.ID)
	}
	again := w.tagged("L1", conversions.OutcomeBooked)
	more := conversions.Cents(250_00)
	again.Amounts.Actual, again.At, again.Received = &more, w.now.Add(-9*time.Hour), w.now.Add(-9*time.Hour)
	w.add(again)
	w.fold()
	changed := w.row("L1")
	w.same("id stays", r.ID, changed.ID)
	w.same("version grows", int64(2), changed.Version)
	w.same("new value", conversions.AmountOf(250_00), changed.Want.Value)
	entries := w.ledger()
	if len(entries) != 2 || entries[0].Key == nil || *entries[0].Key != key || entries[0].Row != r.ID || entries[1].Key != nil {
		w.Errorf("ledger: got %+v, want one entry that creates the row and one that changes it", entries)
	}
	err := w.s.Decide(w.Context(), w.lease, []conversions.Decision{{Source: source, Lead: "L9", Entries: []conversions.Entry{
		{Account: account, Row: 4711, Kind: conversions.EntryDecided, At: w.now, Version: 2, Want: &changed.Want},
	}}})
	if !errors.Is(err, conversions.ErrNotFound) {
		w.Errorf("Decide on an unknown row: got %v, want ErrNotFound", err)
	}
	w.same("ledger after a refused decision", 2, len(w.ledger()))
}

// clickFollows has a lead whose click id becomes another, and then none.
func clickFollows(w *world) {
	first := w.tagged("L1", conversions.OutcomeBooked)
	w.add(first)
	w.fold()
	found := func(click string) int {
		rows, err := w.s.List(w.Context(), conversions.Filter{Account: account, ClickID: click})
		w.must(err)
		return len(rows)
	}
	w.same("rows of the first click id", 1, found(click("L1")))
	r := w.row("L1")
	for i, next := range []string{"CjwKCAother", ""} {
		want := r.Want
		w.must(w.s.Record(w.Context(), w.lease, []conversions.Entry{{
			Account: account, Row: r.ID, Kind: conversions.EntryDecided, At: w.now, Version: int64(i + 2), Want: &want, ClickID: next,
		}}))
		w.same("rows of the first click id after a change", 0, found(click("L1")))
		w.same("rows of the other click id", len(next)/len("CjwKCAother"), found("CjwKCAother"))
	}
}

// timeFollows has a row whose conversion time becomes another, and stays.
func timeFollows(w *world) {
	r := w.booked("L1")[0]
	listed := func(at time.Time) int {
		rows, err := w.s.List(w.Context(), conversions.Filter{Account: account, From: at, To: at.Add(time.Second)})
		w.must(err)
		return len(rows)
	}
	before, want := r.Want.At, r.Want
	want.At = before.Add(-3 * time.Hour)
	for i, e := range []conversions.Entry{
		{Kind: conversions.EntryDecided, Version: 2, Want: &want},
		{Kind: conversions.EntryClosed, Reason: conversions.ReasonExpired},
	} {
		w.same("rows of the first time", 1-i, listed(before))
		e.Account, e.Row, e.At = account, r.ID, w.now
		w.must(w.s.Record(w.Context(), w.lease, []conversions.Entry{e}))
		w.same("rows of the first time after a change", 0, listed(before))
		w.same("rows of the other time", 1, listed(want.At))
	}
}

func foreignEntries(w *world) {
	r := w.booked("L1")[0]
	lease, err := w.s.Acquire(w.Context(), "other", "the case", w.now)
	w.must(err)
	late := conversions.Entry{Row: r.ID, Kind: conversions.EntryClosed, At: w.now, Reason: conversions.ReasonExpired}
	for _, named := range []conversions.AccountID{account, "other"} {
		late.Account = named
		if err := w.s.Record(w.Context(), lease, []conversions.Entry{late}); err == nil {
			w.Errorf("Record of account %s on a row of %s under the lease of other: no error", named, account)
		}
	}
	stray := conversions.Entry{Account: account, Kind: conversions.EntryResumed, At: w.now} // about no row
	if err := w.s.Record(w.Context(), lease, []conversions.Entry{stray}); err == nil {
		w.Error("Record of another account's entry about no row: no error")
	}
	key := conversions.Key{Account: account, Source: source, Lead: "L2", Stage: conversions.StageBooked}
	created := conversions.Entry{Account: "other", Kind: conversions.EntryDecided, At: w.now, Version: 1, Key: &key, Want: &r.Want}
	if err := w.s.Decide(w.Context(), lease, []conversions.Decision{{Source: source, Lead: "L2", Entries: []conversions.Entry{created}}}); err == nil {
		w.Error("Decide that creates another account's row: no error")
	}
	if _, err := w.s.Begin(w.Context(), lease, w.batch(r)); err == nil {
		w.Error("Begin of another account's batch: no error")
	}
	w.same("row", r, w.row("L1"))
}

func refolds(w *world) {
	w.booked("never sent", "refused", "done", "in flight", "asked to wait")
	for lead, a := range map[conversions.LeadID]conversions.Answer{
		"refused": {Verdict: conversions.Refused}, "done": {Verdict: conversions.Done},
		"asked to wait": {Verdict: conversions.Later, Wait: time.Hour},
	} {
		w.settle(w.begin(w.row(lead)), a)
	}
	w.begin(w.row("in flight"))
	refold := func(fingerprint string) int {
		n, err := w.s.Refold(w.Context(), w.lease, fingerprint)
		w.must(err)
		return n
	}
	w.same("first fingerprint", 2, refold("one"))
	works, err := w.s.Unfolded(w.Context(), account, 10)
	w.must(err)
	leads := map[conversions.LeadID]bool{}
	for _, work := range works {
		leads[work.Lead] = len(work.Events) == 1 && len(work.Rows) == 1
	}
	w.same("leads", map[conversions.LeadID]bool{"never sent": true, "asked to wait": true}, leads)
	w.same("same fingerprint", 0, refold("one"))
	w.fold()
	w.reopen()
	w.same("same fingerprint after a reopen", 0, refold("one"))
	w.same("new fingerprint", 2, refold("two"))
	works, err = w.s.Unfolded(w.Context(), account, 10)
	w.must(err)
	w.same("new fingerprint once more before the fold", 2, refold("three"))
	for _, work := range works { // decided under two, but three came meanwhile
		w.must(w.s.Decide(w.Context(), w.lease, []conversions.Decision{w.decide(work)}))
	}
	works, err = w.s.Unfolded(w.Context(), account, 10)
	w.must(err)
	w.same("leads left for the latest rules", 2, len(works))
}
