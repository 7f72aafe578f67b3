package conversions

import "time"

// Decide returns the ledger entry that gives the row the want w, or false if
// that changes nothing worth recording. events are the lead's, to tell whether
// the click ids of two references are the same; now ends a wait that is over.
// For a conversion that has no row yet, call it on Row{Key: key}.
func (r Row) Decide(w Want, events []Event, now time.Time) (Entry, bool) {
	if r.onlyRulesChanged(w) {
		test, keep := w.Test, w.KeepValue
		w = r.Want
		w.Test, w.KeepValue = test, keep // what may be sent at all is never of yesterday
	}
	return r.Replay(w, events, now)
}

// Replay is Decide for an explicit replay: rules of today apply also to what
// was sent.
func (r Row) Replay(w Want, events []Event, now time.Time) (Entry, bool) {
	before, after := clickAt(events, r.Want.Click), clickAt(events, w.Click)
	if before == after && !r.Want.Click.IsZero() && !w.Click.IsZero() {
		w.Click = r.Want.Click // the same id found elsewhere is no change
	}
	if w.Waiting() && !now.Before(w.WaitUntil) {
		w.Reason, w.WaitUntil = ReasonNoClick, time.Time{}
	}
	if r.sent() {
		w.At, w.Due = r.Want.At, r.Want.Due // fixed when first sent
	}
	if r.Version > 0 && r.same(w) {
		return Entry{}, false
	}
	e := Entry{
		Account: r.Key.Account, Row: r.ID, Kind: EntryDecided, At: now,
		Version: r.Version + 1, Want: &w, Revive: r.revivedBy(events, after), ClickID: after.ID,
	}
	if r.Version == 0 {
		key := r.Key
		e.Key = &key
	}
	return e, true
}

// onlyRulesChanged reports whether a row that was sent would change although
// no new tag, amount or consent asks for it: rules of today apply to what was
// never sent.
func (r Row) onlyRulesChanged(w Want) bool {
	if r.fateOpen() && w.Click != r.Want.Click {
		return false // it may yet be refused with the click it was sent with
	}
	same := w.Tag == r.Want.Tag && w.ValueEvent == r.Want.ValueEvent && w.Consent == r.Want.Consent && w.Denial == r.Want.Denial
	return r.sent() && same
}

// fateOpen reports whether the row was sent and may yet be refused.
func (r Row) fateOpen() bool { return r.Known.Status == KnownUnanswered || r.Pending != nil }

// sent reports whether Google may know the row.
func (r Row) sent() bool {
	if r.Pending != nil {
		return true
	}
	switch r.Known.Status {
	case KnownThere, KnownThereValue, KnownUnanswered, KnownRetracted:
		return true
	case KnownNothing, KnownRefused:
		return false
	default:
		return false
	}
}

// revivedBy reports whether the click now wanted opens a refused row again.
func (r Row) revivedBy(events []Event, click Click) bool {
	stuck := r.Known.Status == KnownRefused || r.Counted >= MaxCounted
	return stuck && !click.IsZero() && click != clickAt(events, r.Want.Click)
}

// clickAt returns the click a reference points at, or none when it was erased.
func clickAt(events []Event, ref ClickRef) Click {
	if ref.IsZero() {
		return Click{}
	}
	for _, e := range events {
		if e.Seq == ref.Event && ref.N < len(e.Person.Clicks) {
			return e.Person.Clicks[ref.N].Click
		}
	}
	return Click{}
}

// same reports whether the row has this want already. Of a conversion that was
// sent only what can lead to an operation counts: a repeated tag is recorded as
// an event and changes nothing, but a conversion that was taken back anew waits
// anew.
func (r Row) same(o Want) bool {
	w := r.Want
	if r.sent() {
		return r.sameOperation(o)
	}
	times := w.At.Equal(o.At) && w.Lead.Equal(o.Lead) && w.Due.Equal(o.Due) &&
		w.Deadline.Equal(o.Deadline) && w.WaitUntil.Equal(o.WaitUntil) && w.ChangeDue.Equal(o.ChangeDue)
	return times && w.withoutTimes() == o.withoutTimes()
}

