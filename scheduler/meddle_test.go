package scheduler_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"closeloop/conversions"
)

// meddling is what somebody else did at the vendor with one order id.
type meddling struct {
	at   time.Time
	what conversions.Operation
	item conversions.Item
}

// meddles lets somebody else upload, restate or retract.
func (u *universe) meddles(rt *rapid.T) {
	rapid.SampledFrom([]func(*rapid.T){u.sameSecond, u.sameSecond, u.sameOrder, u.othersChange, u.othersChange}).Draw(rt, "meddles")(rt)
}

// sameSecond is another tool's upload of the click and second of a tag. One
// second later is always free: two in a row would leave no room for ours.
func (u *universe) sameSecond(rt *rapid.T) {
	s, stage := u.lead(rt), rapid.SampledFrom(conversions.Stages()).Draw(rt, "stage")
	t := s.tagged(stage, u.clock.now())
	it := u.foreign(s, stage, "another-"+u.newID(), t.since)
	if t.present && !u.crowded(it) {
		u.others(it)
	}
}

// crowded reports whether another tool has the click about that second.
func (u *universe) crowded(it conversions.Item) bool {
	return slices.ContainsFunc(u.slots, func(o conversions.Item) bool {
		return o.ClickID == it.ClickID && o.Action == it.Action && o.At.Sub(it.At).Abs() < 3*time.Second
	})
}

// sameOrder is another tool's upload under our order id: of a backup, say.
func (u *universe) sameOrder(rt *rapid.T) {
	s, stage := u.lead(rt), rapid.SampledFrom(conversions.Stages()).Draw(rt, "stage")
	id := orderID(s.lead, stage)
	t := s.tagged(stage, u.clock.now())
	if it := u.foreign(s, stage, id, t.since); t.present && s.has == knownClick && len(u.attempts[id]) == 0 && !u.crowded(it) {
		u.others(it)
	}
}

// othersChange is another tool's restatement or retraction of ours.
func (u *universe) othersChange(rt *rapid.T) {
	ours := slices.DeleteFunc(u.world.holds(), func(h holding) bool { _, is := u.whose[h.id]; return h.gone || !is })
	if len(ours) == 0 {
		return
	}
	id := rapid.SampledFrom(ours).Draw(rt, "conversion").id
	c := u.whose[id]
	it := u.foreign(c.s, c.stage, id, u.clock.now())
	it.Op = rapid.SampledFrom([]conversions.Operation{conversions.OpRestate, conversions.OpRetract}).Draw(rt, "does")
	it.AdjustAt = u.clock.now().Truncate(time.Second)
	if it.Op == conversions.OpRetract {
		it.Value = conversions.Amount{}
	}
	u.others(it)
}

// foreign is an item that is not ours, worth 77.77.
func (u *universe) foreign(s *story, stage conversions.Stage, id string, at time.Time) conversions.Item {
	return conversions.Item{
		Op: conversions.OpUpload, OrderID: id, Action: u.rules.Stages[stage].Action,
		Click: conversions.ClickRef{Kind: conversions.GCLID}, ClickID: s.click, At: at.Truncate(time.Second),
		Value: conversions.AmountOf(7777), Currency: "USD", Consent: conversions.ConsentGranted,
	}
}

// others sends an item past our program, and notes it if it changed anything.
func (u *universe) others(it conversions.Item) {
	before := u.world.holds()
	u.world.Upload(context.Background(), conversions.Batch{
		ID: conversions.BatchID(u.newID()), Account: acme, Target: u.rules.Target, Attempts: 1, Items: []conversions.Item{it},
	}, false)
	if slices.Equal(before, u.world.holds()) {
		return
	}
	if it.Op == conversions.OpUpload {
		u.slots = append(u.slots, it)
	}
	u.meddled[it.OrderID] = append(u.meddled[it.OrderID], meddling{at: u.clock.now(), what: it.Op, item: it})
}

// excuses reports whether what Google counts for a stage, other than what is
// wanted, is somebody else's doing that our program cannot know of.
func (u *universe) excuses(id, wants string, living []string) bool {
	past := u.attempts[id]
	if len(living) == 0 && u.shadowed(past) {
		return true
	}
	if len(u.meddled[id]) == 0 {
		return false
	}
	m := u.meddled[id][len(u.meddled[id])-1]
	theirs := slices.Equal(living, []string{money(m.item.Value.Cents)})
	switch m.what {
	case conversions.OpUpload: // under our order id it becomes ours once it is said to be there
		unclear := slices.ContainsFunc(past, func(a *attempt) bool { return !a.clear })
		return theirs && (unclear || !slices.ContainsFunc(past, func(a *attempt) bool { return a.verdict != conversions.Refused }))
	case conversions.OpRestate: // stands until another value is wanted than we sent last
		ours := last(past, conversions.OpRestate)
		return theirs && (ours == nil || !ours.item.AdjustAt.After(m.at)) && (wants == "" || slices.Contains(valuesSent(past), wants))
	case conversions.OpRetract: // is final until the outcome was taken back and tagged anew
		ours := last(past, conversions.OpRetract)
		return len(living) == 0 && (ours == nil || !ours.at.After(m.at))
	default:
		return false
	}
}

// valuesSent are the values that may have been the last to arrive.
func valuesSent(past []*attempt) []string {
	var all []string
	for _, a := range slices.Backward(past) {
		if a.item.Op == conversions.OpRetract {
			continue
		}
		all = append(all, money(a.item.Value.Cents))
		if a.clear {
			break
		}
	}
	return all
}

// shadowed reports whether an upload of ours went unanswered of which another
// tool has the click and second: then what Google has of that second is taken
// for ours.
func (u *universe) shadowed(past []*attempt) bool {
	return slices.ContainsFunc(past, func(a *attempt) bool {
		return a.item.Op == conversions.OpUpload && !a.clear && slices.ContainsFunc(u.slots, func(o conversions.Item) bool {
			return o.ClickID == a.item.ClickID && o.Action == a.item.Action && o.At.Equal(a.item.At)
		})
	})
}

// checkOthers: what is somebody else's stays as it was.
func (u *universe) checkOthers(rt *rapid.T, left map[string]holding) {
	for id := range left {
		m := u.meddled[id]
		if len(m) == 0 || left[id].worth != money(m[len(m)-1].item.Value.Cents) {
			rt.Errorf("Google holds %+v, which nobody wanted", left[id])
		}
	}
	for id, m := range u.meddled {
		if _, ours := u.whose[id]; !ours && left[id].id == "" {
			rt.Errorf("somebody else's %+v is gone", m)
		}
	}
}

func (m meddling) String() string {
	return fmt.Sprintf("%s somebody else's %s %v at %s of %s", m.at.Format(time.DateTime), m.what, m.item.Value, m.item.At.Format(time.DateTime), m.item.OrderID)
}
