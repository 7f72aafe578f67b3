package storetest

import (
	"fmt"
	"time"

	"closeloop/conversions"
)

// leadsBy walks through all pages of a query and says of each lead how many
// events and rows it has.
func (w *world) leadsBy(q conversions.ReplayQuery) []string {
	w.Helper()
	got := []string{}
	for {
		page, err := w.s.Leads(w.Context(), account, q)
		w.must(err)
		if len(page) == 0 {
			return got
		}
		if len(page) > q.Limit {
			w.Fatalf("a page has %d leads, want at most %d", len(page), q.Limit)
		}
		for _, l := range page {
			got = append(got, fmt.Sprintf("%s %s %d %d", l.Source, l.Lead, len(l.Events), len(l.Rows)))
			if l.Inbox != nil {
				w.Errorf("%s %s comes with notices", l.Source, l.Lead)
			}
		}
		last := page[len(page)-1]
		q.AfterSource, q.AfterLead = last.Source, last.Lead
	}
}

func leadsPaged(w *world) {
	for _, from := range []string{"b", "a", "c"} {
		for _, lead := range []conversions.LeadID{"L2", "L1", "L3", "L3", ""} {
			e := w.tagged(lead, "booked")
			e.Source = from
			w.add(e)
		}
	}
	w.fold()
	late := w.tagged("L2", "quoted") // not folded: no row of it, and a notice
	late.Source = "b"
	w.add(late)
	other := &world{T: w.T, d: w.d, name: w.name, s: w.s, now: w.now, account: "other", bodies: 500}
	other.booked("L1")
	all := []string{"a L1 1 1", "a L2 1 1", "a L3 2 1", "b L1 1 1", "b L2 2 1", "b L3 2 1", "c L1 1 1", "c L2 1 1", "c L3 2 1"}
	for _, limit := range []int{1, 2, 4, 9, 100} {
		w.same(fmt.Sprintf("in pages of %d", limit), all, w.leadsBy(conversions.ReplayQuery{Limit: limit}))
		w.same(fmt.Sprintf("one source in pages of %d", limit), all[3:6], w.leadsBy(conversions.ReplayQuery{Source: "b", Limit: limit}))
	}
	w.same("after a source before", all[3:6], w.leadsBy(conversions.ReplayQuery{Source: "b", AfterSource: "a", AfterLead: "L9", Limit: 2}))
	w.same("after a source behind", []string{}, w.leadsBy(conversions.ReplayQuery{Source: "b", AfterSource: "c", AfterLead: "", Limit: 2}))
	w.same("another source", []string{}, w.leadsBy(conversions.ReplayQuery{Source: "d", Limit: 2}))
	page, err := w.s.Leads(w.Context(), account, conversions.ReplayQuery{Limit: 1})
	w.must(err)
	if e := page[0].Events[0]; e.Person.Clicks[0].ID != click("L1") || e.Source != "a" || page[0].Rows[0].Key.Source != "a" {
		w.Errorf("first lead: got %+v, want it of source a with its side row", page[0])
	}
}

func leadsWithin(w *world) {
	day := 24 * time.Hour
	from := w.now.Add(-10 * day)
	for lead, received := range map[conversions.LeadID][]time.Time{
		"at the start":   {from},
		"before":         {from.Add(-time.Microsecond)},
		"at the end":     {from.Add(day)},
		"within":         {from.Add(day - time.Microsecond)},
		"within, of two": {from.Add(-day), from.Add(time.Hour)},
		"around":         {from.Add(-day), from.Add(2 * day)},
	} {
		for _, at := range received {
			e := w.tagged(lead, "booked")
			e.Received = at
			w.add(e)
		}
	}
	for _, c := range []struct {
		name     string
		from, to time.Time
		want     []string
	}{
		{"within", from, from.Add(day), []string{"varda at the start 1 0", "varda within 1 0", "varda within, of two 2 0"}},
		{"since", from.Add(day), time.Time{}, []string{"varda around 2 0", "varda at the end 1 0"}},
		{"until", time.Time{}, from, []string{"varda around 2 0", "varda before 1 0", "varda within, of two 2 0"}},
	} {
		for _, q := range []conversions.ReplayQuery{{Limit: 1}, {Limit: 10}, {Source: source, Limit: 2}} {
			q.From, q.To = c.from, c.to
			w.same(c.name, c.want, w.leadsBy(q))
		}
	}
}
