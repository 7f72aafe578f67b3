package conversions

import (
	"slices"
	"time"
)

// Fold reduces one lead's events to what should exist at Google under the
// rules: one Want for every stage the lead was ever tagged with, in sending
// order. It does not depend on the order in which events stand, only on
// their times. events must all be of one lead of one source. match decides
// which click belongs to a tag.
func Fold(events []Event, rules Rules, match Matcher) []Want {
	l := lead{events: InOrder(events), rules: rules, match: match}
	l.time = leadTime(l.events)
	l.consent = consent(l.events, rules.Consent)
	for i := range l.events {
		l.tag(i)
	}
	var wants []Want
	for _, stage := range Stages() {
		if s := l.standing(stage); s.ever {
			wants = append(wants, l.want(stage, s))
		}
	}
	return wants
}

// lead is the fold's running state.
type lead struct {
	events         []Event
	rules          Rules
	match          Matcher
	time           time.Time
	consent        Consent
	booked, quoted standing
}

// standing is where one stage stands after the events so far.
type standing struct {
	ever    bool      // was tagged at least once
	present bool      // is the case now
	since   time.Time // first tag of the current unbroken outcome
	first   int       // index of that tag
	tag     int       // index of the newest tag that concerned it
	amounts int       // index of the event whose amounts count, plus one
	newest  int       // index of the newest event with an amount the stage's rules can use, plus one
	outcome Outcome   // what the newest tag said
}

func (l *lead) stage(s Stage) *standing {
	if s == StageBooked {
		return &l.booked
	}
	return &l.quoted
}

// tag takes the i-th event into account.
func (l *lead) tag(i int) {
	e := l.events[i]
	if e.Outcome == "" {
		return
	}
	if e.Outcome == OutcomeBooked || e.Outcome == OutcomeQuoted {
		l.amounts(i, e)
	}
	if e.Outcome == OutcomeQuoted && l.taken() {
		l.quoted.present = false // it was taken back; this one begins anew
	}
	for _, s := range Stages() {
		switch {
		case Outcome(s) == e.Outcome:
			l.stage(s).enter(i, e)
		case l.rules.withdrawnBy(s, e.Outcome):
			l.stage(s).leave(i, e)
		}
	}
}

// amounts notes for each stage that the i-th event has an amount its rules can
// use. Only tags of a stage are asked: what the others say changes nothing.
func (l *lead) amounts(i int, e Event) {
	for _, s := range Stages() {
		if _, _, ok := e.Amounts.Pick(l.rules.Stages[s].valueOrder()); ok {
			l.stage(s).newest = i + 1
		}
	}
}

// standing is where a stage stands after all events. By rule a quote is taken
// back while the lead is booked; it did happen, so it counts again if the
// booking falls through.
func (l *lead) standing(stage Stage) standing {
	s := *l.stage(stage)
	if stage == StageQuoted && s.present && l.taken() {
		s.present, s.tag, s.outcome = false, l.booked.first, OutcomeBooked
	}
	return s
}

// taken reports whether a booking takes the quote back.
func (l *lead) taken() bool { return l.booked.present && l.rules.OnBooked == RetractQuote }

func (s *standing) enter(i int, e Event) {
	if !s.present {
		s.since, s.first = e.Order(), i
	}
	s.ever, s.present, s.tag, s.amounts, s.outcome = true, true, i, s.newest, e.Outcome
}

func (s *standing) leave(i int, e Event) {
	if s.present {
		s.present, s.tag, s.outcome = false, i, e.Outcome
	}
}

