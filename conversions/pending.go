package conversions

import "time"

// MaxGroups is how many small requests, at most, one round of isolation makes
// of the rows of requests that failed in part.
const MaxGroups = 45

// When the vendor is asked for the status of a request that it took for
// processing: first after FirstPoll, then after twice as long each time up to
// PollCap, and after GiveUpPolling no more (Data Manager API, diagnostics
// guide: the first after 30 minutes, then with exponential back-off).
const (
	FirstPoll     = 30 * time.Minute
	PollCap       = 24 * time.Hour
	GiveUpPolling = 72 * time.Hour
)

// NextPoll returns when a request that was taken at taken, and whose status was
// asked for polls times, is asked for next. The last is at GiveUpPolling.
func NextPoll(taken time.Time, polls int) time.Time {
	at, wait := taken.Add(FirstPoll), FirstPoll
	for range min(polls, 16) {
		at = at.Add(wait)
		wait = min(2*wait, PollCap)
	}
	if end := taken.Add(GiveUpPolling); at.After(end) {
		return end
	}
	return at
}

// submitted notes an operation that the vendor took for processing. What is
// known stays as it was until the vendor says more.
func (r *Row) submitted(e Entry) {
	r.Pending = &Pending{
		Op: e.Item.Op, Value: e.Item.Value, Currency: e.Item.Currency, Target: *e.Target,
		Version: e.Item.Version, Batch: e.Batch, Since: e.At,
	}
	if e.Item.adjusts() {
		r.AdjustedAt = e.Item.AdjustAt
	}
}

// mayBeOvertaken reports whether an upload whose answer was lost, with another
// value, may have been processed after the one that succeeded. Once that one is
// processed nothing of the conversion is under way, so restating it settles
// the matter.
func (r *Row) mayBeOvertaken(e Entry) bool {
	return e.Target.API == APIDataManager && r.Known.Status == KnownUnanswered && (r.Known.Mixed || r.Known.Value != e.Item.Value)
}

// unclear is a row whose fate the vendor does not tell: it may be there. One
// round in a small request may show it; after that a person sees it.
func (r *Row) unclear(e Entry) {
	r.unanswered(e)
	switch {
	case e.Answer.Evidence == EvidenceSilence:
		r.closes(e, ReasonNoStatus)
	case e.Item.Isolated || e.Answer.Of <= 1:
		r.closes(e, ReasonUnclear)
	default:
		r.Isolate = true
	}
}
