package storetest

import (
	"errors"
	"time"

	"closeloop/conversions"
)

// mixed makes rows of many kinds.
func (w *world) mixed() {
	w.Helper()
	w.add(w.tagged("quote", "quoted"), w.tagged("queued", "quoted"), w.tagged("taken back", "booked"))
	w.add(w.tagged("queued", "booked")) // beside its quote
	w.booked("done", "flying", "refused")
	back := w.tagged("taken back", "spam")
	back.At, back.Received = w.now, w.now
	bare := w.tagged("no click", "booked")
	bare.Person = conversions.Person{}
	early := w.tagged("early", "booked")
	early.At, early.Received = w.now.Add(-50*time.Hour), w.now.Add(-50*time.Hour)
	w.add(back, bare, early)
	w.fold()
	w.settle(w.begin(w.row("done")), conversions.Answer{Verdict: conversions.Done})
	w.settle(w.begin(w.row("refused")), conversions.Answer{Verdict: conversions.Refused})
	w.begin(w.row("flying"))
}

func filters(w *world) {
	w.mixed()
	early := w.row("early")
	cases := []struct {
		name   string
		filter conversions.Filter
		want   []string
	}{
		{"by state done", conversions.Filter{State: conversions.StateDone}, []string{"done booked"}},
		{"by state sending", conversions.Filter{State: conversions.StateSending}, []string{"flying booked"}},
		{"by state waiting", conversions.Filter{State: conversions.StateWaiting}, []string{"no click booked"}},
		{
			"by state queued",
			conversions.Filter{Account: account, State: conversions.StateQueued},
			[]string{"queued booked", "quote quoted", "queued quoted", "early booked"},
		},
		{"by stage", conversions.Filter{Stage: conversions.StageQuoted}, []string{"quote quoted", "queued quoted"}},
		{"by lead", conversions.Filter{Account: account, Lead: "queued"}, []string{"queued booked", "queued quoted"}},
		{"by click id", conversions.Filter{ClickID: click("early")}, []string{"early booked"}},
		{"by order id", conversions.Filter{OrderID: early.OrderID}, []string{"early booked"}},
		{"until", conversions.Filter{To: early.Want.At.Add(time.Second)}, []string{"early booked"}},
		{"until, exclusive", conversions.Filter{To: early.Want.At}, []string{}},
		{"of a second", conversions.Filter{From: early.Want.At, To: early.Want.At.Add(time.Second)}, []string{"early booked"}},
		{"of another account", conversions.Filter{Account: "other"}, []string{}},
		{"of all", conversions.Filter{State: conversions.StateDone, Stage: conversions.StageQuoted}, []string{}},
	}
	for _, c := range cases {
		rows, err := w.s.List(w.Context(), c.filter)
		w.must(err)
		got := map[string]bool{}
		for _, l := range leadsOf(rows) {
			got[l] = true
		}
		want := map[string]bool{}
		for _, l := range c.want {
			want[l] = true
		}
		w.same(c.name, want, got)
	}
}

func listContinues(w *world) {
	w.mixed()
	all, err := w.s.List(w.Context(), conversions.Filter{})
	w.must(err)
	for i := range all[1:] {
		a, b := all[i], all[i+1]
		if a.Want.At.Before(b.Want.At) || a.Want.At.Equal(b.Want.At) && a.ID < b.ID {
			w.Errorf("row %d of %s stands before row %d of %s", a.ID, a.Want.At, b.ID, b.Want.At)
		}
	}
	var pages []conversions.Row
	f := conversions.Filter{Limit: 3}
	for {
		page, err := w.s.List(w.Context(), f)
		w.must(err)
		if len(page) == 0 {
			break
		}
		pages = append(pages, page...)
		f.After = &page[len(page)-1]
	}
	w.same("pages together", all, pages)
}

func totals(w *world) {
	w.mixed()
	for name, f := range map[string]conversions.Filter{
		"all": {}, "account": {Account: account}, "state": {State: conversions.StateSending},
		"stage": {Stage: conversions.StageQuoted}, "lead": {Lead: "queued"}, "none": {Account: "other"},
	} {
		w.sameTotals(name, f)
	}
}

