package conversions

import "time"

// KnownStatus is what the answers so far say Google holds for a row.
type KnownStatus string

// The things we can know. The zero value is "nothing": never sent, or surely
// not accepted.
const (
	KnownNothing    KnownStatus = ""
	KnownThere      KnownStatus = "there"               // accepted, with Known.Value
	KnownThereValue KnownStatus = "there_value_unknown" // there, but with a value we never sent or cannot tell
	KnownUnanswered KnownStatus = "unanswered"          // sent, no answer, and not sent again
	KnownRetracted  KnownStatus = "retracted"           // withdrawn at Google; final
	KnownRefused    KnownStatus = "refused"             // refused for good
)

// Known is what we know to be at Google for a row, and from which batch. It
// is built from answers alone.
type Known struct {
	Status KnownStatus `json:"status,omitempty"`
	// Value is what Google holds with KnownThere, and what it holds if the
	// request arrived with KnownUnanswered; else unknown.
	Value    Amount `json:"value,omitzero"`
	Currency string `json:"currency,omitempty"`
	// Target, Action, At and Click are those of the upload: later operations
	// go to the same place, whatever the configuration says then.
	Target Target    `json:"target,omitzero"`
	Action string    `json:"action,omitempty"`
	At     time.Time `json:"at,omitzero"`
	Click  ClickRef  `json:"click,omitzero"`
	// Batch answered, at Since.
	Batch BatchID   `json:"batch,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// sameClickAndTime reports whether an item is what Google would call a
// duplicate of the known upload by click and time.
func (k Known) sameClickAndTime(it Item) bool {
	return k.Click == it.Click && k.Action == it.Action && k.At.Equal(it.At)
}

// State is where a row stands, for people: it follows from what is wanted and
// what is known.
type State string

// The states of a row.
const (
	StateWaiting   State = "waiting"    // for a click id
	StateQueued    State = "queued"     // will be sent when due
	StateSending   State = "sending"    // in a batch without an answer; set when rows are listed, never stored
	StateDone      State = "done"       // Google holds what we want
	StateChangeDue State = "change_due" // Google holds something else than we want now
	StateSkipped   State = "skipped"    // not to be sent; the reason says why
	StateRefused   State = "refused"    // Google refused it for good
	StateExpired   State = "expired"    // too late
	StatePerson    State = "needs_a_person"
	StateTested    State = "tested" // the account only tests, and Google found nothing wrong
	StateRetracted State = "retracted"
)

// States returns every state in the order in which reports list them.
func States() []State {
	return []State{
		StateDone, StateSending, StateQueued, StateWaiting, StateTested, StateChangeDue,
		StateSkipped, StateRefused, StateExpired, StateRetracted, StatePerson,
	}
}

// Key names a conversion: what should exist once at Google.
type Key struct {
	Account    AccountID `json:"account"`
	Source     string    `json:"source"`
	Lead       LeadID    `json:"lead"`
	Stage      Stage     `json:"stage"`
	Generation int       `json:"generation"`
}

// OrderID is the conversion's order id.
func (k Key) OrderID() string { return OrderID(k.Source, k.Lead, k.Stage, k.Generation) }

// Row is one conversion in the queue: what is wanted, what is known, and what
// comes next. A Row changes only by Apply, so the ledger's entries rebuild it.
type Row struct {
	ID      RowID  `json:"id"`
	Key     Key    `json:"key"`
	OrderID string `json:"order_id"`
	// Version grows with every new Want. Settling a batch touches a row's
	// want only if the version is still the one that was sent.
	Version int64 `json:"version"`
	Want    Want  `json:"want"`
	Known   Known `json:"known,omitzero"`
	// State and Reason follow from the rest; stored so that they can be listed.
	State  State  `json:"state"`
	Reason Reason `json:"reason,omitempty"`
	// Due is when the row wants attention next; zero when it does not.
	Due time.Time `json:"due,omitzero"`
	// NotBefore is the earliest next try that an answer allows.
	NotBefore time.Time `json:"not_before,omitzero"`
	// Tries counts answers since the last acceptance that asked for another
	// try; Counted those that count against the row, the last at CountedAt.
	Tries     int       `json:"tries,omitempty"`
	Counted   int       `json:"counted,omitempty"`
	CountedAt time.Time `json:"counted_at,omitzero"`
	// Closed is set when time ran out: no click id came, or the deadline
	// passed. A new want opens the row again.
	Closed Reason `json:"closed,omitempty"`
	// Shift is by how many seconds the conversion time is moved so that no
	// two conversions of one action share click and second.
	Shift int `json:"shift,omitempty"`
	// Moved is true once the time was moved because somebody else had
	// uploaded the same click and second.
	Moved bool `json:"moved,omitempty"`
	// Tested is the version whose validation was answered while the account
	// tested; Last says how.
	Tested int64 `json:"tested,omitempty"`
	// Last is the latest answer; nil before the first.
	Last      *Answer `json:"last,omitempty"`
	LastBatch BatchID `json:"last_batch,omitempty"`
}

// Next returns the operation that would make Google hold what we want, or
// OpNone. It says nothing about when.
func (r Row) Next() Operation {
	if r.Closed != "" || r.stuck() {
		return OpNone
	}
	switch r.Known.Status {
	case KnownNothing:
		if r.Want.Wanted && !r.tested() {
			return OpUpload
		}
	case KnownUnanswered:
		if r.Want.Wanted {
			return OpUpload
		}
		return OpRetract
	case KnownThere, KnownThereValue:
		return r.change()
	case KnownRetracted, KnownRefused:
	}
	return OpNone
}

// change is the operation for a conversion that is there.
func (r Row) change() Operation {
	switch {
	case r.Want.Reason == ReasonWithdrawn:
		return OpRetract
	case !r.Want.Wanted:
		return OpNone // only a withdrawal takes back what was sent
	case !r.Want.Value.Known:
		return OpNone // there is no value to restate it to
	case r.Known.Status == KnownThereValue, r.Known.Value != r.Want.Value:
		return OpRestate
	default:
		return OpNone
	}
}

// stuck reports whether a person must decide: answers counted against the row
// too often. What was never sent and is no longer wanted needs nobody.
func (r Row) stuck() bool { return r.Counted >= MaxCounted && (r.Want.Wanted || r.sent()) }

func (r Row) tested() bool { return r.Want.Test && r.Tested == r.Version }

// Item returns the row as it is to be sent: an upload in zone, at the want's
// time moved by Shift.
func (r Row) Item(zone *time.Location) Item {
	return Item{
		Row: r.ID, Version: r.Version, Op: OpUpload, OrderID: r.OrderID, Action: r.Want.Action,
		Click: r.Want.Click, At: r.Want.At.Add(time.Duration(r.Shift) * time.Second).In(zone),
		Value: r.Want.Value, Currency: r.Want.Currency, Consent: r.Want.Consent, Bumped: r.Moved,
	}
}

// refresh derives state, reason and due time.
func (r *Row) refresh() {
	r.State, r.Reason, r.Due = r.standing()
}

func (r *Row) standing() (State, Reason, time.Time) {
	switch op := r.Next(); {
	case op == OpUpload:
		return StateQueued, "", later(r.Want.Due, r.NotBefore)
	case op != OpNone:
		return StateChangeDue, r.Want.Reason, time.Time{}
	case r.stuck():
		return StatePerson, ReasonNeedsPerson, time.Time{}
	case r.Closed == ReasonExpired:
		return StateExpired, r.Closed, time.Time{}
	case r.Closed != "":
		return StateSkipped, r.Closed, time.Time{}
	default:
		return r.resting()
	}
}

// resting is where a row stands that needs no operation.
func (r *Row) resting() (State, Reason, time.Time) {
	switch r.Known.Status {
	case KnownThere, KnownThereValue, KnownUnanswered:
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
