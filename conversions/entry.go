package conversions

import "time"

// EntryKind is what a ledger entry records.
type EntryKind string

// The kinds of ledger entry.
const (
	// EntryDecided: the fold gave the row another want.
	EntryDecided EntryKind = "decided"
	// EntryAnswered: a batch was answered, or surely failed, for the row.
	EntryAnswered EntryKind = "answered"
	// EntryProcessed: the vendor said later what became of a row that it had
	// taken for processing.
	EntryProcessed EntryKind = "processed"
	// EntryTested: a validate-only request was answered for the row.
	EntryTested EntryKind = "tested"
	// EntryClosed: time ran out for the row.
	EntryClosed EntryKind = "closed"
	// EntryUnanswered: the row was sent, no answer came, and it will not be
	// sent again because it is no longer wanted.
	EntryUnanswered EntryKind = "unanswered"
	// EntryHeld: a retraction waits for a person, because a run would retract
	// unusually many.
	EntryHeld EntryKind = "held"
	// EntryApproved, EntryRetried and EntryGivenUp: a person let a held
	// retraction go, had a row tried again, or closed it. By and Note say who
	// and why. With Quarantine they are about a quarantined delivery, which was
	// read after all or given up; Row is 0.
	EntryApproved EntryKind = "approved"
	EntryRetried  EntryKind = "retried"
	EntryGivenUp  EntryKind = "given_up"
	// EntryPutBack: refusals that turned out to be the account's fault were
	// taken back, so that the row is sent again.
	EntryPutBack EntryKind = "put_back"
	// EntrySent: a batch began; Row is 0 and Count says how many rows.
	EntrySent EntryKind = "sent"
	// EntryPaused and EntryResumed: sending to the account, or to one action
	// of it, stopped and went on; Row is 0.
	EntryPaused  EntryKind = "paused"
	EntryResumed EntryKind = "resumed"
)

// Entry is one record of the ledger. Entries are appended, never changed, and
// hold nothing that identifies a person. Those of a row, applied in order to
// the zero Row, rebuild it.
type Entry struct {
	// Seq is the ledger's sequence number, given by the store.
	Seq     int64     `json:"-"`
	Account AccountID `json:"-"`
	Row     RowID     `json:"-"`
	Kind    EntryKind `json:"-"`
	At      time.Time `json:"-"`
	// Key is set on the first entry of a row.
	Key *Key `json:"key,omitempty"`
	// Version is the row's version the entry is about.
	Version int64 `json:"version,omitempty"`
	// Want is set with EntryDecided. Revive opens a refused row again
	// because another click id came.
	Want   *Want `json:"want,omitempty"`
	Revive bool  `json:"revive,omitempty"`
	// ClickID is the click id that Want.Click points at, for the store's
	// erasable look-up index. Never stored with the entry.
	ClickID string `json:"-"`
	// Batch, Item, Answer and Resent are set with EntryAnswered and, but for
	// Resent, EntryTested: what exactly was sent and what became of it.
	// Target is where it was sent.
	Batch  BatchID `json:"batch,omitempty"`
	Target *Target `json:"target,omitempty"`
	Item   *Item   `json:"item,omitempty"`
	Answer *Answer `json:"answer,omitempty"`
	Resent bool    `json:"resent,omitempty"`
	// NotBefore is the earliest next try.
	NotBefore time.Time `json:"not_before,omitzero"`
	// Reason is set with EntryClosed.
	Reason Reason `json:"reason,omitempty"`
	// Count is set with EntrySent, Action with EntryPaused and EntryResumed
	// of one action.
	Count  int    `json:"count,omitempty"`
	Action string `json:"action,omitempty"`
	// By is who caused the entry when it was a person, Note why.
	By   string `json:"by,omitempty"`
	Note string `json:"note,omitempty"`
	// Quarantine is the id of the quarantined delivery that a person decided
	// about; 0 for every other entry.
	Quarantine int64 `json:"quarantine,omitempty"`
}

// Apply returns the row as the entry leaves it. It is the only way in which
// rows change; entries that are about no row leave it as it is.
func (r Row) Apply(e Entry) Row {
	if e.Key != nil {
		r.ID, r.Key, r.OrderID = e.Row, *e.Key, e.Key.OrderID()
	}
	switch e.Kind {
	case EntryDecided:
		r.decided(e)
	case EntryAnswered:
		r.answered(e)
	case EntryProcessed:
		if r.Pending == nil || r.Pending.Batch != e.Batch {
			return r // its fate is known already
		}
		r.answered(e)
	case EntryTested:
		r.testedBy(e)
	case EntryClosed:
		r.Closed = e.Reason
	case EntryUnanswered:
		r.unanswered(e)
	case EntryHeld, EntryApproved, EntryRetried, EntryGivenUp, EntryPutBack:
		r.resolved(e)
	case EntrySent, EntryPaused, EntryResumed:
		return r
	}
	r.refresh()
	return r
}

func (r *Row) decided(e Entry) {
	r.Want, r.Version, r.Closed = *e.Want, e.Version, ""
	r.Held = r.Held && r.Want.Withdraw
	r.NotFound = 0
	if e.Revive {
		r.revive()
	}
}

