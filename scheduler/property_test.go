package scheduler_test

import (
	"context"
	"errors"
	"flag"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"closeloop/conversions"
	"closeloop/gclid"
	"closeloop/scheduler"
	"closeloop/store/sqlite"
)

// TestMain makes rapid check fewer courses than its hundred, and the same ones
// every time, unless the command line says how many: each has a database and
// two servers of its own. A search is one of thousands, with chances of its own.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	bounds := map[string]string{"rapid.steps": "35", "rapid.checks": "30", "rapid.seed": "20261122"}
	if asked {
		delete(bounds, "rapid.checks")
		delete(bounds, "rapid.seed")
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
	world  world
	laws   []law    // the last is today's
	leads  []*story // five, and a crowd now and then
	events []conversions.Event
	whose  map[string]conversion // by order id
	// attempts are all calls that the program made, by order id; wrong is what
	// was wrong with them.
	attempts map[string][]*attempt
	wrong    []string
	// stopped are the actions a person paused, "" for the account; givenUp are
	// the order ids a person gave up since anything came of their lead.
	stopped map[string]bool
	givenUp map[string]bool
	// meddled is what somebody else did, by order id; slots are the clicks and
	// seconds that another tool took.
	meddled map[string][]meddling
	slots   []conversions.Item
}

// Whatever happens, in whatever order, and wherever the process dies: in the
// end Google counts what is wanted, once and with the value it has now, what
// was taken back is retracted a day later and not before, nothing is ever sent
// that is not wanted, the rows say so, and the ledger rebuilds them.
//
// Thousands of courses: TMPDIR=/dev/shm go test ./scheduler -run
// TestWhateverHappens -rapid.checks=5000 -timeout 30m.
func TestWhateverHappens(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB, *rapid.T, func() time.Time, bool) world{
		"google ads": newAdsWorld, "data manager": newManagerWorld,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				dir, err := os.MkdirTemp(t.TempDir(), "universe") //nolint:usetesting // one for each course of events
				if err != nil {
					rt.Fatalf("make folder: %v", err)
				}
				c := &courseTB{TB: t}
				defer c.end()
				crowd := rapid.IntRange(0, 9).Draw(rt, "a crowd") == 0
				u := &universe{
					rig: newRigIn(c, dir, sqlite.Options{Contacts: true}), whose: map[string]conversion{}, attempts: map[string][]*attempt{},
					stopped: map[string]bool{}, givenUp: map[string]bool{}, meddled: map[string][]meddling{},
				}
				u.world = open(c, rt, u.clock.now, crowd)
				u.begins(rt, crowd)
				for range 3 { // its length is geometric: one alone is often too short
					rt.Repeat(map[string]func(*rapid.T){
						"event": u.event, "event 2": u.event, "wait": u.wait, "wait 2": u.wait, "wait 3": u.wait,
						"run": u.runs, "run 2": u.runs, "run 3": u.runs, "fault": u.fault, "rare": u.rare, "rare 2": u.rare,
					})
				}
				u.rests(rt)
				u.check(rt)
			})
		})
	}
}

// begins draws the rules and calls: two that share a click, one whose click
// comes late or never, one that came with a click Google does not know, and one
// whose contact clicked; and perhaps a crowd.
func (u *universe) begins(rt *rapid.T, crowd bool) {
	u.rules.Target.API, u.rules.Hold = u.world.ways().api, u.world.ways().hold
	l := law{
		percent: 20, bookedTakesQuote: rapid.Bool().Draw(rt, "booked takes quote"), denialTakes: rapid.Bool().Draw(rt, "denial takes"),
		contacts: rapid.Bool().Draw(rt, "contacts"),
		unsaid: rapid.SampledFrom([]conversions.ConsentRule{
			conversions.ConsentRuleGranted, conversions.ConsentRuleGranted, conversions.ConsentRuleGranted,
			conversions.ConsentRuleGranted, conversions.ConsentRuleEvent, conversions.ConsentRuleUnspecified, conversions.ConsentRuleDenied,
		}).Draw(rt, "unsaid consent"),
	}
	u.decree(l)
	n := 5
	if crowd {
		n += 2 * conversions.MassWithdrawals
	}
	for i := range n {
		u.calls(rt, i)
	}
}

// The leads that are told apart.
const (
	twin    = 1 // shares its click with the first
	silent  = 2 // came without a click
	strange = 3 // came with a click Google does not know
	friend  = 4 // has no click but its contact's
)

