package scheduler_test

import (
	"context"
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"closeloop/conversions"
	"closeloop/googleads"
	"closeloop/sandbox"
	"closeloop/scheduler"
)

// TestMain makes rapid check fewer courses than its hundred, unless the command
// line says how many: each has a database and two servers of its own.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	bounds := map[string]string{"rapid.steps": "70", "rapid.checks": "30"}
	if asked {
		delete(bounds, "rapid.checks")
	}
	for name, value := range bounds {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// longest is how long a course may last before it comes to rest: so that
// nothing in it is too old to be sent or adjusted, which tests of their own
// show.
const longest = 35 * day

// universe is one random course of events.
type universe struct {
	*rig
	box    *sandbox.Server
	google *googleads.Client
	leads  []*story
	events []conversions.Event
	// ignores: Google takes adjustments of what is retracted, without effect.
	ignores bool
	// hides: Google says nothing of a conversion for a day after its upload.
	hides bool
}

// event is a tag, which may come long after it was set.
func (u *universe) event(rt *rapid.T) {
	if rapid.Bool().Draw(rt, "later") {
		u.clock.advance(time.Second)
	}
	s := u.lead(rt)
	now := u.clock.now()
	t := tag{at: now, received: now}
	t.outcome = rapid.SampledFrom([]conversions.Outcome{
		conversions.OutcomeBooked, conversions.OutcomeBooked, conversions.OutcomeBooked, conversions.OutcomeQuoted,
		conversions.OutcomeSpam, conversions.OutcomeWrongNumber, conversions.OutcomeNotInterested, conversions.OutcomeFollowUp,
	}).Draw(rt, "outcome")
	t.cents = rapid.SampledFrom([]conversions.Cents{0, 100, 103, 250_000}).Draw(rt, "cents")
	late := rapid.SampledFrom([]time.Duration{0, 0, 0, time.Minute, 2 * time.Hour, 20 * time.Hour, 50 * time.Hour}).Draw(rt, "late")
	if t.at = now.Add(-late); t.at.Before(start()) {
		t.at = start()
	}
	s.tags = append(s.tags, t)
	u.comes(s.lead, t.outcome, func(e *conversions.Event) {
		e.At = t.at
		if t.cents > 0 {
			e.Amounts.Actual = &t.cents
		}
	})
}

// comes stores an event that can come again.
func (u *universe) comes(l conversions.LeadID, o conversions.Outcome, changes ...change) {
	e := u.rig.event(l, o, changes...)
	u.events = append(u.events, e)
	u.append(e)
}

// again is a delivery that comes a second time.
func (u *universe) again(rt *rapid.T) {
	e := rapid.SampledFrom(u.events).Draw(rt, "event")
	e.Received = u.clock.now()
	u.append(e)
}

func (u *universe) lead(rt *rapid.T) *story {
	return u.leads[rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3}).Draw(rt, "lead")]
}

// rare is what happens now and then.
func (u *universe) rare(rt *rapid.T) {
	rapid.SampledFrom([]func(*rapid.T){u.again, u.replays, u.reveal, u.actionFault}).Draw(rt, "rare")(rt)
}

// reveal brings the click that Google knows to a lead that had none, or
// another.
func (u *universe) reveal(rt *rapid.T) {
	if s := u.lead(rt); !s.revealed {
		u.reveals(s)
	}
}

func (u *universe) reveals(s *story) {
	s.revealed = true
	u.comes(s.lead, "", click(s.click), func(e *conversions.Event) {
		e.Kind, e.Person.Clicks[0].Place = conversions.KindClickSet, conversions.PlacePerson
	})
}

func (u *universe) wait(rt *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{
		time.Minute, time.Hour, 8 * time.Hour, 8 * time.Hour, 26 * time.Hour, 26 * time.Hour, 3 * day,
	}).Draw(rt, "wait")
	if u.clock.now().Add(d).Before(start().Add(longest)) {
		u.clock.advance(d)
	}
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
		{Kind: sandbox.FaultQuota, RetryDelay: sandbox.Duration(9 * time.Hour)},
		{Kind: sandbox.FaultError, Family: "authorization_error", Number: 2},
		{Kind: sandbox.FaultError, Family: "not_allowlisted_error", Number: 2},
		{Kind: sandbox.FaultRowError, Family: "not_allowlisted_error", Number: 2},
	}).Draw(rt, "fault")
	f.On = rapid.SampledFrom([]sandbox.FaultPlace{sandbox.OnUpload, sandbox.OnAdjust}).Draw(rt, "on")
	u.befalls(rt, f)
}

