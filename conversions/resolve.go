package conversions

import "time"

// Hold returns the entry that makes the row's retraction wait for a person, or
// false if there is none to hold or a person has approved this very version.
func (r Row) Hold(now time.Time) (Entry, bool) {
	if r.Next() != OpRetract || r.Approved == r.Version {
		return Entry{}, false
	}
	return r.entry(EntryHeld, now), true
}

// Resolve returns the entry that records what a person decided about the row,
// who and why: EntryApproved, EntryRetried or EntryGivenUp; or EntryPutBack
// for a refusal that turned out to be the account's fault. It is false if the
// decision would change nothing.
func (r Row) Resolve(kind EntryKind, by, note string, now time.Time) (Entry, bool) {
	e := r.entry(kind, now)
	e.By, e.Note = by, note
	return e, r.resolvable(kind)
}

func (r Row) resolvable(kind EntryKind) bool {
	if r.Pending != nil {
		return false // its fate comes first
	}
	refused := r.Known.Status == KnownRefused || r.State == StateRefused
	switch kind {
	case EntryApproved:
		return r.Held
	case EntryRetried:
		return r.Closed != "" || refused || r.stuck()
	case EntryGivenUp:
		return r.Closed != ReasonGivenUp && (r.Held || refused || r.differs() || r.operation() != OpNone)
	case EntryPutBack:
		return r.Known.Status == KnownRefused || r.Closed.refusal()
	case EntryDecided, EntryAnswered, EntryProcessed, EntryTested, EntryClosed, EntryUnanswered, EntryHeld, EntrySent, EntryPaused, EntryResumed:
		return false
	default:
		return false
	}
}

func (r Row) entry(kind EntryKind, now time.Time) Entry {
	return Entry{Account: r.Key.Account, Row: r.ID, Kind: kind, At: now, Version: r.Version}
}

// resolved takes over what a person, or the guard of mass withdrawals, decided.
func (r *Row) resolved(e Entry) {
	switch e.Kind {
	case EntryHeld:
		r.Held = true
	case EntryApproved:
		if e.Version == r.Version { // what came since was not approved
			r.Held, r.Approved = false, e.Version
		}
	case EntryRetried, EntryPutBack:
		r.Closed, r.Tested = "", 0
		r.revive()
	case EntryGivenUp:
		r.Held, r.Closed = false, ReasonGivenUp
	case EntryDecided, EntryAnswered, EntryProcessed, EntryTested, EntryClosed, EntryUnanswered, EntrySent, EntryPaused, EntryResumed:
	}
}
