package conversions_test

import (
	"testing"
	"time"

	"closeloop/conversions"
)

func TestFoldChoosesTheAmount(t *testing.T) {
	t.Parallel()
	const a, r, e = conversions.FieldActual, conversions.FieldRevenue, conversions.FieldEstimated
	tests := []struct {
		name  string
		order []conversions.ValueField
		tags  [][]option
		field conversions.ValueField
		cents conversions.Cents
		event int64
	}{
		{"actual first", nil, [][]option{{actual(3), revenue(2), estimated(1)}}, a, 3, 2},
		{"else revenue", nil, [][]option{{revenue(2), estimated(1)}}, r, 2, 2},
		{"else estimated", nil, [][]option{{estimated(1)}}, e, 1, 2},
		{"zero is no amount", nil, [][]option{{actual(0), revenue(0), estimated(1)}}, e, 1, 2},
		{"the default written out", []conversions.ValueField{a, r, e}, [][]option{{actual(3), revenue(2), estimated(1)}}, a, 3, 2},
		{"another order", []conversions.ValueField{e, r, a}, [][]option{{actual(3), revenue(2), estimated(1)}}, e, 1, 2},
		{"another order, first missing", []conversions.ValueField{r, a}, [][]option{{actual(3), estimated(1)}}, a, 3, 2},
		{"unknown fields are passed over", []conversions.ValueField{"profit", r}, [][]option{{revenue(2)}}, r, 2, 2},
		{"only fields the order names", []conversions.ValueField{a}, [][]option{{revenue(2), estimated(1)}}, "", 0, 0},
		{"never", nil, [][]option{{}}, "", 0, 0},
		{"all zero", nil, [][]option{{actual(0), revenue(0), estimated(0)}}, "", 0, 0},
		{"a re-tag's amount wins", nil, [][]option{{actual(3)}, {estimated(5)}}, e, 5, 3},
		{"a re-tag without amount keeps the last", nil, [][]option{{actual(3)}, {estimated(5)}, {}}, e, 5, 3},
		{"a re-tag of zeros keeps the last", nil, [][]option{{revenue(3)}, {actual(0), revenue(0)}}, r, 3, 2},
		{"a re-tag without any amount the order names keeps the last", []conversions.ValueField{a}, [][]option{{actual(3)}, {estimated(5)}}, a, 3, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			events := []conversions.Event{event(1, 0, click("CLICK-A"))}
			for i, opts := range tt.tags {
				events = append(events, tag(int64(i+2), time.Duration(i+1)*time.Hour, "booked", opts...))
			}
			w := foldBooked(booked(func(s *conversions.StageRules) { s.ValueOrder = tt.order }), events...)
			if w.Field != tt.field || w.Amount != tt.cents || w.ValueEvent != tt.event {
				t.Errorf("took %q %d of event %d, want %q %d of event %d", w.Field, w.Amount, w.ValueEvent, tt.field, tt.cents, tt.event)
			}
			if known := tt.field != ""; w.Value.Known != known || w.Value.Cents != tt.cents {
				t.Errorf("Value = %+v, want %d, known %t", w.Value, tt.cents, known)
			}
		})
	}
}

func TestFoldChoosesTheAmountForEachStageByItsOwnOrder(t *testing.T) {
	t.Parallel()
	r := booked(func(s *conversions.StageRules) { s.ValueOrder = []conversions.ValueField{conversions.FieldActual} })
	got := brief(fold(r, event(1, 0, click("CLICK-A")),
		tag(2, time.Hour, "quoted", estimated(50000), actual(7000)),
		tag(3, 2*time.Hour, "booked", estimated(90000))))
	if want := "booked 70.00@2h, quoted 14.00@1h"; got != want {
		t.Errorf("Fold = %q, want %q", got, want)
	}
}

