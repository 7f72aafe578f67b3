package conversions_test

import (
	"slices"
	"testing"
	"time"

	"closeloop/conversions"
)

func TestInOrder(t *testing.T) {
	t.Parallel()
	timeless := func(e *conversions.Event) { e.At = time.Time{} }
	tests := []struct {
		name   string
		events []conversions.Event
		want   []int64
	}{
		{"by event time, not by arrival", []conversions.Event{
			event(1, 2*time.Hour), event(2, time.Hour, received(3*time.Hour)),
		}, []int64{2, 1}},
		{"an event time after the receipt counts as the receipt", []conversions.Event{
			event(1, 9*time.Hour, received(time.Hour)), event(2, 2*time.Hour),
		}, []int64{1, 2}},
		{"an event without a time counts as its receipt", []conversions.Event{
			event(1, 0, timeless, received(3*time.Hour)), event(2, 2*time.Hour),
		}, []int64{2, 1}},
		{"equal times by receipt", []conversions.Event{
			event(1, time.Hour, received(3*time.Hour)), event(2, time.Hour, received(2*time.Hour)),
		}, []int64{2, 1}},
		{"equal times and receipts by sequence", []conversions.Event{
			event(7, time.Hour), event(3, time.Hour), event(5, time.Hour),
		}, []int64{3, 5, 7}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			given := slices.Clone(tt.events)
			var got []int64
			for _, e := range conversions.InOrder(tt.events) {
				got = append(got, e.Seq)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("InOrder = %v, want %v", got, tt.want)
			}
			for i := range given {
				if given[i].Seq != tt.events[i].Seq {
					t.Errorf("InOrder moved its argument's events")
				}
			}
		})
	}
}

func TestFoldIsNotFooledByAFastClock(t *testing.T) {
	t.Parallel()
	// A tag of the year 2099 must not outlive what was tagged afterwards.
	future := tag(1, 0, conversions.OutcomeBooked, actual(250000), click("CLICK-A"), received(time.Hour))
	future.At = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	w := foldBooked(rules(), future)
	if !w.At.Equal(at(time.Hour)) || !w.Lead.Equal(at(time.Hour)) {
		t.Errorf("At = %v, Lead = %v, want both the receipt %v", w.At, w.Lead, at(time.Hour))
	}
	got := brief(fold(rules(), future, tag(2, 2*time.Hour, conversions.OutcomeSpam)))
	if want := "booked withdrawn"; got != want {
		t.Errorf("Fold = %q, want %q", got, want)
	}
}

func TestFoldTimesALead(t *testing.T) {
	t.Parallel()
	booking := tag(9, 4*time.Hour, conversions.OutcomeBooked, actual(1), click("CLICK-A"))
	tests := []struct {
		name   string
		events []conversions.Event
		want   time.Time
	}{
		{"the call's start", []conversions.Event{event(1, time.Hour, callStart(30*time.Minute)), booking}, at(30 * time.Minute)},
		{"the start, though an event is earlier", []conversions.Event{event(1, 0), event(2, time.Hour, callStart(30*time.Minute)), booking}, at(30 * time.Minute)},
		{"the earliest of several starts", []conversions.Event{event(1, time.Hour, callStart(30*time.Minute)), event(2, 2*time.Hour, callStart(20*time.Minute)), booking}, at(20 * time.Minute)},
		{"else the earliest event", []conversions.Event{event(1, 2*time.Hour), event(2, time.Hour, received(3*time.Hour)), booking}, at(time.Hour)},
		{"else the tag", []conversions.Event{booking}, at(4 * time.Hour)},
		{"not a start after its own receipt", []conversions.Event{event(1, time.Hour, callStart(9*time.Hour)), booking}, at(time.Hour)},
		{"an event after the tag may name the start", []conversions.Event{booking, event(10, 5*time.Hour, callStart(time.Hour))}, at(time.Hour)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := foldBooked(rules(), tt.events...)
			if !w.Lead.Equal(tt.want) {
				t.Errorf("Lead = %v, want %v", w.Lead, tt.want)
			}
			if want := tt.want.Add(90 * day); !w.Deadline.Equal(want) {
				t.Errorf("Deadline = %v, want 90 days later, %v", w.Deadline, want)
			}
		})
	}
}

func TestFoldTimesAConversion(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 2*60*60)
	first := tag(2, time.Hour+999*time.Millisecond, conversions.OutcomeBooked, actual(1), click("CLICK-A"))
	first.At = first.At.In(zone)
	w := foldBooked(rules(), first, tag(3, 2*time.Hour, "booked", actual(2)))
	if want := at(time.Hour); !w.At.Equal(want) || w.At.Location() != time.UTC {
		t.Errorf("At = %v, want %v: the first tag in whole seconds, UTC", w.At, want)
	}
	// An earlier booking that comes late takes its place as the first.
	w = foldBooked(rules(), first, tag(4, 30*time.Minute, "booked", actual(2), received(5*time.Hour)))
	if want := at(30 * time.Minute); !w.At.Equal(want) {
		t.Errorf("At = %v, want %v: the earlier tag, though it came later", w.At, want)
	}
}

