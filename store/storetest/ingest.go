package storetest

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"closeloop/conversions"
)

// whole is an event with every field set.
func (w *world) whole() conversions.Event {
	e := w.tagged("L1", conversions.OutcomeBooked)
	berlin := time.FixedZone("", 2*60*60)
	e.Delivery, e.OutcomeID, e.Channel, e.Landing = "dlv_1", "77", "google_ads/cpc", "example.com/roof"
	e.At = time.Date(2026, 6, 1, 3, 4, 5, 678_901_000, berlin)
	e.CallStart = time.Date(2026, 6, 1, 1, 2, 3, 4_000, berlin)
	e.Received = time.Date(2026, 6, 1, 3, 4, 5, 999_999_000, time.UTC)
	zero, much := conversions.Cents(0), conversions.MaxCents
	e.Amounts.Revenue, e.Amounts.Estimated = &zero, &much
	e.By, e.Note = "somebody", "a reason"
	e.Consent, e.Flags = conversions.ConsentGranted, []conversions.Flag{conversions.FlagFuture, conversions.FlagReusedDelivery}
	e.Person.Contact, e.Person.EmailHash, e.Person.PhoneHash = "contact-9", "aa11", "bb22"
	e.Person.Clicks = append(e.Person.Clicks, conversions.FoundClick{
		Click: conversions.Click{Kind: conversions.WBRAID}, Place: conversions.PlaceLanding, Damage: "placeholder", Unusable: true,
	})
	return e
}

func eventWhole(w *world) {
	e := w.whole()
	e.Seq, e.Person.Salt = 99, conversions.Salt("chosen by nobody")
	for f := range reflect.TypeFor[conversions.Event]().NumField() {
		if reflect.ValueOf(e).Field(f).IsZero() {
			w.Fatalf("the case leaves %s empty", reflect.TypeFor[conversions.Event]().Field(f).Name)
		}
	}
	bare := conversions.Event{Account: account, Source: source, Kind: "ping", Lead: "L1", Body: [16]byte{1}, Received: w.now}
	w.add(e, bare)
	works, err := w.s.Unfolded(w.Context(), account, 10)
	w.must(err)
	if len(works) != 1 || len(works[0].Events) != 2 {
		w.Fatalf("Unfolded: got %+v, want one lead with two events", works)
	}
	got := works[0].Events
	if salt := got[0].Person.Salt; len(salt) != 16 || string(salt) == "chosen by nobody" {
		w.Errorf("salt has %d bytes, or is the caller's; want 16 of the store's own", len(salt))
	}
	if string(got[0].Person.Salt) == string(make([]byte, 16)) {
		w.Error("the salt is all zeros")
	}
	e.Seq, bare.Seq, e.Person.Salt = 1, 2, got[0].Person.Salt
	w.same("events", []conversions.Event{e, bare}, got)
	if _, offset := got[0].At.Zone(); offset != 2*60*60 {
		w.Errorf("event time came back with offset %d, want 7200", offset)
	}
}

func ready(w *world) {
	w.must(w.s.Ready(w.Context()))
	other := w.open()
	w.must(other.Close())
	if err := other.Ready(w.Context()); err == nil {
		w.Error("a closed store says that it is ready")
	}
	ended, cancel := context.WithCancel(w.Context())
	cancel()
	if err := w.s.Ready(ended); err == nil {
		w.Error("the store says that it is ready although nobody waits any more")
	}
}

func durable(w *world) {
	w.booked("L1", "L2")
	w.settle(w.begin(w.row("L1")), conversions.Answer{Verdict: conversions.Done})
	w.add(w.tagged("L3", conversions.OutcomeQuoted))
	q := conversions.Quarantined{Account: account, Source: source, Body: [16]byte{7}, Received: w.now, Reason: "bad_utf8"}
	_, err := w.s.Quarantine(w.Context(), q)
	w.must(err)
	rows, ledger := w.rows(), w.ledger()
	w.reopen()
	w.same("rows", rows, w.rows())
	w.same("ledger", ledger, w.ledger())
	w.fold()
	if got := len(w.rows()); got != 3 {
		w.Errorf("after the reopen %d rows, want 3", got)
	}
	if qs, err := w.s.Quarantined(w.Context(), account, 0); err != nil || len(qs) != 1 {
		w.Errorf("after the reopen quarantine is %v, %v; want one", qs, err)
	}
}

func duplicates(w *world) {
	put := func(src string, body byte, q bool) conversions.Receipt {
		w.Helper()
		var r conversions.Receipt
		var err error
		if q {
			r, err = w.s.Quarantine(w.Context(), conversions.Quarantined{
				Account: account, Source: src, Body: [16]byte{body}, Received: w.now, Reason: "too_deep",
			})
		} else {
			r, err = w.s.Append(w.Context(), conversions.Event{
				Account: account, Source: src, Body: [16]byte{body}, Received: w.now, Kind: "k",
			})
		}
		w.must(err)
		return r
	}
	first, bad := put("a", 1, false), put("a", 2, true)
	steps := []struct {
		name       string
		source     string
		body       byte
		quarantine bool
		want       conversions.Receipt
	}{
		{"event again", "a", 1, false, conversions.Receipt{Seq: first.Seq, Duplicate: true}},
		{"event again, unreadable", "a", 1, true, conversions.Receipt{Seq: first.Seq, Duplicate: true}},
		{"quarantined again", "a", 2, true, conversions.Receipt{Seq: bad.Seq, Duplicate: true}},
		{"quarantined again, readable", "a", 2, false, conversions.Receipt{Seq: bad.Seq, Duplicate: true}},
	}
	for _, step := range steps {
		w.same(step.name, step.want, put(step.source, step.body, step.quarantine))
	}
	if r := put("b", 1, false); r.Duplicate || r.Seq == first.Seq {
		w.Errorf("another source's event: got %+v, want it stored", r)
	}
	if r := put("b", 2, true); r.Duplicate || r.Seq == bad.Seq {
		w.Errorf("another source's quarantine: got %+v, want it stored", r)
	}
	counts, err := w.s.Received(w.Context(), conversions.Filter{})
	w.must(err)
	if len(counts) != 2 || counts[0].Events+counts[1].Events != 2 {
		w.Errorf("stored events: got %+v, want one of each source", counts)
	}
}

