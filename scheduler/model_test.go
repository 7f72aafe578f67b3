package scheduler_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"closeloop/conversions"
)

// law is what of the account's rules differs between courses of events, or
// changes within one.
type law struct {
	percent          conversions.Cents // of a quote that counts
	bookedTakesQuote bool
	denialTakes      bool // a denial takes back what was sent
	contacts         bool // a click may be another call's of the same contact
	unsaid           conversions.ConsentRule
}

// of are the rules under the law.
func (l law) of(r conversions.Rules) conversions.Rules {
	r.OnBooked, r.WithdrawDenied, r.MatchContact, r.Consent = conversions.KeepQuote, l.denialTakes, l.contacts, l.unsaid
	if l.bookedTakesQuote {
		r.OnBooked = conversions.RetractQuote
	}
	r.Stages = maps.Clone(r.Stages)
	q := r.Stages[conversions.StageQuoted]
	q.Share = conversions.BasisPoints(100 * l.percent)
	r.Stages[conversions.StageQuoted] = q
	return r
}

// story is what the test itself knows of one lead: a second, much shorter
// account of product rules, written without package conversions' fold, rows
// and ledger.
type story struct {
	lead  conversions.LeadID
	click string // known to Google
	lost  bool   // the click stays unknown
	has   has
	facts []fact // as they came
}

// has is what click id has come of a lead so far.
type has int

const (
	noClick has = iota
	unknownClick
	knownClick
)

// fact is what one event says.
type fact struct {
	at, received time.Time
	outcome      conversions.Outcome
	cents        conversions.Cents // 0 for none
	consent      conversions.Consent
}

// place says what is to become of a stage at Google.
type place string

const (
	never place = "never tagged"
	idle  place = "left alone" // nothing is to be sent, and what is there stays
	asked place = "counts"
	back  place = "taken back"
)

// chapter is how one stage stands: its value, and since when it is taken back.
type chapter struct {
	place
	worth conversions.Cents
	left  time.Time
}

// by tells how a stage stood by a time, with what had been received then.
func (s *story) by(l law, stage conversions.Stage, now time.Time) chapter {
	t, b := s.tagged(stage, now), s.tagged(conversions.StageBooked, now)
	denied, since := s.denied(l, now)
	worth := t.amount
	if stage == conversions.StageQuoted {
		worth = (worth*l.percent + 50) / 100
	}
	switch {
	case !t.ever:
		return chapter{place: never}
	case !t.present:
		return chapter{place: back, left: t.left}
	case stage == conversions.StageQuoted && b.present && l.bookedTakesQuote:
		return chapter{place: back, left: b.since}
	case denied && l.denialTakes && !since.IsZero():
		return chapter{place: back, left: since}
	case denied, worth == 0, s.has == noClick:
		return chapter{place: idle}
	}
	return chapter{place: asked, worth: worth}
}

// tags is what the tags alone say of one stage.
type tags struct {
	ever, present bool
	since, left   time.Time // it began and ended
	amount        conversions.Cents
}

func (s *story) tagged(stage conversions.Stage, now time.Time) tags {
	var t tags
	var amount conversions.Cents
	for _, f := range s.ordered(now) {
		ours := f.outcome == conversions.Outcome(stage)
		if f.cents > 0 && (f.outcome == conversions.OutcomeBooked || f.outcome == conversions.OutcomeQuoted) {
			amount = f.cents
		}
		switch {
		case ours && !t.present:
			t.ever, t.present, t.since, t.amount = true, true, f.at, amount
		case ours:
			t.amount = amount
		case t.present && takesBack(stage, f.outcome):
			t.present, t.left = false, f.at
		}
	}
	return t
}

// denied reports whether consent is, and since which event's word.
func (s *story) denied(l law, now time.Time) (denied bool, since time.Time) {
	denied = l.unsaid == conversions.ConsentRuleDenied
	for _, f := range s.ordered(now) {
		switch {
		case f.consent == conversions.ConsentGranted:
			denied, since = false, time.Time{}
		case f.consent == conversions.ConsentDenied && since.IsZero():
			denied, since = true, f.at
		}
	}
	return denied, since
}

// ordered are the facts received by now, in the order of their own times.
func (s *story) ordered(now time.Time) []fact {
	facts := slices.DeleteFunc(slices.Clone(s.facts), func(f fact) bool { return f.received.After(now) })
	slices.SortStableFunc(facts, func(a, b fact) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.received.Compare(b.received)
	})
	return facts
}

func takesBack(stage conversions.Stage, o conversions.Outcome) bool {
	switch o {
	case conversions.OutcomeSpam, conversions.OutcomeWrongNumber:
		return true
	case conversions.OutcomeNotInterested, conversions.OutcomeQuoted:
		return stage == conversions.StageBooked
	default:
		return false
	}
}

// ripe reports whether the stage had been taken back for a day.
func (c chapter) ripe(now time.Time) bool {
	return c.place == back && !now.Before(c.left.Add(conversions.DefaultWithdrawWait))
}

func money(c conversions.Cents) string { return fmt.Sprintf("%d.%02d USD", c/100, c%100) }
