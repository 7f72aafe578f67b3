package conversions

import "time"

// MaxNotFound is how many answers that know no such conversion to adjust end
// the tries: Google may hold a fresh conversion back for up to a day (Google
// Ads developer blog, August 2024), so two waits of a day are enough.
const MaxNotFound = 3

// adjusts reports whether the item changes a conversion that is there.
func (it Item) adjusts() bool { return it.Op == OpRestate || it.Op == OpRetract }

// meetsAnother reports whether an adjustment met one that is not ours. Ours
// are in order and each has a time of its own, so an equal time is ours only
// if this very adjustment went unanswered before, and a newer one never is.
func (a Answer) meetsAnother(resent bool) bool {
	return a.Verdict == AlreadyThere && a.By != ByRetraction && (!resent || a.By == ByNewerAdjustment)
}

// freshFor is how long Google may hide a conversion that it took: until then
// "not found" proves nothing (Google Ads developer blog, August 2024).
const freshFor = 24 * time.Hour

// adjusted takes over what a restatement or retraction came to. The
// conversion stays known as it was uploaded but for its value.
func (r *Row) adjusted(e Entry) {
	r.AdjustedAt = e.Item.AdjustAt
	if e.Answer.NotFound && e.Answer.Verdict != Done && e.Answer.Verdict != AlreadyThere {
		r.notFound(e)
		return
	}
	switch e.Answer.Verdict {
	case Done:
		r.changed(e)
	case AlreadyThere:
		r.alreadyAdjusted(e)
	case Refused:
		r.closes(e, ReasonAdjustRefused)
	case Retry, Later, FixBatch, Pause, Submitted, Unclear:
		r.again(e)
	}
}

// changed is an adjustment that Google accepted.
func (r *Row) changed(e Entry) {
	r.Known.Batch, r.Known.Since = e.Batch, e.At
	r.NotFound = 0
	r.accepted()
	if e.Item.Op == OpRetract && r.Known.Target.API == APIDataManager {
		r.Known.Status, r.Known.Value = KnownThere, AmountOf(0)
		r.overtaken()
		return
	}
	if e.Item.Op == OpRetract {
		r.Known.Status, r.Known.Value = KnownRetracted, Amount{}
		return
	}
	r.Known.Status, r.Known.Value, r.Known.Currency = KnownThere, e.Item.Value, e.Item.Currency
	r.overtaken()
}

// overtaken makes a value unknown that an earlier operation may have
// overwritten, whose answer was lost: the next one settles it.
func (r *Row) overtaken() {
	if r.Known.Mixed && r.Known.Target.API == APIDataManager {
		r.Known.Mixed = false
		r.valueUnknown()
	}
}

// alreadyAdjusted tells our adjustment from somebody else's. What somebody
// else's said is not known; the next of ours is later still.
func (r *Row) alreadyAdjusted(e Entry) {
	switch {
	case e.Answer.By == ByRetraction:
		r.Known.Foreign = e.Item.Op == OpRestate && !r.Known.Retracting
		r.Known.Status, r.Known.Value = KnownRetracted, Amount{}
		r.Known.Batch, r.Known.Since = e.Batch, e.At
		r.accepted()
	case r.Known.Target.API == APIDataManager: // says that the conversion is there, not with which value
		r.valueUnknown()
		r.closes(e, ReasonValueKept)
	case e.Answer.meetsAnother(e.Resent):
		r.valueUnknown()
		r.again(e)
	default:
		r.changed(e)
	}
}

// valueUnknown is a conversion that is there with a value we cannot tell.
func (r *Row) valueUnknown() { r.Known.Status, r.Known.Value = KnownThereValue, Amount{} }

// closes ends the tries of the operation that was sent. A want that came while
// it was in flight has tries of its own.
func (r *Row) closes(e Entry, why Reason) {
	if e.Item.Version == r.Version {
		r.Closed = why
	}
}

// notFound is an answer that knows no such conversion. To the retraction of a
// row whose upload went unanswered it is the answer that was wanted: nothing
// is there.
func (r *Row) notFound(e Entry) {
	if r.Known.Status == KnownUnanswered {
		if e.At.Sub(r.Known.Since) < freshFor {
			r.Tries++ // Google may not show it yet
			return
		}
		r.Known = Known{}
		r.NotBefore, r.NotFound = time.Time{}, 0
		r.accepted()
		return
	}
	r.NotFound++
	if r.NotFound >= MaxNotFound || e.Answer.Verdict == Refused {
		r.closes(e, ReasonAdjustNotFound)
		return
	}
	r.Tries++
}

// leftOpen is an adjustment that went unanswered and is not sent again: the
// conversion is there all the same, with a value that cannot be told.
func (r *Row) leftOpen(e Entry) {
	r.AdjustedAt = e.Item.AdjustAt
	r.Known.Retracting = r.Known.Retracting || e.Item.Op == OpRetract
	r.Known.Mixed = r.Known.Mixed || (e.Kind == EntryUnanswered && r.Known.Target.API == APIDataManager)
	if r.Known.Status == KnownThere {
		r.valueUnknown()
	}
}

// unsettled reports whether a retraction of ours went unanswered for good.
// Google may take every adjustment of a retracted conversion without effect
// (Google Ads Help, answer 7686280), so no restatement would show whether the
// conversion still counts. The retraction is therefore sent to its end, also
// when the outcome came back meanwhile: then the next generation counts.
func (r Row) unsettled() bool {
	return r.Known.Retracting && r.Known.Target.API != APIDataManager
}

// WantedAgain reports whether the conversion came back after it was retracted,
// so that its next generation must be decided. What somebody else retracted
// does not come back by itself: first the outcome must be taken back and
// tagged anew.
func (r Row) WantedAgain(w Want) bool {
	return r.Known.Status == KnownRetracted && w.Wanted && !(r.Known.Foreign && r.Want.Wanted)
}
