package uploadtest

import (
	"context"
	"testing"
	"time"

	"closeloop/conversions"
)

// send uploads and checks what holds of every reply.
func (w World) send(t *testing.T, b conversions.Batch) conversions.Reply {
	t.Helper()
	return w.sendWith(t.Context(), t, b, false)
}

func (w World) sendWith(ctx context.Context, t *testing.T, b conversions.Batch, validateOnly bool) conversions.Reply {
	t.Helper()
	r := w.Destination.Upload(ctx, b, validateOnly)
	if len(r.Answers) != len(b.Items) {
		t.Fatalf("%d answers to %d rows", len(r.Answers), len(b.Items))
	}
	if r.Unknown && r.Call == nil {
		t.Error("the reply is unknown and names no failed call")
	}
	for i, a := range r.Answers {
		if a.Verdict == conversions.Pause && a.Scope == "" {
			t.Errorf("row %d: a pause without a scope", i)
		}
		if a.Verdict == conversions.AlreadyThere && a.By == "" {
			t.Errorf("row %d: already there, and by what is not said", i)
		}
		if a.Verdict != conversions.Done && (a.Code == "" || a.Sentence == "") {
			t.Errorf("row %d: %s with code %q and sentence %q", i, a.Verdict, a.Code, a.Sentence)
		}
	}
	return r
}

// wantVerdicts checks the verdict of every row.
func wantVerdicts(t *testing.T, r conversions.Reply, want func(i int) conversions.Verdict) {
	t.Helper()
	for i, a := range r.Answers {
		if w := want(i); a.Verdict != w {
			t.Errorf("row %d: %s (%s), want %s", i, a.Verdict, a.Code, w)
		}
	}
}

func every(v conversions.Verdict) func(int) conversions.Verdict {
	return func(int) conversions.Verdict { return v }
}

func wantAnswered(t *testing.T, r conversions.Reply) {
	t.Helper()
	if r.Call != nil || r.Unknown {
		t.Errorf("call %+v, unknown %t, want an answered call", r.Call, r.Unknown)
	}
}

// wantCounted checks that the vendor counts exactly these rows, once each.
func (w World) wantCounted(t *testing.T, items ...conversions.Item) {
	t.Helper()
	counted := w.Count()
	for _, it := range items {
		if n := counted[it.OrderID]; n != 1 {
			t.Errorf("row %d is counted %d times, want once", it.Row, n)
		}
		delete(counted, it.OrderID)
	}
	if len(counted) > 0 {
		t.Errorf("%d rows are counted that should not be", len(counted))
	}
}

// wantResent sends the batch again exactly as it was: it ends counted once,
// and known to be.
func wantResent(t *testing.T, w World, b conversions.Batch, unknown bool) {
	t.Helper()
	b.Attempts++
	r := w.send(t, b)
	wantAnswered(t, r)
	for i, a := range r.Answers {
		there := unknown && a.Verdict == conversions.AlreadyThere && a.By == conversions.ByOrderID
		if !there && a.Verdict != conversions.Done {
			t.Errorf("row %d sent again: %s (%s), want done or already there by its order id", i, a.Verdict, a.Code)
		}
	}
	w.wantCounted(t, b.Items...)
}

// withIDs gives a batch other order ids and times.
func withIDs(b conversions.Batch, prefix string) conversions.Batch {
	b.ID += conversions.BatchID(prefix)
	for i := range b.Items {
		b.Items[i].OrderID = prefix + b.Items[i].OrderID
		b.Items[i].At = b.Items[i].At.Add(-time.Hour)
	}
	return b
}

// spoilt is a batch of n rows whose every third is bad.
func (w World) spoilt(n int) (b conversions.Batch, good []conversions.Item, verdict func(int) conversions.Verdict) {
	b = w.Batch(n)
	for i := range b.Items {
		if i%3 == 1 {
			w.Spoil(&b.Items[i])
		} else {
			good = append(good, b.Items[i])
		}
	}
	return b, good, func(i int) conversions.Verdict {
		if i%3 == 1 {
			return conversions.Refused
		}
		return conversions.Done
	}
}
