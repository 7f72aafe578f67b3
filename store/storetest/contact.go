package storetest

import (
	"fmt"
	"slices"
	"time"

	"closeloop/conversions"
	"closeloop/store"
)

// keeping opens another handle, one that keeps the clicks of contacts.
func (w *world) keeping() store.Store {
	w.Helper()
	s, err := w.d.OpenContacts(w.Context(), w.name)
	w.must(err)
	w.Cleanup(func() { w.must(s.Close()) })
	return s
}

// visit is an event of a contact with a click id of the lead's name, some
// minutes ago.
func (w *world) visit(contact string, lead conversions.LeadID, minutes int) conversions.Event {
	e := w.tagged(lead, "")
	e.At = w.now.Add(-time.Duration(minutes) * time.Minute)
	e.Received, e.Person.Contact = e.At.Add(time.Second), contact
	return e
}

// ofContact asks for the clicks of the contact c1 from so many to so many
// minutes ago, and names their leads.
func (w *world) ofContact(s store.Store, from, to, limit int) []conversions.LeadID {
	w.Helper()
	events, err := s.ContactClicks(w.Context(), conversions.ContactQuery{
		Account: account, Source: source, Contact: "c1", Limit: limit,
		From: w.now.Add(-time.Duration(from) * time.Minute), To: w.now.Add(-time.Duration(to) * time.Minute),
	})
	w.must(err)
	leads := []conversions.LeadID{}
	for _, e := range events {
		leads = append(leads, e.Lead)
	}
	return leads
}

func leadAlone(w *world) {
	w.booked("L1", "L2", "L3")
	other := w.tagged("L2", "booked")
	other.Source = "elsewhere"
	w.add(other)
	q := conversions.ReplayQuery{Source: source, Lead: "L2", Limit: 5}
	w.same("the lead", []string{"varda L2 1 1"}, w.leadsBy(q))
	q.Lead = "L9"
	w.same("no lead", []string{}, w.leadsBy(q))
}

func contactClicks(w *world) {
	w.s = w.keeping()
	unusable := w.visit("c1", "unusable", 25)
	unusable.Person.Clicks[0] = conversions.FoundClick{Click: conversions.Click{Kind: conversions.GCLID}, Unusable: true}
	none := w.visit("c1", "none", 25)
	none.Person.Clicks = nil
	elsewhere, others := w.visit("c1", "elsewhere", 25), w.visit("c1", "others", 25)
	elsewhere.Source, others.Account = "elsewhere", "other"
	early := w.visit("c1", "told late", 35) // its own time counts, not its receipt
	early.Received = w.now
	fast := w.visit("c1", "of a fast clock", 15) // but never a time after the receipt
	fast.At = w.now.Add(time.Hour)
	w.add(w.visit("c1", "", 30), w.visit("c1", "old", 40), unusable, none, elsewhere, others, early, fast,
		w.visit("c2", "another", 25), w.visit("", "nobody", 25), w.visit("c1", "new", 10), w.visit("c1", "same time", 10))
	all := []conversions.LeadID{"same time", "new", "of a fast clock", "", "told late", "old"}
	w.same("all", all, w.ofContact(w.s, 1000, 0, 100))
	w.same("two", all[:2], w.ofContact(w.s, 1000, 0, 2))
	w.same("within bounds", all[3:5], w.ofContact(w.s, 35, 30, 100))
	w.same("between two", []conversions.LeadID{}, w.ofContact(w.s, 29, 16, 100))
	events, err := w.s.ContactClicks(w.Context(), conversions.ContactQuery{
		Account: account, Source: source, Contact: "c1", From: w.now.Add(-40 * time.Minute), To: w.now.Add(-40 * time.Minute), Limit: 9,
	})
	w.must(err)
	leads, err := w.s.Leads(w.Context(), account, conversions.ReplayQuery{Source: source, Lead: "old", Limit: 1})
	w.must(err)
	w.same("the whole event", leads[0].Events, events)
}

