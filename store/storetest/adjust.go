package storetest

import (
	"slices"
	"time"

	"closeloop/conversions"
)

func dueOnly(w *world) {
	w.uploaded("more", "gone")
	old := w.tagged("new", "booked")
	old.At, old.Received = w.now.Add(-20*24*time.Hour), w.now.Add(-20*24*time.Hour)
	bare := w.tagged("no click", "booked")
	bare.Person = conversions.Person{}
	w.add(old, bare)
	w.retag("more", "booked", 300_00)
	w.retag("gone", "spam", 0)
	w.fold()
	w.now = w.row("no click").Want.WaitUntil
	for only, want := range map[conversions.Operation][]string{
		conversions.OpUpload:  {"new booked"},
		conversions.OpRestate: {"more booked"},
		conversions.OpRetract: {"gone booked"},
		// An upload has 90 days after the lead, an adjustment 54 after the conversion.
		conversions.OpNone: {"more booked", "gone booked", "new booked", "no click booked"},
	} {
		w.same("claim of "+string(only), want, leadsOf(w.claimed(only)))
	}
	first, err := w.s.Due(w.Context(), account, conversions.Claim{Now: w.now, Limit: 1, Only: conversions.OpUpload})
	w.must(err)
	w.same("the limit counts what is left", []string{"new booked"}, leadsOf(first))
	w.settle(w.begin(w.row("more")), conversions.Answer{Verdict: conversions.Done})
	w.same("restatements after one was made", 0, len(w.claimed(conversions.OpRestate)))
	w.begin(w.row("gone"))
	w.same("retractions while one is in flight", 0, len(w.claimed(conversions.OpRetract)))
}

// dueWhereUploaded has an account whose conversion action was replaced after
// the upload.
func dueWhereUploaded(w *world) {
	w.uploaded("L1")
	r := w.retagged("L1", "booked", 300_00)
	want := r.Want
	want.Action, want.ChangeDue = "999", w.now.Add(789*time.Nanosecond) // finer than a column
	w.must(w.s.Record(w.Context(), w.lease, []conversions.Entry{
		{Account: account, Row: r.ID, Kind: conversions.EntryDecided, At: w.now, Version: r.Version + 1, Want: &want},
	}))
	w.same("due time", w.now, w.row("L1").Due)
	w.same("without the new action", 1, len(w.due("999")))
	w.same("without the action of the upload", 0, len(w.due("101")))
}

// fullyEqual compares items, times with their zones.
func (w *world) fullyEqual(what string, want, got []conversions.Item) {
	w.Helper()
	w.same(what, want, got)
	for i := range want {
		for _, pair := range [][2]time.Time{{want[i].At, got[i].At}, {want[i].AdjustAt, got[i].AdjustAt}} {
			w.same(what+": a time as written", pair[0].Format(time.RFC3339Nano), pair[1].Format(time.RFC3339Nano))
		}
	}
}

func beginAdjusts(w *world) {
	w.uploaded("more", "gone")
	w.booked("new")
	w.retag("more", "booked", 300_00)
	w.retagged("gone", "spam", 0)
	b := w.batch()
	for _, lead := range []conversions.LeadID{"more", "gone", "new"} {
		b.Items = append(b.Items, w.row(lead).Item(time.FixedZone("", -(4*60+30)*60), w.now.Add(789*time.Millisecond)))
	}
	want := slices.Clone(b.Items)
	for i, lead := range []conversions.LeadID{"more", "gone", "new"} {
		want[i].ClickID = click(lead)
	}
	w.same("operations", []conversions.Operation{"restate", "retract", "upload"}, []conversions.Operation{want[0].Op, want[1].Op, want[2].Op})
	begun, err := w.s.Begin(w.Context(), w.lease, b)
	w.must(err)
	w.fullyEqual("items", want, begun.Items)
	w.reopen()
	w.now = w.now.Add(time.Minute)
	again, err := w.s.Again(w.Context(), w.lease, b.ID, w.now)
	w.must(err)
	w.fullyEqual("items sent again", want, again.Items)
	_, err = w.s.Forget(w.Context(), account, source, "more")
	w.must(err)
	batches, err := w.s.Unanswered(w.Context(), account)
	w.must(err)
	want[0].ClickID = ""
	w.fullyEqual("items after one lead was forgotten", want, batches[0].Items)
}

