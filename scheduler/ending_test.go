package scheduler_test

import (
	"slices"

	"pgregory.net/rapid"

	"closeloop/conversions"
)

// counts is what Google should count for the stage today: "" for nothing.
func (u *universe) counts(s *story, stage conversions.Stage) string {
	if c := u.stands(s, stage); c.place == asked && s.has == knownClick {
		return money(c.worth)
	}
	return ""
}

func (u *universe) stands(s *story, stage conversions.Stage) chapter {
	return s.by(u.laws[len(u.laws)-1], stage, u.clock.now())
}

// check holds what there is at rest against the stories.
func (u *universe) check(rt *rapid.T) {
	held := map[string]holding{}
	for _, h := range u.world.holds() {
		if _, twice := held[h.id]; twice {
			rt.Errorf("order id %s is held twice", h.id)
		}
		held[h.id] = h
	}
	if n := len(u.unanswered()); n != 0 {
		rt.Errorf("%d batches are unanswered", n)
	}
	rows := map[string]conversions.Row{}
	for _, row := range u.rows() {
		rows[row.OrderID] = row
	}
	for _, s := range u.leads {
		for _, stage := range conversions.Stages() {
			u.checkStage(rt, s, stage, held, rows)
		}
	}
	u.checkOthers(rt, held)
	u.checkLedger(rt)
	u.mustBeRight(rt)
}

// checkStage takes what Google holds for one lead's stage off held.
func (u *universe) checkStage(rt *rapid.T, s *story, stage conversions.Stage, held map[string]holding, rows map[string]conversions.Row) {
	var living []string
	var newest conversions.Row // of the last generation
	for g := range 20 {
		id := conversions.OrderID("src_1", s.lead, stage, g)
		h, is := held[id]
		if row, stands := rows[id]; stands {
			newest = row
			u.checkKnown(rt, row, h)
		}
		if is && len(u.attempts[id]) > 0 {
			delete(held, id)
		}
		if u.world.created(id) {
			rt.Errorf("order id %s was created with a value of 0", id)
		}
		if is && !h.gone && len(u.attempts[id]) > 0 {
			living = append(living, h.worth)
		}
	}
	stands, counts := u.stands(s, stage), u.counts(s, stage)
	excused := u.excuses(newest.OrderID, counts, living) ||
		u.world.admits(newest, u.attempts[newest.OrderID], stands, counts, living)
	if (newest.ID != 0) != (stands.place != never) {
		rt.Errorf("%s %s: has a row %t, was %s", s.lead, stage, newest.ID != 0, stands.place)
	}
	switch {
	case newest.ID == 0, excused:
	case counts != "":
		if !slices.Equal(living, []string{counts}) {
			rt.Errorf("%s %s: Google counts %q, want %q", s.lead, stage, living, counts)
		}
		if newest.State != conversions.StateDone || money(newest.Known.Value.Cents) != counts {
			rt.Errorf("%s %s: is %s, known as %v, want done as %s", s.lead, stage, newest.State, newest.Known.Value, counts)
		}
	case len(living) == 1 && stands.place == idle: // as it was before it was to be left alone
		if newest.State != conversions.StateDone {
			rt.Errorf("%s %s: is %s, want done", s.lead, stage, newest.State)
		}
	case len(living) > 0:
		rt.Errorf("%s %s: Google counts %q, want nothing", s.lead, stage, living)
	case !slices.Contains(u.resting(s), newest.State):
		rt.Errorf("%s %s: is %s, want any of %v", s.lead, stage, newest.State, u.resting(s))
	}
}

// resting are the states of what Google is not to count.
func (u *universe) resting(s *story) []conversions.State {
	states := []conversions.State{conversions.StateSkipped, conversions.StateRetracted}
	if !u.world.ways().final {
		states = append(states, conversions.StateZeroed)
	}
	if s.has != knownClick {
		states = append(states, conversions.StateRefused, conversions.StateWaiting)
	}
	return states
}

// checkKnown: what a row says is known is what Google holds, unless somebody
// else had a hand in it.
func (u *universe) checkKnown(rt *rapid.T, r conversions.Row, h holding) {
	if len(u.meddled[r.OrderID]) > 0 || u.shadowed(u.attempts[r.OrderID]) {
		return
	}
	right := true
	switch r.Known.Status {
	case conversions.KnownNothing, conversions.KnownRefused:
		right = h.id == ""
	case conversions.KnownThere:
		right = h.id != "" && h.gone == (r.Known.Value.Cents == 0) && h.worth == money(r.Known.Value.Cents)
	case conversions.KnownThereValue:
		right = h.id != "" && (!h.gone || !u.world.ways().final)
	case conversions.KnownRetracted:
		right = h.gone
	case conversions.KnownUnanswered:
	}
	if !right {
		rt.Errorf("row %s is known as %+v, Google holds %+v", r.OrderID, r.Known, h)
	}
}

// tell prints the course of the leads that were tagged.
func (u *universe) tell(rt *rapid.T) {
	for _, l := range u.laws {
		rt.Logf("law %+v", l)
	}
	for _, s := range u.leads {
		for _, f := range s.facts {
			rt.Logf("%s %s %d consent %q at %s, received %s", s.lead, f.outcome, f.cents, f.consent, f.at, f.received)
		}
	}
	for _, all := range u.meddled {
		for _, m := range all {
			rt.Logf("%v", m)
		}
	}
	for name, row := range u.rows() {
		rt.Logf("row %d is %s, %s, %s", row.ID, name, row.OrderID, row.State)
	}
	for _, e := range u.ledger() {
		rt.Logf("%s", told(e))
	}
}
