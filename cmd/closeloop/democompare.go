package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"closeloop/conversions"
	"closeloop/sandbox"
)

// demoEnd is one side of the demo in the end: its rows, and what Google holds
// for its customer by order id.
type demoEnd struct {
	*demoSide
	rows []conversions.Row
	held map[string]sandbox.Conversion
}

// ends sorts rows and conversions by side.
func (d *demo) ends(rows []conversions.Row) []demoEnd {
	ends := make([]demoEnd, len(d.sides))
	for i, side := range d.sides {
		ends[i] = demoEnd{demoSide: side, held: map[string]sandbox.Conversion{}}
		for _, r := range rows {
			if r.Key.Account == side.Account {
				ends[i].rows = append(ends[i].rows, r)
			}
		}
		for _, c := range d.google.Conversions() {
			if c.Customer == side.Customer {
				ends[i].held[c.OrderID] = c
			}
		}
	}
	return ends
}

// agree holds three things against each other: what the played calls should
// come to, what the store knows, and what Google holds.
func (d *demo) agree(e demoEnd) {
	done := 0
	for _, r := range e.rows {
		if r.State != conversions.StateDone {
			continue
		}
		done++
		c, ok := e.held[r.OrderID]
		through := c.API == sandbox.APIDataManager
		if !ok || cents(c.Value) != r.Known.Value.Cents || !c.Time.Equal(r.Known.At) || through != (e.API == conversions.APIDataManager) {
			d.wrong = append(d.wrong, fmt.Sprintf("row %d is done, and Google holds something else", r.ID))
		}
	}
	if done != len(e.held) {
		d.wrong = append(d.wrong, fmt.Sprintf("%s: %d rows are done, and Google holds %d conversions", e.Account, done, len(e.held)))
	}
	d.expected(e)
	d.unsent(e)
}

// unsent checks that the outcomes of the play that cannot be counted stand
// where they should.
func (d *demo) unsent(e demoEnd) {
	want, got := map[sandbox.Result]int{}, map[sandbox.Result]int{}
	for _, delivery := range e.play.Deliveries {
		switch r := delivery.Expect.Result; r {
		case sandbox.NoClick, sandbox.Unmatched:
			want[r]++
		default: // nothing that stays unsent
		}
	}
	for _, r := range e.rows {
		switch r.State {
		case conversions.StateWaiting, conversions.StateSkipped:
			got[sandbox.NoClick]++
		case conversions.StateRefused:
			got[sandbox.Unmatched]++
		default: // agree has looked at the others
		}
	}
	if !maps.Equal(want, got) {
		d.wrong = append(d.wrong, fmt.Sprintf("%s: %v outcomes should stay unsent, and %v do", e.Account, want, got))
	}
}

// expected checks that every counted outcome of the play is held once, with
// its share of the value, its click and its time, and nothing else is.
func (d *demo) expected(e demoEnd) {
	want := 0
	for _, delivery := range e.play.Deliveries {
		x := delivery.Expect
		if x.Result != sandbox.Counted {
			continue
		}
		want++
		value := accountOf(d.cfg, e.Account).Stages[conversions.Stage(x.Stage)].Share.Of(conversions.Cents(x.Cents))
		found := 0
		for _, c := range e.held {
			if c.ClickID == x.Click.ID && c.Time.Equal(x.TaggedAt) && cents(c.Value) == value {
				found++
			}
		}
		if found != 1 {
			d.wrong = append(d.wrong, fmt.Sprintf("%s: %s should be held once by Google with %s, and is %d times", e.Account, delivery.Name, value, found))
		}
	}
	if want != len(e.held) {
		d.wrong = append(d.wrong, fmt.Sprintf("%s: %d outcomes should be held by Google, and %d are", e.Account, want, len(e.held)))
	}
}

// cents reads a value off the wire back into exact hundredths.
func cents(v float64) conversions.Cents { return conversions.Cents(math.Round(v * 100)) }