// sameOperation is same for a conversion that Google may know.
func (r Row) sameOperation(o Want) bool {
	w := r.Want
	waits := !w.Withdraw || r.Known.Status == KnownRetracted || w.ChangeDue.Equal(o.ChangeDue)
	click := !r.fateOpen() || w.Click == o.Click
	return w.Wanted == o.Wanted && w.Reason == o.Reason && w.Withdraw == o.Withdraw && w.Value == o.Value &&
		w.Test == o.Test && w.KeepValue == o.KeepValue && waits && click
}

func (w Want) withoutTimes() Want {
	w.At, w.Lead, w.Due, w.Deadline = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	w.WaitUntil, w.ChangeDue = time.Time{}, time.Time{}
	return w
}

// Close returns the entry that ends the row because time ran out at now, or
// false if it did not: the wait for a click id is over, or the deadline of an
// upload has passed.
func (r Row) Close(now time.Time) (Entry, bool) {
	e := Entry{Account: r.Key.Account, Row: r.ID, Kind: EntryClosed, At: now, Version: r.Version}
	switch {
	case r.Closed != "":
		return Entry{}, false
	case r.State == StateWaiting && !now.Before(r.Want.WaitUntil):
		e.Reason = ReasonNoClick
	case r.Next() == OpUpload && r.Known.Status == KnownNothing && !now.Before(r.Deadline()):
		e.Reason = ReasonExpired
	case (r.Next() == OpRestate || r.Next() == OpRetract) && !now.Before(r.Deadline()):
		e.Reason = ReasonTooLateToAdjust
	default:
		return Entry{}, false
	}
	return e, true
}

// Answered returns the entry that records what became of item it of batch b.
func (r Row) Answered(b Batch, it Item, a Answer, now time.Time) Entry {
	target := b.Target
	return Entry{
		Account: b.Account, Row: it.Row, Kind: EntryAnswered, At: now, Version: it.Version,
		Batch: b.ID, Target: &target, Item: &it, Answer: &a, Resent: b.Resent(),
		NotBefore: r.notBefore(a, a.meetsAnother(b.Resent()) && it.adjusts(), now),
	}
}

// Processed returns the entry that records what the vendor said later of item
// it of batch b, which it had taken for processing.
func (r Row) Processed(b Batch, it Item, a Answer, now time.Time) Entry {
	e := r.Answered(b, it, a, now)
	e.Kind = EntryProcessed
	return e
}

// TestedBy returns the entry that records a validate-only answer.
func (r Row) TestedBy(b Batch, it Item, a Answer, now time.Time) Entry {
	e := r.Answered(b, it, a, now)
	e.Kind, e.Resent = EntryTested, false
	return e
}

// Abandon returns the entry for item it of batch b, which went unanswered and
// will not be sent again because the row is no longer wanted.
func (r Row) Abandon(b Batch, it Item, now time.Time) Entry {
	target := b.Target
	return Entry{
		Account: b.Account, Row: it.Row, Kind: EntryUnanswered, At: now, Version: it.Version,
		Batch: b.ID, Target: &target, Item: &it,
	}
}

// notBefore is when an answer allows the next try. A paused row keeps its
// time: the pause itself decides when it is tried. met is true when an adjustment
// met one that is not ours.
func (r Row) notBefore(a Answer, met bool, now time.Time) time.Time {
	switch a.Verdict {
	case Later, Retry, FixBatch:
		wait := a.Wait
		if wait == 0 {
			wait = Backoff(r.Tries+1, r.OrderID)
		}
		return now.Add(wait)
	case AlreadyThere:
		if met {
			return now.Add(Backoff(r.Tries+1, r.OrderID))
		}
		return time.Time{}
	case Done, Refused, Pause, Submitted, Unclear:
		return time.Time{}
	default:
		return time.Time{}
	}
}
