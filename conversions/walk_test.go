package conversions_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"closeloop/conversions"
)

// walk is a life of random steps.
type walk struct {
	life
	now    time.Duration
	flying *conversions.Batch
	sent   []conversions.Batch
	// folded is true when the last step decided all events as of now.
	folded bool
}

// anyLife is a booking, mostly with a click, after up to forty random steps.
func anyLife(t *rapid.T) *walk { return anyCheckedLife(t, nil) }

func anyCheckedLife(t *rapid.T, check func(*rapid.T, *walk, conversions.Row)) *walk {
	w := &walk{life: *newLife()}
	w.rules = anyRules(t)
	w.rules.Consent, w.rules.UploadFrom = conversions.ConsentRuleGranted, time.Time{}
	w.rules.Stages[conversions.StageBooked] = conversions.StageRules{Action: "111", Share: conversions.Whole}
	w.now = 7 * time.Hour
	call := event(1, 0)
	if rapid.IntRange(0, 3).Draw(t, "clicked") > 0 {
		click("CLICK-A")(&call)
	}
	w.happens(w.now, call, tag(2, time.Hour, "booked", actual(250000)))
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		before := w.row
		w.now += time.Duration(rapid.SampledFrom([]int{0, 10, 61, 61, 300, 600, 1500, 20000}).Draw(t, "minutes")) * time.Minute
		w.step(t)
		if check != nil {
			check(t, w, before)
		}
	}
	return w
}

func (w *walk) step(t *rapid.T) {
	w.folded = false
	switch rapid.SampledFrom([]string{"event", "event", "send", "send", "send", "answer", "answer", "answer", "resend", "abandon", "close", "mode"}).Draw(t, "step") {
	case "event":
		w.event(t)
	case "send":
		w.sends()
	case "answer":
		w.answers(t)
	case "resend":
		if w.flying != nil {
			w.flying.Attempts++
		}
	case "abandon":
		if w.flying != nil && !w.row.Want.Wanted && !w.row.Want.Test {
			w.abandon(w.now, *w.flying)
			w.flying = nil
		}
	case "close":
		w.closes(w.now)
	case "mode":
		if w.flying == nil {
			w.rules.Mode = rapid.SampledFrom([]conversions.Mode{"live", "test"}).Draw(t, "mode")
			w.happens(w.now)
		}
	}
}

func (w *walk) event(t *rapid.T) {
	e := anyEvent(t, int64(len(w.events)+1))
	e.Received = at(w.now)
	if rapid.IntRange(0, 3).Draw(t, "silent") > 0 {
		e.Consent = conversions.ConsentUnspecified
	}
	if !e.At.IsZero() {
		e.At = at(w.now - time.Duration(rapid.IntRange(-60, 600).Draw(t, "age"))*time.Minute)
	}
	w.happens(w.now, e)
	w.folded = true
}

func (w *walk) sends() {
	if w.flying != nil || w.row.Next() != conversions.OpUpload || w.row.Due.After(at(w.now)) {
		return
	}
	b := w.send()
	w.flying, w.sent = &b, append(w.sent, b)
}

func (w *walk) answers(t *rapid.T) {
	if w.flying == nil {
		return
	}
	a := conversions.Answer{
		Verdict: rapid.SampledFrom([]conversions.Verdict{
			conversions.Retry, conversions.Done, conversions.AlreadyThere, conversions.Later,
			conversions.Refused, conversions.FixBatch, conversions.Pause,
		}).Draw(t, "verdict"),
		By:        rapid.SampledFrom([]conversions.Identity{conversions.ByOrderID, conversions.ByClickTime}).Draw(t, "by"),
		Wait:      time.Duration(rapid.IntRange(0, 3).Draw(t, "wait")) * time.Hour,
		Unmatched: rapid.Bool().Draw(t, "unmatched"),
		Counts:    rapid.Bool().Draw(t, "counts"),
	}
	if w.row.Want.Test {
		w.test(w.now, *w.flying, a)
	} else {
		w.answer(w.now, *w.flying, a)
	}
	w.flying = nil
}

