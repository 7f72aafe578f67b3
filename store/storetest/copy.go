package storetest

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"pgregory.net/rapid"

	"closeloop/conversions"
	"closeloop/store"
)

// populate leads rows through random lives in accounts of their own, and adds
// what lives do not have.
func (w *world) populate() {
	w.Helper()
	lives := 0
	rapid.Check(w.T, func(rt *rapid.T) {
		if lives++; lives > 5 {
			return
		}
		l := &life{rt: rt, forgotten: map[conversions.LeadID]bool{}, world: world{
			T: w.T, d: w.d, name: w.name, s: w.s, now: w.now.Add(789 * time.Nanosecond), bodies: 1000 * lives,
			account: conversions.AccountID(fmt.Sprintf("life-%d", lives)),
		}}
		for range 80 {
			l.step()
		}
	})
	w.add(w.whole())
	w.uploaded("L2")
	w.begin(w.booked("L3")...) // stays unanswered
	odd := w.tagged("L\x00\xff\\", conversions.OutcomeBooked)
	odd.Source, odd.Person.Contact = "odd\\source", "c1"
	w.add(odd) // stays in the inbox
	old := w.now
	w.now = w.now.Add(time.Hour)
	read := w.quarantined(1)
	w.must(w.s.ResolveQuarantine(w.Context(), read.ID, w.decision(conversions.EntryRetried), w.read(read, "L4")))
	w.quarantined(2)
	late := w.now
	w.now = old
	purged := w.quarantined(3) // the last number
	_, err := w.s.PurgeQuarantine(w.Context(), purged.Received.Add(time.Minute))
	w.must(err)
	w.now = late
	w.must(w.s.Pause(w.Context(), w.hold(), conversions.Paused{Account: w.account, Action: "102", Since: w.now, ProbeAt: w.now.Add(time.Hour)}))
	w.must(w.s.SaveFacts(w.Context(), w.hold(), conversions.Facts{Account: w.account, ReadAt: w.now, LookBacks: map[string]time.Duration{"101": time.Hour}}))
	_, err = w.s.Advance(w.Context(), conversions.Plan{}, conversions.Plan{Account: w.account, Spec: "UTC @hourly", Next: w.now, Owed: w.now})
	w.must(err)
	_, err = w.s.Refold(w.Context(), w.hold(), "fingerprint")
	w.must(err)
}

// copied is a world on a new database that holds what w's does.
func (w *world) copied() *world {
	w.Helper()
	c := newWorld(w.T, w.d)
	c.now, c.bodies, c.batches = w.now, w.bodies, w.batches
	w.must(c.s.Import(w.Context(), w.s.Export(w.Context())))
	return c
}

func (w *world) digest() store.Digest {
	w.Helper()
	d, err := store.DigestOf(w.s.Export(w.Context()))
	w.must(err)
	return d
}

// kept fails the case if the two do not hold the same, kind by kind.
func (w *world) kept(what string, want, got store.Digest) {
	w.Helper()
	for _, kind := range store.Kinds() {
		w.same(what+": number of "+kind, want.Counts[kind], got.Counts[kind])
		w.same(what+": hash of "+kind, want.Hash(kind), got.Hash(kind))
		if want.Counts[kind] == 0 {
			w.Fatalf("%s: there are no %s to compare", what, kind)
		}
	}
	w.same(what, true, want.Equal(got))
}

// copies compares what is exported, then what each side answers, then goes on
// with both.
func copies(w *world) {
	w.populate()
	c := w.copied()
	c.reopen()
	w.kept("the copy", w.digest(), c.digest())
	w.same("rows", byID(w.rows()), byID(c.rows()))
	w.same("ledger", w.ledger(), c.ledger())
	for _, r := range w.rows() {
		want, err := w.s.History(w.Context(), w.account, r.ID)
		w.must(err)
		got, err := c.s.History(w.Context(), w.account, r.ID)
		w.must(err)
		w.same("history", want, got)
	}
	for _, a := range []conversions.AccountID{w.account, "life-1", "life-2", "life-3"} {
		w.sameAnswers(c, a)
	}
	w.goesOn(c)
}

