package scheduler_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"closeloop/conversions"
	"closeloop/googleads"
	"closeloop/sandbox"
)

// TestMain makes rapid check fewer courses than its hundred, unless the command
// line says how many: each has a database and two servers of its own.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", "30"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// story is what the test itself knows of one lead: a second, much shorter
// account of product rules, written without conversions.Fold.
type story struct {
	lead   conversions.LeadID
	click  string
	stages map[conversions.Stage]*chapter
	amount conversions.Cents // the last one that came with a stage; 0 for none
	tags   []string          // all of them, for the report of a failure
}

type chapter struct {
	ever, present bool
	worth         conversions.Cents
	values        []string // every value it ever had
}

func (s *story) tagged(outcome conversions.Outcome, cents conversions.Cents) {
	s.tags = append(s.tags, fmt.Sprintf("%s %d", outcome, cents))
	if cents > 0 && (outcome == conversions.OutcomeBooked || outcome == conversions.OutcomeQuoted) {
		s.amount = cents
	}
	b, q := s.stages[conversions.StageBooked], s.stages[conversions.StageQuoted]
	switch outcome {
	case conversions.OutcomeBooked:
		b.is(s.amount)
	case conversions.OutcomeQuoted:
		q.is((s.amount*2 + 5) / 10)
		b.present = false
	case conversions.OutcomeSpam:
		b.present, q.present = false, false
	case conversions.OutcomeNotInterested:
		b.present = false
	default:
	}
}

func (c *chapter) is(worth conversions.Cents) {
	c.ever, c.present, c.worth = true, true, worth
	c.values = append(c.values, money(worth))
}

func money(c conversions.Cents) string { return fmt.Sprintf("%d.%02d USD", c/100, c%100) }

// universe is one random course of events.
type universe struct {
	*rig
	box    *sandbox.Server
	google *googleads.Client
	leads  []*story
}

func (u *universe) event(rt *rapid.T) {
	if rapid.Bool().Draw(rt, "later") {
		u.clock.advance(time.Second)
	}
	s := u.leads[rapid.IntRange(0, len(u.leads)-1).Draw(rt, "lead")]
	outcome := rapid.SampledFrom([]conversions.Outcome{
		conversions.OutcomeBooked, conversions.OutcomeBooked, conversions.OutcomeQuoted, conversions.OutcomeSpam,
		conversions.OutcomeNotInterested, conversions.OutcomeFollowUp,
	}).Draw(rt, "outcome")
	cents := rapid.SampledFrom([]conversions.Cents{0, 100, 103, 250_000}).Draw(rt, "cents")
	if cents > 0 {
		u.happens(s.lead, outcome, worth(cents))
	} else {
		u.happens(s.lead, outcome)
	}
	s.tagged(outcome, cents)
}

func (u *universe) wait(rt *rapid.T) {
	u.clock.advance(rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 3 * time.Hour, 8 * time.Hour}).Draw(rt, "wait"))
}

func (u *universe) fault(rt *rapid.T) {
	f := rapid.SampledFrom([]sandbox.Fault{
		{Kind: sandbox.FaultCut},
		{Kind: sandbox.FaultCut, AfterWork: true},
		{Kind: sandbox.FaultUnavailable},
		{Kind: sandbox.FaultUnavailable, AfterWork: true},
		{Kind: sandbox.FaultInternal, AfterWork: true},
		{Kind: sandbox.FaultRowInternal, Rows: []int{0}},
		{Kind: sandbox.FaultQuota},
		{Kind: sandbox.FaultError, Family: "authorization_error", Number: 2},
		{Kind: sandbox.FaultError, Family: "conversion_upload_error", Number: 14},
	}).Draw(rt, "fault")
	if err := u.box.Fault(f); err != nil {
		rt.Fatalf("fault: %v", err)
	}
}

// runs makes a run, in a process that may die at some step.
func (u *universe) runs(rt *rapid.T) {
	m := &mortal{
		inner: u.store, dest: u.google, left: rapid.IntRange(0, 60).Draw(rt, "lives for"),
		after: rapid.Bool().Draw(rt, "dies after its step"),
	}
	cfg := u.config(m)
	cfg.Store = m
	_, _ = newScheduler(cfg).RunNow(context.Background(), acme, false) // dead processes report errors
	if m.died() {
		u.clock.advance(conversions.LeaseTTL) // nobody gave the lease back
	}
}

// rests lets everything come to rest.
func (u *universe) rests(rt *rapid.T) {
	u.box.ClearFaults()
	for range 5 {
		u.clock.advance(7 * time.Hour)
		if _, err := u.scheduler(u.google).RunNow(context.Background(), acme, false); err != nil {
			rt.Fatalf("RunNow: %v", err)
		}
	}
}

