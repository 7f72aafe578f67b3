package scheduler_test

import (
	"context"
	"errors"

	"pgregory.net/rapid"

	"closeloop/conversions"
	"closeloop/scheduler"
)

// again is a delivery that comes a second time.
func (u *universe) again(rt *rapid.T) {
	e := rapid.SampledFrom(u.events).Draw(rt, "event")
	e.Received = u.clock.now()
	u.append(e)
}

// consents is an event that speaks of consent alone.
func (u *universe) consents(rt *rapid.T) {
	u.says(rt, u.lead(rt), "", rapid.SampledFrom([]conversions.Consent{
		conversions.ConsentGranted, conversions.ConsentGranted, conversions.ConsentDenied,
	}).Draw(rt, "consent"))
}

// crowds is one tag on everybody in the crowd.
func (u *universe) crowds(rt *rapid.T) {
	o := rapid.SampledFrom([]conversions.Outcome{conversions.OutcomeBooked, conversions.OutcomeBooked, conversions.OutcomeSpam}).Draw(rt, "crowd's")
	for _, s := range u.leads[friend+1:] {
		u.says(rt, s, o, "")
	}
}

// reveal brings the click that Google knows to a lead that had none, or
// another.
func (u *universe) reveal(rt *rapid.T) {
	if s := u.lead(rt); s.has != knownClick && s != u.leads[friend] {
		u.reveals(s)
	}
}

func (u *universe) reveals(s *story) {
	s.has = knownClick
	u.comes(s.lead, "", click(s.click), func(e *conversions.Event) {
		e.Kind, e.Person.Clicks[0].Place = conversions.KindClickSet, conversions.PlacePerson
	})
}

// visits is a click of the contact whose call had none, long before the call
// but reported late.
func (u *universe) visits(*rapid.T) {
	s := u.leads[friend]
	if s.has == knownClick || u.clock.now().After(start().Add(6*day)) {
		return // the wait for a click may be over
	}
	u.comes("a visit", "", of("a contact"), click(s.click), func(e *conversions.Event) { e.At = start() })
	if u.laws[0].contacts {
		s.has = knownClick
	}
}

// replays folds everything again: under the same rules that changes nothing.
func (u *universe) replays(rt *rapid.T) {
	u.inAProcess(rt, func(s *scheduler.Scheduler) {
		_, _ = s.Replay(context.Background(), acme, conversions.ReplayQuery{}, true)
	})
}

// legislates changes rules.
func (u *universe) legislates(rt *rapid.T) {
	l := u.laws[len(u.laws)-1]
	rapid.SampledFrom([]func(){
		func() { l.percent = 45 - l.percent },
		func() { l.bookedTakesQuote = !l.bookedTakesQuote },
		func() { l.denialTakes = !l.denialTakes },
	}).Draw(rt, "law")()
	u.decree(l)
	clear(u.givenUp)
}

func (u *universe) decree(l law) {
	u.laws = append(u.laws, l)
	u.rules = l.of(u.rules)
}

// givesUp is a person who closes a row. Once rules have changed, a run may find
// that it changed with them, which opens it.
func (u *universe) givesUp(rt *rapid.T) {
	if row, done := u.resolves(rt, scheduler.ResolveGiveUp); done && len(u.laws) == 1 {
		u.givenUp[row.OrderID] = true
	}
}

// triesAgain is a person who has a row tried again.
func (u *universe) triesAgain(rt *rapid.T) {
	if row, done := u.resolves(rt, scheduler.ResolveRetry); done {
		delete(u.givenUp, row.OrderID)
	}
}

func (u *universe) resolves(rt *rapid.T, what scheduler.Resolution) (conversions.Row, bool) {
	s := u.process(u.world, u.store)
	if err := s.Fold(context.Background(), acme); err != nil {
		rt.Fatalf("Fold: %v", err)
	}
	rows := u.list()
	if len(rows) == 0 {
		return conversions.Row{}, false
	}
	row := rapid.SampledFrom(rows).Draw(rt, "row")
	_, err := s.Resolve(context.Background(), acme, row.ID, what, "a person", "thinks so")
	if err != nil && !errors.Is(err, scheduler.ErrNothingToResolve) && !errors.Is(err, scheduler.ErrInFlight) {
		rt.Fatalf("Resolve: %v", err)
	}
	return row, err == nil
}

// stops is a person who pauses the account or an action, goesOn one who
// resumes it.
func (u *universe) stops(rt *rapid.T) {
	action := rapid.SampledFrom([]string{"", booked, quoted}).Draw(rt, "action")
	if err := u.process(u.world, u.store).PauseByHand(context.Background(), acme, action, "a person", "thinks so"); err != nil {
		rt.Fatalf("PauseByHand: %v", err)
	}
	u.stopped[action] = true
}

func (u *universe) goesOn(rt *rapid.T) {
	for _, action := range []string{"", booked, quoted} {
		if !u.stopped[action] {
			continue
		}
		if err := u.process(u.world, u.store).ResumeByHand(context.Background(), acme, action); err != nil {
			rt.Fatalf("ResumeByHand: %v", err)
		}
		delete(u.stopped, action)
	}
}
