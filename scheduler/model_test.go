package scheduler_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"closeloop/conversions"
	"closeloop/sandbox"
)

// story is what the test itself knows of one lead: a second, much shorter
// account of product rules, written without package conversions' fold, rows
// and ledger.
type story struct {
	lead     conversions.LeadID
	click    string // known to Google
	lost     bool   // the click comes with a later event, or Google knows it not
	tags     []tag  // as they came
	revealed bool   // the click Google knows has come
}

// tag is one tagged outcome.
type tag struct {
	at, received time.Time
	outcome      conversions.Outcome
	cents        conversions.Cents // 0 for none
}

// chapter is how one stage stands: tagged ever, the case now and for how much
// (0 for nobody knows), and since when it was taken back.
type chapter struct {
	ever, present bool
	worth         conversions.Cents
	left          time.Time
}

// by tells how a stage stood by a time, with what had been received then.
func (s *story) by(stage conversions.Stage, now time.Time) chapter {
	var c chapter
	var amount conversions.Cents
	for _, t := range s.ordered(now) {
		ours := t.outcome == conversions.Outcome(stage)
		if t.cents > 0 && (t.outcome == conversions.OutcomeBooked || t.outcome == conversions.OutcomeQuoted) {
			amount = t.cents
		}
		switch {
		case ours:
			c.ever, c.present, c.worth = true, true, share(stage, amount)
		case c.present && takesBack(stage, t.outcome):
			c.present, c.left = false, t.at
		}
	}
	return c
}

// ordered are the tags received by now, in the order of their own times.
func (s *story) ordered(now time.Time) []tag {
	tags := slices.DeleteFunc(slices.Clone(s.tags), func(t tag) bool { return t.received.After(now) })
	slices.SortStableFunc(tags, func(a, b tag) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.received.Compare(b.received)
	})
	return tags
}

func share(stage conversions.Stage, c conversions.Cents) conversions.Cents {
	if stage == conversions.StageQuoted {
		return (c*2 + 5) / 10
	}
	return c
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

func money(c conversions.Cents) string { return fmt.Sprintf("%d.%02d USD", c/100, c%100) }

// counts is what Google should count for the stage in the end: "" for nothing.
func (s *story) counts(stage conversions.Stage, now time.Time) string {
	if c := s.by(stage, now); c.present && c.worth > 0 && s.revealed {
		return money(c.worth)
	}
	return ""
}

// check compares what the sandbox holds for one lead's stage with the story.
func (s *story) check(rt *rapid.T, stage conversions.Stage, box map[string]sandbox.Conversion, now time.Time, excused bool) {
	var living []string
	for generation := range 30 {
		id := conversions.OrderID("src_1", s.lead, stage, generation)
		c, is := box[id]
		if !is {
			continue
		}
		delete(box, id)
		if !c.Retracted {
			living = append(living, fmt.Sprintf("%.2f %s", c.Value, c.Currency))
			continue
		}
		s.checkRetraction(rt, stage, c)
	}
	var want []string
	if value := s.counts(stage, now); value != "" {
		want = []string{value}
	}
	if !slices.Equal(living, want) && (!excused || len(living) > 1) {
		rt.Errorf("%s %s: Google counts %q, want %q", s.lead, stage, living, want)
	}
}

// checkRetraction: nothing is retracted but what had been taken back for a day.
func (s *story) checkRetraction(rt *rapid.T, stage conversions.Stage, c sandbox.Conversion) {
	for _, a := range c.Adjustments {
		if a.Type != sandbox.Retraction {
			continue
		}
		if then := s.by(stage, a.Time); then.present || a.Time.Before(then.left.Add(day)) {
			rt.Errorf("%s %s: retracted at %s, when it stood %+v", s.lead, stage, a.Time, then)
		}
	}
}

// The ledger's entries, applied in order to the zero Row, rebuild every row.
func (r *rig) checkLedger(tb interface{ Errorf(string, ...any) }) {
	r.t.Helper()
	rebuilt := map[conversions.RowID]conversions.Row{}
	for _, e := range r.ledger() {
		if e.Row != 0 {
			rebuilt[e.Row] = rebuilt[e.Row].Apply(e)
		}
	}
	rows := r.rows()
	if len(rows) != len(rebuilt) {
		tb.Errorf("%d rows, %d in the ledger", len(rows), len(rebuilt))
	}
	for name, row := range rows {
		if row.State == conversions.StateSending {
			continue // said of it only when it is listed
		}
		if d := differences(row, rebuilt[row.ID]); d != "" {
			tb.Errorf("%s as the ledger has it (-stored +rebuilt):\n%s", name, d)
		}
	}
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

// told is a ledger entry in one line.
func told(e conversions.Entry) string {
	text := fmt.Sprintf("%s row %d v%d %s", e.At.Format(time.DateTime), e.Row, e.Version, e.Kind)
	if w := e.Want; w != nil {
		text += fmt.Sprintf(" wanted %t %s %v withdraw %t change due %s", w.Wanted, w.Reason, w.Value, w.Withdraw, w.ChangeDue.Format(time.DateTime))
	}
	if it := e.Item; it != nil {
		text += fmt.Sprintf(" %s %v at %s adjust %s, batch %s", it.Op, it.Value, it.At.Format(time.DateTime), it.AdjustAt.Format(time.DateTime), e.Batch)
	}
	if a := e.Answer; a != nil {
		text += fmt.Sprintf(": %s %s, resent %t", a.Verdict, a.Code, e.Resent)
	}
	return text + " " + string(e.Reason)
}

// differences are between two rows, times compared as instants.
func differences(a, b conversions.Row) string {
	return cmp.Diff(a, b, cmpopts.EquateEmpty())
}
