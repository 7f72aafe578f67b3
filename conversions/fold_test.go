package conversions_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
)

// step is a tag of the transition tests: one an hour, the first at 1h.
type step struct {
	outcome conversions.Outcome
	cents   conversions.Cents // of the field actual; 0 sends none
}

func steps(tags []step) []conversions.Event {
	events := []conversions.Event{event(1, 0, click("CLICK-A"))}
	for i, s := range tags {
		e := tag(int64(i+2), time.Duration(i+1)*time.Hour, s.outcome)
		if s.cents != 0 {
			actual(s.cents)(&e)
		}
		events = append(events, e)
	}
	return events
}

func TestFoldFollowsTheTableOfTransitions(t *testing.T) {
	t.Parallel()
	const keep, retract = conversions.KeepQuote, conversions.RetractQuote
	tests := []struct {
		name     string
		onBooked conversions.OnBooked
		tags     []step
		want     string
	}{
		{"no tag", keep, nil, ""},
		{"nothing to booked", keep, []step{{"booked", 250000}}, "booked 2500.00@1h"},
		{"nothing to quoted", keep, []step{{"quoted", 50000}}, "quoted 100.00@1h"},
		{
			"quoted to booked keeps the quote", keep,
			[]step{{"quoted", 50000}, {"booked", 250000}},
			"booked 2500.00@2h, quoted 100.00@1h",
		},
		{
			"keeping the quote is the default", "",
			[]step{{"quoted", 50000}, {"booked", 250000}},
			"booked 2500.00@2h, quoted 100.00@1h",
		},
		{
			"quoted to booked retracts the quote by rule", retract,
			[]step{{"quoted", 50000}, {"booked", 250000}},
			"booked 2500.00@2h, quoted withdrawn",
		},
		{"booked at once has no quote to retract", retract, []step{{"booked", 250000}}, "booked 2500.00@1h"},
		{
			"booked to quoted uploads the quote", keep,
			[]step{{"booked", 250000}, {"quoted", 50000}},
			"booked withdrawn, quoted 100.00@2h",
		},
		{
			"booked to quoted keeps the quote that stayed", keep,
			[]step{{"quoted", 50000}, {"booked", 250000}, {"quoted", 50000}},
			"booked withdrawn, quoted 100.00@1h",
		},
		{
			"booked to quoted begins a retracted quote anew", retract,
			[]step{{"quoted", 50000}, {"booked", 250000}, {"quoted", 50000}},
			"booked withdrawn, quoted 100.00@3h",
		},
		{"booked to spam", keep, []step{{"booked", 250000}, {"spam", 0}}, "booked withdrawn"},
		{"booked to wrong number", keep, []step{{"booked", 250000}, {"wrong_number", 0}}, "booked withdrawn"},
		{"quoted to spam", keep, []step{{"quoted", 50000}, {"spam", 0}}, "quoted withdrawn"},
		{"quoted to wrong number", keep, []step{{"quoted", 50000}, {"wrong_number", 0}}, "quoted withdrawn"},
		{
			"spam withdraws both", keep,
			[]step{{"quoted", 50000}, {"booked", 250000}, {"spam", 0}},
			"booked withdrawn, quoted withdrawn",
		},
		{
			"wrong number withdraws both", keep,
			[]step{{"quoted", 50000}, {"booked", 250000}, {"wrong_number", 0}},
			"booked withdrawn, quoted withdrawn",
		},
		{"spam alone is nothing", keep, []step{{"spam", 0}}, ""},
		{"wrong number alone is nothing", keep, []step{{"wrong_number", 0}}, ""},
		{"not interested alone is nothing", keep, []step{{"not_interested", 0}}, ""},
		{"booked to not interested", keep, []step{{"booked", 250000}, {"not_interested", 0}}, "booked withdrawn"},
		{"quoted to not interested stays", keep, []step{{"quoted", 50000}, {"not_interested", 0}}, "quoted 100.00@1h"},
		{
			"not interested withdraws the booking only", keep,
			[]step{{"quoted", 50000}, {"booked", 250000}, {"not_interested", 0}},
			"booked withdrawn, quoted 100.00@1h",
		},
		{
			"same outcome, other value", keep,
			[]step{{"booked", 250000}, {"booked", 300000}},
			"booked 3000.00@1h",
		},
		{
			"same outcome, same value", keep,
			[]step{{"booked", 250000}, {"booked", 250000}},
			"booked 2500.00@1h",
		},
		{
			"booked again after spam begins anew", keep,
			[]step{{"booked", 250000}, {"spam", 0}, {"booked", 250000}},
			"booked 2500.00@3h",
		},
		{
			"spam twice is withdrawn once", keep,
			[]step{{"booked", 250000}, {"spam", 0}, {"wrong_number", 0}},
			"booked withdrawn",
		},
		{
			"a tag between that means nothing does not break the outcome", keep,
			[]step{{"booked", 250000}, {"follow_up", 0}, {"booked", 250000}},
			"booked 2500.00@1h",
		},
		{
			"a re-tag without amount keeps the last one", keep,
			[]step{{"booked", 250000}, {"booked", 300000}, {"booked", 0}},
			"booked 3000.00@1h",
		},
		{
			"a booking without amount takes the quote's", keep,
			[]step{{"quoted", 50000}, {"booked", 0}},
			"booked 500.00@2h, quoted 100.00@1h",
		},
		{
			"the booking's amount is not the quote's", keep,
			[]step{{"quoted", 50000}, {"booked", 250000}, {"booked", 300000}},
			"booked 3000.00@2h, quoted 100.00@1h",
		},
		{
			"an amount outlives a withdrawal", keep,
			[]step{{"booked", 250000}, {"spam", 0}, {"booked", 0}},
			"booked 2500.00@3h",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := rules()
			r.OnBooked = tt.onBooked
			if got := brief(fold(r, steps(tt.tags)...)); got != tt.want {
				t.Errorf("Fold(%v) = %q, want %q", tt.tags, got, tt.want)
			}
		})
	}
}