func TestFoldDue(t *testing.T) {
	t.Parallel()
	lead := event(1, 0, click("CLICK-A"))
	tests := []struct {
		name         string
		hold, settle time.Duration
		tags         []time.Duration
		want         time.Duration
	}{
		{"the hold after the lead", 6 * time.Hour, time.Hour, []time.Duration{time.Hour}, 6 * time.Hour},
		{"the settle after a late tag", 6 * time.Hour, time.Hour, []time.Duration{20 * time.Hour}, 21 * time.Hour},
		{"the settle equals the hold", 6 * time.Hour, time.Hour, []time.Duration{5 * time.Hour}, 6 * time.Hour},
		{"the settle of the newest tag", 6 * time.Hour, time.Hour, []time.Duration{8 * time.Hour, 9 * time.Hour}, 10 * time.Hour},
		{"a hold of a day", 24 * time.Hour, time.Hour, []time.Duration{8 * time.Hour}, 24 * time.Hour},
		{"neither", 0, 0, []time.Duration{8 * time.Hour}, 8 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := rules()
			r.Hold, r.Settle = tt.hold, tt.settle
			events := []conversions.Event{lead}
			for i, when := range tt.tags {
				events = append(events, tag(int64(i+2), when, conversions.OutcomeBooked, actual(1)))
			}
			if got := foldBooked(r, events...).Due; !got.Equal(at(tt.want)) {
				t.Errorf("Due = %v, want %v", got, at(tt.want))
			}
		})
	}
}

func TestFoldLooksBack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		lookBack time.Duration
		tagged   time.Duration
		want     conversions.Reason
	}{
		{"exactly at the end", 30 * day, 30 * day, ""},
		{"a second late", 30 * day, 30*day + time.Second, conversions.ReasonAfterLookBack},
		{"the default is 90 days", 0, 90 * day, ""},
		{"a second after 90 days", 0, 90*day + time.Second, conversions.ReasonAfterLookBack},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := booked(func(s *conversions.StageRules) { s.LookBack = tt.lookBack })
			w := foldBooked(r, event(1, 0, click("CLICK-A")), tag(2, tt.tagged, "booked", actual(1)))
			if w.Reason != tt.want || w.Wanted != (tt.want == "") {
				t.Errorf("Reason = %q, Wanted = %t, want %q", w.Reason, w.Wanted, tt.want)
			}
		})
	}
}

func TestFoldHonoursUploadFrom(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		from time.Time
		want string
	}{
		{"no bound", time.Time{}, "booked 30.00@2h, quoted 2.00@1h"},
		{"the booking is just not older", at(2 * time.Hour), "booked 30.00@2h, quoted before_upload_from"},
		{"a second older", at(2*time.Hour + time.Second), "booked before_upload_from, quoted before_upload_from"},
		{"the first tag counts, not the newest", at(150 * time.Minute), "booked before_upload_from, quoted before_upload_from"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := rules()
			r.UploadFrom = tt.from
			got := brief(fold(r, steps([]step{{"quoted", 1000}, {"booked", 2000}, {"booked", 3000}})...))
			if got != tt.want {
				t.Errorf("Fold = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFlagReused(t *testing.T) {
	t.Parallel()
	from := func(source, delivery string, body byte, flags ...conversions.Flag) conversions.Event {
		return conversions.Event{Source: source, Delivery: delivery, Body: [16]byte{body}, Flags: flags}
	}
	events := []conversions.Event{
		from("src_1", "d1", 1),
		from("src_1", "d2", 2),
		from("src_1", "d1", 3, conversions.FlagFuture), // the id of the first, another body
		from("src_1", "d1", 4),
		from("src_2", "d1", 5), // another source
		from("src_1", "", 6),
		from("src_1", "", 7),
		from("src_1", "d2", 2), // the same event once more
	}
	want := [][]conversions.Flag{
		nil, nil,
		{conversions.FlagFuture, conversions.FlagReusedDelivery},
		{conversions.FlagReusedDelivery},
		nil, nil, nil, nil,
	}
	for i, e := range conversions.FlagReused(events) {
		if !slices.Equal(e.Flags, want[i]) {
			t.Errorf("event %d: flags %q, want %q", i, e.Flags, want[i])
		}
	}
	if len(events[3].Flags) != 0 || len(events[2].Flags) != 1 {
		t.Error("FlagReused changed its argument")
	}
}