// adjustsTakeNoSecond has three leads with one click id and one second.
func adjustsTakeNoSecond(w *world) {
	for _, lead := range []conversions.LeadID{"L1", "L2", "L3"} {
		e := w.tagged(lead, "booked")
		e.Person.Clicks[0].ID = "CjwKCAshared"
		w.add(e)
	}
	w.fold()
	w.settle(w.begin(w.row("L1"), w.row("L2")), conversions.Answer{Verdict: conversions.Done})
	w.retag("L1", "booked", 300_00)
	w.retag("L2", "booked", 300_00)
	w.fold()
	b := w.batch(w.row("L1"), w.row("L2"), w.row("L3"))
	at := b.Items[0].At
	for i, after := range []time.Duration{2, 0} {
		b.Items[i].At = at.Add(after * time.Second) // a second of nobody's, and another row's
	}
	begun, err := w.s.Begin(w.Context(), w.lease, b)
	w.must(err)
	for i, after := range []time.Duration{2, 0, 2} {
		w.same("second of "+string(begun.Items[i].Op), after*time.Second, begun.Items[i].At.Sub(at))
	}
}

func changeShown(w *world) {
	w.uploaded("more", "gone", "unclear")
	w.retag("gone", "spam", 0)
	w.retag("more", "booked", 300_00)
	w.retag("unclear", "booked", 250_00)
	w.fold()
	silent := w.begin(w.booked("silent")...)
	w.retagged("silent", "spam", 0)
	w.must(w.s.Settle(w.Context(), w.lease, conversions.Settlement{Batch: silent.ID, At: w.now, Entries: []conversions.Entry{
		w.row("silent").Abandon(silent, silent.Items[0], w.now), // it may be there, so nothing is known to be
	}}))
	w.same("known before", map[conversions.State]conversions.Cents{conversions.StateChangeDue: 300_00}, w.known())
	b := w.begin(w.row("more"), w.row("gone"))
	w.settle(b, conversions.Answer{Verdict: conversions.Done})
	w.settle(w.begin(w.row("unclear")), conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByNewerAdjustment})
	w.same("known after", map[conversions.State]conversions.Cents{
		conversions.StateDone: 300_00, conversions.StateRetracted: 0, conversions.StateChangeDue: 0,
	}, w.known())
	w.sameTotals("changes", conversions.Filter{})
	more := w.row("more")
	w.same("value at Google", conversions.AmountOf(300_00), more.Known.Value)
	w.same("time of the change", b.Items[0].AdjustAt, more.AdjustedAt)
	w.same("retracted", conversions.KnownRetracted, w.row("gone").Known.Status)

	h, err := w.s.History(w.Context(), account, more.ID)
	w.must(err)
	w.same("row", more, h.Row)
	w.same("batches", 2, len(h.Batches))
	w.same("entries", 4, len(h.Entries))
	sent, rebuilt := *h.Entries[3].Item, conversions.Row{}
	for _, e := range h.Entries {
		rebuilt = rebuilt.Apply(e)
	}
	w.same("rebuilt", more, rebuilt)
	want := b.Items[0]
	want.ClickID = ""
	w.fullyEqual("what the ledger says was sent", []conversions.Item{want}, []conversions.Item{sent})
}

// known sums by state what Google is known to hold.
func (w *world) known() map[conversions.State]conversions.Cents {
	w.Helper()
	list, err := w.s.Totals(w.Context(), conversions.Filter{Account: w.account})
	w.must(err)
	sums := map[conversions.State]conversions.Cents{}
	for _, t := range list {
		sums[t.State] += t.Known
	}
	return sums
}

