package conversions_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"closeloop/conversions"
)

// anyPlay is a lead after up to eighty random steps: events in any order,
// answers honest, invented and lost, persons, crashes and a random clock.
func anyPlay(t *rapid.T) *desk {
	d := newDesk(anyRules(t))
	d.rules.Consent, d.rules.UploadFrom = conversions.ConsentRuleGranted, time.Time{}
	d.rules.WithdrawDenied = rapid.Bool().Draw(t, "withdraw denied")
	d.now = 7 * time.Hour
	call := event(1, 0, click("CLICK-A"))
	if rapid.IntRange(0, 9).Draw(t, "wbraid") == 0 {
		call.Person.Clicks[0].Kind = conversions.WBRAID
	}
	d.happens(call, tag(2, time.Hour, rapid.SampledFrom([]conversions.Outcome{"booked", "quoted"}).Draw(t, "first"), actual(250000)))
	if rapid.IntRange(0, 9).Draw(t, "foreign") == 0 && d.rows[0].Next() == conversions.OpUpload {
		d.google[foreign] = &held{item: d.rows[0].Item(time.UTC, at(0))}
	}
	for range rapid.IntRange(1, 80).Draw(t, "steps") {
		d.now += time.Duration(rapid.SampledFrom([]int{0, 0, 10, 61, 300, 1500, 1500, 6000}).Draw(t, "minutes")) * time.Minute
		d.step(t)
		for _, r := range d.rows {
			if problem := contradiction(r); problem != "" {
				t.Fatalf("%s: %+v", problem, r)
			}
		}
		if d.wrong != "" {
			t.Fatal(d.wrong)
		}
	}
	return d
}

func (d *desk) step(t *rapid.T) {
	switch rapid.SampledFrom([]string{
		"event", "event", "send", "send", "send", "send", "answer", "answer", "answer", "lose", "abandon", "close", "person", "crash", "mode",
	}).Draw(t, "step") {
	case "event":
		d.event(t)
	case "send":
		if due := d.due(); len(due) > 0 {
			d.sends(t, due[0])
		}
	case "answer":
		d.answers(t)
	case "lose":
		d.loses(t)
	case "abandon":
		if d.google[foreign] != nil {
			return // as when an answer is lost
		}
		for id, b := range d.flying {
			// An upload is given up when it is no longer wanted, an adjustment at will.
			if b.Items[0].Op != conversions.OpUpload || (!d.rows[id-1].Want.Wanted && !d.rows[id-1].Want.Test) {
				d.abandons(id)
			}
		}
	case "close":
		d.closes()
	case "person":
		d.person(t)
	case "crash":
		if err := d.crashes(); err != nil {
			t.Fatalf("store: %v", err)
		}
	case "mode":
		if len(d.flying) == 0 {
			d.rules.Mode = rapid.SampledFrom([]conversions.Mode{"live", "live", "test"}).Draw(t, "mode")
			d.happens()
		}
	}
}

func (d *desk) event(t *rapid.T) {
	e := anyEvent(t, int64(len(d.events)+1))
	e.Received, e.Consent = at(d.now), ""
	if rapid.IntRange(0, 5).Draw(t, "speaks") == 0 {
		e.Consent = rapid.SampledFrom([]conversions.Consent{"granted", "granted", "denied"}).Draw(t, "says")
	}
	if !e.At.IsZero() {
		e.At = at(d.now - time.Duration(rapid.IntRange(-60, 6000).Draw(t, "age"))*time.Minute)
	}
	d.happens(e)
	if rapid.IntRange(0, 3).Draw(t, "twice") == 0 {
		if n := len(d.ledger); n > 0 {
			if d.happens(); len(d.ledger) != n {
				d.broken("the same events are decided twice: %+v", d.ledger[len(d.ledger)-1])
			}
		}
	}
}

// sends begins a batch unless the guard holds the row.
func (d *desk) sends(t *rapid.T, r conversions.Row) {
	if e, ok := r.Hold(at(d.now)); ok && rapid.IntRange(0, 4).Draw(t, "held") == 0 {
		d.write(e)
		return
	}
	d.begins(r)
}

// answers is an honest answer, or one that says that nothing was done.
func (d *desk) answers(t *rapid.T) {
	for id := conversions.RowID(1); int(id) <= len(d.rows); id++ {
		b := d.flying[id]
		if b == nil {
			continue
		}
		it := b.Items[0]
		honest := conversions.Answer{Verdict: conversions.Done}
		if d.rows[id-1].Want.Test {
			d.settles(id, honest)
			return
		}
		verdicts := []conversions.Verdict{
			conversions.Done, conversions.Done, conversions.Done, conversions.Retry, conversions.Later, conversions.FixBatch, conversions.Pause,
		}
		if b.Resent() {
			verdicts = verdicts[:3] // whether the first attempt did the work is answered by Google alone
		} else if _, is := d.google[it.OrderID]; !is || it.Op != conversions.OpUpload {
			verdicts = append(verdicts, conversions.Refused)
		}
		a := conversions.Answer{
			Verdict: rapid.SampledFrom(verdicts).Draw(t, "verdict"), Counts: rapid.Bool().Draw(t, "counts"),
			Wait: time.Duration(rapid.IntRange(0, 30).Draw(t, "wait")) * time.Hour,
		}
		if a.Verdict == conversions.Done {
			a = d.google.takes(it)
		}
		d.settles(id, a)
		return
	}
}

