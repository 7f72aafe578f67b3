// Package uploadtest is the suite that every destination of the scheduler
// passes, against a server that stands in for the vendor's.
//
// It owns what a scheduler.Destination promises: one answer per row whatever
// happens, and never "refused" or "not done" of work that may have been done.
// It does not know any vendor's codes. Start reading at Run.
package uploadtest

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
)

// World is a destination and the vendor's stand-in behind it, made anew for
// every case. All functions are required but SpoilVisibly and Settle.
type World struct {
	// Destination is what is tested.
	Destination scheduler.Destination
	// Batch makes a batch of n rows that the vendor accepts, all for the same
	// account, order ids all different. The same n makes the same batch.
	Batch func(n int) conversions.Batch
	// Spoil changes a row so that the vendor refuses it, and it alone.
	Spoil func(*conversions.Item)
	// SpoilVisibly is a Spoil that a check without work finds; nil means that Spoil is one.
	SpoilVisibly func(*conversions.Item)
	// Settle is set where the vendor takes rows for processing and says later what became of them: it makes the vendor
	// process what it took, and asks for the status of a batch, whose RequestID is set. The rows of a batch that was taken
	// are Submitted until then.
	Settle func(b conversions.Batch) conversions.Reply
	// Overwrites is true where the vendor takes an order id again, with the later value, and counts it once. Otherwise
	// rows sent again are already there.
	Overwrites bool
	// Count returns how often the vendor counts each order id.
	Count func() map[string]int
	// LoseAnswer makes the next call do its work and lose the answer.
	LoseAnswer func()
	// Stall makes the next call do its work and keep its answer to itself.
	Stall func()
	// FailBefore makes the next call fail as a whole with nothing done, in a
	// way that says so.
	FailBefore func()
}

// Run runs the suite. open makes a world and arranges for its end with
// t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) World) {
	t.Helper()
	cases := []struct {
		name string
		run  func(t *testing.T, w World)
	}{
		{"accepts rows", accepts},
		{"an empty batch", empty},
		{"2,000 rows", full},
		{"one bad row among good ones", partialFailure},
		{"a lone bad row", loneFailure},
		{"a batch in which every row is bad", everyRowBad},
		{"the batch is left as it was", leavesBatch},
		{"validate only", validateOnly},
		{"validate only finds bad rows", validateOnlyFinds},
		{"a cancelled context", cancelled},
		{"a context that ends during the call", stalled},
		{"a lost answer", lostAnswer},
		{"a lost answer of a batch with bad rows", lostPartialFailure},
		{"a lost answer to validate only", lostValidation},
		{"a call that fails before its work", failedBefore},
		{"the same batch twice", twice},
		{"the same order id with another value", otherValue},
		{"many callers at once", concurrent},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

func accepts(t *testing.T, w World) {
	t.Helper()
	b := w.Batch(3)
	r := w.send(t, b)
	wantAnswered(t, r)
	wantVerdicts(t, r, every(conversions.Done))
	w.wantCounted(t, b.Items...)
	if r.RequestID == "" {
		t.Error("the reply has no request id")
	}
}

func empty(t *testing.T, w World) {
	t.Helper()
	r := w.send(t, w.Batch(0))
	wantAnswered(t, r)
	w.wantCounted(t)
}

func full(t *testing.T, w World) {
	t.Helper()
	b := w.Batch(conversions.MaxItems)
	r := w.send(t, b)
	wantAnswered(t, r)
	wantVerdicts(t, r, every(conversions.Done))
	w.wantCounted(t, b.Items...)
}

func partialFailure(t *testing.T, w World) {
	t.Helper()
	b, good, verdict := spoilt(w.Batch(10), w.Spoil)
	r := w.send(t, b)
	wantAnswered(t, r)
	wantVerdicts(t, r, verdict)
	w.wantCounted(t, good...)
}

func loneFailure(t *testing.T, w World) {
	t.Helper()
	b := w.Batch(1)
	w.Spoil(&b.Items[0])
	wantVerdicts(t, w.send(t, b), every(conversions.Refused))
	w.wantCounted(t)
}

func everyRowBad(t *testing.T, w World) {
	t.Helper()
	b := w.Batch(4)
	for i := range b.Items {
		w.Spoil(&b.Items[i])
	}
	wantVerdicts(t, w.send(t, b), every(conversions.Refused))
	w.wantCounted(t)
}

// leavesBatch: the scheduler settles by the batch it handed over.
func leavesBatch(t *testing.T, w World) {
	t.Helper()
	b := w.Batch(5)
	before := slices.Clone(b.Items)
	w.send(t, b)
	for i := range b.Items {
		if b.Items[i] != before[i] {
			t.Errorf("row %d was changed", i)
		}
	}
}

func validateOnly(t *testing.T, w World) {
	t.Helper()
	b := w.Batch(3)
	r := w.sendWith(t.Context(), t, b, true)
	wantAnswered(t, r)
	wantVerdicts(t, r, every(conversions.Done))
	w.wantCounted(t)
	wantVerdicts(t, w.send(t, b), every(conversions.Done))
	w.wantCounted(t, b.Items...)
}

func validateOnlyFinds(t *testing.T, w World) {
	t.Helper()
	spoil := w.Spoil
	if w.SpoilVisibly != nil {
		spoil = w.SpoilVisibly
	}
	b, _, verdict := spoilt(w.Batch(6), spoil)
	r := w.sendWith(t.Context(), t, b, true)
	wantAnswered(t, r)
	wantVerdicts(t, r, verdict)
	w.wantCounted(t)
}

// cancelled: nothing was sent, so nothing is unknown.
func cancelled(t *testing.T, w World) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := w.Batch(3)
	r := w.sendWith(ctx, t, b, false)
	if r.Call == nil {
		t.Error("a call under a cancelled context did not fail")
	}
	wantVerdicts(t, r, every(conversions.Retry))
	if !r.Unknown {
		w.wantCounted(t)
	}
	wantResent(t, w, b, r.Unknown)
}