func TestFoldLeavesEverythingAtTagsThatMeanNothing(t *testing.T) {
	t.Parallel()
	before := [][]step{
		nil,
		{{"booked", 250000}},
		{{"quoted", 50000}},
		{{"quoted", 50000}, {"booked", 250000}},
		{{"booked", 250000}, {"spam", 0}},
	}
	neutral := []conversions.Outcome{"", "no_answer", "follow_up", "other", "rescheduled", "BOOKED", "spam "}
	for _, outcome := range neutral {
		t.Run("tag "+string(outcome), func(t *testing.T) {
			t.Parallel()
			for _, tags := range before {
				want := fold(rules(), steps(tags)...)
				got := fold(rules(), steps(append(slices.Clip(tags), step{outcome, 77700}))...)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%q after %v changes the wants (-without +with):\n%s", outcome, tags, diff)
				}
			}
		})
	}
}

func TestFoldNamesTheTagThatDecided(t *testing.T) {
	t.Parallel()
	w := fold(rules(), steps([]step{{"quoted", 50000}, {"booked", 250000}, {"follow_up", 0}, {"spam", 0}, {"wrong_number", 0}})...)
	for _, got := range w {
		if got.Tag != 5 || got.Outcome != conversions.OutcomeSpam {
			t.Errorf("%s: decided by %q of event %d, want spam of event 5", got.Stage, got.Outcome, got.Tag)
		}
	}
	r := rules()
	r.OnBooked = conversions.RetractQuote
	quote := only(conversions.StageQuoted, fold(r, steps([]step{{"quoted", 50000}, {"booked", 250000}})...))
	if quote.Tag != 3 || quote.Outcome != conversions.OutcomeBooked {
		t.Errorf("retracted quote: decided by %q of event %d, want booked of event 3", quote.Outcome, quote.Tag)
	}
}

func TestFoldFillsInTheWholeWant(t *testing.T) {
	t.Parallel()
	events := []conversions.Event{
		event(1, 0, click("CLICK-A"), callStart(-time.Minute)),
		tag(2, 90*time.Minute, conversions.OutcomeQuoted, estimated(123456)),
	}
	w := fold(rules(), events...)
	want := []conversions.Want{{
		Stage: conversions.StageQuoted, Wanted: true, Outcome: conversions.OutcomeQuoted, Tag: 2,
		Click: conversions.ClickRef{
			Event: 1, Kind: conversions.GCLID, Rule: conversions.MatchCall,
			Commitment: conversions.Commit(conversions.Salt("salt-1"), conversions.Click{Kind: conversions.GCLID, ID: "CLICK-A"}),
		},
		Value: conversions.AmountOf(24691), Field: conversions.FieldEstimated, Amount: 123456, ValueEvent: 2,
		Currency: "EUR", Consent: conversions.ConsentGranted, Action: "222",
		Target: conversions.Target{API: conversions.APIGoogleAds, Customer: "1234567890"},
		At:     at(90 * time.Minute), Lead: at(-time.Minute), Due: at(6*time.Hour - time.Minute),
		Deadline: at(90*day - time.Minute), ChangeDue: at(150 * time.Minute),
	}}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Errorf("Fold (-want +got):\n%s", diff)
	}
}

func TestFoldMarksTestAccounts(t *testing.T) {
	t.Parallel()
	for mode, want := range map[conversions.Mode]bool{conversions.ModeTest: true, conversions.ModeLive: false} {
		r := rules()
		r.Mode = mode
		if got := foldBooked(r, steps([]step{{"booked", 1}})...).Test; got != want {
			t.Errorf("mode %s: Test = %t, want %t", mode, got, want)
		}
	}
}

func TestFoldWithoutActionIsNotSent(t *testing.T) {
	t.Parallel()
	r := rules()
	delete(r.Stages, conversions.StageBooked)
	got := brief(fold(r, steps([]step{{"quoted", 50000}, {"booked", 250000}})...))
	if want := "booked no_conversion_action, quoted 100.00@1h"; got != want {
		t.Errorf("Fold = %q, want %q", got, want)
	}
}

func TestFoldOfNothing(t *testing.T) {
	t.Parallel()
	if got := fold(rules()); len(got) != 0 {
		t.Errorf("Fold() = %v, want none", got)
	}
}

func TestFoldLeavesItsArgumentAlone(t *testing.T) {
	t.Parallel()
	events := []conversions.Event{tag(2, time.Hour, "booked", actual(1)), event(1, 0, click("CLICK-A"))}
	fold(rules(), events...)
	if events[0].Seq != 2 || events[1].Seq != 1 {
		t.Errorf("events stand as %d, %d after Fold, want 2, 1", events[0].Seq, events[1].Seq)
	}
}