// want turns a stage's standing into what should exist.
func (l *lead) want(stage Stage, s standing) Want {
	r := l.rules.Stages[stage]
	tag := l.events[s.tag]
	w := Want{
		Stage: stage, Outcome: s.outcome, Tag: tag.Seq,
		Currency: l.rules.Currency, Consent: l.consent, Action: r.Action, Target: l.rules.Target,
		At:   s.since.UTC().Truncate(time.Second),
		Lead: l.time.UTC(),
		Test: l.rules.Mode == ModeTest, KeepValue: l.rules.KeepValue,
	}
	w.Due = later(l.time.Add(l.rules.Hold), tag.Order().Add(l.rules.Settle)).UTC()
	w.ChangeDue = tag.Order().Add(l.rules.Settle).UTC()
	w.Deadline = l.time.Add(MaxAge).UTC()
	l.value(&w, r, s)
	m := l.match(l.events, s.tag)
	w.Click = m.Ref
	w.Reason = l.reason(w, r, s, m)
	w.Wanted = w.Reason == ""
	l.withdraw(&w, tag)
	if w.Waiting() {
		w.WaitUntil = tag.Order().Add(l.rules.ClickWait).UTC()
	}
	return w
}

// withdraw says whether, and when, what Google holds is to be taken back.
func (l *lead) withdraw(w *Want, tag Event) {
	back := w.Reason == ReasonWithdrawn
	denial, denied := l.denied()
	if denied {
		w.Denial = denial.Seq
	}
	if w.Reason == ReasonConsentDenied && l.rules.WithdrawDenied {
		tag, back = denial, denied
	}
	if back {
		w.Withdraw, w.ChangeDue = true, tag.Order().Add(l.rules.WithdrawWait).UTC()
	}
}

// denied returns the event that denied consent, or false if only the account's
// rule does: a rule that changed takes nothing back. Denying again does not
// begin the wait anew.
func (l *lead) denied() (first Event, ok bool) {
	for _, e := range slices.Backward(l.events) {
		if e.Consent == ConsentGranted {
			break
		}
		if e.Consent == ConsentDenied {
			first, ok = e, true
		}
	}
	return first, ok
}

// value fills in what the stage is worth.
func (l *lead) value(w *Want, r StageRules, s standing) {
	if s.amounts == 0 {
		return
	}
	e := l.events[s.amounts-1]
	c, field, ok := e.Amounts.Pick(r.valueOrder())
	if !ok {
		return
	}
	w.Value, w.Field, w.Amount, w.ValueEvent = AmountOf(r.Share.Of(c)), field, c, e.Seq
}

// reason says why the stage is not to be sent, most final first.
func (l *lead) reason(w Want, r StageRules, s standing, m Match) Reason {
	switch {
	case !s.present:
		return ReasonWithdrawn
	case r.Action == "":
		return ReasonNoAction
	case l.consent == ConsentDenied:
		return ReasonConsentDenied
	case w.At.Before(l.rules.UploadFrom):
		return ReasonBeforeUploadFrom
	case w.At.After(w.Lead.Add(lookBack(r))):
		return ReasonAfterLookBack
	case !w.Value.Known && r.Missing != MissingDefault:
		return ReasonNoValue
	case w.Value.Known && w.Value.Cents < r.Minimum:
		return ReasonBelowMinimum
	case w.Click.IsZero() && m.Placeholder != "":
		return ReasonPlaceholder
	case w.Click.IsZero():
		return ReasonWaitingForClick
	default:
		return ""
	}
}

func lookBack(r StageRules) time.Duration {
	if r.LookBack == 0 {
		return MaxAge
	}
	return r.LookBack
}

// leadTime is the call's start, else the earliest event. A start that lies
// after its own receipt is a clock's fault and is not believed.
func leadTime(events []Event) time.Time {
	var start, first time.Time
	for _, e := range events {
		if first.IsZero() || e.Order().Before(first) {
			first = e.Order()
		}
		if !e.CallStart.IsZero() && !e.CallStart.After(e.Received) && (start.IsZero() || e.CallStart.Before(start)) {
			start = e.CallStart
		}
	}
	if start.IsZero() {
		return first
	}
	return start
}

// consent is the newest event's word, else the account's setting. An event
// that says nothing never overrides one that denied.
func consent(events []Event, rule ConsentRule) Consent {
	for _, e := range slices.Backward(events) {
		if e.Consent != ConsentUnspecified {
			return e.Consent
		}
	}
	switch rule {
	case ConsentRuleGranted:
		return ConsentGranted
	case ConsentRuleDenied:
		return ConsentDenied
	case ConsentRuleUnspecified, ConsentRuleEvent:
		return ConsentUnspecified
	default:
		return ConsentUnspecified
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
