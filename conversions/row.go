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
	// Mixed is true with KnownUnanswered when manifests with different values
	// went unanswered, so that the value cannot be told; and at an API that
	// overwrites values while a change that went unanswered may yet arrive.
	Mixed bool `json:"mixed,omitempty"`
	// Retracting is true once a retraction of ours went unanswered for good: it
	// is sent to its end before anything else. Foreign is true with
	// KnownRetracted when it was not us who retracted.
	Retracting bool `json:"retracting,omitempty"`
	Foreign    bool `json:"foreign,omitempty"`
	// Batch answered, at Since.
	Batch BatchID   `json:"batch,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// sameClickAndTime reports whether an item is what Google would call a
// duplicate of the known upload by click and time.
func (k Known) sameClickAndTime(it Item) bool {
	return k.Click == it.Click && k.Action == it.Action && k.At.Equal(it.At)
}

// Pending is an operation that the vendor took for processing and has not told
// the fate of.
type Pending struct {
	Op       Operation `json:"op"`
	Value    Amount    `json:"value,omitzero"`
	Currency string    `json:"currency,omitempty"`
	Target   Target    `json:"target"`
	// Version is the row's that was sent, in Batch, at Since.
	Version int64     `json:"version"`
	Batch   BatchID   `json:"batch"`
	Since   time.Time `json:"since"`
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
	// AdjustedAt is the latest adjustment time sent for the conversion; the
	// next one is later.
	AdjustedAt time.Time `json:"adjusted_at,omitzero"`
	// NotFound counts answers that knew no such conversion to adjust.
	NotFound int `json:"not_found,omitempty"`
	// Held is true while a retraction waits for a person's approval, and
	// Approved is the version whose retraction a person approved.
	Held     bool  `json:"held,omitempty"`
	Approved int64 `json:"approved,omitempty"`
	// Shift is by how many seconds the conversion time is moved so that no
	// two conversions of one action share click and second.
	Shift int `json:"shift,omitempty"`
	// Moved is true once the time was moved because somebody else had
	// uploaded the same click and second.
	Moved bool `json:"moved,omitempty"`
	// Pending is set while the vendor processes an operation: nothing else is
	// sent for the row until its fate is known.
	Pending *Pending `json:"pending,omitempty"`
	// Isolate is true when the row was in a request of which some rows failed,
	// and is to be sent once more in a small one, so that its own fate shows.
	Isolate bool `json:"isolate,omitempty"`
	// Tested is the version whose validation was answered while the account
	// tested; Last says how.
	Tested int64 `json:"tested,omitempty"`
	// Last is the latest answer; nil before the first.
	Last      *Answer `json:"last,omitempty"`
	LastBatch BatchID `json:"last_batch,omitempty"`
}

// CameBack reports whether Google took the conversion back although it is wanted
// again. Whoever folded the lead while the retraction was under way could not
// know: the lead has to be folded once more, and gets its next generation.
func (r Row) CameBack() bool { return r.Known.Status == KnownRetracted && r.Want.Wanted }

// Next returns the operation that would make Google hold what we want, or
// OpNone. It says nothing about when.
func (r Row) Next() Operation {
	if r.Pending != nil || r.Closed != "" || r.stuck() {
		return OpNone
	}
	return r.operation()
}

// operation is the next operation if the row may be tried at all.
func (r Row) operation() Operation {
	switch r.Known.Status {
	case KnownNothing:
		if r.Want.Wanted && !r.tested() {
			return OpUpload
		}
	case KnownUnanswered:
		if r.Want.Wanted {
			return OpUpload
		}
		if r.Known.Target.API == APIDataManager {
			return OpNone // a value of 0 for what is not there would create it
		}
		return r.retract()
	case KnownThere, KnownThereValue:
		return r.change()
	case KnownRetracted, KnownRefused:
	}
	return OpNone
}

// change is the operation for a conversion that is there.
func (r Row) change() Operation {
	switch {
	case r.zeroed():
		return OpNone
	case r.Want.Withdraw, r.unsettled():
		return r.retract()
	case r.revalued() && r.changeable():
		return OpRestate
	default:
		return OpNone // only a withdrawal takes back what was sent
	}
}

// revalued reports whether another value is wanted than the one known.
func (r Row) revalued() bool {
	return r.Want.stands() && r.Want.Value.Known && (r.Known.Status == KnownThereValue || r.Known.Value != r.Want.Value)
}

// zeroed reports whether the conversion is withdrawn as far as an API without
// retractions allows: Google counts it, with value 0.
func (r Row) zeroed() bool {
	return r.Want.Withdraw && r.atZero()
}

// atZero reports whether Google counts the conversion with the value 0, which
// the Data Manager API has for a withdrawal.
func (r Row) atZero() bool {
	return r.Known.Status == KnownThere && r.Known.Target.API == APIDataManager && r.Known.Value == AmountOf(0)
}

// retract is OpRetract unless the retraction cannot or may not be sent.
func (r Row) retract() Operation {
	if r.Held || !r.changeable() || r.zeroForbidden() {
		return OpNone
	}
	return OpRetract
}

// zeroForbidden reports whether a rule keeps the value of what cannot be
// retracted.
func (r Row) zeroForbidden() bool { return r.Want.KeepValue && r.Known.Target.API == APIDataManager }

// changeable reports whether what is there may be changed: never by an account
// that only tests.
func (r Row) changeable() bool { return !r.Want.Test && r.adjustable() }

// adjustable reports whether Google takes adjustments of the conversion: the
// Google Ads API not of those it matched by a wbraid (v25, upload-adjustments
// guide).
func (r Row) adjustable() bool {
	return r.Known.Click.Kind != WBRAID || r.Known.Target.API == APIDataManager
}

// differs reports whether Google holds, or may hold, something else than what
// is wanted now.
func (r Row) differs() bool {
	switch r.Known.Status {
	case KnownThere, KnownThereValue:
		return (r.Want.Withdraw && !r.zeroed()) || r.unsettled() || r.revalued()
	case KnownUnanswered:
		return !r.Want.Wanted
	case KnownRetracted:
		return r.Known.Foreign && r.Want.Wanted
	case KnownNothing, KnownRefused:
		return false
	default:
		return false
	}
}

// stuck reports whether a person must decide: answers counted against the row
// too often. What needs no operation, or was given up, needs nobody.
func (r Row) stuck() bool {
	return r.Counted >= MaxCounted && r.Closed == "" && r.operation() != OpNone
}

func (r Row) tested() bool { return r.Want.Test && r.Tested == r.Version }

// Item returns the row's next operation as it is to be sent at now, with times
// in zone. Adjustments are of the conversion as it was uploaded.
func (r Row) Item(zone *time.Location, now time.Time) Item {
	it := Item{
		Row: r.ID, Version: r.Version, Op: r.Next(), OrderID: r.OrderID, Action: r.Action(), Isolated: r.Isolate,
		Click: r.Want.Click, At: r.Want.At.Add(time.Duration(r.Shift) * time.Second).In(zone),
		Value: r.Want.Value, Currency: r.Want.Currency, Consent: r.Want.Consent, Bumped: r.Moved,
	}
	if !it.adjusts() {
		return it
	}
	it.Click, it.At, it.Bumped = r.Known.Click, r.Known.At.In(zone), false
	if r.Known.Target.API != APIDataManager { // which takes whole events only
		it.Consent = ""
	}
	it.AdjustAt = r.adjustAt(now).In(zone)
	switch {
	case it.Op == OpRetract && r.Known.Target.API == APIDataManager:
		it.Value = AmountOf(0) // the nearest there is to a retraction
	case it.Op == OpRetract:
		it.Value = Amount{}
	}
	return it
}

// adjustAt is now in whole seconds, but later than the conversion and than
// every adjustment of it before.
func (r Row) adjustAt(now time.Time) time.Time {
	at := now.Truncate(time.Second)
	for _, before := range []time.Time{r.Known.At, r.AdjustedAt} {
		if !at.After(before) {
			at = before.Truncate(time.Second).Add(time.Second)
		}
	}
	return at
}

// Target is where the row's next operation goes: for a conversion that was
// sent and may be there, where it was sent, because an order id is known to
// one API and action only.
func (r Row) Target() Target {
	if r.mayBeThere() {
		return r.Known.Target
	}
	return r.Want.Target
}

// Action is the conversion action of the row's next operation.
func (r Row) Action() string {
	if r.mayBeThere() {
		return r.Known.Action
	}
	return r.Want.Action
}

func (r Row) mayBeThere() bool {
	switch r.Known.Status {
	case KnownThere, KnownThereValue, KnownUnanswered:
		return true
	case KnownNothing, KnownRetracted, KnownRefused:
		return false
	default:
		return false
	}
}

// Deadline is when the row's next operation can no longer be sent.
func (r Row) Deadline() time.Time {
	op := r.Next()
	if (op == OpRestate || op == OpRetract) && r.Known.Target.API != APIDataManager {
		return r.Known.At.Add(MaxAdjustAge)
	}
	return r.Want.Deadline
}
