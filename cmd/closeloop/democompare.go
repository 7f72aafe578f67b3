package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"text/tabwriter"

	"closeloop/conversions"
	"closeloop/sandbox"
)

// agree holds three things against each other: what the played calls should
// come to, what the store knows, and what Google holds.
func (d *demo) agree(rows []conversions.Row) {
	held := map[string]sandbox.Conversion{}
	for _, c := range d.google.Conversions() {
		held[c.OrderID] = c
	}
	done := 0
	for _, r := range rows {
		if r.State != conversions.StateDone {
			continue
		}
		done++
		c, ok := held[r.OrderID]
		if !ok || cents(c.Value) != r.Known.Value.Cents || !c.Time.Equal(r.Known.At) {
			d.wrong = append(d.wrong, fmt.Sprintf("row %d is done, and Google holds something else", r.ID))
		}
	}
	if done != len(held) {
		d.wrong = append(d.wrong, fmt.Sprintf("%d rows are done, and Google holds %d conversions", done, len(held)))
	}
	d.expected(held)
	d.unsent(rows)
}

// unsent checks that the outcomes of the play that cannot be counted stand
// where they should.
func (d *demo) unsent(rows []conversions.Row) {
	want, got := map[sandbox.Result]int{}, map[sandbox.Result]int{}
	for _, delivery := range d.play.Deliveries {
		switch r := delivery.Expect.Result; r {
		case sandbox.NoClick, sandbox.Unmatched:
			want[r]++
		default: // nothing that stays unsent
		}
	}
	for _, r := range rows {
		switch r.State {
		case conversions.StateWaiting, conversions.StateSkipped:
			got[sandbox.NoClick]++
		case conversions.StateRefused:
			got[sandbox.Unmatched]++
		default: // agree has looked at the others
		}
	}
	if !maps.Equal(want, got) {
		d.wrong = append(d.wrong, fmt.Sprintf("%v outcomes should stay unsent, and %v do", want, got))
	}
}

// expected checks that every counted outcome of the play is held once, with
// its share of the value, its click and its time, and nothing else is.
func (d *demo) expected(held map[string]sandbox.Conversion) {
	want := 0
	for _, delivery := range d.play.Deliveries {
		e := delivery.Expect
		if e.Result != sandbox.Counted {
			continue
		}
		want++
		value := d.cfg.Accounts[0].Stages[conversions.Stage(e.Stage)].Share.Of(conversions.Cents(e.Cents))
		found := 0
		for _, c := range held {
			if c.ClickID == e.Click.ID && c.Time.Equal(e.TaggedAt) && cents(c.Value) == value {
				found++
			}
		}
		if found != 1 {
			d.wrong = append(d.wrong, fmt.Sprintf("%s should be held once by Google with %s, and is %d times", delivery.Name, value, found))
		}
	}
	if want != len(held) {
		d.wrong = append(d.wrong, fmt.Sprintf("%d outcomes should be held by Google, and %d are", want, len(held)))
	}
}

// cents reads a value off the wire back into exact hundredths.
func cents(v float64) conversions.Cents { return conversions.Cents(math.Round(v * 100)) }

// table prints the demo's last word.
func (d *demo) table(rows []conversions.Row) {
	d.say("6. All in all:")
	w := tabwriter.NewWriter(d.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "   received\t%d\tdeliveries\n", len(d.play.Deliveries))
	for _, word := range slices.Sorted(maps.Keys(d.tally)) {
		fmt.Fprintf(w, "   \t%d\tanswered %s\n", d.tally[word], word)
	}
	fmt.Fprintf(w, "   counted\t%d\toutcomes: calls tagged booked or quoted\n", len(rows))
	var uploaded conversions.Cents
	for _, state := range conversions.States() {
		for reason, n := range d.reasons(rows, state) {
			fmt.Fprintf(w, "   %s\t%d\t%s\n", word(state), n, reason)
		}
	}
	for _, r := range rows {
		if r.State == conversions.StateDone {
			uploaded += r.Known.Value.Cents
		}
	}
	var sum conversions.Cents
	holds := d.google.Conversions()
	for _, c := range holds {
		sum += cents(c.Value)
	}
	fmt.Fprintf(w, "   value uploaded\t\t%s USD\n", uploaded)
	fmt.Fprintf(w, "   Google now holds\t%d\tconversions worth %s USD\n", len(holds), sum)
	_ = w.Flush() // writes to standard output
	if len(d.wrong) == 0 {
		d.say("   They agree.")
	}
}

// reasons counts the rows in a state by why they are there.
func (d *demo) reasons(rows []conversions.Row, state conversions.State) map[string]int {
	counts := map[string]int{}
	for _, r := range rows {
		if r.State != state {
			continue
		}
		why := r.Reason.Sentence()
		if state == conversions.StateRefused && r.Last != nil {
			why = r.Last.Sentence + " (" + r.Last.Code + ")"
		}
		counts[why]++
	}
	return counts
}

func word(s conversions.State) string {
	if s == conversions.StateDone {
		return "uploaded"
	}
	return string(s)
}
