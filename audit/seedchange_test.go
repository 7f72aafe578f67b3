package audit_test

import (
	"time"

	"closeloop/conversions"
)

// there makes rows that Google holds since four days ago.
func (w *world) there(leads ...conversions.LeadID) {
	w.Helper()
	w.now = noon().Add(-4 * day)
	for _, lead := range leads {
		w.take(w.tag(acme, lead, "booked", 400_00, 20*time.Hour))
	}
	w.answer(w.send(acme, leads...), done())
}

// retag tags leads a minute before the world's time.
func (w *world) retag(o conversions.Outcome, cents conversions.Cents, leads ...conversions.LeadID) {
	w.Helper()
	for _, lead := range leads {
		w.take(w.tag(acme, lead, o, cents, time.Minute))
	}
}

// adjusted are rows whose corrections Google took, and one of somebody else.
func (w *world) adjusted() {
	w.Helper()
	w.there("story", "taken-by-others", "waits-a-day", "google-waits")
	w.now = noon().Add(-3 * day)
	w.retag("booked", 450_00, "story", "taken-by-others")
	w.now = w.now.Add(2 * time.Hour)
	w.answer(w.send(acme, "story"), done())
	w.answer(w.send(acme, "taken-by-others"), conversions.Answer{
		Verdict: conversions.AlreadyThere, By: conversions.ByRetraction, Code: "ConversionAdjustmentUploadError.CONVERSION_ALREADY_RETRACTED",
		Sentence: "Google holds the conversion as retracted already.",
	})
	w.now = noon().Add(-2 * day)
	w.retag("spam", 0, "story")
	w.now = noon().Add(-23 * time.Hour)
	w.answer(w.send(acme, "story"), done())
	w.now = noon().Add(-time.Hour)
	w.retag("wrong_number", 0, "waits-a-day")
	w.retag("booked", 470_00, "google-waits")
	w.now = noon().Add(30 * time.Minute)
	w.answer(w.send(acme, "google-waits"), notFound())
	w.now = noon().Add(-4 * day)
	w.take(w.tag(acme, "moved", "booked", 70_00, 20*time.Hour))
	w.answer(w.send(acme, "moved"), foreign())
	w.now = w.now.Add(time.Hour)
	w.answer(w.send(acme, "moved"), done())
	w.there("gone-again")
	w.now = noon().Add(-3 * day)
	w.retag("spam", 0, "gone-again")
	w.now = noon().Add(-day)
	w.answer(w.send(acme, "gone-again"), done())
	w.retag("booked", 410_00, "gone-again")
}

func notFound() conversions.Answer {
	return conversions.Answer{
		Verdict: conversions.Later, Wait: day, NotFound: true, Code: "ConversionAdjustmentUploadError.CONVERSION_NOT_FOUND",
		Sentence: "Google does not know the conversion yet.",
	}
}

// stuck are rows that Google holds otherwise than is wanted, for good.
func (w *world) stuck() {
	w.Helper()
	w.now = noon().Add(-4 * day)
	braid := w.tag(acme, "wbraid", "booked", 400_00, 20*time.Hour)
	braid.Person.Clicks[0].Kind = conversions.WBRAID
	w.take(braid)
	w.answer(w.send(acme, "wbraid"), done())
	w.there("refused-change", "unknown-there")
	w.now = noon().Add(-3 * day)
	change := w.tag(acme, "wbraid", "spam", 0, time.Minute)
	change.Person.Clicks[0].Kind = conversions.WBRAID
	w.take(change)
	w.retag("booked", 500_00, "refused-change")
	w.retag("spam", 0, "unknown-there")
	w.now = noon().Add(-day)
	w.answer(w.send(acme, "refused-change"), conversions.Answer{
		Verdict: conversions.Refused, Code: "ConversionAdjustmentUploadError.INVALID_CONVERSION_ACTION",
		Sentence: "Google does not adjust conversions of this action.", Hint: "Check the type of the conversion action.",
	})
	for range conversions.MaxNotFound {
		w.answer(w.send(acme, "unknown-there"), notFound())
	}
}

// decided are rows about which a person has decided or must decide.
func (w *world) decided() {
	w.Helper()
	w.there("held", "approved", "given-up")
	w.now = noon().Add(-3 * day)
	w.retag("spam", 0, "held", "approved", "given-up")
	w.now = noon().Add(-day)
	for _, lead := range []conversions.LeadID{"held", "approved"} {
		e, ok := w.row(acme, lead).Hold(w.now)
		if !ok {
			w.Fatalf("the retraction of %s cannot be held", lead)
		}
		w.record(e)
	}
	w.resolve("approved", conversions.EntryApproved, "really spam")
	w.resolve("given-up", conversions.EntryGivenUp, "agreed with the client")
	w.take(w.tag(acme, "retried", "booked", 75_00, 20*time.Hour), w.tag(acme, "put-back", "booked", 76_00, 20*time.Hour))
	w.answer(w.send(acme, "retried", "put-back"), refused())
	w.resolve("retried", conversions.EntryRetried, "window lengthened")
	e, _ := w.row(acme, "put-back").Resolve(conversions.EntryPutBack, "", "", w.now.Add(time.Minute))
	w.record(e)
	none := w.tag(acme, "click-set", "booked", 80_00, 20*time.Hour)
	none.Person = conversions.Person{}
	set := w.tag(acme, "click-set", "", 0, 0)
	set.Kind, set.By, set.Note, set.Delivery = conversions.KindClickSet, "sam", "from the landing page report", ""
	set.Person.Clicks[0].Place = conversions.PlacePerson
	w.take(none, set)
}

func (w *world) resolve(lead conversions.LeadID, kind conversions.EntryKind, note string) {
	w.Helper()
	e, ok := w.row(acme, lead).Resolve(kind, "sam", note, w.now.Add(time.Minute))
	if !ok {
		w.Fatalf("%s cannot be %s", lead, kind)
	}
	w.record(e)
}

// nearlyOver are rows that can hardly be sent any more.
func (w *world) nearlyOver() {
	w.Helper()
	w.now = noon().Add(-time.Hour)
	none := w.tag(acme, "expiring-waits", "quoted", 600_00, time.Hour)
	none.Person, none.CallStart = conversions.Person{}, w.now.Add(-89*day)
	w.take(w.tag(acme, "expiring-queued", "quoted", 600_00, 84*day), w.tag(acme, "expires-later", "quoted", 600_00, 82*day), none)
	w.take(w.tag(acme, "expiring-change", "booked", 600_00, 53*day))
	w.answer(w.send(acme, "expiring-change"), done())
	w.retag("booked", 650_00, "expiring-change")
	w.now = noon()
	w.take(w.tag(gone, "orphan-change", "booked", 40_00, 20*time.Hour))
	w.answer(w.send(gone, "orphan-change"), done())
	denied := w.tag(gone, "orphan-change", "booked", 40_00, time.Minute)
	denied.Consent = conversions.ConsentDenied
	w.take(denied)
}
