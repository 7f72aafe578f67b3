package storetest

import (
	"fmt"
	"time"

	"closeloop/conversions"
)

// job is a booking of a contact's lead, so many hours ago.
func (w *world) job(contact string, lead conversions.LeadID, hours int) conversions.Event {
	e := w.tagged(lead, conversions.OutcomeBooked)
	e.At = w.now.Add(-time.Duration(hours) * time.Hour)
	e.Received, e.Person.Contact = e.At.Add(time.Second), contact
	return e
}

// twins are the pairs of the account's rows: "later earlier trait".
func (w *world) twins() []string {
	w.Helper()
	rows, err := w.s.List(w.Context(), conversions.Filter{Account: account})
	w.must(err)
	var ids []conversions.RowID
	lead := map[conversions.RowID]conversions.LeadID{}
	for _, r := range rows {
		ids, lead[r.ID] = append(ids, r.ID), r.Key.Lead
	}
	persons, err := w.s.Persons(w.Context(), account, append(ids, 4711))
	w.must(err)
	var compared []conversions.TwinRow
	for _, r := range rows {
		if twin, ok := r.Twin(); ok {
			twin.Persons = persons[r.ID]
			compared = append(compared, twin)
		}
	}
	got := []string{}
	for _, p := range conversions.PairTwins(compared) {
		got = append(got, fmt.Sprint(lead[p.Later], " ", lead[p.Earlier], " ", p.By))
	}
	return got
}

func twinsFound(w *world) {
	hashed := w.job("", "hashed", 12)
	hashed.Person.EmailHash = "e"
	both := w.job("c2", "both", 11)
	both.Person.EmailHash, both.Person.PhoneHash = "e", "p"
	phone := w.job("", "phone", 10)
	call := w.job("", "phone", 10)
	call.Kind, call.Outcome, call.Person.PhoneHash = "call.ended", "", "p" // another event of the lead names the person
	elsewhere, others := w.job("c1", "elsewhere", 25), w.job("c1", "others", 25)
	elsewhere.Source, others.Account = "elsewhere", "other"
	dearer, quote := w.job("c1", "dearer", 24), w.job("c1", "quote", 24)
	more := conversions.Cents(100_01)
	dearer.Amounts.Actual, quote.Outcome = &more, conversions.OutcomeQuoted
	w.add(w.job("c1", "late", 20), w.job("c1", "early", 30), w.job("c3", "another", 28), w.job("", "nobody", 28),
		elsewhere, others, dearer, quote, hashed, both, call, phone, w.job("c1", "old", 30+30*24), w.job("c1", "older", 31+30*24))
	w.fold()
	all := []string{"phone both [phone]", "both hashed [email]", "late early [contact]", "early old [contact]", "old older [contact]"}
	w.same("all", all, w.twins())
	late := w.row("late")
	none, err := w.s.Persons(w.Context(), "other", []conversions.RowID{late.ID})
	w.must(err)
	w.same("persons of another account's row", 0, len(none))
	w.begin(late)
	listed, err := w.s.Listed(w.Context(), account, []conversions.RowID{late.ID, 4711})
	w.must(err)
	w.same("rows as listed", []conversions.Row{w.row("late")}, listed)
	w.same("in flight", conversions.StateSending, listed[0].State)
	listed, err = w.s.Listed(w.Context(), "other", []conversions.RowID{late.ID})
	w.must(err)
	w.same("another account's row", 0, len(listed))
}

// twinsOver: what was taken back, has no amount or was forgotten is no twin.
func twinsOver(w *world) {
	none := w.job("c1", "no amount", 24)
	none.Amounts = conversions.Amounts{}
	w.add(w.job("c1", "kept", 30), none)
	w.fold()
	for _, lead := range []conversions.LeadID{"withdrawn", "withdrawn late", "forgotten", "retracted"} {
		w.add(w.job("c1", lead, 26))
		w.fold()
		w.same(string(lead), []string{string(lead) + " kept [contact]"}, w.twins())
		switch lead {
		case "forgotten":
			_, err := w.s.Forget(w.Context(), account, source, lead)
			w.must(err)
		case "withdrawn":
			w.retagged(lead, conversions.OutcomeSpam, 0)
		default:
			w.settle(w.begin(w.row(lead)), conversions.Answer{Verdict: conversions.Done})
			w.retagged(lead, conversions.OutcomeSpam, 0)
		}
		w.same(string(lead)+", no more", []string{}, w.twins())
	}
	w.settle(w.begin(w.row("retracted")), conversions.Answer{Verdict: conversions.Done})
	w.retag("retracted", conversions.OutcomeBooked, 100_00)
	w.fold()
	w.same("the next generation alone", []string{"retracted kept [contact]"}, w.twins())
}

// twinsRetracted: somebody else retracted what is wanted.
func twinsRetracted(w *world) {
	w.add(w.job("c1", "kept", 30), w.job("c1", "gone", 26))
	w.fold()
	w.settle(w.begin(w.row("gone")), conversions.Answer{Verdict: conversions.Done})
	w.retagged("gone", conversions.OutcomeBooked, 120_00)
	w.settle(w.begin(w.row("gone")), conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByRetraction})
	row := w.retagged("gone", conversions.OutcomeBooked, 100_00)
	w.same("wanted", true, row.Want.Wanted)
	w.same("amount", w.row("kept").Want.Amount, row.Want.Amount)
	w.same("known", conversions.KnownRetracted, row.Known.Status)
	w.same("twins", []string{}, w.twins())
}