// sameAnswers compares what both sides answer about an account.
func (w *world) sameAnswers(c *world, a conversions.AccountID) {
	w.Helper()
	claim := conversions.Claim{Now: w.now.Add(1000 * time.Hour), Limit: 1000}
	for what, ask := range map[string]func(store.Store) (any, error){
		"due rows":     func(s store.Store) (any, error) { return s.Due(w.Context(), a, claim) },
		"unanswered":   func(s store.Store) (any, error) { return s.Unanswered(w.Context(), a) },
		"polls":        func(s store.Store) (any, error) { return s.Polls(w.Context(), a, claim.Now, 100) },
		"last answers": func(s store.Store) (any, error) { return s.LastAnswers(w.Context(), a, 20) },
		"uploaded":     func(s store.Store) (any, error) { return s.Uploaded(w.Context(), a, time.Time{}) },
		"pauses":       func(s store.Store) (any, error) { return s.Pauses(w.Context(), a) },
		"plan":         func(s store.Store) (any, error) { return s.Plan(w.Context(), a) },
		"facts":        func(s store.Store) (any, error) { return s.Facts(w.Context(), a) },
		"unfolded":     func(s store.Store) (any, error) { return s.Unfolded(w.Context(), a, 100) },
		"totals":       func(s store.Store) (any, error) { return s.Totals(w.Context(), conversions.Filter{Account: a}) },
		"received":     func(s store.Store) (any, error) { return s.Received(w.Context(), conversions.Filter{Account: a}) },
		"by click": func(s store.Store) (any, error) {
			return s.List(w.Context(), conversions.Filter{Account: a, ClickID: click("L1")})
		},
	} {
		want, err := ask(w.s)
		w.must(err)
		got, err := ask(c.s)
		w.must(err)
		w.same(what+" of "+string(a), want, got)
	}
}

// goesOn does the same on both sides: numbers go on, and seconds that were
// taken stay taken.
func (w *world) goesOn(c *world) {
	w.Helper()
	again := w.history("L2").Events[0]
	again.Account = "another" // its source has moved
	receipt, err := c.s.Append(w.Context(), again)
	w.must(err)
	w.same("what was delivered before", conversions.Receipt{Seq: again.Seq, Duplicate: true}, receipt)
	w.same("next quarantined", w.quarantined(9).ID, c.quarantined(9).ID)
	w.lease, c.lease = conversions.Lease{}, conversions.Lease{}
	w.now, c.now = w.now.Add(time.Hour), w.now.Add(time.Hour)
	for _, side := range []*world{w, c} {
		e := side.tagged("L9", conversions.OutcomeBooked)
		first := side.row("L2")
		e.Person.Clicks[0].ID = click("L2") // the click, action and second of L2
		e.At, e.Received = first.Want.At, first.Want.At
		side.add(e)
		side.fold()
		b := side.begin(side.row("L9"))
		if got := b.Items[0].At; got.Equal(first.Want.At) {
			side.Errorf("the second of another row is given out again: %s", got)
		}
		side.settle(b, conversions.Answer{Verdict: conversions.Done})
	}
	w.same("the new row", w.row("L9").ID, c.row("L9").ID)
	w.same("contacts", w.ofContact(w.keeping(), 10_000, -10_000, 10), c.ofContact(c.keeping(), 10_000, -10_000, 10))
	w.same("leases", []conversions.AccountID{w.account}, w.leased())
	l := w.lease
	w.must(w.s.Release(w.Context(), l))
	w.same("leases after a release", 0, len(w.leased()))
}

// history is that of the lead's row.
func (w *world) history(lead conversions.LeadID) conversions.History {
	w.Helper()
	h, err := w.s.History(w.Context(), w.account, w.row(lead).ID)
	w.must(err)
	return h
}

func (w *world) leased() []conversions.AccountID {
	w.Helper()
	all, err := w.s.Leased(w.Context(), w.now)
	w.must(err)
	return slices.DeleteFunc(all, func(a conversions.AccountID) bool { return a != w.account })
}

func copiesIntoEmpty(w *world) {
	w.add(w.tagged("L1", conversions.OutcomeBooked))
	c := newWorld(w.T, w.d)
	c.add(c.tagged("L2", conversions.OutcomeBooked))
	if err := c.s.Import(w.Context(), w.s.Export(w.Context())); !errors.Is(err, store.ErrNotEmpty) {
		w.Errorf("Import into a database with an event: %v, want ErrNotEmpty", err)
	}
	c.reopen() // and it is as it was
	w.same("leads", 1, len(c.unfolded()))
}

// cut ends in an error after n records.
func cut(records iter.Seq2[store.Record, error], n int, with error) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		for r, err := range records {
			if n--; n < 0 {
				yield(store.Record{}, with)
				return
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func copyCutShort(w *world) {
	for n := range 10 {
		w.add(w.tagged(conversions.LeadID(fmt.Sprintf("L%d", n)), conversions.OutcomeBooked))
	}
	c := newWorld(w.T, w.d)
	broken := errors.New("the source is gone")
	if err := c.s.Import(w.Context(), cut(w.s.Export(w.Context()), 5, broken)); !errors.Is(err, broken) {
		w.Errorf("Import: %v, want %v", err, broken)
	}
	if err := c.s.Import(w.Context(), w.s.Export(w.Context())); !errors.Is(err, store.ErrUnfinished) {
		w.Errorf("Import once more: %v, want ErrUnfinished", err)
	}
	if _, err := w.d.Open(w.Context(), c.name); !errors.Is(err, store.ErrUnfinished) {
		w.Errorf("Open: %v, want ErrUnfinished", err)
	}
}
