package conversions

// MaxNotFound is how many answers that know no such conversion to adjust end
// the tries: Google may hold a fresh conversion back for up to a day (Google
// Ads developer blog, August 2024), so two waits of a day are enough.
const MaxNotFound = 3

// adjusted takes over what a restatement or retraction came to. The
// conversion stays known as it was uploaded but for its value.
func (r *Row) adjusted(e Entry) {
	r.AdjustedAt = e.Item.AdjustAt
	switch e.Answer.Verdict {
	case Done:
		r.changed(e)
	case AlreadyThere:
		r.alreadyAdjusted(e)
	case Refused:
		r.Closed = ReasonAdjustRefused
	case Retry, Later, FixBatch, Pause:
		if e.Answer.NotFound {
			r.notFound(e)
			return
		}
		r.again(e)
	}
}

// changed is an adjustment that Google accepted.
func (r *Row) changed(e Entry) {
	r.Known.Batch, r.Known.Since = e.Batch, e.At
	r.NotFound = 0
	r.accepted()
	if e.Item.Op == OpRetract {
		r.Known.Status, r.Known.Value = KnownRetracted, Amount{}
		return
	}
	r.Known.Status, r.Known.Value, r.Known.Currency = KnownThere, e.Item.Value, e.Item.Currency
}

// alreadyAdjusted tells our adjustment from somebody else's.
func (r *Row) alreadyAdjusted(e Entry) {
	switch e.Answer.By {
	case ByRetraction:
		r.Known.Status, r.Known.Value = KnownRetracted, Amount{}
	case ByNewerAdjustment:
		// Not ours, for ours are in order: what it said is not known. The next
		// one is later still.
		r.Known.Value = Amount{}
		if r.Known.Status == KnownThere {
			r.Known.Status = KnownThereValue
		}
		r.again(e)
	case ByAdjustment, ByOrderID, ByClickTime:
		r.changed(e)
	}
}

// notFound is an answer that knows no such conversion. To the retraction of a
// row whose upload went unanswered it is the answer that was wanted: nothing
// is there.
func (r *Row) notFound(e Entry) {
	if r.Known.Status == KnownUnanswered {
		r.Known = Known{}
		return
	}
	r.NotFound++
	if r.NotFound >= MaxNotFound {
		r.Closed = ReasonAdjustNotFound
		return
	}
	r.Tries++
}

// resolved takes over what a person, or the guard of mass withdrawals, decided.
func (r *Row) resolved(e Entry) {
	switch e.Kind {
	case EntryHeld:
		r.Held = true
	case EntryApproved:
		r.Held, r.Approved = false, r.Version
	case EntryRetried, EntryPutBack:
		r.Closed = ""
		r.revive()
	case EntryGivenUp:
		r.Held, r.Closed = false, ReasonGivenUp
	case EntryDecided, EntryAnswered, EntryTested, EntryClosed, EntryUnanswered, EntrySent, EntryPaused, EntryResumed:
	}
}
