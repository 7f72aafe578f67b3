package conversions

import "time"

// State is where a row stands, for people: it follows from what is wanted and
// what is known.
type State string

// The states of a row.
const (
	StateWaiting   State = "waiting"       // for a click id
	StateQueued    State = "queued"        // will be sent when due
	StateSending   State = "sending"       // in a batch without an answer; set when rows are listed, never stored
	StateSubmitted State = "submitted"     // Google took it for processing and has not said what became of it
	StateUnclear   State = "unclear"       // Google took it and never said what became of this row; a person may send it again
	StateZeroed    State = "zeroed"        // withdrawn where nothing can be retracted: Google counts it, with value 0
	StateDone      State = "done"          // Google holds what we want
	StateChangeDue State = "change_due"    // Google holds something else than we want now; it will be restated or retracted
	StateStuck     State = "cannot_change" // Google holds something else than we want now, and it cannot be changed
	StateSkipped   State = "skipped"       // not to be sent; the reason says why
	StateRefused   State = "refused"       // Google refused it for good
	StateExpired   State = "expired"       // too late
	StatePerson    State = "needs_a_person"
	StateTested    State = "tested" // the account only tests, and Google found nothing wrong
	StateRetracted State = "retracted"
)

// States returns every state in the order in which reports list them.
func States() []State {
	return []State{
		StateDone, StateSending, StateSubmitted, StateQueued, StateWaiting, StateTested, StateChangeDue, StateStuck,
		StateUnclear, StateSkipped, StateRefused, StateExpired, StateRetracted, StateZeroed, StatePerson,
	}
}

// refresh derives state, reason and due time.
func (r *Row) refresh() {
	r.State, r.Reason, r.Due = r.standing()
}

// changeDue is when an adjustment may be sent: not before a second has passed
// since the last one, for its time must be later and not in the future.
func (r *Row) changeDue() time.Time {
	due := later(r.Want.ChangeDue, r.NotBefore)
	if r.AdjustedAt.IsZero() {
		return due
	}
	return later(due, r.AdjustedAt.UTC().Add(time.Second))
}

func (r *Row) standing() (State, Reason, time.Time) {
	switch op := r.Next(); {
	case r.Pending != nil:
		return StateSubmitted, "", time.Time{}
	case op == OpUpload:
		return StateQueued, "", later(r.Want.Due, r.NotBefore)
	case op != OpNone:
		return StateChangeDue, r.changeReason(), r.changeDue()
	case r.Held:
		return StatePerson, ReasonWithdrawalsHeld, time.Time{}
	case r.stuck():
		return StatePerson, ReasonNeedsPerson, time.Time{}
	case r.Closed == ReasonUnclear, r.Closed == ReasonNoStatus:
		return StateUnclear, r.Closed, time.Time{}
	case r.differs():
		return StateStuck, r.unchangeable(), time.Time{}
	case r.Closed == ReasonExpired:
		return StateExpired, r.Closed, time.Time{}
	case r.Closed.refusal():
		return StateRefused, r.Closed, time.Time{}
	case r.Closed != "":
		return StateSkipped, r.Closed, time.Time{}
	default:
		return r.resting()
	}
}

// changeReason is why Google is to hold something else.
func (r *Row) changeReason() Reason {
	if r.Want.Wanted && r.Next() == OpRetract {
		return ReasonRetracting
	}
	return r.Want.Reason
}

// unchangeable is why what Google holds stays as it is.
func (r *Row) unchangeable() Reason {
	if r.Closed != "" {
		return r.Closed
	}
	switch {
	case r.Known.Status == KnownRetracted:
		return ReasonRetractedElsewhere
	case r.Known.Target.API == APIDataManager && r.Known.Status == KnownUnanswered:
		return ReasonMayBeThere
	case r.Want.Withdraw && r.zeroForbidden():
		return ReasonZeroForbidden
	case !r.adjustable():
		return ReasonNotAdjustable
	case r.Want.Test:
		return ReasonTestMode
	}
	return r.Want.Reason
}

// resting is where a row stands that needs no operation.
func (r *Row) resting() (State, Reason, time.Time) {
	switch r.Known.Status {
	case KnownThere, KnownThereValue, KnownUnanswered:
		if r.zeroed() || (!r.Want.Wanted && r.atZero()) {
			return StateZeroed, r.Want.Reason, time.Time{}
		}
		return StateDone, r.Want.Reason, time.Time{}
	case KnownRetracted:
		return StateRetracted, r.Want.Reason, time.Time{}
	case KnownRefused:
		return StateRefused, r.refusal(), time.Time{}
	case KnownNothing:
	}
	switch {
	case r.Want.Waiting():
		return StateWaiting, r.Want.Reason, r.Want.WaitUntil
	case r.Want.Wanted && r.tested() && r.Last.Verdict == Refused:
		return StateRefused, r.refusal(), time.Time{}
	case r.Want.Wanted && r.tested():
		return StateTested, "", time.Time{}
	default:
		return StateSkipped, r.Want.Reason, time.Time{}
	}
}

func (r *Row) refusal() Reason {
	switch {
	case r.Last == nil:
		return ReasonRefused
	case r.Last.Verdict == AlreadyThere:
		return ReasonForeign
	case r.Last.Unmatched:
		return ReasonUnmatched
	default:
		return ReasonRefused
	}
}