// holdings prints what Google holds for each account, call by call.
func (d *demo) holdings(ends []demoEnd) {
	d.say("7. What \"Google\" holds now, by call:")
	w := tabwriter.NewWriter(d.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "   call\tstage\t%s\t%s\n", ends[0].Account, ends[1].Account)
	type call struct {
		lead  conversions.LeadID
		stage conversions.Stage
	}
	values := map[call][]string{}
	for i, e := range ends {
		for _, r := range e.rows {
			c, held := e.held[r.OrderID]
			if !held {
				continue
			}
			at := call{r.Key.Lead, r.Key.Stage}
			if values[at] == nil {
				values[at] = []string{"nothing", "nothing"}
			}
			values[at][i] = fmt.Sprintf("%s %s", cents(c.Value), c.Currency)
		}
	}
	byLead := func(a, b call) int { return cmp.Or(cmp.Compare(a.lead, b.lead), cmp.Compare(a.stage, b.stage)) }
	for _, at := range slices.SortedFunc(maps.Keys(values), byLead) {
		fmt.Fprintf(w, "   %s\t%s\t%s\t%s\n", at.lead, at.stage, values[at][0], values[at][1])
		if values[at][0] != values[at][1] {
			d.wrong = append(d.wrong, fmt.Sprintf("of call %s Google holds %s", at.lead, strings.Join(values[at], " and ")))
		}
	}
	_ = w.Flush() // writes to standard output
}

// table prints the demo's last word, a column for each account.
func (d *demo) table(ends []demoEnd) {
	d.say("8. All in all:")
	w := tabwriter.NewWriter(d.stdout, 0, 0, 2, ' ', 0)
	line := func(what string, of func(demoEnd) string, words string) {
		fmt.Fprintf(w, "   %s\t%s\t%s\t%s\n", what, of(ends[0]), of(ends[1]), words)
	}
	count := func(what string, of func(demoEnd) int, words string) {
		line(what, func(e demoEnd) string { return strconv.Itoa(of(e)) }, words)
	}
	line("", func(e demoEnd) string { return string(e.Account) }, "")
	count("received", func(e demoEnd) int { return len(e.play.Deliveries) }, "deliveries")
	for _, answer := range slices.Sorted(maps.Keys(ends[0].answers)) {
		count("", func(e demoEnd) int { return e.answers[answer] }, "answered "+answer)
	}
	count("counted", func(e demoEnd) int { return len(e.rows) }, "outcomes: calls tagged booked or quoted")
	for _, state := range conversions.States() {
		for _, why := range reasons(ends, state) {
			count(word(state), func(e demoEnd) int { return e.standing(state, why) }, why)
		}
	}
	line("value uploaded", func(e demoEnd) string { return e.uploaded().String() + " USD" }, "")
	count("Google now holds", func(e demoEnd) int { return len(e.held) }, "conversions")
	line("worth", func(e demoEnd) string { return e.worth().String() + " USD" }, "")
	_ = w.Flush() // writes to standard output
	if len(d.wrong) == 0 {
		d.say("   They agree.")
	}
}

func (e demoEnd) uploaded() (sum conversions.Cents) {
	for _, r := range e.rows {
		if r.State == conversions.StateDone {
			sum += r.Known.Value.Cents
		}
	}
	return sum
}

func (e demoEnd) worth() (sum conversions.Cents) {
	for _, c := range e.held {
		sum += cents(c.Value)
	}
	return sum
}

// standing counts the rows in a state for a reason.
func (e demoEnd) standing(state conversions.State, why string) (n int) {
	for _, r := range e.rows {
		if r.State == state && reason(r) == why {
			n++
		}
	}
	return n
}

// reasons are why rows of either account stand in a state.
func reasons(ends []demoEnd, state conversions.State) []string {
	seen := map[string]bool{}
	for _, e := range ends {
		for _, r := range e.rows {
			if r.State == state {
				seen[reason(r)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func reason(r conversions.Row) string {
	if r.State == conversions.StateRefused && r.Last != nil {
		return said(*r.Last)
	}
	return r.Reason.Sentence()
}

func word(s conversions.State) string {
	if s == conversions.StateDone {
		return "uploaded"
	}
	return string(s)
}