func (u *universe) check(rt *rapid.T) {
	counted := map[string]string{}
	for _, c := range u.box.Conversions() {
		if _, twice := counted[c.OrderID]; twice {
			rt.Errorf("order id %s is counted twice", c.OrderID)
		}
		counted[c.OrderID] = fmt.Sprintf("%.2f %s", c.Value, c.Currency)
	}
	if n := len(u.unanswered()); n != 0 {
		rt.Errorf("%d batches are unanswered", n)
	}
	rows := u.rows()
	for _, s := range u.leads {
		for stage, c := range s.stages {
			row, stands := rows[string(s.lead)+" "+string(stage)]
			if stands != c.ever {
				rt.Errorf("%s %s: has a row %t, was tagged %t", s.lead, stage, stands, c.ever)
			}
			value, isThere := counted[row.OrderID]
			delete(counted, row.OrderID)
			c.check(rt, row, value, isThere, u.ambiguous(row))
			if rt.Failed() {
				rt.Fatalf("the tags of %s: %q", s.lead, s.tags)
			}
		}
	}
	if len(counted) > 0 {
		rt.Errorf("Google counts %v, which nobody wanted", counted)
	}
}

// ambiguous reports whether two manifests of the row with different values went
// unanswered before Google said that it has one of them. Which one cannot be
// known; the earliest is taken, as often wrongly as not.
func (u *universe) ambiguous(row conversions.Row) bool {
	open := map[conversions.Amount]bool{}
	for _, e := range u.ledger() {
		switch {
		case e.Row != row.ID, e.Item == nil:
		case e.Kind == conversions.EntryUnanswered:
			open[e.Item.Value] = true
		case e.Answer.Verdict == conversions.AlreadyThere && e.Resent:
			open[e.Item.Value] = true
			return len(open) > 1
		}
	}
	return false
}

func (c *chapter) check(rt *rapid.T, row conversions.Row, value string, isThere, ambiguous bool) {
	name, state := string(row.Key.Lead)+" "+string(row.Key.Stage), row.State
	wanted := c.present && c.worth > 0
	if isThere && !slices.Contains(c.values, value) {
		rt.Errorf("%s: Google counts %s, it was only ever worth %v", name, value, c.values)
	}
	if ambiguous {
		return
	}
	if row.Known.Status == conversions.KnownThere && value != money(row.Known.Value.Cents) {
		rt.Errorf("%s: known as %v, Google counts %q", name, row.Known.Value, value)
	}
	want := conversions.StateSkipped
	switch {
	case !c.ever:
		return
	case wanted && !isThere:
		rt.Errorf("%s: is worth %s and Google does not count it; state %s, last answer %+v", name, money(c.worth), state, row.Last)
		return
	case wanted && value == money(c.worth):
		want = conversions.StateDone
	case isThere, row.Known.Status == conversions.KnownUnanswered:
		want = conversions.StateChangeDue
	}
	if state != want {
		rt.Errorf("%s: state %s (%s), want %s; wanted %t, Google counts %q", name, state, row.Reason, want, wanted, value)
	}
}

// Whatever happens, in whatever order, and wherever the process dies: in the
// end Google counts what is wanted, once, with a value it had, and the rows
// say so.
func TestWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "universe") //nolint:usetesting // one for each course of events
		if err != nil {
			rt.Fatalf("make folder: %v", err)
		}
		c := &courseTB{TB: t}
		defer c.end()
		u := &universe{rig: newRigIn(c, dir)}
		u.box, u.google = google(c, u.clock.now, func(cfg *sandbox.Config) { cfg.AnyClick = false })
		for i := range 3 {
			s := &story{lead: lead(i), click: clickID(i / 2), stages: map[conversions.Stage]*chapter{}} // two share a click
			for _, stage := range conversions.Stages() {
				s.stages[stage] = &chapter{}
			}
			u.leads = append(u.leads, s)
			u.happens(s.lead, "", click(s.click))
			if err := u.box.AddClick(sandbox.Click{Kind: sandbox.GCLID, ID: s.click, Customer: customer, Time: start().Add(-time.Minute)}); err != nil {
				rt.Fatalf("add click: %v", err)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"event": u.event, "event again": u.event, "wait": u.wait, "fault": u.fault, "run": u.runs, "run again": u.runs,
		})
		u.rests(rt)
		u.check(rt)
	})
}

// courseTB ends what one course of events began when the course ends, not the
// whole test.
type courseTB struct {
	testing.TB
	cleanups []func()
}

// Cleanup implements testing.TB.
func (c *courseTB) Cleanup(f func()) { c.cleanups = append(c.cleanups, f) }

func (c *courseTB) end() {
	for _, f := range slices.Backward(c.cleanups) {
		f()
	}
}
