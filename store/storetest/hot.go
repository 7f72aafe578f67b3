package storetest

import (
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/store"
)

// Hot does with an empty store, opened to keep the clicks of contacts,
// whatever a service does all day for an account, and what people look up in
// one, or sum up over all. It checks nothing: a storage tests what statements it runs meanwhile.
func Hot(t *testing.T, s store.Store) {
	t.Helper()
	w := &world{T: t, s: s, account: account, now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)}
	_, err := s.Renew(t.Context(), w.hold(), w.now)
	w.must(err)
	w.hotInbox()
	w.hotRows()
	w.hotBatches()
	w.hotReports()
	w.must(s.Release(t.Context(), w.hold()))
}

// hotInbox takes deliveries: tags, others, copies, unreadable ones, clicks of
// contacts.
func (w *world) hotInbox() {
	tag, call := w.job("c1", "L1", 24), w.job("c1", "L1", 24)
	call.Kind, call.Outcome = "call.ended", ""
	w.add(tag, call, w.job("c1", "L2", 20), w.job("c2", "L3", 30), w.clickless("c1", "L4", conversions.OutcomeBooked, 5))
	_, err := w.s.Append(w.Context(), tag)
	w.must(err)
	_, err = w.s.Quarantine(w.Context(), w.quarantined(1))
	w.must(err)
	w.fold()
	w.add(w.visit("c1", "L5", 1)) // wakes leads of the contact
	w.fold()
	w.ofContact(w.s, -60, 60, 10)
}

// hotRows changes rows without a batch.
func (w *world) hotRows() {
	ctx := w.Context()
	w.retag("L2", conversions.OutcomeBooked, 300_00)
	w.fold()
	_, err := w.s.Advance(ctx, conversions.Plan{Account: account}, conversions.Plan{Account: account, Spec: "@daily", Next: w.now})
	w.must(err)
	_, err = w.s.Plan(ctx, account)
	w.must(err)
	w.must(w.s.Pause(ctx, w.hold(), conversions.Paused{Account: account, Action: "9", Since: w.now}))
	_, err = w.s.Pauses(ctx, account)
	w.must(err)
	w.must(w.s.Resume(ctx, w.hold(), "9", w.now))
	w.must(w.s.SaveFacts(ctx, w.hold(), conversions.Facts{Account: account}))
	_, err = w.s.Facts(ctx, account)
	w.must(err)
}

// hotBatches takes one batch through every state, and leaves one unanswered.
func (w *world) hotBatches() {
	ctx := w.Context()
	b := w.begin(w.due()[:1]...)
	_, err := w.s.Again(ctx, w.hold(), b.ID, w.now)
	w.must(err)
	w.submit(b, time.Minute)
	w.now = w.now.Add(time.Hour)
	w.nextPoll()
	for _, b := range w.polls(10) {
		w.poll(w.polled(b, accepted()))
	}
	w.settle(w.begin(w.due()[:1]...), conversions.Answer{Verdict: conversions.Done})
	b = w.begin(w.due()[:1]...)
	w.unanswered()
	_, err = w.s.Fill(ctx, account, b.Items)
	w.must(err)
	_, err = w.s.Uploaded(ctx, account, w.now.AddDate(0, -1, 0))
	w.must(err)
	_, err = w.s.LastAnswers(ctx, account, 20)
	w.must(err)
}

// hotReports reads what is asked of one account, a page of it, and sums that
// are kept.
func (w *world) hotReports() {
	ctx := w.Context()
	newest, err := w.s.List(ctx, conversions.Filter{Account: account, Limit: 1})
	w.must(err)
	row := newest[0]
	_, err = w.s.History(ctx, account, row.ID)
	w.must(err)
	for _, f := range []conversions.Filter{
		{},
		{After: &row},
		{State: conversions.StateSending},
		{State: conversions.StateQueued},
		{State: conversions.StateRefused},
		{Lead: "L1"},
		{OrderID: row.OrderID},
		{ClickID: click("L1")},
		{From: w.now.AddDate(0, -1, 0), To: w.now},
	} {
		f.Account, f.Limit = account, 50
		_, err := w.s.List(ctx, f)
		w.must(err)
	}
	_, err = w.s.Listed(ctx, account, []conversions.RowID{row.ID})
	w.must(err)
	_, err = w.s.Persons(ctx, account, []conversions.RowID{row.ID})
	w.must(err)
	window := conversions.Filter{From: w.now.AddDate(0, -1, 0).Add(time.Minute), To: w.now}
	ofOne := window
	ofOne.Account = account
	for _, f := range []conversions.Filter{{}, {Account: account}, window, ofOne} {
		_, err := w.s.Totals(ctx, f)
		w.must(err)
		_, err = w.s.Received(ctx, f)
		w.must(err)
	}
	_, err = w.s.Ledger(ctx, account, 0, 100)
	w.must(err)
	_, err = w.s.Leads(ctx, account, conversions.ReplayQuery{Limit: 100})
	w.must(err)
	_, err = w.s.Leads(ctx, account, conversions.ReplayQuery{Source: source, Lead: "L1", Limit: 1})
	w.must(err)
	_, err = w.s.Accounts(ctx)
	w.must(err)
}
