package conversions_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
)

// holds writes what Google holds, one conversion after the other.
func (d *desk) holds() string {
	var all []string
	for _, r := range d.rows {
		h, ok := d.google[r.OrderID]
		if !ok {
			continue
		}
		text := string(r.Key.Stage) + "#" + string(rune('0'+r.Key.Generation)) + " "
		if h.retracted {
			text += "retracted"
		} else {
			text += h.value.String()
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (d *desk) stand() string {
	var all []string
	for _, r := range d.rows {
		all = append(all, string(r.Key.Stage)+"#"+string(rune('0'+r.Key.Generation))+" "+short(r.State, r.Reason, r.Next()))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// One lead from its quote to a second booking, with a run every hour: after
// each step what the rows say, and what Google holds once the next is near.
func TestTheStoryOfOneLead(t *testing.T) {
	t.Parallel()
	book := func(seq int64, when time.Duration, c conversions.Cents) []conversions.Event {
		return []conversions.Event{tag(seq, when, "booked", actual(c))}
	}
	quote := func(seq int64, when time.Duration) []conversions.Event {
		return []conversions.Event{tag(seq, when, "quoted", estimated(1000000))}
	}
	is := func(seq int64, when time.Duration, o conversions.Outcome) []conversions.Event {
		return []conversions.Event{tag(seq, when, o)}
	}
	steps := []struct {
		name   string
		when   time.Duration
		events []conversions.Event
		stand  string
		until  time.Duration
		holds  string
	}{
		{
			"quoted on Monday", time.Hour,
			append(quote(2, time.Hour), event(1, 0, click("CLICK-A"))),
			"quoted#0 queued//upload",
			6 * time.Hour, "quoted#0 2000.00",
		},
		{
			"booked on Thursday", 3 * day, book(3, 3*day, 250000),
			"booked#0 queued//upload, quoted#0 done//",
			3*day + 2*time.Hour, "booked#0 2500.00, quoted#0 2000.00",
		},
		{
			"the invoice", 5 * day, book(4, 5*day, 310000),
			"booked#0 change_due//restate, quoted#0 done//",
			5*day + 2*time.Hour, "booked#0 3100.00, quoted#0 2000.00",
		},
		{
			"the invoice again", 6 * day, book(5, 6*day, 310000),
			"booked#0 done//, quoted#0 done//",
			6*day + 2*time.Hour, "booked#0 3100.00, quoted#0 2000.00",
		},
		{
			"spam by mistake", 7 * day, is(6, 7*day, "spam"),
			"booked#0 change_due/withdrawn/retract, quoted#0 change_due/withdrawn/retract",
			7*day + 23*time.Hour, "booked#0 3100.00, quoted#0 2000.00",
		},
		{
			"corrected within the day", 7*day + 23*time.Hour, append(quote(7, 7*day+23*time.Hour), book(8, 7*day+23*time.Hour+time.Minute, 310000)...),
			"booked#0 done//, quoted#0 done//",
			9 * day, "booked#0 3100.00, quoted#0 2000.00",
		},
		{
			"spam after all", 10 * day, is(9, 10*day, "spam"),
			"booked#0 change_due/withdrawn/retract, quoted#0 change_due/withdrawn/retract",
			11*day - time.Second, "booked#0 3100.00, quoted#0 2000.00",
		},
		{
			"a day later", 11 * day, nil,
			"booked#0 change_due/withdrawn/retract, quoted#0 change_due/withdrawn/retract",
			12 * day, "booked#0 retracted, quoted#0 retracted",
		},
		{
			"booked again", 13 * day, book(10, 13*day, 280000),
			"booked#0 retracted/withdrawn/, booked#1 queued//upload, quoted#0 retracted/withdrawn/",
			14 * day, "booked#0 retracted, booked#1 2800.00, quoted#0 retracted",
		},
		{
			"the second invoice", 15 * day, book(11, 15*day, 290000),
			"booked#0 retracted/withdrawn/, booked#1 change_due//restate, quoted#0 retracted/withdrawn/",
			16 * day, "booked#0 retracted, booked#1 2900.00, quoted#0 retracted",
		},
	}
	d := newDesk(rules())
	for _, s := range steps {
		d.now = s.when
		d.happens(s.events...)
		if got := d.stand(); got != s.stand {
			t.Errorf("%s: rows stand\n%s, want\n%s", s.name, got, s.stand)
		}
		for ; d.now <= s.until; d.now += time.Hour {
			d.runs()
		}
		if got := d.holds(); got != s.holds {
			t.Errorf("%s: Google holds %s, want %s", s.name, got, s.holds)
		}
	}
	var ops []string
	for _, b := range d.sent {
		ops = append(ops, string(b.Items[0].Op))
	}
	const want = "upload upload restate retract retract upload restate"
	if got := strings.Join(ops, " "); got != want || d.wrong != "" {
		t.Errorf("sent %s, want %s; broken: %q", got, want, d.wrong)
	}
	first, second := d.rows[1], d.rows[2]
	if first.OrderID == second.OrderID || !second.Known.At.Equal(at(13*day)) {
		t.Errorf("second booking %+v, want another order id and its own time", second)
	}
}

// The booking comes back while its retraction is under way: the retraction is
// final, and the next generation begins by itself.
func TestBookedAgainWhileTheRetractionIsUnderWay(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		d := newDesk(rules())
		d.now = 8 * time.Hour
		d.happens(event(1, 0, click("CLICK-A")), tag(2, time.Hour, "booked", actual(250000)))
		d.runs()
		d.now = 10 * time.Hour
		d.happens(tag(3, 10*time.Hour, "spam"))
		d.now = 40 * time.Hour
		b := d.begins(d.due()[0])
		answer := d.google.takes(b.Items[0])
		d.happens(tag(4, 40*time.Hour, "booked", actual(300000)))
		if lost {
			b.Attempts++
			answer = d.google.takes(b.Items[0])
		}
		d.settles(1, answer)
		if got, want := d.stand(), "booked#0 retracted//, booked#1 queued//upload"; got != want {
			t.Errorf("lost %t: rows stand %s, want %s", lost, got, want)
		}
		d.now = 50 * time.Hour
		d.runs()
		if got, want := d.holds(), "booked#0 retracted, booked#1 3000.00"; got != want || d.wrong != "" {
			t.Errorf("lost %t: Google holds %s, want %s; broken: %q", lost, got, want, d.wrong)
		}
	}
}
