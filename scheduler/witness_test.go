package scheduler_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/scheduler"
)

// attempt is one row of one call, as it left the scheduler.
type attempt struct {
	at    time.Time
	batch conversions.BatchID
	item  conversions.Item
	// clear: the answer told what Google holds, and its process lived on.
	clear   bool
	verdict conversions.Verdict
	// lost: no answer came, or its process died; told: a later status said what
	// became of it.
	lost, told bool
}

// mayHaveArrived reports whether the vendor may have acted on the attempt.
func (a *attempt) mayHaveArrived() bool {
	return a.lost || a.told || a.verdict == conversions.Submitted
}

// isThere reports whether the vendor said that it has the conversion.
func (a *attempt) isThere() bool {
	return a.verdict == conversions.Done || a.verdict == conversions.AlreadyThere
}

// witness passes calls on and holds each row of them against the story.
type witness struct {
	u     *universe
	inner interface {
		Upload(ctx context.Context, b conversions.Batch, validateOnly bool) conversions.Reply
	}
	made, saw []*attempt // its calls, and what it heard of
}

// Upload implements scheduler.Destination.
func (w *witness) Upload(ctx context.Context, b conversions.Batch, validateOnly bool) conversions.Reply {
	now := w.u.clock.now()
	for _, it := range b.Items {
		if problem := w.u.judge(b, it, now); problem != "" {
			w.u.wrong = append(w.u.wrong, fmt.Sprintf("%s %s %s %s of batch %s: %s", now.Format(time.DateTime), it.Op, it.Value, it.OrderID, b.ID, problem))
		}
	}
	reply := w.inner.Upload(ctx, b, validateOnly)
	for i, it := range b.Items {
		a := &attempt{at: now, batch: b.ID, item: it, verdict: reply.Answers[i].Verdict, lost: reply.Unknown}
		a.clear = reply.Call == nil && !reply.Unknown && certain(a.verdict)
		w.made, w.saw = append(w.made, a), append(w.saw, a)
		w.u.attempts[it.OrderID] = append(w.u.attempts[it.OrderID], a)
	}
	return reply
}

// Status implements scheduler.Poller.
func (w *witness) Status(ctx context.Context, b conversions.Batch) conversions.Reply {
	poller, ok := w.inner.(scheduler.Poller)
	if !ok {
		panic("asked for a status that nobody gives")
	}
	reply := poller.Status(ctx, b)
	for i, it := range b.Items {
		for _, a := range w.u.attempts[it.OrderID] {
			if v := reply.Answers[i].Verdict; a.batch == b.ID && reply.Call == nil && v != conversions.Submitted {
				a.told, a.verdict, a.clear = true, v, certain(v)
				w.saw = append(w.saw, a)
			}
		}
	}
	return reply
}

// died is that the process may not have noted what it heard.
func (w *witness) died() {
	for _, a := range w.saw {
		a.clear = false
	}
	for _, a := range w.made {
		a.lost = true
	}
}

// certain reports whether a verdict says how things stand.
func certain(v conversions.Verdict) bool {
	switch v {
	case conversions.Done, conversions.AlreadyThere, conversions.Refused:
		return true
	default:
		return false
	}
}

// conversion is what an order id stands for.
type conversion struct {
	s          *story
	stage      conversions.Stage
	generation int
}

// judge says what is wrong with sending an item of a batch now: nothing goes
// out that is not wanted, and what goes out again is as it was.
func (u *universe) judge(b conversions.Batch, it conversions.Item, now time.Time) string {
	c, known := u.whose[it.OrderID]
	past := u.attempts[it.OrderID]
	for _, a := range past {
		if a.batch == b.ID && !cmp.Equal(a.item, it) {
			return "sent again, but not as it was: " + cmp.Diff(a.item, it)
		}
	}
	switch {
	case !known:
		return "nobody's order id"
	case u.stopped[""], u.stopped[it.Action] && !b.Resent():
		return "sent although a person had paused it"
	case u.givenUp[it.OrderID]:
		return "sent although a person had given it up"
	case c.generation > 0 && !u.world.ways().final:
		return "a new generation, where none is needed"
	case it.Op == conversions.OpUpload && c.generation > 0 && !u.gone(c.s.lead, c.stage, c.generation-1):
		return "a new generation, while the one before it counts"
	case it.Op == conversions.OpUpload && c.generation > 0 && !u.mayComeAgain(c, now):
		return "a new generation, though nobody had taken back what somebody else retracted"
	case it.Op == conversions.OpUpload && !u.ever(c, now, func(ch chapter) bool { return ch.place == asked }):
		return fmt.Sprintf("not wanted: %v", u.stood(c, now))
	case u.world.ways().slow && slices.ContainsFunc(past, func(a *attempt) bool { return a.open(now) }):
		return "sent while it is not known what became of the request before"
	case u.world.ways().slow && it.Op != conversions.OpUpload && !slices.ContainsFunc(past, (*attempt).isThere):
		return "changed although it is not known to be there"
	case u.world.ways().slow && it.Op == conversions.OpRetract:
		return u.judgeZero(c, it, b.Created)
	case it.Op == conversions.OpRetract:
		return u.judgeRetraction(c, past, b.Created)
	}
	if !u.ever(c, b.Created, func(ch chapter) bool { return ch.place == asked && it.Value == conversions.AmountOf(ch.worth) }) {
		return fmt.Sprintf("not of that value: %v", u.stood(c, b.Created))
	}
	return ""
}