// revive forgets a refusal, because another click id deserves a try of its own.
// What Google holds or may hold is not forgotten.
func (r *Row) revive() {
	if r.Known.Status == KnownRefused {
		r.Known = Known{}
	}
	r.NotBefore = time.Time{}
	r.Tries, r.Counted, r.NotFound, r.Moved, r.Shift = 0, 0, 0, false, 0
}

func (r *Row) answered(e Entry) {
	a := *e.Answer
	r.Last, r.LastBatch, r.NotBefore = &a, e.Batch, e.NotBefore
	r.Pending, r.Isolate = nil, r.Isolate && !e.Item.Isolated
	switch {
	case a.Verdict == Submitted:
		r.submitted(e)
	case a.Verdict == Unclear:
		r.unclear(e)
	case e.Item.adjusts():
		r.adjusted(e)
	default:
		r.uploaded(e)
	}
}

// uploaded takes over what an upload came to.
func (r *Row) uploaded(e Entry) {
	switch e.Answer.Verdict {
	case Done:
		overtakes := r.mayBeOvertaken(e)
		r.know(KnownThere, e)
		if overtakes {
			r.valueUnknown()
		}
	case AlreadyThere:
		r.alreadyThere(e)
	case Refused:
		r.refused(e)
	case Retry, Later, FixBatch, Pause, Submitted, Unclear:
		r.again(e)
	}
}

// alreadyThere tells ours from somebody else's. Recognised by our order id it
// is ours: with the value of the earliest manifest that went unanswered, else
// with a value we cannot tell. Recognised by click and time it is ours only if
// that very row went unanswered.
func (r *Row) alreadyThere(e Entry) {
	switch {
	case r.Known.Status == KnownUnanswered && (e.Answer.By == ByOrderID || r.Known.sameClickAndTime(*e.Item)):
		mixed := r.Known.Mixed || r.Known.Retracting || (e.Resent && r.Known.Value != e.Item.Value)
		r.Known.Status, r.Known.Since, r.Known.Mixed = KnownThere, e.At, false
		if mixed {
			r.valueUnknown()
		}
		r.accepted()
	case e.Resent:
		r.know(KnownThere, e)
	case e.Answer.By == ByOrderID:
		r.know(KnownThereValue, e)
	case !r.Moved:
		r.move(e)
	default:
		r.refused(e)
	}
}

// move sets the time one second behind the one that was tried, which may have
// been moved already to keep it apart from another row's. A want that came in
// flight with a time of its own is tried as it is.
func (r *Row) move(e Entry) {
	ahead := e.Item.At.Sub(r.Want.At)
	if e.Item.Version != r.Version && (ahead < 0 || ahead >= time.Minute) {
		return
	}
	r.Moved, r.Shift = true, int(ahead/time.Second)+1
}

// refused is final, but it does not say what became of an earlier manifest
// that went unanswered: what that may have left at Google is not forgotten.
func (r *Row) refused(e Entry) {
	if r.Known.Status == KnownUnanswered {
		r.closes(e, r.refusal())
		return
	}
	r.know(KnownRefused, e)
	if e.Item.Version != r.Version && r.Want.Click != e.Item.Click && !r.Want.Click.IsZero() {
		r.revive() // another click id came while the row was in flight
	}
}

func (r *Row) again(e Entry) {
	r.Tries++
	if e.Answer.Counts && e.At.Sub(r.CountedAt) >= CountEvery {
		r.Counted, r.CountedAt = r.Counted+1, e.At
	}
}

// unanswered keeps the earliest manifest that went without an answer, and
// whether a later one had another value: then either may be there.
func (r *Row) unanswered(e Entry) {
	r.LastBatch = e.Batch
	switch {
	case e.Item.adjusts():
		r.leftOpen(e)
	case r.Known.Status != KnownUnanswered:
		r.know(KnownUnanswered, e)
	default:
		r.Known.Since = e.At // it may be as fresh as the latest
		r.Known.Mixed = r.Known.Mixed || r.Known.Value != e.Item.Value
	}
}

// know takes over what the sent item came to. A row that time ran out for
// while it was in flight is open again: what Google holds is no longer a
// question of time.
func (r *Row) know(s KnownStatus, e Entry) {
	r.Closed = ""
	r.Known = Known{
		Status: s, Currency: e.Item.Currency, Target: *e.Target, Action: e.Item.Action,
		At: e.Item.At, Click: e.Item.Click, Batch: e.Batch, Since: e.At,
	}
	if s == KnownThere || s == KnownUnanswered {
		r.Known.Value = e.Item.Value
	}
	if s == KnownThere || s == KnownThereValue {
		r.accepted()
	}
}

// accepted ends the counting of tries.
func (r *Row) accepted() { r.Tries, r.Counted = 0, 0 }

func (r *Row) testedBy(e Entry) {
	a := *e.Answer
	r.Last, r.LastBatch, r.NotBefore = &a, e.Batch, e.NotBefore
	switch a.Verdict {
	case Done, Refused, AlreadyThere:
		r.Tested = e.Version
	case Retry, Later, FixBatch, Pause, Submitted, Unclear:
		r.again(e)
	}
}