func (u *universe) calls(rt *rapid.T, i int) {
	s := &story{lead: lead(i), click: clickID(i), has: knownClick}
	u.leads = append(u.leads, s)
	for _, stage := range conversions.Stages() {
		for g := range 20 {
			u.whose[conversions.OrderID("src_1", s.lead, stage, g)] = conversion{s, stage, g}
		}
	}
	switch i {
	case twin:
		s.click = clickID(0)
	case silent, strange:
		s.lost = rapid.Bool().Draw(rt, "stays without")
	}
	switch i {
	case silent:
		s.has = noClick
		u.comes(s.lead, "")
	case strange:
		s.has = unknownClick
		u.comes(s.lead, "", click(clickID(1000)))
	case friend:
		s.has, s.lost = noClick, true
		u.comes(s.lead, "", of("a contact"))
	default:
		u.comes(s.lead, "", click(s.click))
	}
	if err := u.world.knows(s.click, start().Add(-time.Minute)); err != nil {
		rt.Fatalf("add click: %v", err)
	}
}

// event is a tag, which may come long after it was set.
func (u *universe) event(rt *rapid.T) {
	if rapid.Bool().Draw(rt, "later") {
		u.clock.advance(time.Second)
	}
	u.says(rt, u.lead(rt), rapid.SampledFrom([]conversions.Outcome{
		conversions.OutcomeBooked, conversions.OutcomeBooked, conversions.OutcomeBooked, conversions.OutcomeQuoted,
		conversions.OutcomeSpam, conversions.OutcomeWrongNumber, conversions.OutcomeNotInterested, conversions.OutcomeFollowUp,
	}).Draw(rt, "outcome"), rapid.SampledFrom([]conversions.Consent{
		"", "", "", "", "", "", "", "", "", conversions.ConsentGranted, conversions.ConsentGranted, conversions.ConsentDenied,
	}).Draw(rt, "consent"))
}

// says stores a fact of a lead, in its story and as an event.
func (u *universe) says(rt *rapid.T, s *story, o conversions.Outcome, consent conversions.Consent) {
	now := u.clock.now()
	f := fact{at: now, received: now, outcome: o, consent: consent}
	if o != "" {
		f.cents = rapid.SampledFrom([]conversions.Cents{0, 100, 103, 250_000}).Draw(rt, "cents")
	}
	late := rapid.SampledFrom([]time.Duration{0, 0, 0, time.Minute, 2 * time.Hour, 20 * time.Hour, 50 * time.Hour}).Draw(rt, "late")
	if f.at = now.Add(-late); f.at.Before(start()) {
		f.at = start()
	}
	s.facts = append(s.facts, f)
	u.comes(s.lead, o, func(e *conversions.Event) {
		e.At, e.Consent = f.at, consent
		if f.cents > 0 {
			e.Amounts.Actual = &f.cents
		}
		if s == u.leads[friend] {
			e.Person.Contact = "a contact"
		}
	})
}

// comes stores an event that can come again.
func (u *universe) comes(l conversions.LeadID, o conversions.Outcome, changes ...change) {
	e := u.rig.event(l, o, changes...)
	u.events = append(u.events, e)
	u.append(e)
	for id := range u.givenUp {
		if u.whose[id].s.lead == l {
			delete(u.givenUp, id)
		}
	}
}

func (u *universe) lead(rt *rapid.T) *story {
	return u.leads[rapid.SampledFrom([]int{0, 0, 0, twin, silent, strange, friend}).Draw(rt, "lead")]
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
	var ids []string
	for _, s := range u.leads {
		ids = append(ids, orderID(s.lead, conversions.StageBooked), orderID(s.lead, conversions.StageQuoted))
	}
	if err := u.world.fault(rt, ids); err != nil {
		rt.Fatalf("fault: %v", err)
	}
}

// rare is what happens now and then.
func (u *universe) rare(rt *rapid.T) {
	all := []func(*rapid.T){
		u.again, u.reveal, u.consents, u.visits, u.replays, u.legislates,
		u.givesUp, u.triesAgain, u.stops, u.goesOn, u.goesOn, u.goesOn,
	}
	if !u.world.ways().slow {
		all = append(all, u.meddles, u.meddles)
	}
	if len(u.leads) > friend+1 {
		all = append(all, u.crowds, u.crowds, u.crowds)
	}
	rapid.SampledFrom(all).Draw(rt, "rare")(rt)
}