func contactsGathered(w *world) {
	const many = 1100 // more than a page
	w.add(w.visit("c1", "before", 40))
	for range many {
		e := w.visit("c2", "another", 30)
		if w.bodies%3 == 0 {
			e.Person = conversions.Person{}
		}
		w.add(e)
	}
	w.add(w.visit("c1", "before, too", 30))
	first := w.keeping()
	want := []conversions.LeadID{"before, too", "before"}
	w.same("when switched on", want, w.ofContact(first, 1000, 0, 10))
	w.add(w.visit("c1", "by one that keeps none", 20))
	_, err := first.Append(w.Context(), w.visit("c1", "by one that does", 10))
	w.must(err)
	want = append([]conversions.LeadID{"by one that does"}, want...)
	w.same("beside one that keeps none", want, w.ofContact(first, 1000, 0, 10))
	want = append([]conversions.LeadID{"by one that does", "by one that keeps none"}, want[1:]...)
	w.same("when opened again", want, w.ofContact(w.keeping(), 1000, 0, 10))
	w.same("when opened once more", want, w.ofContact(w.keeping(), 1000, 0, 10))
}

// contactForgotten: the lead L2 took the click of L1.
func contactForgotten(w *world) {
	w.s = w.keeping()
	w.add(w.visit("c1", "L1", 40), w.visit("c1", "L3", 30))
	w.booked("L2")
	taken, err := w.s.ContactClicks(w.Context(), conversions.ContactQuery{
		Account: account, Source: source, Contact: "c1", From: w.now.Add(-time.Hour), To: w.now.Add(-35 * time.Minute), Limit: 1,
	})
	w.must(err)
	row := w.row("L2")
	want := row.Want
	want.Click = match(taken, 0).Ref
	e, changed := row.Decide(want, append(taken, w.leadEvents("L2")...), w.now)
	w.same("the row takes the click", true, changed)
	w.must(w.s.Record(w.Context(), w.hold(), []conversions.Entry{e}))
	w.same("click id sent", click("L1"), w.begin(w.row("L2")).Items[0].ClickID)
	w.same("rows found by it", 1, w.found(click("L1")))
	w.booked("L4")

	_, err = w.s.Forget(w.Context(), account, source, "L1")
	w.must(err)
	w.same("clicks left", []conversions.LeadID{"L3"}, w.ofContact(w.s, 1000, 0, 10))
	w.same("clicks left when opened again", []conversions.LeadID{"L3"}, w.ofContact(w.keeping(), 1000, 0, 10))
	w.same("rows found by it", 0, w.found(click("L1")))
	w.same("rows found by another", 1, w.found(click("L4")))
	w.same("click id of the batch", "", w.unanswered()[0].Items[0].ClickID)
}

func (w *world) leadEvents(lead conversions.LeadID) []conversions.Event {
	w.Helper()
	h, err := w.s.History(w.Context(), account, w.row(lead).ID)
	w.must(err)
	return h.Events
}

// found counts the rows for which a click id is wanted.
func (w *world) found(id string) int {
	w.Helper()
	rows, err := w.s.List(w.Context(), conversions.Filter{Account: account, ClickID: id})
	w.must(err)
	return len(rows)
}

func (w *world) unanswered() []conversions.Batch {
	w.Helper()
	batches, err := w.s.Unanswered(w.Context(), account)
	w.must(err)
	return batches
}

// clickless is a tag of a contact's lead without a click id, some minutes ago.
func (w *world) clickless(contact string, lead conversions.LeadID, o conversions.Outcome, minutes int) conversions.Event {
	e := w.visit(contact, lead, minutes)
	e.Outcome, e.Person.Clicks = o, nil
	return e
}

// woken are the leads in the inbox, with their notices; they stay there.
func (w *world) woken() []string {
	w.Helper()
	got := []string{}
	for _, work := range w.unfolded() {
		got = append(got, fmt.Sprintf("%s %s %d", work.Source, work.Lead, len(work.Inbox)))
	}
	return got
}