// stalled: the call is given up when its context ends, and may have been done.
func stalled(t *testing.T, w World) {
	t.Helper()
	w.send(t, withIDs(w.Batch(1), "warm")) // the connection stands
	w.Stall()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	b := w.Batch(3)
	began := make(chan struct{})
	var r conversions.Reply
	go func() {
		defer close(began)
		r = w.Destination.Upload(ctx, b, false)
	}()
	select {
	case <-began:
	case <-time.After(10 * time.Second):
		t.Fatal("Upload did not return when its context ended")
	}
	if len(r.Answers) != 3 || r.Call == nil || !r.Unknown {
		t.Fatalf("%d answers, call %+v, unknown %t; want 3 of an unknown call", len(r.Answers), r.Call, r.Unknown)
	}
	wantVerdicts(t, r, every(conversions.Retry))
}

func lostAnswer(t *testing.T, w World) {
	t.Helper()
	w.LoseAnswer()
	b := w.Batch(3)
	r := w.send(t, b)
	if !r.Unknown {
		t.Error("the answer was lost after the work, and the reply is not unknown")
	}
	for i, a := range r.Answers {
		if a.Verdict == conversions.Done || a.Verdict == conversions.Refused || a.Verdict == conversions.AlreadyThere {
			t.Errorf("row %d: %s, and nobody can know", i, a.Verdict)
		}
	}
	w.wantCounted(t, b.Items...)
	wantResent(t, w, b, true)
}

func lostPartialFailure(t *testing.T, w World) {
	t.Helper()
	w.LoseAnswer()
	b, good, verdict := spoilt(w.Batch(7), w.Spoil)
	first := w.Destination.Upload(t.Context(), b, false)
	wantSound(t, b, first)
	if first.Named || first.Call != nil && first.Call.Verdict == conversions.FixBatch {
		return // refused as a whole: no work was done whose answer could be lost
	}
	if !first.Unknown {
		t.Error("the reply is not unknown")
	}
	b.Attempts++
	r := w.send(t, b)
	wantAnswered(t, r)
	wantVerdicts(t, r, func(i int) conversions.Verdict {
		if v := verdict(i); v != conversions.Done {
			return v
		}
		return w.repeated()
	})
	w.wantCounted(t, good...)
}

// lostValidation: a check does no work, so nothing is unknown.
func lostValidation(t *testing.T, w World) {
	t.Helper()
	w.LoseAnswer()
	r := w.sendWith(t.Context(), t, w.Batch(3), true)
	if r.Unknown || r.Call == nil {
		t.Errorf("unknown %t, call %+v; want a failed call that did nothing", r.Unknown, r.Call)
	}
	w.wantCounted(t)
}

func failedBefore(t *testing.T, w World) {
	t.Helper()
	w.FailBefore()
	b := w.Batch(3)
	r := w.send(t, b)
	if r.Call == nil || r.Unknown {
		t.Errorf("call %+v, unknown %t; want a failed call that did nothing", r.Call, r.Unknown)
	}
	w.wantCounted(t)
	wantResent(t, w, b, false)
}

func twice(t *testing.T, w World) {
	t.Helper()
	b := w.Batch(3)
	w.send(t, b)
	r := w.send(t, b)
	wantAnswered(t, r)
	wantVerdicts(t, r, every(w.repeated()))
	for i, a := range r.Answers {
		if !w.Overwrites && a.By != conversions.ByOrderID {
			t.Errorf("row %d is known by %q, want by its order id", i, a.By)
		}
	}
	w.wantCounted(t, b.Items...)
}

// otherValue: an order id is counted once, whatever else the row says.
func otherValue(t *testing.T, w World) {
	t.Helper()
	b := w.Batch(1)
	w.send(t, b)
	b.Items[0].Value = conversions.AmountOf(b.Items[0].Value.Cents + 100)
	b.Items[0].At = b.Items[0].At.Add(time.Second)
	wantVerdicts(t, w.send(t, b), every(w.repeated()))
	w.wantCounted(t, b.Items...)
}

func concurrent(t *testing.T, w World) {
	t.Helper()
	const callers = 8
	type taken struct {
		batch conversions.Batch
		reply conversions.Reply
	}
	replies := make(chan taken, callers)
	var items []conversions.Item
	for i := range callers {
		b := w.Batch(callers * 5)
		b.ID += conversions.BatchID("-" + strconv.Itoa(i))
		b.Items = b.Items[i*5 : i*5+5]
		items = append(items, b.Items...)
		go func() { replies <- taken{b, w.Destination.Upload(t.Context(), b, false)} }()
	}
	for range callers {
		each := <-replies
		r := w.settled(t, each.batch, each.reply)
		wantAnswered(t, r)
		wantVerdicts(t, r, every(conversions.Done))
	}
	w.wantCounted(t, items...)
}
