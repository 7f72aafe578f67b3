package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"closeloop/conversions"
)

func leaseExclusive(w *world) {
	other := w.open()
	l, err := w.s.Acquire(w.Context(), account, "one", w.now)
	w.must(err)
	want := conversions.Lease{Account: account, Holder: "one", Token: l.Token, Until: w.now.Add(conversions.LeaseTTL)}
	w.same("lease", want, l)
	if _, err := other.Acquire(w.Context(), account, "two", w.now.Add(conversions.LeaseTTL-time.Microsecond)); !errors.Is(err, conversions.ErrHeld) {
		w.Errorf("Acquire while held: got %v, want ErrHeld", err)
	}
	if _, err := other.Acquire(w.Context(), account, "one", w.now); !errors.Is(err, conversions.ErrHeld) {
		w.Errorf("Acquire by the holder's name: got %v, want ErrHeld", err)
	}
	if _, err := other.Acquire(w.Context(), "another", "two", w.now); err != nil {
		w.Errorf("Acquire of another account: %v", err)
	}
	second, err := other.Acquire(w.Context(), account, "two", l.Until)
	w.must(err)
	w.same("token after a takeover", l.Token+1, second.Token)
	w.must(w.s.Release(w.Context(), l)) // lost already: no error, and no harm
	if _, err := w.s.Acquire(w.Context(), account, "three", l.Until); !errors.Is(err, conversions.ErrHeld) {
		w.Errorf("Acquire after the release of a lost lease: got %v, want ErrHeld", err)
	}
	w.must(other.Release(w.Context(), second))
	third, err := w.s.Acquire(w.Context(), account, "three", l.Until)
	w.must(err)
	w.same("token after a release", second.Token+1, third.Token)
}

func leaseRenewed(w *world) {
	l, err := w.s.Acquire(w.Context(), account, "one", w.now)
	w.must(err)
	later := w.now.Add(conversions.LeaseRenew)
	renewed, err := w.s.Renew(w.Context(), l, later)
	w.must(err)
	w.same("until", later.Add(conversions.LeaseTTL), renewed.Until)
	w.same("token", l.Token, renewed.Token)
	if _, err := w.s.Acquire(w.Context(), account, "two", l.Until); !errors.Is(err, conversions.ErrHeld) {
		w.Errorf("Acquire of a renewed lease: got %v, want ErrHeld", err)
	}
	if _, err := w.s.Renew(w.Context(), l, renewed.Until); !errors.Is(err, conversions.ErrLeaseLost) {
		w.Errorf("Renew after its time: got %v, want ErrLeaseLost", err)
	}
	two, err := w.s.Acquire(w.Context(), account, "two", renewed.Until)
	w.must(err)
	if _, err := w.s.Renew(w.Context(), l, later); !errors.Is(err, conversions.ErrLeaseLost) {
		w.Errorf("Renew after a takeover: got %v, want ErrLeaseLost", err)
	}
	w.must(w.s.Release(w.Context(), two))
	if _, err := w.s.Renew(w.Context(), two, later); !errors.Is(err, conversions.ErrLeaseLost) {
		w.Errorf("Renew after release: got %v, want ErrLeaseLost", err)
	}
}

// leaseLost drives every guarded write under a lease that is gone.
func leaseLost(w *world) {
	w.booked("L1", "L2", "L3", "L5")
	asked := w.begin(w.row("L5"))
	w.submit(asked, 0)
	status := w.polled(asked, accepted())
	sent := w.begin(w.row("L1"))
	w.add(w.tagged("L4", conversions.OutcomeBooked))
	old := w.lease
	works, err := w.s.Unfolded(w.Context(), account, 10)
	w.must(err)
	settlement := w.settlement(sent, conversions.Answer{Verdict: conversions.Done})
	record := conversions.Entry{Account: account, Row: w.row("L2").ID, Kind: conversions.EntryClosed, At: w.now, Reason: conversions.ReasonExpired}
	writes := map[string]func() error{
		"Decide": func() error { return w.s.Decide(w.Context(), old, []conversions.Decision{w.decide(works[0])}) },
		"Refold": func() error { _, err := w.s.Refold(w.Context(), old, "new rules"); return err },
		"Begin":  func() error { _, err := w.s.Begin(w.Context(), old, w.batch(w.row("L3"))); return err },
		"Again":  func() error { _, err := w.s.Again(w.Context(), old, sent.ID, w.now); return err },
		"Settle": func() error { return w.s.Settle(w.Context(), old, settlement) },
		"Polled": func() error { return w.s.Polled(w.Context(), old, status) },
		"Record": func() error { return w.s.Record(w.Context(), old, []conversions.Entry{record}) },
		"Pause":  func() error { return w.s.Pause(w.Context(), old, conversions.Paused{Account: account, Since: w.now}) },
		"Resume": func() error { return w.s.Resume(w.Context(), old, "", w.now) },
		"SaveFacts": func() error {
			return w.s.SaveFacts(w.Context(), old, conversions.Facts{Account: account, ReadAt: w.now})
		},
	}
	refused := func(when string) {
		w.Helper()
		rows, ledger := w.rows(), w.ledger()
		for name, write := range writes {
			if err := write(); !errors.Is(err, conversions.ErrLeaseLost) {
				w.Errorf("%s %s: got %v, want ErrLeaseLost", name, when, err)
			}
		}
		w.same("rows "+when, rows, w.rows())
		w.same("ledger "+when, ledger, w.ledger())
		batches, err := w.s.Unanswered(w.Context(), account)
		w.must(err)
		w.same("batches "+when, []conversions.Batch{sent}, batches)
		w.same("statuses "+when, 0, w.polls(10)[0].Polls)
		again, err := w.s.Unfolded(w.Context(), account, 10)
		w.must(err)
		w.same("inbox "+when, works, again)
		ps, err := w.s.Pauses(w.Context(), account)
		w.must(err)
		w.same("pauses "+when, 0, len(ps))
		f, err := w.s.Facts(w.Context(), account)
		w.must(err)
		w.same("facts "+when, conversions.Facts{}, f)
	}
	w.must(w.s.Release(w.Context(), old))
	refused("after release")
	_, err = w.s.Acquire(w.Context(), account, "another", w.now)
	w.must(err)
	refused("after a takeover")
}

func planAdvances(w *world) {
	p, err := w.s.Plan(w.Context(), account)
	w.must(err)
	w.same("no plan", conversions.Plan{}, p)
	plans := []conversions.Plan{{}, {Account: account, Spec: "0 * * * *", Next: w.now.Add(123456789)}}
	for i := range 5 {
		plans = append(plans, conversions.Plan{Account: account, Spec: fmt.Sprintf("%d * * * *", i), Next: w.now.Add(time.Duration(i) * time.Hour)})
	}
	// A run that is owed is part of the plan: who takes it over, does alone.
	for _, owed := range []time.Time{w.now, w.now.Add(time.Minute), {}} {
		plan := plans[len(plans)-1]
		plan.Owed = owed
		plans = append(plans, plan)
	}
	other := w.open()
	for i := range plans[1:] {
		var wins atomic.Int32
		var wg sync.WaitGroup
		for g := range 16 {
			s := w.s
			if g%2 == 1 {
				s = other
			}
			wg.Go(func() {
				won, err := s.Advance(w.Context(), plans[i], plans[i+1])
				if err != nil {
					w.Error(err)
				}
				if won {
					wins.Add(1)
				}
			})
		}
		wg.Wait()
		w.same("winners", int32(1), wins.Load())
	}
	p, err = other.Plan(w.Context(), account)
	w.must(err)
	w.same("stored plan", plans[len(plans)-1], p)
}
