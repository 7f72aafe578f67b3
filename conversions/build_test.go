package conversions_test

import (
	"strconv"
	"strings"
	"time"

	"closeloop/conversions"
)

// Times are written as distances from one noon.
func at(d time.Duration) time.Time {
	return time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC).Add(d)
}

const day = 24 * time.Hour

type option func(*conversions.Event)

// event is one delivery at a time, received two seconds later.
func event(seq int64, when time.Duration, opts ...option) conversions.Event {
	e := conversions.Event{
		Seq: seq, Account: "acme", Source: "src_1", Lead: "call-1", Kind: "call.completed",
		At: at(when), Received: at(when + 2*time.Second),
		Person: conversions.Person{Salt: conversions.Salt("salt-" + strconv.FormatInt(seq, 10))},
	}
	for _, opt := range opts {
		opt(&e)
	}
	return e
}

func tag(seq int64, when time.Duration, o conversions.Outcome, opts ...option) conversions.Event {
	e := event(seq, when)
	e.Kind, e.Outcome = "call.outcome_tagged", o
	for _, opt := range opts {
		opt(&e)
	}
	return e
}

func actual(c conversions.Cents) option {
	return func(e *conversions.Event) { e.Amounts.Actual = &c }
}

func revenue(c conversions.Cents) option {
	return func(e *conversions.Event) { e.Amounts.Revenue = &c }
}

func estimated(c conversions.Cents) option {
	return func(e *conversions.Event) { e.Amounts.Estimated = &c }
}

func consents(c conversions.Consent) option {
	return func(e *conversions.Event) { e.Consent = c }
}

func callStart(when time.Duration) option {
	return func(e *conversions.Event) { e.CallStart = at(when) }
}

func received(when time.Duration) option {
	return func(e *conversions.Event) { e.Received = at(when) }
}

func click(id string) option {
	return func(e *conversions.Event) {
		e.Person.Clicks = append(e.Person.Clicks, conversions.FoundClick{
			Click: conversions.Click{Kind: conversions.GCLID, ID: id}, Place: conversions.PlaceField,
		})
	}
}

func placeholder(e *conversions.Event) {
	e.Person.Clicks = append(e.Person.Clicks, conversions.FoundClick{
		Place: conversions.PlaceField, Damage: "placeholder", Unusable: true,
	})
}

// belonging is a matcher that is good enough for these tests: the tag's own
// click, else the nearest one before it, else the nearest one after it.
func belonging(events []conversions.Event, tag int) conversions.Match {
	order := []int{tag}
	for i := tag - 1; i >= 0; i-- {
		order = append(order, i)
	}
	for i := tag + 1; i < len(events); i++ {
		order = append(order, i)
	}
	var m conversions.Match
	for _, i := range order {
		for n, c := range events[i].Person.Clicks {
			switch {
			case !c.IsZero():
				rule := conversions.MatchCall
				if i == tag {
					rule = conversions.MatchOwn
				}
				return conversions.Match{Click: c.Click, Ref: conversions.ClickRef{
					Event: events[i].Seq, N: n, Kind: c.Kind, Rule: rule, Damage: c.Damage,
					Commitment: conversions.Commit(events[i].Person.Salt, c.Click),
				}}
			case c.Unusable && m.Placeholder == "":
				m.Placeholder = c.Damage
			}
		}
	}
	return m
}

// rules are a live account's: bookings count in full, quotes for 20 %.
func rules() conversions.Rules {
	return conversions.Rules{
		Account:  "acme",
		Target:   conversions.Target{API: conversions.APIGoogleAds, Customer: "1234567890"},
		Mode:     conversions.ModeLive,
		Currency: "EUR",
		Consent:  conversions.ConsentRuleGranted,
		OnBooked: conversions.KeepQuote,
		Hold:     conversions.DefaultHold, Settle: conversions.DefaultSettle,
		ClickWait: conversions.DefaultClickWait, WithdrawWait: conversions.DefaultWithdrawWait,
		Stages: map[conversions.Stage]conversions.StageRules{
			conversions.StageBooked: {Action: "111", Share: conversions.Whole},
			conversions.StageQuoted: {Action: "222", Share: 2000},
		},
	}
}

// booked are the rules with those of the booked stage changed.
func booked(change func(*conversions.StageRules)) conversions.Rules {
	r := rules()
	s := r.Stages[conversions.StageBooked]
	change(&s)
	r.Stages[conversions.StageBooked] = s
	return r
}

// brief writes wants as "booked 2500.00@2h quoted withdrawn": value and
// conversion time of what is wanted, the reason of what is not.
func brief(wants []conversions.Want) string {
	parts := make([]string, 0, len(wants))
	for _, w := range wants {
		text := string(w.Stage) + " " + string(w.Reason)
		if w.Wanted {
			hours := strconv.Itoa(int(w.At.Sub(at(0)) / time.Hour))
			text += w.Value.String() + "@" + hours + "h"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// only returns the want of one stage, or the zero Want.
func only(stage conversions.Stage, wants []conversions.Want) conversions.Want {
	for _, w := range wants {
		if w.Stage == stage {
			return w
		}
	}
	return conversions.Want{}
}

func fold(r conversions.Rules, events ...conversions.Event) []conversions.Want {
	return conversions.Fold(events, r, belonging)
}

func foldBooked(r conversions.Rules, events ...conversions.Event) conversions.Want {
	return only(conversions.StageBooked, fold(r, events...))
}