func TestEveryLifeIsConsistent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		anyCheckedLife(t, func(t *rapid.T, w *walk, before conversions.Row) {
			if problem := contradiction(w.row); problem != "" {
				t.Fatalf("%s: %+v", problem, w.row)
			}
			if problem := forgotten(before, w.row); problem != "" {
				t.Fatalf("%s:\nbefore %+v\nafter %+v", problem, before, w.row)
			}
			if k := w.row.Known; k.Status == conversions.KnownThere && !slices.ContainsFunc(w.sent, func(b conversions.Batch) bool {
				return b.ID == k.Batch && b.Items[0].Value == k.Value && b.Items[0].Click == k.Click && b.Items[0].At.Equal(k.At)
			}) {
				t.Fatalf("known %+v was never sent", k)
			}
			if once := w.row; w.folded && w.happens(w.now) {
				t.Fatalf("the same events are decided twice:\n%s", cmp.Diff(once, w.row))
			}
		})
	})
}

// contradiction says where a row's parts disagree.
func contradiction(r conversions.Row) string {
	queued := r.State == conversions.StateQueued
	changing := r.State == conversions.StateChangeDue
	switch op := r.Next(); {
	case r.Version == 0:
		return ""
	case (op == conversions.OpUpload) != queued:
		return "an upload that is not queued, or queued without an upload"
	case (op == conversions.OpRestate || op == conversions.OpRetract) != changing:
		return "a change that is not due, or due without a change"
	case changing && (r.Due.Before(r.Want.ChangeDue) || r.Due.Before(r.NotBefore)):
		return "a change due before its time"
	case queued && (r.Due.Before(r.Want.Due) || r.Due.Before(r.NotBefore)):
		return "due before its time"
	case queued && !r.Want.Wanted:
		return "queued and not wanted"
	case !queued && !changing && r.State != conversions.StateWaiting && !r.Due.IsZero():
		return "due for nothing"
	case !slices.Contains(conversions.States(), r.State):
		return "an unknown state"
	case r.OrderID != r.Key.OrderID():
		return "another order id"
	case r.Counted > conversions.MaxCounted:
		return "counted too often"
	case (r.State == conversions.StateSkipped || r.State == conversions.StateRefused) && r.Reason.Sentence() == "":
		return "not sent without a reason"
	default:
		return ""
	}
}

// forgotten says what a step may not take away.
func forgotten(before, after conversions.Row) string {
	there := func(s conversions.KnownStatus) bool {
		return s == conversions.KnownThere || s == conversions.KnownThereValue
	}
	b, a := before.Known.Status, after.Known.Status
	switch {
	case there(b) && !there(a):
		return "what is there was forgotten"
	case b == conversions.KnownUnanswered && (a == conversions.KnownNothing || a == conversions.KnownRefused):
		return "what may be there was forgotten"
	case there(b) && !before.Want.At.Equal(after.Want.At):
		return "the time of what was sent changed"
	case after.Version < before.Version || after.Version > before.Version+1:
		return "the version does not count by one"
	default:
		return ""
	}
}

func TestTheStoredLedgerRebuildsEveryRow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := anyLife(t)
		if len(w.ledger) == 0 {
			return
		}
		rebuilt, err := w.rebuilt()
		if err != nil {
			t.Fatalf("store the ledger: %v", err)
		}
		if diff := cmp.Diff(w.row, rebuilt); diff != "" {
			t.Fatalf("rebuilt row (-lived +rebuilt):\n%s", diff)
		}
		text, err := json.Marshal(w.row)
		if err != nil {
			t.Fatalf("marshal the row: %v", err)
		}
		var back conversions.Row
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("unmarshal the row: %v", err)
		}
		if diff := cmp.Diff(w.row, back); diff != "" {
			t.Fatalf("row after JSON (-before +after):\n%s", diff)
		}
		// A row that was stored lives on as the one in memory would.
		for _, e := range w.ledger {
			again, err := stored(e)
			if err != nil {
				t.Fatalf("store the entry: %v", err)
			}
			if diff := cmp.Diff(w.row.Apply(e), back.Apply(again)); diff != "" {
				t.Fatalf("entry %+v on the stored row (-memory +stored):\n%s", e, diff)
			}
		}
	})
}
