package uploadtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"closeloop/conversions"
)

// send uploads and checks what holds of every reply.
func (w World) send(t *testing.T, b conversions.Batch) conversions.Reply {
	t.Helper()
	return w.sendWith(t.Context(), t, b, false)
}

// sendWith uploads as the scheduler does: what was taken for processing is asked about, and rows that are to go again in
// another request do so, together where others were named, else in halves.
func (w World) sendWith(ctx context.Context, t *testing.T, b conversions.Batch, validateOnly bool) conversions.Reply {
	t.Helper()
	r := w.Destination.Upload(ctx, b, validateOnly)
	wantSound(t, b, r)
	var again []int
	for i, a := range r.Answers {
		if a.Verdict == conversions.FixBatch && len(b.Items) > 1 {
			again = append(again, i)
		}
	}
	r = w.settled(t, b, r)
	size := len(again)
	if len(again) == len(b.Items) {
		size, r.Call = (len(again)+1)/2, nil
	}
	for part := range slices.Chunk(again, max(size, 1)) {
		answered := w.sendWith(ctx, t, partOf(b, part), validateOnly)
		for n, i := range part {
			r.Answers[i] = answered.Answers[n]
		}
		if answered.Call != nil {
			r.Call, r.Unknown = answered.Call, r.Unknown || answered.Unknown
		}
	}
	return r
}

// partOf is the batch with some of its items only.
func partOf(b conversions.Batch, part []int) conversions.Batch {
	items := make([]conversions.Item, len(part))
	for n, i := range part {
		items[n] = b.Items[i]
	}
	b.Items = items
	return b
}

// settled returns the reply with what became of the rows that were taken for processing.
func (w World) settled(t *testing.T, b conversions.Batch, r conversions.Reply) conversions.Reply {
	t.Helper()
	taken := 0
	for _, a := range r.Answers {
		if a.Verdict == conversions.Submitted {
			taken++
		}
	}
	if taken == 0 {
		return r
	}
	if taken != len(b.Items) || r.Call != nil || r.RequestID == "" || w.Settle == nil {
		t.Fatalf("%d of %d rows taken, call %+v, request id %q", taken, len(b.Items), r.Call, r.RequestID)
	}
	b.RequestID = r.RequestID
	later := w.Settle(b)
	wantSound(t, b, later)
	for i, a := range later.Answers {
		if a.Verdict == conversions.Submitted {
			t.Errorf("row %d is processed and still submitted", i)
		}
	}
	later.RequestID = r.RequestID
	return later
}

// repeated is what becomes of rows that the vendor has.
func (w World) repeated() conversions.Verdict {
	if w.Overwrites {
		return conversions.Done
	}
	return conversions.AlreadyThere
}

// wantSound checks what holds of every reply.
func wantSound(t *testing.T, b conversions.Batch, r conversions.Reply) {
	t.Helper()
	if len(r.Answers) != len(b.Items) {
		t.Fatalf("%d answers to %d rows", len(r.Answers), len(b.Items))
	}
	if r.Unknown && r.Call == nil {
		t.Error("the reply is unknown and names no failed call")
	}
	own := false
	for i, a := range r.Answers {
		own = own || a.Verdict != conversions.FixBatch
		wantSoundAnswer(t, i, a)
	}
	if r.Named && (!own || r.Call != nil) {
		t.Errorf("the reply names rows, and yet none has an answer of its own or the call failed: %+v", r.Call)
	}
}

func wantSoundAnswer(t *testing.T, i int, a conversions.Answer) {
	t.Helper()
	if a.Verdict == conversions.Pause && a.Scope == "" {
		t.Errorf("row %d: a pause without a scope", i)
	}
	if a.Verdict == conversions.AlreadyThere && a.By == "" {
		t.Errorf("row %d: already there, and by what is not said", i)
	}
	taken := a.Verdict == conversions.Done || a.Verdict == conversions.Submitted
	if !taken && (a.Code == "" || a.Sentence == "") {
		t.Errorf("row %d: %s with code %q and sentence %q", i, a.Verdict, a.Code, a.Sentence)
	}
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

// spoilt is the batch with every third row bad.
func spoilt(
	b conversions.Batch, spoil func(*conversions.Item),
) (_ conversions.Batch, good []conversions.Item, verdict func(int) conversions.Verdict) {
	for i := range b.Items {
		if i%3 == 1 {
			spoil(&b.Items[i])
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