// sameTotals compares totals with the sums of the list.
func (w *world) sameTotals(name string, f conversions.Filter) {
	w.Helper()
	rows, err := w.s.List(w.Context(), f)
	w.must(err)
	want := map[conversions.Total]conversions.Total{}
	for _, r := range rows {
		key := conversions.Total{Account: r.Key.Account, Stage: r.Key.Stage, State: r.State, Reason: r.Reason, Currency: r.Want.Currency}
		sum, found := want[key]
		if !found {
			sum = key
		}
		sum.Rows++
		if r.Want.Wanted {
			sum.Wanted += r.Want.Value.Cents
		}
		if r.Known.Status == conversions.KnownThere {
			sum.Known += r.Known.Value.Cents
		}
		want[key] = sum
	}
	list, err := w.s.Totals(w.Context(), f)
	w.must(err)
	got := map[conversions.Total]conversions.Total{}
	for _, t := range list {
		key := t
		key.Rows, key.Wanted, key.Known = 0, 0, 0
		got[key] = t
	}
	w.same("totals of "+name, want, got)
	w.same("lines of "+name, len(want), len(list))
}

func received(w *world) {
	w.add(w.tagged("L1", "booked"), w.tagged("L1", "booked"), w.tagged("L2", "quoted"))
	ping := conversions.Event{Account: account, Source: source, Kind: "ping", Body: [16]byte{1}, Received: w.now}
	other := conversions.Event{Account: "other", Source: "b", Kind: "ping", Body: [16]byte{2}, Received: w.now.Add(time.Hour)}
	w.add(ping, other)
	tag := conversions.EventKind("call.outcome_tagged")
	all := []conversions.Received{
		{Account: account, Source: source, Kind: tag, Outcome: "booked", Events: 2},
		{Account: account, Source: source, Kind: tag, Outcome: "quoted", Events: 1},
		{Account: account, Source: source, Kind: "ping", Events: 1},
		{Account: "other", Source: "b", Kind: "ping", Events: 1},
	}
	for _, c := range []struct {
		name   string
		filter conversions.Filter
		want   []conversions.Received
	}{
		{"all", conversions.Filter{}, all},
		{"an account's", conversions.Filter{Account: account}, all[:3]},
		{"a lead's", conversions.Filter{Lead: "L2"}, all[1:2]},
		{"since", conversions.Filter{From: w.now}, all[2:]},
		{"before", conversions.Filter{From: w.now, To: w.now.Add(time.Hour)}, all[2:3]},
	} {
		got, err := w.s.Received(w.Context(), c.filter)
		w.must(err)
		w.same(c.name, c.want, got)
	}
}

func historyOfFailures(w *world) {
	w.booked("L1")
	w.booked("L2")
	failed := w.begin(w.row("L1"))
	call := conversions.Answer{Verdict: conversions.Retry, Code: "gRPC.UNAVAILABLE"}
	w.must(w.s.Settle(w.Context(), w.lease, conversions.Settlement{Batch: failed.ID, At: w.now, Call: &call}))
	h, err := w.s.History(w.Context(), account, w.row("L1").ID)
	w.must(err)
	if len(h.Batches) != 1 || h.Batches[0].ID != failed.ID || h.Batches[0].Call == nil {
		w.Errorf("batches of a row whose only call failed: %+v", h.Batches)
	}
	h, err = w.s.History(w.Context(), account, w.row("L2").ID)
	w.must(err)
	w.same("batches of another row", 0, len(h.Batches))
}