// contactWakes: a click of a contact leaves notices for its other leads that
// may take it.
func contactWakes(w *world) {
	w.s = w.keeping()
	elsewhere, others := w.clickless("c1", "L1", "booked", 40), w.clickless("c1", "L1", "booked", 40)
	elsewhere.Source, others.Account = "elsewhere", "other"
	ended := w.clickless("c1", "contact told apart", "", 41)
	tag := w.clickless("", "contact told apart", "booked", 40)
	withdrawn := w.clickless("c1", "withdrawn", "spam", 39)
	w.add(w.clickless("c1", "L1", "booked", 40), elsewhere, others, w.clickless("c1", "L1", "quoted", 39), ended, tag,
		w.clickless("c2", "of another contact", "booked", 40), w.clickless("", "of nobody", "booked", 40),
		w.clickless("c1", "never tagged", "", 40), w.clickless("c1", "withdrawn", "booked", 40), withdrawn)
	w.uploaded("uploaded")
	uploaded := w.visit("c1", "uploaded", 40)
	uploaded.Person.Clicks = nil
	w.add(uploaded)
	w.fold()
	w.same("before", []string{}, w.woken())

	unusable := w.visit("c1", "", 30)
	unusable.Person.Clicks[0] = conversions.FoundClick{Click: conversions.Click{Kind: conversions.GCLID}, Unusable: true}
	w.add(unusable, w.visit("", "", 30), w.clickless("c1", "", "", 30))
	w.same("by nothing usable", []string{}, w.woken())
	w.add(w.visit("c1", "the visit", 45))
	w.same("by a click", []string{"varda L1 1", "varda contact told apart 1", "varda withdrawn 1"}, sorted(w.woken()))
	w.add(w.visit("c1", "", 44))
	w.same("by another", []string{"varda L1 2", "varda contact told apart 2", "varda withdrawn 2"}, sorted(w.woken()))
	w.fold()
	w.same("once folded", []string{}, w.woken())

	row := w.row("withdrawn")
	w.now = w.now.Add(conversions.DefaultClickWait)
	w.add(w.visit("c1", "", 1))
	w.same("rows that stay without", []string{"varda L1 1", "varda contact told apart 1", "varda withdrawn 1"}, sorted(w.woken()))
	w.fold()
	w.same("a row that stays as it is", row, w.row("withdrawn"))
}

func sorted(texts []string) []string {
	slices.Sort(texts)
	return texts
}

// contactWakesTagged: a tag that is being folded while the click comes.
func contactWakesTagged(w *world) {
	w.s = w.keeping()
	w.add(w.clickless("c1", "L1", "booked", 40))
	works := w.unfolded()
	w.add(w.visit("c1", "", 45)) // meanwhile
	w.must(w.s.Decide(w.Context(), w.hold(), []conversions.Decision{w.decide(works[0])}))
	w.same("left in the inbox", []string{"varda L1 1"}, w.woken())
}

// contactWakesLate: what was taken by a store that keeps no contacts wakes
// leads when one is opened that does.
func contactWakesLate(w *world) {
	w.add(w.clickless("c1", "L1", "booked", 40))
	w.fold()
	w.keeping()
	w.same("before", []string{}, w.woken())
	w.add(w.clickless("c1", "L2", "booked", 40))
	w.fold()
	w.add(w.visit("c1", "", 45))
	w.same("by one that keeps none", []string{}, w.woken())
	w.keeping()
	w.same("when opened again", []string{"varda L1 1", "varda L2 1"}, sorted(w.woken()))
}

// contactWakesNoMore: a lead that was forgotten has no contact.
func contactWakesNoMore(w *world) {
	w.s = w.keeping()
	w.add(w.clickless("c1", "L1", "booked", 40), w.clickless("c1", "L2", "booked", 40))
	w.fold()
	_, err := w.s.Forget(w.Context(), account, source, "L1")
	w.must(err)
	w.add(w.visit("c1", "", 45))
	w.same("woken", []string{"varda L2 1"}, w.woken())
}

// contactForgottenTwice: what was forgotten is delivered once more.
func contactForgottenTwice(w *world) {
	w.s = w.keeping()
	visit, tag := w.visit("c1", "L1", 40), w.clickless("c1", "L2", "booked", 30)
	w.add(visit, tag)
	w.fold()
	for _, lead := range []conversions.LeadID{"L1", "L2"} {
		_, err := w.s.Forget(w.Context(), account, source, lead)
		w.must(err)
	}
	for _, e := range []conversions.Event{visit, tag} {
		r, err := w.s.Append(w.Context(), e)
		w.must(err)
		w.same("duplicate", true, r.Duplicate)
	}
	w.same("clicks", []conversions.LeadID{}, w.ofContact(w.s, 1000, 0, 10))
	w.fold()
	w.add(w.visit("c1", "", 45))
	w.same("woken", []string{}, w.woken())
}