// loses the request or the answer; the same is sent again. With another tool's
// conversion of the same click and second at Google, an answer that is lost
// cannot be told from one that never was: by the rule it is taken for ours.
func (d *desk) loses(t *rapid.T) {
	if d.google[foreign] != nil {
		return
	}
	for id := conversions.RowID(1); int(id) <= len(d.rows); id++ {
		if b := d.flying[id]; b != nil && !d.rows[id-1].Want.Test {
			if rapid.Bool().Draw(t, "arrived") {
				d.google.takes(b.Items[0])
			}
			b.Attempts++
		}
	}
}

func (d *desk) person(t *rapid.T) {
	r := rapid.SampledFrom(d.rows).Draw(t, "row")
	kind := rapid.SampledFrom([]conversions.EntryKind{
		conversions.EntryApproved, conversions.EntryApproved, conversions.EntryRetried, conversions.EntryRetried,
		conversions.EntryPutBack, conversions.EntryGivenUp,
	}).Draw(t, "decision")
	if e, ok := r.Resolve(kind, "a person", "", at(d.now)); ok {
		d.write(e)
	}
}

func TestGoogleHoldsWhatIsWanted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := anyPlay(t)
		d.ends()
		if d.wrong != "" {
			t.Fatalf("%s: %+v", d.wrong, d.rows)
		}
		for _, r := range d.rows {
			if problem := d.unlike(r); problem != "" {
				t.Fatalf("%s:\nrow %+v\nGoogle %+v", problem, r, d.google[r.OrderID])
			}
		}
		for _, w := range fold(d.rules, d.events...) {
			if problem := d.unfair(w); problem != "" {
				t.Fatalf("%s:\nwant %+v\nrow %+v", problem, w, d.newest(w))
			}
		}
		before := append([]conversions.Row{}, d.rows...)
		if err := d.crashes(); err != nil {
			t.Fatalf("store: %v", err)
		}
		if diff := cmp.Diff(before, d.rows); diff != "" {
			t.Fatalf("rebuilt rows (-lived +rebuilt):\n%s", diff)
		}
	})
}

// unlike says where what is known of a row is not what Google holds.
func (d *desk) unlike(r conversions.Row) string {
	h, is := d.google[r.OrderID]
	switch r.Known.Status {
	case conversions.KnownNothing, conversions.KnownRefused:
		if is {
			return "Google holds what is not known"
		}
	case conversions.KnownThere:
		if !is || h.retracted || h.value != r.Known.Value {
			return "Google holds something else than is known"
		}
	case conversions.KnownThereValue:
		if !is {
			return "Google does not hold what is known"
		}
	case conversions.KnownRetracted:
		if !is || !h.retracted {
			return "what is known as retracted is there"
		}
	case conversions.KnownUnanswered:
	}
	return ""
}

// unfair says where Google does not hold what is wanted, and the row does not
// say why.
func (d *desk) unfair(w conversions.Want) string {
	r := d.newest(w)
	h := d.google[r.OrderID]
	if n := d.google.living(r.Known.Action); r.Known.Action != "" && n > 1 {
		return fmt.Sprintf("%d conversions count", n)
	}
	switch r.State {
	case conversions.StateDone:
		switch {
		case w.Wanted && w.Value.Known && h.value != w.Value:
			return "done with another value"
		case w.Withdraw:
			return "done although withdrawn"
		case !w.Wanted && w.Reason != conversions.ReasonAfterLookBack && r.Reason.Sentence() == "":
			// The time of what was sent is fixed, so a late event that moves it past the look-back changes nothing.
			return "not wanted and there without a reason"
		}
		return ""
	case conversions.StateRetracted:
		if w.Wanted {
			return "retracted although wanted"
		}
		return ""
	case conversions.StateQueued, conversions.StateChangeDue, conversions.StateWaiting, conversions.StateSending, conversions.StateTested:
		return "left undone"
	case conversions.StateSkipped, conversions.StateRefused, conversions.StateExpired, conversions.StateStuck, conversions.StatePerson:
		if r.Reason.Sentence() == "" {
			return "not as wanted without a reason"
		}
		return ""
	default:
		return "an unknown state"
	}
}