func historyWhole(w *world) {
	e := w.tagged("L1", "booked")
	e.Amounts = conversions.Amounts{}
	w.add(e)
	w.booked("L2")
	w.booked("L1")
	r := w.row("L1")
	first := w.begin(r, w.row("L2"))
	w.now = w.now.Add(time.Minute)
	_, err := w.s.Again(w.Context(), w.lease, first.ID, w.now)
	w.must(err)
	call := conversions.Answer{Verdict: conversions.Retry, Code: "InternalError.TRANSIENT_ERROR"}
	settlement := w.settlement(first, call)
	settlement.Call = &call
	w.must(w.s.Settle(w.Context(), w.lease, settlement))
	w.settle(w.begin(w.row("L2")), conversions.Answer{Verdict: conversions.Done}) // another row's
	w.now = w.now.Add(time.Hour)
	second := w.begin(w.row("L1"))

	h, err := w.s.History(w.Context(), account, r.ID)
	w.must(err)
	w.same("row", w.row("L1"), h.Row)
	w.same("state", conversions.StateSending, h.Row.State)
	if len(h.Events) != 2 || h.Events[0].Seq >= h.Events[1].Seq || h.Events[1].Person.Clicks[0].ID != click("L1") {
		w.Errorf("events: got %+v, want both, with side rows, in order", h.Events)
	}
	var kinds []conversions.EntryKind
	for i, e := range h.Entries {
		if kinds = append(kinds, e.Kind); e.Row != r.ID || i > 0 && e.Seq <= h.Entries[i-1].Seq {
			w.Errorf("entry %d of row %d is out of place", e.Seq, e.Row)
		}
	}
	w.same("entries", []conversions.EntryKind{"decided", "decided", "answered"}, kinds)
	w.same("batches", []conversions.BatchRecord{
		{
			ID: first.ID, Account: account, Run: "run", Target: first.Target, Created: first.Created, SentAt: first.Created.Add(time.Minute),
			Attempts: 2, Rows: 2, JobID: 42, RequestID: "request", Settled: first.Created.Add(time.Minute), Call: &call,
		},
		{ID: second.ID, Account: account, Run: "run", Target: second.Target, Created: w.now, SentAt: w.now, Attempts: 1, Rows: 1},
	}, h.Batches)
	for _, a := range []conversions.AccountID{account, "other"} {
		id := r.ID
		if a == account {
			id = 4711
		}
		if _, err := w.s.History(w.Context(), a, id); !errors.Is(err, conversions.ErrNotFound) {
			w.Errorf("history of row %d of %s: got %v, want ErrNotFound", id, a, err)
		}
	}
}

func ledgerPages(w *world) {
	w.booked("L1", "L2", "L3")
	other, err := w.s.Acquire(w.Context(), "other", "the case", w.now)
	w.must(err)
	w.must(w.s.Pause(w.Context(), other, conversions.Paused{Account: "other", Since: w.now}))
	w.booked("L4")
	all := w.ledger()
	w.same("entries", 4, len(all))
	var pages []conversions.Entry
	for after := int64(0); ; after = pages[len(pages)-1].Seq {
		page, err := w.s.Ledger(w.Context(), account, after, 3)
		w.must(err)
		if len(page) == 0 {
			break
		}
		pages = append(pages, page...)
	}
	w.same("pages together", all, pages)
}

func accounts(w *world) {
	none, err := w.s.Accounts(w.Context())
	w.must(err)
	w.same("at first", 0, len(none))
	for i, a := range []conversions.AccountID{"b", "a", "b", "c"} {
		w.add(conversions.Event{Account: a, Source: source, Kind: "ping", Body: [16]byte{byte(i)}, Received: w.now})
	}
	got, err := w.s.Accounts(w.Context())
	w.must(err)
	w.same("accounts", []conversions.AccountID{"a", "b", "c"}, got)
}

// accountsApart has two accounts with the same lead and click.
func accountsApart(w *world) {
	mine := w.booked("L1")[0]
	other := &world{T: w.T, d: w.d, name: w.name, s: w.s, now: w.now, account: "other", bodies: 500}
	theirs := other.booked("L1")[0]
	if mine.ID == theirs.ID {
		w.Errorf("rows of two accounts share the id %d", mine.ID)
	}
	rows, err := w.s.Rows(w.Context(), account, []conversions.RowID{mine.ID, theirs.ID})
	w.must(err)
	w.same("rows of an account", []conversions.Row{mine}, rows)
	w.begin(mine)
	w.same("the other's due", []conversions.Row{theirs}, other.due())
	b := other.begin(theirs)
	w.same("the other's second", theirs.Want.At, b.Items[0].At.UTC())
	n, err := w.s.Forget(w.Context(), account, source, "L1")
	w.must(err)
	w.same("forgotten", 1, n)
	found, err := w.s.List(w.Context(), conversions.Filter{ClickID: click("L1")})
	w.must(err)
	w.same("found by the click id", []string{"L1 booked"}, leadsOf(found))
	w.same("whose", conversions.AccountID("other"), found[0].Key.Account)
}