// runs makes a run, in a process that may die at some step. It shares its
// second with no event.
func (u *universe) runs(rt *rapid.T) {
	if u.world.ways().slow && rapid.IntRange(0, 3).Draw(rt, "only asks") == 0 {
		u.inAProcess(rt, func(s *scheduler.Scheduler) { _ = s.PollAlone(context.Background(), acme) })
		return
	}
	u.inAProcess(rt, func(s *scheduler.Scheduler) { _, _ = s.RunAlone(context.Background(), acme) })
}

func (u *universe) inAProcess(rt *rapid.T, f func(*scheduler.Scheduler)) {
	m := &mortal{inner: u.store, dest: u.world, left: math.MaxInt}
	if rapid.IntRange(0, 2).Draw(rt, "dies") == 0 {
		m.left, m.after = rapid.IntRange(0, 40).Draw(rt, "lives for"), rapid.Bool().Draw(rt, "dies after its step")
	}
	w := &witness{u: u, inner: m}
	u.clock.advance(time.Second)
	f(u.process(w, m)) // dead processes report errors
	u.clock.advance(time.Second)
	if m.died() {
		w.died()
		u.clock.advance(conversions.LeaseTTL) // nobody gave the lease back
	}
	u.mustBeRight(rt)
}

// process is a scheduler over a store that may be mortal.
func (u *universe) process(d scheduler.Destination, s scheduler.Store) *scheduler.Scheduler {
	cfg := u.config(d)
	cfg.Accounts[0].Destinations = map[conversions.API]scheduler.Destination{u.world.ways().api: d}
	cfg.Store, cfg.Contacts, cfg.MatchContact = s, u.store, gclid.OfContact
	return newScheduler(cfg)
}

func (u *universe) mustBeRight(rt *rapid.T) {
	for _, w := range u.wrong {
		rt.Errorf("%s", w)
	}
	if rt.Failed() {
		u.tell(rt)
		rt.FailNow()
	}
}

// rests lets everything come to rest: faults end, clicks come but for some
// leads, today's rules hold for all, a person looks after what needs one.
func (u *universe) rests(rt *rapid.T) {
	u.world.mend()
	for _, s := range u.leads {
		if s.has != knownClick && !s.lost {
			u.reveals(s)
		}
	}
	clear(u.stopped)
	for _, action := range []string{"", booked, quoted} {
		if err := u.process(u.world, u.store).ResumeByHand(context.Background(), acme, action); err != nil {
			rt.Fatalf("resume: %v", err)
		}
	}
	waits := []time.Duration{2 * time.Hour, 7 * time.Hour, 8 * time.Hour, 8 * time.Hour, day, day, day, day, day, 8 * time.Hour}
	cared := len(waits)
	if u.world.ways().slow { // a person looks on for so long, and then it settles
		waits = append(waits, slices.Repeat([]time.Duration{day}, 10)...)
	}
	for i, d := range waits {
		u.clock.advance(d)
		s := u.process(&witness{u: u, inner: u.world}, u.store)
		if i == 0 {
			clear(u.givenUp)
			if _, err := s.Replay(context.Background(), acme, conversions.ReplayQuery{}, true); err != nil {
				rt.Fatalf("Replay: %v", err)
			}
		}
		report, err := s.RunAlone(context.Background(), acme)
		if err != nil {
			rt.Fatalf("RunNow: %v", err)
		}
		rt.Logf("%s: %d rows, %v, %v, paused %v", u.clock.now(), report.Rows, report.Answers, report.Codes, report.Paused)
		u.looksAfter(rt, s, i < cared)
	}
	u.mustBeRight(rt)
}

// looksAfter approves what is held, and has tried again what needs a person or
// was given up; and what a slow vendor refused or left unclear, if eager.
func (u *universe) looksAfter(rt *rapid.T, s *scheduler.Scheduler, eager bool) {
	for _, row := range u.list() {
		what := scheduler.ResolveRetry
		switch {
		case row.Held:
			what = scheduler.ResolveApprove
		case row.State == conversions.StatePerson, row.Closed == conversions.ReasonGivenUp:
		case !u.world.ways().slow, !eager, !unsettled(row):
			continue
		}
		_, err := s.Resolve(context.Background(), acme, row.ID, what, "a person", "looks fine")
		if err != nil && !errors.Is(err, scheduler.ErrInFlight) {
			rt.Fatalf("Resolve %s %s: %v", row.OrderID, row.Reason, err)
		}
		delete(u.givenUp, row.OrderID)
	}
}

// unsettled reports whether a person may have the row tried again.
func unsettled(r conversions.Row) bool {
	switch r.State {
	case conversions.StateRefused, conversions.StateUnclear:
		return true
	case conversions.StateStuck:
		return r.Closed != ""
	default:
		return false
	}
}