func TestFoldWithoutAmount(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		missing conversions.MissingValue
		cents   conversions.Cents
		minimum conversions.Cents
		want    string
	}{
		{"skipped by default", "", 0, 0, "booked no_value"},
		{"skipped", conversions.MissingSkip, 0, 0, "booked no_value"},
		{"left to the action's default", conversions.MissingDefault, 0, 0, "booked default@1h"},
		{"a minimum does not judge what is unknown", conversions.MissingDefault, 0, 100, "booked default@1h"},
		{"a known amount is sent all the same", conversions.MissingDefault, 500, 0, "booked 5.00@1h"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := booked(func(s *conversions.StageRules) { s.Missing, s.Minimum = tt.missing, tt.minimum })
			if got := brief(fold(r, steps([]step{{"booked", tt.cents}})...)); got != tt.want {
				t.Errorf("Fold = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFoldHonoursTheMinimumAfterTheShare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		share   conversions.BasisPoints
		minimum conversions.Cents
		want    string
	}{
		{"none", 5000, 0, "booked 5.00@1h"},
		{"equal", 5000, 500, "booked 5.00@1h"},
		{"a cent below", 5000, 501, "booked below_minimum"},
		{"before the share it would be enough", 5000, 1000, "booked below_minimum"},
		{"after the share it is enough", 20000, 2000, "booked 20.00@1h"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := booked(func(s *conversions.StageRules) { s.Share, s.Minimum = tt.share, tt.minimum })
			if got := brief(fold(r, steps([]step{{"booked", 1000}})...)); got != tt.want {
				t.Errorf("Fold = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFoldConsent(t *testing.T) {
	t.Parallel()
	const (
		granted, denied, silent = conversions.ConsentGranted, conversions.ConsentDenied, conversions.ConsentUnspecified
		rGranted, rDenied       = conversions.ConsentRuleGranted, conversions.ConsentRuleDenied
		rSilent, rEvent         = conversions.ConsentRuleUnspecified, conversions.ConsentRuleEvent
	)
	tests := []struct {
		rule   conversions.ConsentRule
		events []conversions.Consent
		want   conversions.Consent
	}{
		{rGranted, []conversions.Consent{silent}, granted},
		{rGranted, []conversions.Consent{granted}, granted},
		{rGranted, []conversions.Consent{denied}, denied},
		{rDenied, []conversions.Consent{silent}, denied},
		{rDenied, []conversions.Consent{granted}, granted},
		{rDenied, []conversions.Consent{denied}, denied},
		{rSilent, []conversions.Consent{silent}, silent},
		{rSilent, []conversions.Consent{granted}, granted},
		{rSilent, []conversions.Consent{denied}, denied},
		{rEvent, []conversions.Consent{silent}, silent},
		{rEvent, []conversions.Consent{granted}, granted},
		{rEvent, []conversions.Consent{denied}, denied},
		{rGranted, []conversions.Consent{denied, silent}, denied},
		{rEvent, []conversions.Consent{denied, silent, silent}, denied},
		{rEvent, []conversions.Consent{denied, granted}, granted},
		{rEvent, []conversions.Consent{granted, denied}, denied},
		{rEvent, []conversions.Consent{granted, silent}, granted},
	}
	for _, tt := range tests {
		r := rules()
		r.Consent = tt.rule
		events := []conversions.Event{tag(1, time.Hour, "booked", actual(100), click("CLICK-A"))}
		for i, c := range tt.events {
			events = append(events, event(int64(i+2), time.Duration(i+2)*time.Hour, consents(c)))
		}
		w := foldBooked(r, events...)
		if w.Consent != tt.want {
			t.Errorf("rule %s, events %q: Consent = %q, want %q", tt.rule, tt.events, w.Consent, tt.want)
		}
		if refused := w.Reason == conversions.ReasonConsentDenied; refused != (tt.want == denied) || w.Wanted == refused {
			t.Errorf("rule %s, events %q: Reason = %q, Wanted = %t", tt.rule, tt.events, w.Reason, w.Wanted)
		}
	}
}

func TestFoldWaitsForAClick(t *testing.T) {
	t.Parallel()
	booking := tag(2, time.Hour, conversions.OutcomeBooked, actual(100))
	tests := []struct {
		name   string
		events []conversions.Event
		want   conversions.Reason
		from   int64 // the event whose click is meant
	}{
		{"none yet", []conversions.Event{event(1, 0), booking}, conversions.ReasonWaitingForClick, 0},
		{"before the tag", []conversions.Event{event(1, 0, click("CLICK-A")), booking}, "", 1},
		{"after the tag", []conversions.Event{booking, event(3, 2*time.Hour, click("CLICK-A"))}, "", 3},
		{"with the tag", []conversions.Event{tag(2, time.Hour, "booked", actual(1), click("CLICK-A"))}, "", 2},
		{"a placeholder", []conversions.Event{event(1, 0, placeholder), booking}, conversions.ReasonPlaceholder, 0},
		{"a placeholder, then a click", []conversions.Event{event(1, 0, placeholder), booking, event(3, 2*time.Hour, click("CLICK-A"))}, "", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := foldBooked(rules(), tt.events...)
			if w.Reason != tt.want || w.Click.Event != tt.from || w.Wanted != (tt.want == "") {
				t.Errorf("Reason = %q, click of event %d, Wanted = %t; want %q, %d", w.Reason, w.Click.Event, w.Wanted, tt.want, tt.from)
			}
			wait := time.Time{}
			if tt.want == conversions.ReasonWaitingForClick {
				wait = at(time.Hour + 7*day)
			}
			if !w.WaitUntil.Equal(wait) || w.Waiting() == wait.IsZero() {
				t.Errorf("WaitUntil = %v, Waiting = %t, want %v", w.WaitUntil, w.Waiting(), wait)
			}
		})
	}
}

func TestFoldTakesNoAmountFromTagsOfNoStage(t *testing.T) {
	t.Parallel()
	for _, neutral := range []conversions.Outcome{conversions.OutcomeFollowUp, conversions.OutcomeSpam, "callback"} {
		t.Run(string(neutral), func(t *testing.T) {
			t.Parallel()
			cents := conversions.Cents(70000)
			tag := func(hour int, o conversions.Outcome, amount *conversions.Cents) conversions.Event {
				at := time.Date(2026, 3, 25, hour, 0, 0, 0, time.UTC)
				return conversions.Event{
					Seq: int64(hour), Lead: "42", Source: "s", At: at, Received: at,
					Outcome: o, Amounts: conversions.Amounts{Actual: amount},
				}
			}
			rules := conversions.Rules{Stages: map[conversions.Stage]conversions.StageRules{
				conversions.StageBooked: {Action: "1", Share: conversions.Whole},
			}}
			none := func([]conversions.Event, int) conversions.Match { return conversions.Match{} }
			wants := conversions.Fold([]conversions.Event{
				tag(1, neutral, &cents), tag(2, conversions.OutcomeBooked, nil),
			}, rules, none)
			if len(wants) != 1 || wants[0].Value.Known || wants[0].Reason != conversions.ReasonNoValue {
				t.Errorf("a booking without an amount after %s with one: %+v, want no value", neutral, wants)
			}
		})
	}
}