// mayComeAgain reports whether the generation before was retracted by us, or not
// wanted at some time since somebody else retracted it.
func (u *universe) mayComeAgain(c conversion, now time.Time) bool {
	id := conversions.OrderID("src_1", c.s.lead, c.stage, c.generation-1)
	for _, a := range u.attempts[id] {
		if a.item.Op == conversions.OpRetract {
			return true
		}
	}
	m := u.meddled[id]
	for _, f := range c.s.facts {
		t := f.received
		if len(m) > 0 && t.Before(m[len(m)-1].at) {
			t = m[len(m)-1].at
		}
		if !t.After(now) && u.ever(c, t, func(ch chapter) bool { return ch.place != asked }) {
			return true
		}
	}
	return false
}

// judgeRetraction wants what was taken back a day ago, what was being retracted
// before and went unanswered, or what may never have arrived and is not wanted.
func (u *universe) judgeRetraction(c conversion, past []*attempt, now time.Time) string {
	ripe := u.ever(c, now, func(ch chapter) bool {
		mayBeThere := open(past, conversions.OpUpload) || last(past, conversions.OpUpload) == nil
		return ch.ripe(now) || (ch.place == idle && mayBeThere)
	})
	if ripe || open(past, conversions.OpRetract) {
		return ""
	}
	return fmt.Sprintf("retracted when it stood %v", u.stood(c, now))
}

// judgeZero wants what was taken back a day ago.
func (u *universe) judgeZero(c conversion, it conversions.Item, now time.Time) string {
	if it.Value == conversions.AmountOf(0) && u.ever(c, now, func(ch chapter) bool { return ch.ripe(now) }) {
		return ""
	}
	return fmt.Sprintf("taken back when it stood %v", u.stood(c, now))
}

// open reports whether what became of the attempt may yet be told.
func (a *attempt) open(now time.Time) bool {
	if a.lost && !a.told {
		return now.Before(a.at.Add(conversions.CallMargin)) // then the call has surely ended
	}
	return a.verdict == conversions.Submitted && now.Before(a.at.Add(conversions.GiveUpPolling))
}

// stood is how a stage stood under each of the laws so far: what was sent
// keeps to the law of its day until something comes of its lead.
func (u *universe) stood(c conversion, now time.Time) []chapter {
	var all []chapter
	for _, l := range u.laws {
		all = append(all, c.s.by(l, c.stage, now))
	}
	return all
}

func (u *universe) ever(c conversion, now time.Time, is func(chapter) bool) bool {
	return slices.ContainsFunc(u.stood(c, now), is)
}

// open reports whether an operation was tried and may have been done without
// the program's knowing. A refusal tells nothing of the tries before it.
func open(past []*attempt, op conversions.Operation) bool {
	is := false
	for _, a := range past {
		if a.item.Op == op {
			is = !a.clear || (is && a.verdict == conversions.Refused)
		}
	}
	return is
}

// last is the latest attempt whose answer was certain; nil if none was.
func last(past []*attempt, op conversions.Operation) *attempt {
	for _, a := range slices.Backward(past) {
		if a.clear && a.item.Op == op {
			return a
		}
	}
	return nil
}

// gone reports whether the conversion is there and counts no more.
func (u *universe) gone(l conversions.LeadID, stage conversions.Stage, generation int) bool {
	id := conversions.OrderID("src_1", l, stage, generation)
	return slices.ContainsFunc(u.world.holds(), func(h holding) bool { return h.id == id && h.gone })
}