// retractedMeanwhile: what the fold decided before the answer is written after it.
func retractedMeanwhile(w *world) {
	w.uploaded("back")
	w.retagged("back", "spam", 0)
	b := w.begin(w.row("back"))
	w.now = w.now.Add(time.Hour)
	w.retag("back", "booked", 300_00)
	decided := w.decide(w.unfolded()[0]) // while the retraction is in flight
	w.settle(b, conversions.Answer{Verdict: conversions.Done})
	w.must(w.s.Decide(w.Context(), w.hold(), []conversions.Decision{decided}))
	if works := w.unfolded(); len(works) != 1 || works[0].Lead != "back" || len(works[0].Events) != 3 {
		w.Fatalf("inbox: got %+v, want the lead that came back, whole", works)
	}
	w.fold()
	rows := w.rows()
	w.same("rows", 2, len(rows))
	w.same("first generation", conversions.StateRetracted, rows[0].State)
	w.same("next generation", 1, rows[1].Key.Generation)
	w.same("wanted of it", conversions.AmountOf(300_00), rows[1].Want.Value)
	w.same("inbox afterwards", 0, len(w.unfolded()))
	w.fold()
	w.same("inbox after a fold of nothing", 0, len(w.unfolded()))
}

func retractedLate(w *world) {
	w.uploaded("back", "gone")
	w.retag("back", "spam", 0)
	w.retag("gone", "spam", 0)
	w.fold()
	b := w.begin(w.row("back"), w.row("gone"))
	w.now = w.now.Add(time.Hour)
	w.retagged("back", "booked", 300_00) // while the retraction is in flight
	w.same("inbox before the answer", 0, len(w.unfolded()))
	w.settle(b, conversions.Answer{Verdict: conversions.Done})
	works := w.unfolded()
	if len(works) != 1 || works[0].Lead != "back" || len(works[0].Events) != 3 || len(works[0].Rows) != 1 {
		w.Fatalf("inbox: got %+v, want the lead that came back, whole", works)
	}
	w.fold()
	rows := w.rows()
	w.same("rows", 3, len(rows))
	w.same("first generation", conversions.StateRetracted, rows[0].State)
	w.same("next generation", 1, rows[2].Key.Generation)
	w.same("wanted of it", conversions.AmountOf(300_00), rows[2].Want.Value)
	if rows[2].OrderID == rows[0].OrderID {
		w.Error("both generations have the same order id")
	}
	w.same("inbox afterwards", 0, len(w.unfolded()))
	w.settle(w.begin(rows[2]), conversions.Answer{Verdict: conversions.Done})
	w.same("inbox after the upload", 0, len(w.unfolded()))
	w.settle(w.begin(rows[0]), conversions.Answer{Verdict: conversions.Retry})
	w.same("inbox after an answer to what was retracted before", 0, len(w.unfolded()))
	w.booked("never sent")
	n, err := w.s.Refold(w.Context(), w.lease, "rules")
	w.must(err)
	w.same("leads of the first rules", 1, n)
}

// retractedTwice has a lead whose two stages come back, each while its
// retraction is in flight; the second is answered between the reading of the
// first's notice and the decision.
func retractedTwice(w *world) {
	w.add(w.tagged("L1", "quoted"), w.tagged("L1", "booked"))
	w.fold()
	rows := w.rows()
	w.settle(w.begin(rows...), conversions.Answer{Verdict: conversions.Done})
	w.retag("L1", "spam", 0)
	w.fold()
	rows = w.rows()
	one, two := w.begin(rows[0]), w.begin(rows[1])
	w.now = w.now.Add(time.Hour)
	w.retag("L1", "quoted", 100_00)
	w.retag("L1", "booked", 300_00)
	w.fold()
	_, err := w.s.Refold(w.Context(), w.lease, "rules")
	w.must(err)
	w.settle(one, conversions.Answer{Verdict: conversions.Done})
	works := w.unfolded()
	w.settle(two, conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByRetraction})
	w.must(w.s.Decide(w.Context(), w.lease, []conversions.Decision{w.decide(works[0])}))
	w.same("inbox after deciding the first", 1, len(w.unfolded()))
	w.fold()
	var generations []int
	for _, r := range w.rows() {
		generations = append(generations, r.Key.Generation)
	}
	w.same("generations", []int{0, 0, 1, 1}, generations)
	n, err := w.s.Refold(w.Context(), w.lease, "rules")
	w.must(err)
	w.same("leads of the same rules", 0, n)
}
