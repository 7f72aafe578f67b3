package gclid

import (
	"bytes"
	"time"

	"closeloop/conversions"
)

var _ conversions.Matcher = Belonging

// Belonging finds the click that belongs to the outcome tagged by
// events[tag]. It satisfies conversions.Matcher: events are one lead's, in
// fold order; it is pure. The first rule that finds a usable id wins:
//
//  0. MatchPerson: a person gave it; the newest counts.
//  1. MatchOwn: a field of the tag's own delivery.
//  2. MatchCall: a field of another event of the call, before or after.
//  3. MatchLanding: the landing page of any event of the call, the tag's
//     included.
//
// When a rule finds several, gclid beats gbraid beats wbraid; then the newest
// event not after the tag, else the earliest after it; then the undamaged;
// then the event with the smaller body hash, which no order of arrival
// changes. An unusable text never hides a usable one; when there is no usable
// one, Placeholder is the damage of the strongest unusable text.
func Belonging(events []conversions.Event, tag int) conversions.Match {
	if tag < 0 || tag >= len(events) {
		return conversions.Match{}
	}
	var best, unusable candidate
	for i := range events {
		for n, c := range events[i].Person.Clicks {
			next := candidate{event: &events[i], n: n, click: c, rule: ruleFor(c, i == tag)}
			target := &best
			if !c.Usable() {
				target = &unusable
			}
			if next.beats(*target, events[tag].Order()) {
				*target = next
			}
		}
	}
	if best.event == nil {
		return conversions.Match{Placeholder: unusable.click.Damage}
	}
	return best.match()
}

func ruleFor(c conversions.FoundClick, own bool) conversions.MatchRule {
	switch {
	case c.Place == conversions.PlacePerson:
		return conversions.MatchPerson
	case c.Place == conversions.PlaceLanding:
		return conversions.MatchLanding
	case own:
		return conversions.MatchOwn
	default:
		return conversions.MatchCall
	}
}

// candidate is one click found on the call. Its zero value loses to all.
type candidate struct {
	event *conversions.Event
	n     int
	click conversions.FoundClick
	rule  conversions.MatchRule
}

func (c candidate) beats(o candidate, tag time.Time) bool {
	if o.event == nil {
		return true
	}
	if c.rule == conversions.MatchPerson && o.rule == conversions.MatchPerson {
		return c.event.Order().After(o.event.Order()) // a later word corrects an earlier one
	}
	for _, d := range []int{
		ruleRank(c.rule) - ruleRank(o.rule),
		rank(c.click.Kind) - rank(o.click.Kind),
		nearer(c.event.Order(), o.event.Order(), tag),
		damagedRank(c.click) - damagedRank(o.click),
		bytes.Compare(c.event.Body[:], o.event.Body[:]),
	} {
		if d != 0 {
			return d < 0
		}
	}
	return false // the same event: the click listed first wins
}

// nearer is negative when a is the better time: the newest not after the tag,
// else the earliest after it.
func nearer(a, b, tag time.Time) int {
	aAfter, bAfter := a.After(tag), b.After(tag)
	switch {
	case aAfter != bAfter && bAfter:
		return -1
	case aAfter != bAfter:
		return 1
	case aAfter:
		return a.Compare(b)
	default:
		return b.Compare(a)
	}
}

func ruleRank(r conversions.MatchRule) int {
	switch r {
	case conversions.MatchPerson:
		return -1
	case conversions.MatchOwn:
		return 0
	case conversions.MatchCall:
		return 1
	case conversions.MatchLanding:
		return 2
	default:
		return 3
	}
}

func damagedRank(c conversions.FoundClick) int {
	if c.Damage == "" {
		return 0
	}
	return 1
}

func (c candidate) match() conversions.Match {
	return conversions.Match{
		Ref: conversions.ClickRef{
			Event:      c.event.Seq,
			N:          c.n,
			Kind:       c.click.Kind,
			Commitment: conversions.Commit(c.event.Person.Salt, c.click.Click),
			Rule:       c.rule,
			Damage:     c.click.Damage,
		},
		Click: c.click.Click,
	}
}
