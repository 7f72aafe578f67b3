package storetest

import (
	"strconv"

	"closeloop/conversions"
)

// unfoldedNames folds leads whose names are hard to write down.
func unfoldedNames(w *world) {
	leads := []conversions.LeadID{
		`"`, `\`, `\u0000`, "a\x00b", "a\x00c", "\x00", "<&>", "\u2028", "é", "e\u0301", "𝒳", "", "'; --", "[]", "null", "1", "1.0", " 1", "%", "?1",
	}
	want := make([]string, 0, len(leads))
	for _, lead := range leads {
		w.add(w.tagged(lead, conversions.OutcomeBooked))
		if lead != "" {
			want = append(want, strconv.Quote(string(lead))+" 1 0")
		}
	}
	got := []string{}
	works, err := w.s.Unfolded(w.Context(), account, len(leads))
	w.must(err)
	for _, work := range works {
		got = append(got, strconv.Quote(string(work.Lead))+" "+strconv.Itoa(len(work.Events))+" "+strconv.Itoa(len(work.Rows)))
	}
	w.same("events and rows of each lead", want, got)
	w.fold()
	w.same("rows", len(want), len(w.rows()))
	for _, lead := range leads {
		w.add(w.tagged(lead, conversions.OutcomeSpam))
	}
	works, err = w.s.Unfolded(w.Context(), account, len(leads))
	w.must(err)
	for _, work := range works {
		if len(work.Events) != 2 || len(work.Rows) != 1 || work.Rows[0].Key.Lead != work.Lead {
			w.Errorf("lead %q: %d events, rows %+v; want 2 events, its one row", work.Lead, len(work.Events), work.Rows)
		}
	}
}

// untaggedRest leaves leads alone until they are tagged for the first time.
func untaggedRest(w *world) {
	ended := func(lead conversions.LeadID) conversions.Event {
		e := w.tagged(lead, "")
		e.Kind = "call.ended"
		return e
	}
	inbox := func(when string, want ...string) {
		w.Helper()
		works, err := w.s.Unfolded(w.Context(), account, 10)
		w.must(err)
		got := []string{}
		for _, work := range works {
			got = append(got, work.Source+" "+string(work.Lead)+" "+strconv.Itoa(len(work.Events))+" "+strconv.Itoa(len(work.Inbox)))
		}
		w.same(when, append([]string{}, want...), got)
	}
	w.add(ended("L1"), ended("L2"), ended("L1"))
	inbox("never tagged")
	elsewhere, theirs := w.tagged("L1", "booked"), w.tagged("L1", "booked")
	elsewhere.Source, theirs.Account = "another source", "another account"
	w.add(elsewhere, theirs)
	w.add(ended("L1"))
	inbox("tagged in another source and account", "another source L1 1 1")
	w.fold()
	w.add(w.tagged("L1", "a tag that means nothing yet"))
	inbox("tagged", source+" L1 4 1")
	w.fold()
	inbox("folded")
	w.add(ended("L2"), ended("L1"))
	inbox("an event after the tag", source+" L1 5 1")
	w.add(w.tagged("L2", "booked"))
	inbox("the other lead too", source+" L1 5 1", source+" L2 3 1")
}