func thousandAtOnce(w *world) {
	const distinct, copies = 250, 4
	events := make([]conversions.Event, distinct)
	for i := range events {
		events[i] = w.tagged("L", conversions.OutcomeBooked)
	}
	var wg sync.WaitGroup
	receipts := make([]conversions.Receipt, distinct*copies)
	for i := range receipts {
		wg.Go(func() {
			var err error
			if receipts[i], err = w.s.Append(w.Context(), events[i%distinct]); err != nil {
				w.Error(err)
			}
		})
	}
	wg.Wait()
	originals := map[int64]int{} // receipts that are no duplicates, by seq
	for i, r := range receipts {
		if !r.Duplicate {
			originals[r.Seq]++
		}
		if r.Seq != receipts[i%distinct].Seq {
			w.Fatalf("copies of one delivery have seqs %d and %d", r.Seq, receipts[i%distinct].Seq)
		}
	}
	for seq := range int64(distinct) {
		if originals[seq+1] != 1 {
			w.Fatalf("event %d was accepted %d times, want once", seq+1, originals[seq+1])
		}
	}
	works, err := w.s.Unfolded(w.Context(), account, 10)
	w.must(err)
	if len(works) != 1 || len(works[0].Events) != distinct {
		w.Fatalf("stored: %d leads; want one lead with %d events", len(works), distinct)
	}
}

func givenUp(w *world) {
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	if _, err := w.s.Append(ctx, w.tagged("L1", conversions.OutcomeBooked)); !errors.Is(err, context.Canceled) {
		w.Errorf("Append under an ended context: got %v, want context.Canceled", err)
	}
	if got, err := w.s.Received(w.Context(), conversions.Filter{}); err != nil || len(got) != 0 {
		w.Errorf("stored: %v, %v; want nothing", got, err)
	}
}

func badNeighbour(w *world) {
	const good = 40
	var wg sync.WaitGroup
	for i := range 2 * good {
		e := w.tagged("L", conversions.OutcomeBooked)
		if i%2 == 1 {
			e.Account = "" // no store can keep an event of no account
		}
		wg.Go(func() {
			_, err := w.s.Append(w.Context(), e)
			if bad := e.Account == ""; bad != (err != nil) {
				w.Errorf("Append with account %q: error %v", e.Account, err)
			}
		})
	}
	wg.Wait()
	got, err := w.s.Received(w.Context(), conversions.Filter{})
	w.must(err)
	if len(got) != 1 || got[0].Events != good {
		w.Errorf("stored: %+v, want %d events", got, good)
	}
}

func quarantine(w *world) {
	full := conversions.Quarantined{
		Account: account, Source: source, Delivery: "dlv_9", Body: [16]byte{9}, Received: w.now.Add(time.Microsecond),
		Reason: "wrong_type", Detail: "outcome: want text", Size: 312, Shape: `{"outcome":0}`,
	}
	older := conversions.Quarantined{Account: account, Source: source, Body: [16]byte{8}, Received: w.now, Reason: "empty"}
	other := conversions.Quarantined{Account: "other", Source: source, Body: [16]byte{6}, Received: w.now.Add(time.Hour), Reason: "empty"}
	for _, q := range []*conversions.Quarantined{&full, &older, &other} {
		given := *q
		given.ID, given.Decided = 4711, &conversions.QuarantineDecision{Kind: conversions.EntryGivenUp}
		r, err := w.s.Quarantine(w.Context(), given)
		w.must(err)
		q.ID = r.Seq
	}
	all, err := w.s.Quarantined(w.Context(), account, 0)
	w.must(err)
	w.same("newest first", []conversions.Quarantined{full, older}, all)
	one, err := w.s.Quarantined(w.Context(), account, 1)
	w.must(err)
	w.same("limited", []conversions.Quarantined{full}, one)
	everyone, err := w.s.Quarantined(w.Context(), "", 0)
	w.must(err)
	w.same("of every account", []conversions.Quarantined{other, full, older}, everyone)
	byID, err := w.s.QuarantinedByID(w.Context(), full.ID)
	w.must(err)
	w.same("by id", full, byID)
	n, err := w.s.PurgeQuarantine(w.Context(), full.Received)
	w.must(err)
	w.same("purged", 1, n)
	if _, err := w.s.QuarantinedByID(w.Context(), older.ID); !errors.Is(err, conversions.ErrNotFound) {
		w.Errorf("purged delivery: got %v, want ErrNotFound", err)
	}
	if _, err := w.s.QuarantinedByID(w.Context(), full.ID); err != nil {
		w.Errorf("delivery of the time itself: got %v, want it kept", err)
	}
}