// actionFault speaks of the conversion action: of the upload's or of the
// adjustment's.
func (u *universe) actionFault(rt *rapid.T) {
	u.befalls(rt, rapid.SampledFrom([]sandbox.Fault{
		{Kind: sandbox.FaultError, Family: "conversion_upload_error", Number: 53},
		{Kind: sandbox.FaultRowError, Rows: []int{0}, Family: "conversion_upload_error", Number: 53},
		{Kind: sandbox.FaultError, On: sandbox.OnAdjust, Family: "conversion_adjustment_upload_error", Number: 27},
		{Kind: sandbox.FaultRowError, On: sandbox.OnAdjust, Rows: []int{0}, Family: "conversion_adjustment_upload_error", Number: 27},
	}).Draw(rt, "fault"))
}

func (u *universe) befalls(rt *rapid.T, f sandbox.Fault) {
	if err := u.box.Fault(f); err != nil {
		rt.Fatalf("fault: %v", err)
	}
}

// runs makes a run, in a process that may die at some step. It shares its
// second with no event.
func (u *universe) runs(rt *rapid.T) {
	u.inAProcess(rt, func(s *scheduler.Scheduler) { _, _ = s.RunNow(context.Background(), acme, false) })
}

// replays folds everything again: under the same rules that changes nothing.
func (u *universe) replays(rt *rapid.T) {
	u.inAProcess(rt, func(s *scheduler.Scheduler) {
		_, _ = s.Replay(context.Background(), acme, conversions.ReplayQuery{}, true)
	})
}

func (u *universe) inAProcess(rt *rapid.T, f func(*scheduler.Scheduler)) {
	m := &mortal{
		inner: u.store, dest: u.google, left: rapid.IntRange(0, 120).Draw(rt, "lives for"),
		after: rapid.Bool().Draw(rt, "dies after its step"),
	}
	cfg := u.config(m)
	cfg.Store = m
	u.clock.advance(time.Second)
	f(newScheduler(cfg)) // dead processes report errors
	u.clock.advance(time.Second)
	if m.died() {
		u.clock.advance(conversions.LeaseTTL) // nobody gave the lease back
	}
}

// rests lets everything come to rest: faults end, clicks come but for one lead,
// a person looks after what needs one.
func (u *universe) rests(rt *rapid.T) {
	u.box.ClearFaults()
	for _, s := range u.leads {
		if !s.revealed && !s.lost {
			u.reveals(s)
		}
	}
	for _, d := range []time.Duration{
		2 * time.Hour, 7 * time.Hour, 8 * time.Hour, 8 * time.Hour, day, day, day, day, day, 8 * time.Hour,
	} {
		u.clock.advance(d)
		s := u.scheduler(u.google)
		report, err := s.RunNow(context.Background(), acme, false)
		if err != nil {
			rt.Fatalf("RunNow: %v", err)
		}
		rt.Logf("%s: %d rows, %v, %v, paused %v", u.clock.now(), report.Rows, report.Answers, report.Codes, report.Paused)
		u.looksAfter(rt, s)
	}
}

func (u *universe) looksAfter(rt *rapid.T, s *scheduler.Scheduler) {
	for _, row := range u.rows() {
		if row.State != conversions.StatePerson {
			continue
		}
		if _, err := s.Resolve(context.Background(), acme, row.ID, scheduler.ResolveRetry, "a person", "looks fine"); err != nil {
			rt.Fatalf("Resolve: %v", err)
		}
	}
}

func (u *universe) check(rt *rapid.T) {
	box := map[string]sandbox.Conversion{}
	for _, c := range u.box.Conversions() {
		if _, twice := box[c.OrderID]; twice {
			rt.Errorf("order id %s is held twice", c.OrderID)
		}
		box[c.OrderID] = c
	}
	if n := len(u.unanswered()); n != 0 {
		rt.Errorf("%d batches are unanswered", n)
	}
	for _, s := range u.leads {
		excused := u.excused(s)
		for _, stage := range conversions.Stages() {
			s.check(rt, stage, box, u.clock.now(), excused)
		}
		if !excused {
			u.checkRows(rt, s)
		}
		if rt.Failed() {
			u.tell(rt, s)
			rt.FailNow()
		}
	}
	if len(box) > 0 {
		rt.Errorf("Google holds %v, which nobody wanted", box)
	}
	u.checkLedger(rt)
}

// excused reports a known gap: with a Google that takes adjustments of
// retracted conversions without effect, a conversion that was wanted again
// before its retraction was answered is restated in vain.
func (u *universe) excused(s *story) bool {
	rows := map[conversions.RowID]conversions.Row{}
	for _, row := range u.rows() {
		if row.Key.Lead == s.lead {
			rows[row.ID] = row
		}
	}
	for _, e := range u.ledger() {
		row, is := rows[e.Row]
		if !is || e.Kind != conversions.EntryUnanswered {
			continue
		}
		if e.Item.Op == conversions.OpRetract && row.Known.Status == conversions.KnownThere && u.ignores {
			return true
		}
	}
	return false
}

