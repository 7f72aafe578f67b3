package scheduler

import (
	"context"
	"fmt"
	"slices"
	"time"

	"closeloop/conversions"
)

// Contacts is where the clicks of a contact are looked up. See package store
// for the contract.
type Contacts interface {
	ContactClicks(ctx context.Context, q conversions.ContactQuery) ([]conversions.Event, error)
}

// contactLimit is how many events of a contact are looked at, the newest.
const contactLimit = 100

// heedsContacts reports whether a lead may take a click of the same contact.
func (s *Scheduler) heedsContacts(r conversions.Rules) bool {
	return r.MatchContact && s.cfg.Contacts != nil && s.cfg.MatchContact != nil
}

// contactEvents returns the events from which the lead may take a click of the
// same contact. The store is asked only if the rule is on, the lead names a
// contact, and it has no click of its own or had to take one before.
func (s *Scheduler) contactEvents(ctx context.Context, w conversions.LeadWork, rules conversions.Rules) ([]conversions.Event, error) {
	if !s.heedsContacts(rules) {
		return nil, nil
	}
	q, ok := s.contactQuery(w, rules)
	if !ok {
		return nil, nil
	}
	events, err := s.cfg.Contacts.ContactClicks(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read clicks of the contact: %w", err)
	}
	return events, nil
}

// contactQuery asks for the contact that the lead's newest event names, from
// the longest look-back before the first tag of a stage to the last.
func (s *Scheduler) contactQuery(w conversions.LeadWork, rules conversions.Rules) (conversions.ContactQuery, bool) {
	q := conversions.ContactQuery{Account: rules.Account, Source: w.Source, Limit: contactLimit}
	lacks := slices.ContainsFunc(w.Rows, func(r conversions.Row) bool { return r.Want.Click.Rule == conversions.MatchContact })
	events := conversions.InOrder(w.Events)
	for i, e := range events {
		if e.Person.Contact != "" {
			q.Contact = e.Person.Contact
		}
		if !slices.Contains(conversions.Stages(), conversions.Stage(e.Outcome)) {
			continue
		}
		if q.To = e.Order(); q.From.IsZero() {
			q.From = q.To.Add(-longestLookBack(rules))
		}
		lacks = lacks || s.cfg.Match(events, i).Ref.IsZero()
	}
	return q, lacks && q.Contact != "" && !q.To.IsZero()
}

func longestLookBack(rules conversions.Rules) time.Duration {
	var longest time.Duration
	for _, r := range rules.Stages {
		if r.LookBack == 0 {
			return conversions.MaxAge
		}
		longest = max(longest, r.LookBack)
	}
	return longest
}

// matcher finds a lead's own click, else one among the contact's events.
func (s *Scheduler) matcher(rules conversions.Rules, contact []conversions.Event) conversions.Matcher {
	if len(contact) == 0 {
		return s.cfg.Match
	}
	return func(events []conversions.Event, tag int) conversions.Match {
		own := s.cfg.Match(events, tag)
		if !own.Ref.IsZero() {
			return own
		}
		stage := conversions.Stage(events[tag].Outcome)
		if m := s.cfg.MatchContact(events, tag, contact, rules.Stages[stage].LookBack); !m.Ref.IsZero() {
			return m
		}
		return own
	}
}

// lateClicks decides once more the rows that are about to be closed for want of
// a click id: meanwhile the contact may have brought one, which wakes its leads,
// but not any number of them. It returns the decisions that give a row a click,
// and what is left to close.
func (c *cycle) lateClicks(ctx context.Context, rows []conversions.Row, closed []conversions.Entry) (late []conversions.Decision, left []conversions.Entry, err error) {
	if len(closed) == 0 || !c.s.heedsContacts(c.a.Rules) {
		return nil, closed, nil
	}
	rules, err := c.s.rules(ctx, c.a)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range closed {
		var d conversions.Decision
		if e.Reason == conversions.ReasonNoClick {
			i := slices.IndexFunc(rows, func(r conversions.Row) bool { return r.ID == e.Row })
			if d, err = c.lateClick(ctx, rows[i], rules); err != nil {
				return nil, nil, err
			}
		}
		if len(d.Entries) > 0 {
			late = append(late, d)
		} else {
			left = append(left, e)
		}
	}
	return late, left, nil
}

// lateClick decides one row once more; no entries unless that gives it a click.
func (c *cycle) lateClick(ctx context.Context, row conversions.Row, rules conversions.Rules) (conversions.Decision, error) {
	q := conversions.ReplayQuery{Source: row.Key.Source, Lead: row.Key.Lead, Limit: 1}
	works, err := c.s.cfg.Store.Leads(ctx, c.a.id, q)
	if err != nil {
		return conversions.Decision{}, fmt.Errorf("read lead: %w", err)
	}
	if len(works) == 0 {
		return conversions.Decision{}, nil
	}
	d, err := c.s.decide(ctx, works[0], rules, c.start, conversions.Row.Decide)
	if err != nil {
		return conversions.Decision{}, err
	}
	d.Entries = slices.DeleteFunc(d.Entries, func(e conversions.Entry) bool {
		return e.Key != nil || e.Row != row.ID || e.Want.Click.IsZero()
	})
	return d, nil
}
