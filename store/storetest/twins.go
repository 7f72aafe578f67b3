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

// twins are the pairs that a filter selects: "later earlier trait".
func (w *world) twins(f conversions.Filter) []string {
	w.Helper()
	got := []string{}
	pairs, err := w.s.Twins(w.Context(), f)
	w.must(err)
	for _, p := range pairs {
		got = append(got, fmt.Sprint(p.Later.Key.Lead, " ", p.Earlier.Key.Lead, " ", p.By))
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
	w.same("all", all, w.twins(conversions.Filter{}))
	w.same("of the account", all, w.twins(conversions.Filter{Account: account}))
	w.same("of another account", []string{}, w.twins(conversions.Filter{Account: "other"}))
	w.same("two", all[:2], w.twins(conversions.Filter{Limit: 2}))
	w.same("quotes", []string{}, w.twins(conversions.Filter{Stage: conversions.StageQuoted}))
	w.same("of a lead", all[2:4], w.twins(conversions.Filter{Account: account, Lead: "early"}))
	w.same("of a lead without", []string{}, w.twins(conversions.Filter{Account: account, Lead: "nobody"}))
	w.same("of no lead", []string{}, w.twins(conversions.Filter{Lead: "nobody else"}))
	w.same("by order id", all[:1], w.twins(conversions.Filter{OrderID: w.row("phone").OrderID}))
	w.same("by click id", all[3:], w.twins(conversions.Filter{ClickID: click("old")}))
	at := w.row("early").Want.At
	w.same("within a time", all[2:4], w.twins(conversions.Filter{From: at, To: at.Add(time.Second)}))
	w.same("in a state", []string{}, w.twins(conversions.Filter{State: conversions.StateSending}))
	w.begin(w.row("late"))
	w.same("in flight", all[2:3], w.twins(conversions.Filter{State: conversions.StateSending}))
	pairs, err := w.s.Twins(w.Context(), conversions.Filter{Account: account, Lead: "late"})
	w.must(err)
	w.same("the whole rows", []conversions.Row{w.row("late"), w.row("early")}, []conversions.Row{pairs[0].Later, pairs[0].Earlier})
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
		w.same(string(lead), []string{string(lead) + " kept [contact]"}, w.twins(conversions.Filter{}))
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
		w.same(string(lead)+", no more", []string{}, w.twins(conversions.Filter{}))
	}
	w.settle(w.begin(w.row("retracted")), conversions.Answer{Verdict: conversions.Done})
	w.retag("retracted", conversions.OutcomeBooked, 100_00)
	w.fold()
	w.same("the next generation alone", []string{"retracted kept [contact]"}, w.twins(conversions.Filter{}))
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
	w.same("twins", []string{}, w.twins(conversions.Filter{}))
}