// checkRows: the newest row of each stage says how it stands.
func (u *universe) checkRows(rt *rapid.T, s *story) {
	newest := map[conversions.Stage]conversions.Row{}
	for _, row := range u.rows() {
		if n, is := newest[row.Key.Stage]; row.Key.Lead == s.lead && (!is || row.Key.Generation > n.Key.Generation) {
			newest[row.Key.Stage] = row
		}
	}
	for _, stage := range conversions.Stages() {
		row, stands := newest[stage]
		if ever := s.by(stage, u.clock.now()).ever; stands != ever {
			rt.Errorf("%s %s: has a row %t, was tagged %t", s.lead, stage, stands, ever)
		}
		counts := s.counts(stage, u.clock.now())
		switch {
		case !stands:
		case counts != "":
			if row.State != conversions.StateDone || money(row.Known.Value.Cents) != counts {
				rt.Errorf("%s %s: is %s, known as %v, want done as %s", s.lead, stage, row.State, row.Known.Value, counts)
			}
		case !slices.Contains(resting(s.revealed), row.State):
			rt.Errorf("%s %s: is %s, want any of %v", s.lead, stage, row.State, resting(s.revealed))
		}
	}
}

// resting are the states of what Google is not to count.
func resting(revealed bool) []conversions.State {
	states := []conversions.State{conversions.StateSkipped, conversions.StateRetracted}
	if !revealed {
		states = append(states, conversions.StateRefused, conversions.StateWaiting)
	}
	return states
}

// tell prints the course of one lead.
func (u *universe) tell(rt *rapid.T, s *story) {
	for _, t := range s.tags {
		rt.Logf("%s tagged %s %d at %s, received %s", s.lead, t.outcome, t.cents, t.at, t.received)
	}
	rows := map[conversions.RowID]bool{}
	for _, row := range u.rows() {
		rows[row.ID] = row.Key.Lead == s.lead
	}
	for _, e := range u.ledger() {
		if rows[e.Row] {
			rt.Logf("%s", told(e))
		}
	}
}

// setting are the sandbox's unproven behaviours, switched either way.
func setting(rt *rapid.T) sandbox.Unproven {
	toss := func(name string) bool { return rapid.Bool().Draw(rt, name) }
	u := sandbox.Unproven{
		RecentConversion: rapid.SampledFrom([]sandbox.RecentPolicy{
			sandbox.RecentAccept, sandbox.RecentRefuse, sandbox.RecentHidden,
		}).Draw(rt, "recent conversion"),
		IgnoreRetracted: toss("ignore retracted"), IgnoreRepeated: toss("ignore repeated"),
		BothDuplicateErrors: toss("both duplicate errors"), OCIBlockPerRow: toss("block per row"),
		OCIBlockAdjustments: toss("block adjustments"), UnknownIsClickNotFound: toss("unknown is click not found"),
		DamagedIsNotFound: toss("damaged is not found"),
	}
	if toss("duplicates fail the request") {
		u.WholeRequest = []int32{15, 23} // ORDER_ID_ALREADY_IN_USE, CLICK_CONVERSION_ALREADY_EXISTS
	}
	if toss("repeated adjustments fail the request") {
		u.WholeAdjustRequest = []int32{4, 5, 8, 9, 13} // every code that judges one conversion
	}
	if toss("a quota") {
		u.OperationsPerDay, u.OperationsPerRow = 12, toss("of rows")
	}
	return u
}

// Whatever happens, in whatever order, and wherever the process dies: in the
// end Google counts what is wanted, once and with the value it has now, what
// was taken back is retracted a day later and not before, the rows say so, and
// the ledger rebuilds them.
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
		unproven := setting(rt)
		u.box, u.google = google(c, u.clock.now, func(cfg *sandbox.Config) { cfg.AnyClick, cfg.Unproven = false, unproven })
		u.ignores, u.hides = unproven.IgnoreRetracted, unproven.RecentConversion == sandbox.RecentHidden
		u.begins(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"event": u.event, "event 2": u.event, "wait": u.wait, "wait 2": u.wait, "wait 3": u.wait,
			"run": u.runs, "run 2": u.runs, "run 3": u.runs, "fault": u.fault, "rare": u.rare,
		})
		u.rests(rt)
		u.check(rt)
	})
}

// begins calls: two that share a click, one whose click comes late or never,
// and one that came with a click Google does not know.
func (u *universe) begins(rt *rapid.T) {
	for i, revealed := range []bool{true, true, false, false} {
		s := &story{lead: lead(i), click: clickID(i / 2), revealed: revealed}
		if i > 1 {
			s.click, s.lost = clickID(i), rapid.Bool().Draw(rt, "stays without")
		}
		u.leads = append(u.leads, s)
		switch i {
		case 2:
			u.comes(s.lead, "")
		case 3:
			u.comes(s.lead, "", click(clickID(1000)))
		default:
			u.comes(s.lead, "", click(s.click))
		}
		if err := u.box.AddClick(sandbox.Click{Kind: sandbox.GCLID, ID: s.click, Customer: customer, Time: start().Add(-time.Minute)}); err != nil {
			rt.Fatalf("add click: %v", err)
		}
	}
}
