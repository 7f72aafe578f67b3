package storetest

import (
	"slices"
	"time"

	"closeloop/conversions"
)

// answeredBy settles a batch, each item with an answer of its own.
func (w *world) answeredBy(b conversions.Batch, answers ...conversions.Answer) {
	w.Helper()
	s := w.settlement(b, conversions.Answer{})
	for i := range s.Entries {
		s.Entries[i].Answer = &answers[i]
	}
	w.must(w.s.Settle(w.Context(), w.hold(), s))
}

func uploadsCounted(w *world) {
	count := func(since time.Time) int {
		n, err := w.s.Uploaded(w.Context(), account, since)
		w.must(err)
		return n
	}
	w.same("at first", 0, count(time.Time{}))
	done := conversions.Answer{Verdict: conversions.Done}
	b := w.begin(w.booked("done", "there", "refused", "retry", "later", "paused")...)
	w.now = w.now.Add(time.Minute)
	first := w.now
	w.same("while in flight", 0, count(time.Time{}))
	w.answeredBy(b, done, conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID},
		conversions.Answer{Verdict: conversions.Refused}, conversions.Answer{Verdict: conversions.Retry},
		conversions.Answer{Verdict: conversions.Later}, conversions.Answer{Verdict: conversions.Pause})
	w.now = w.now.Add(24 * time.Hour)
	w.settle(w.begin(w.retagged("done", "booked", 300_00)), done) // a restatement
	w.settle(w.begin(w.retagged("done", "spam", 0)), done)        // a retraction
	last := w.now
	w.uploaded("another")
	other := &world{T: w.T, d: w.d, name: w.name, s: w.s, now: w.now, account: "other", bodies: 500}
	other.uploaded("L1", "L2", "L3")
	w.reopen()
	w.same("all", 3, count(time.Time{}))
	w.same("since the first", 3, count(first))
	w.same("after the first", 1, count(first.Add(time.Microsecond)))
	w.same("since the last", 1, count(last))
	w.same("after the last", 0, count(last.Add(time.Microsecond)))
}

func lastAnswers(w *world) {
	latest := func(limit int) []conversions.Entry {
		es, err := w.s.LastAnswers(w.Context(), account, limit)
		w.must(err)
		return es
	}
	w.same("at first", 0, len(latest(20)))
	rows := w.uploaded("L1", "L2")
	b := w.begin(w.booked("tested", "unanswered", "refused")...)
	done := conversions.Answer{Verdict: conversions.Done}
	refused := conversions.Answer{Verdict: conversions.Refused, Suspect: true, Code: "x.y"}
	w.must(w.s.Settle(w.Context(), w.lease, conversions.Settlement{Batch: b.ID, At: w.now, Entries: []conversions.Entry{
		rows[0].TestedBy(b, b.Items[0], done, w.now),
		rows[0].Abandon(b, b.Items[1], w.now),
		rows[0].Answered(b, b.Items[2], refused, w.now.Add(-time.Hour)), // the ledger's order counts, not a clock
	}}))
	w.settle(w.begin(w.retagged("L1", "booked", 300_00)), done)
	w.settle(w.begin(w.retagged("L2", "spam", 0)), done)
	other := &world{T: w.T, d: w.d, name: w.name, s: w.s, now: w.now, account: "other", bodies: 500}
	other.uploaded("L9")
	var want []conversions.Entry
	for _, e := range w.ledger() {
		if e.Kind == conversions.EntryAnswered && e.Item.Op == conversions.OpUpload {
			want = append(want, e)
		}
	}
	slices.Reverse(want)
	w.same("uploads answered", 3, len(want))
	w.same("all", want, latest(20))
	w.same("the newest", refused, *latest(1)[0].Answer)
	w.same("two", want[:2], latest(2))
}

func facts(w *world) {
	w.hold()
	read := func(a conversions.AccountID) conversions.Facts {
		f, err := w.s.Facts(w.Context(), a)
		w.must(err)
		return f
	}
	w.same("never read", conversions.Facts{}, read(account))
	old := conversions.Facts{Account: account, ReadAt: w.now, LookBacks: map[string]time.Duration{"1": time.Hour}}
	next := conversions.Facts{
		Account: account, ReadAt: w.now.Add(123_456 * time.Microsecond),
		LookBacks: map[string]time.Duration{"101": 30 * 24 * time.Hour, "102": 90 * 24 * time.Hour},
	}
	for _, f := range []conversions.Facts{old, next} {
		w.must(w.s.SaveFacts(w.Context(), w.lease, f))
	}
	foreign := old
	foreign.Account = "other"
	if err := w.s.SaveFacts(w.Context(), w.lease, foreign); err == nil {
		w.Error("SaveFacts of another account: no error")
	}
	w.reopen()
	w.same("as last read", next, read(account))
	w.same("another account's", conversions.Facts{}, read("other"))
}
