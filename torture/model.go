package main

import (
	"slices"
	"time"
)

// lead is what the campaign itself knows of one call: what was told of it. How
// it must stand at Google in the end follows from that by a second, much
// shorter account of the product's rules, written without its fold, its rows
// and its ledger.
type lead struct {
	account *account
	session int64
	click   string // "" for none ever
	tags    []tag
}

// tag is one outcome that was set.
type tag struct {
	at      time.Time
	outcome string
	cents   int64 // 0 for no amount
}

const (
	booked = "booked"
	quoted = "quoted"
)

// stands is how one stage of a lead must stand in the end: counted with a
// value, or not; ever says that it once was to be counted.
func (l *lead) stands(stage string) (cents int64, counted, ever bool) {
	tags := slices.Clone(l.tags)
	slices.SortStableFunc(tags, func(a, b tag) int { return a.at.Compare(b.at) })
	var amount int64
	for _, t := range tags {
		if t.cents > 0 && (t.outcome == booked || t.outcome == quoted) {
			amount = t.cents
		}
		switch {
		case t.outcome == stage:
			counted, ever, cents = true, true, amount
		case takesBack(stage, t.outcome):
			counted = false
		}
	}
	if stage == quoted {
		cents = (cents*2 + 5) / 10 // a fifth, rounded half up
	}
	return cents, counted && cents > 0 && l.click != "", ever
}

func takesBack(stage, outcome string) bool {
	switch outcome {
	case "spam", "wrong_number":
		return true
	case "not_interested", quoted:
		return stage == booked
	default:
		return false
	}
}
