package conversions_test

import (
	"testing"
	"time"

	"closeloop/conversions"
)

// What is at Google before, the tags that come, and the operation now: one
// line for each line of the product's table, and for each of its rules.
func TestTransitions(t *testing.T) {
	t.Parallel()
	const booked, quoted = conversions.StageBooked, conversions.StageQuoted
	retractQuote := func(r *conversions.Rules) { r.OnBooked = conversions.RetractQuote }
	withdrawDenied := func(r *conversions.Rules) { r.WithdrawDenied = true }
	withdrawnBy := func(o ...conversions.Outcome) func(*conversions.Rules) {
		return func(r *conversions.Rules) {
			for _, s := range conversions.Stages() {
				stage := r.Stages[s]
				stage.WithdrawnBy = append([]conversions.Outcome{}, o...)
				r.Stages[s] = stage
			}
		}
	}
	quote := func(seq int64, when time.Duration) conversions.Event {
		return tag(seq, when, "quoted", estimated(50000))
	}
	book := func(seq int64, when time.Duration) conversions.Event { return tag(seq, when, "booked", actual(250000)) }
	is := func(seq int64, when time.Duration, o conversions.Outcome) conversions.Event { return tag(seq, when, o) }
	denies := func(seq int64, when time.Duration) conversions.Event {
		return event(seq, when, consents(conversions.ConsentDenied))
	}
	const settled, waited = 11 * time.Hour, 34 * time.Hour // an hour and a day after a tag at 10h
	tests := []struct {
		name  string
		stage conversions.Stage
		rules func(*conversions.Rules)
		// before was tagged at 1h or 2h and, if sent, accepted at 8h.
		before []conversions.Event
		sent   bool
		// then comes at 10h or later.
		then []conversions.Event
		want string
		due  time.Duration
	}{
		{"nothing, quoted", quoted, nil, nil, false, []conversions.Event{quote(3, 10*time.Hour)}, "queued//upload", settled},
		{"nothing, booked", booked, nil, nil, false, []conversions.Event{book(3, 10*time.Hour)}, "queued//upload", settled},
		{"quoted, booked: the booking", booked, nil, []conversions.Event{quote(2, time.Hour)}, false, []conversions.Event{book(3, 10*time.Hour)}, "queued//upload", settled},
		{"quoted, booked: the quote stays", quoted, nil, []conversions.Event{quote(2, time.Hour)}, true, []conversions.Event{book(3, 10*time.Hour)}, "done//", 0},
		{
			"quoted, booked: the quote is taken back by rule", quoted, retractQuote,
			[]conversions.Event{quote(2, time.Hour)},
			true,
			[]conversions.Event{book(3, 10*time.Hour)},
			"change_due/withdrawn/retract", waited,
		},
		{
			"quoted, booked twice: one wait", quoted, retractQuote,
			[]conversions.Event{quote(2, time.Hour)},
			true,
			[]conversions.Event{book(3, 10*time.Hour), book(4, 20*time.Hour)},
			"change_due/withdrawn/retract", waited,
		},
		{
			"quoted, booked, spam: the quote is taken back by spam", quoted, retractQuote,
			[]conversions.Event{quote(2, time.Hour)},
			true,
			[]conversions.Event{book(3, 10*time.Hour), is(4, 12*time.Hour, "spam")},
			"change_due/withdrawn/retract", 36 * time.Hour,
		},
		{
			"quoted, booked, not interested: the quote counts again", quoted, retractQuote,
			[]conversions.Event{quote(2, time.Hour)},
			true,
			[]conversions.Event{book(3, 10*time.Hour), is(4, 12*time.Hour, "not_interested")},
			"done//", 0,
		},
		{
			"quoted, booked, quoted: the new quote counts", quoted, retractQuote,
			[]conversions.Event{quote(2, time.Hour)},
			true,
			[]conversions.Event{book(3, 10*time.Hour), quote(4, 12*time.Hour)},
			"done//", 0,
		},
		{"booked, quoted: the booking", booked, nil, []conversions.Event{book(2, time.Hour)}, true, []conversions.Event{quote(3, 10*time.Hour)}, "change_due/withdrawn/retract", waited},
		{"booked, quoted: the quote", quoted, nil, []conversions.Event{book(2, time.Hour)}, false, []conversions.Event{quote(3, 10*time.Hour)}, "queued//upload", settled},
		{
			"quoted, booked, quoted: the quote is kept", quoted, nil,
			[]conversions.Event{quote(2, time.Hour)},
			true,
			[]conversions.Event{book(3, 10*time.Hour), quote(4, 12*time.Hour)},
			"done//", 0,
		},
		{"booked, spam", booked, nil, []conversions.Event{book(2, time.Hour)}, true, []conversions.Event{is(3, 10*time.Hour, "spam")}, "change_due/withdrawn/retract", waited},
		{"quoted, spam", quoted, nil, []conversions.Event{quote(2, time.Hour)}, true, []conversions.Event{is(3, 10*time.Hour, "spam")}, "change_due/withdrawn/retract", waited},
		{"booked, wrong number", booked, nil, []conversions.Event{book(2, time.Hour)}, true, []conversions.Event{is(3, 10*time.Hour, "wrong_number")}, "change_due/withdrawn/retract", waited},
		{"quoted, wrong number", quoted, nil, []conversions.Event{quote(2, time.Hour)}, true, []conversions.Event{is(3, 10*time.Hour, "wrong_number")}, "change_due/withdrawn/retract", waited},
		{"booked, not interested", booked, nil, []conversions.Event{book(2, time.Hour)}, true, []conversions.Event{is(3, 10*time.Hour, "not_interested")}, "change_due/withdrawn/retract", waited},
		{"quoted, not interested: it did happen", quoted, nil, []conversions.Event{quote(2, time.Hour)}, true, []conversions.Event{is(3, 10*time.Hour, "not_interested")}, "done//", 0},
		{
			"booked, what means nothing", booked, nil,
			[]conversions.Event{book(2, time.Hour)},
			true,
			[]conversions.Event{is(3, 10*time.Hour, "no_answer"), is(4, 11*time.Hour, "follow_up"), is(5, 12*time.Hour, "other"), is(6, 13*time.Hour, "rescheduled")},
			"done//", 0,
		},
		{"booked, other value", booked, nil, []conversions.Event{book(2, time.Hour)}, true, []conversions.Event{tag(3, 10*time.Hour, "booked", actual(300000))}, "change_due//restate", settled},
		{"quoted, other value", quoted, nil, []conversions.Event{quote(2, time.Hour)}, true, []conversions.Event{tag(3, 10*time.Hour, "quoted", estimated(60000))}, "change_due//restate", settled},
		{"quoted, booked for more: the quote keeps its value", quoted, nil, []conversions.Event{quote(2, time.Hour)}, true, []conversions.Event{tag(3, 10*time.Hour, "booked", actual(900000))}, "done//", 0},
		{"booked, same value", booked, nil, []conversions.Event{book(2, time.Hour)}, true, []conversions.Event{book(3, 10*time.Hour)}, "done//", 0},
		{"booked, no amount", booked, nil, []conversions.Event{book(2, time.Hour)}, true, []conversions.Event{is(3, 10*time.Hour, "booked")}, "done//", 0},
		{
			"booked, other value and back", booked, nil,
			[]conversions.Event{book(2, time.Hour)},
			true,
			[]conversions.Event{tag(3, 10*time.Hour, "booked", actual(300000)), book(4, 10*time.Hour+time.Minute)},
			"done//", 0,
		},
		{"withdrawn before it was sent", booked, nil, []conversions.Event{book(2, time.Hour)}, false, []conversions.Event{is(3, 10*time.Hour, "spam")}, "skipped/withdrawn/", 0},
		{
			"withdrawn and back within the wait", booked, nil,
			[]conversions.Event{book(2, time.Hour)},
			true,
			[]conversions.Event{is(3, 10*time.Hour, "spam"), book(4, 12*time.Hour)},
			"done//", 0,
		},
		{
			"withdrawn and back for another value", booked, nil,
			[]conversions.Event{book(2, time.Hour)},
			true,
			[]conversions.Event{is(3, 10*time.Hour, "spam"), tag(4, 12*time.Hour, "booked", actual(300000))},
			"change_due//restate", 13 * time.Hour,
		},
		{
			"withdrawn twice: the first tag counts", booked, nil,
			[]conversions.Event{book(2, time.Hour)},
			true,
			[]conversions.Event{is(3, 10*time.Hour, "spam"), is(4, 12*time.Hour, "wrong_number")},
			"change_due/withdrawn/retract", waited,
		},
		{
			"withdrawn, back, withdrawn: the wait begins anew", booked, nil,
			[]conversions.Event{book(2, time.Hour)},
			true,
			[]conversions.Event{is(3, 10*time.Hour, "spam"), book(4, 12*time.Hour), is(5, 14*time.Hour, "spam")},
			"change_due/withdrawn/retract", 38 * time.Hour,
		},
		{
			"withdrawn, by a late event", booked, nil,
			[]conversions.Event{book(2, time.Hour)},
			true,
			[]conversions.Event{tag(3, 3*time.Hour, "spam", received(10*time.Hour))},
			"change_due/withdrawn/retract", 27 * time.Hour,
		},
		{
			"withdrawn earlier than booked, by a late event", booked, nil,
			[]conversions.Event{book(2, 2*time.Hour)},
			true,
			[]conversions.Event{tag(3, time.Hour, "spam", received(10*time.Hour))},
			"done//", 0,
		},
		{"booked, withdrawn by rule", booked, withdrawnBy("follow_up"), []conversions.Event{book(2, time.Hour)}, true, []conversions.Event{is(3, 10*time.Hour, "follow_up")}, "change_due/withdrawn/retract", waited},
		{"booked, not withdrawn by rule", booked, withdrawnBy(), []conversions.Event{book(2, time.Hour)}, true, []conversions.Event{is(3, 10*time.Hour, "spam")}, "done//", 0},
		{"consent denied", booked, nil, []conversions.Event{book(2, time.Hour)}, true, []conversions.Event{denies(3, 10*time.Hour)}, "done/consent_denied/", 0},
		{"consent denied, other value", booked, nil, []conversions.Event{book(2, time.Hour)}, true, []conversions.Event{denies(3, 10*time.Hour), tag(4, 11*time.Hour, "booked", actual(300000))}, "done/consent_denied/", 0},
		{"consent denied, by rule", booked, withdrawDenied, []conversions.Event{book(2, time.Hour)}, true, []conversions.Event{denies(3, 10*time.Hour)}, "change_due/consent_denied/retract", waited},
		{
			"consent denied twice, by rule: one wait", booked, withdrawDenied,
			[]conversions.Event{book(2, time.Hour)},
			true,
			[]conversions.Event{denies(3, 10*time.Hour), denies(4, 20*time.Hour)},
			"change_due/consent_denied/retract", waited,
		},
		{
			"consent denied, granted, denied, by rule: the wait begins anew", booked, withdrawDenied,
			[]conversions.Event{book(2, time.Hour)},
			true,
			[]conversions.Event{denies(3, 10*time.Hour), event(4, 12*time.Hour, consents(conversions.ConsentGranted)), denies(5, 14*time.Hour)},
			"change_due/consent_denied/retract", 38 * time.Hour,
		},
		{
			"consent denied and granted again, by rule", booked, withdrawDenied,
			[]conversions.Event{book(2, time.Hour)},
			true,
			[]conversions.Event{denies(3, 10*time.Hour), event(4, 12*time.Hour, consents(conversions.ConsentGranted))},
			"done//", 0,
		},
	}
	for _, tt := range tests {
		// Whether events are folded one by one or all at once must not matter.
		for _, together := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				l := newLifeOf(tt.stage)
				if tt.rules != nil {
					tt.rules(&l.rules)
				}
				l.happens(2*time.Hour, append([]conversions.Event{event(1, 0, click("CLICK-A"))}, tt.before...)...)
				if tt.sent {
					l.answer(8*time.Hour, l.send(), conversions.Answer{Verdict: conversions.Done})
				}
				if together {
					l.happens(20*time.Hour, tt.then...)
				} else {
					for _, e := range tt.then {
						l.happens(e.Received.Sub(at(0)), e)
					}
				}
				if got := l.stands(); got != tt.want {
					t.Errorf("together %t: row stands %q, want %q", together, got, tt.want)
				}
				if due := at(tt.due); (tt.due == 0) != l.row.Due.IsZero() || (tt.due > 0 && !l.row.Due.Equal(due)) {
					t.Errorf("together %t: due %v, want %v after noon", together, l.row.Due, tt.due)
				}
			})
		}
	}
}

func TestTheWaitBeginsAnewAlsoWhenFoldedAtOnce(t *testing.T) {
	t.Parallel()
	l := done()
	l.happens(10*time.Hour, tag(3, 10*time.Hour, "spam"))
	l.happens(20*time.Hour, tag(4, 12*time.Hour, "booked", actual(250000)), tag(5, 14*time.Hour, "spam"))
	if want := at(38 * time.Hour); !l.row.Due.Equal(want) {
		t.Errorf("due %v, want a day after the second taking back, %v", l.row.Due, want)
	}
	l.answer(38*time.Hour, l.sendAt(38*time.Hour), conversions.Answer{Verdict: conversions.Done})
	if l.happens(50*time.Hour, tag(6, 40*time.Hour, "booked", actual(250000)), tag(7, 41*time.Hour, "spam")) {
		t.Errorf("retracted: entry %+v, want none", l.ledger[len(l.ledger)-1])
	}
}

// A grant that arrives late, from between two denials, leaves the second alone:
// the wait begins with it.
func TestALateGrantMovesTheDenial(t *testing.T) {
	t.Parallel()
	says := func(seq int64, when time.Duration, c conversions.Consent) conversions.Event {
		e := event(seq, when)
		e.Consent = c
		return e
	}
	l := newLife()
	l.rules.WithdrawDenied = true
	l.happens(time.Hour, event(1, 0, click("CLICK-A")), tag(2, time.Hour, "booked", actual(250000)))
	l.answer(7*time.Hour, l.send(), conversions.Answer{Verdict: conversions.Done})
	l.happens(15*time.Hour, says(3, 10*time.Hour, conversions.ConsentDenied), says(4, 14*time.Hour, conversions.ConsentDenied))
	if want := at(34 * time.Hour); !l.row.Due.Equal(want) {
		t.Errorf("due %v, want a day after the first denial, %v", l.row.Due, want)
	}
	l.happens(16*time.Hour, says(5, 12*time.Hour, conversions.ConsentGranted))
	if want := at(38 * time.Hour); !l.row.Due.Equal(want) {
		t.Errorf("due %v, want a day after the denial that counts, %v", l.row.Due, want)
	}
}

func TestRulesAloneChangeNothingThatWasSent(t *testing.T) {
	t.Parallel()
	denied := func(r *conversions.Rules) { r.WithdrawDenied, r.Consent = true, conversions.ConsentRuleDenied }
	for name, change := range map[string]func(*conversions.Rules){
		"another share": func(r *conversions.Rules) {
			r.Stages[conversions.StageBooked] = conversions.StageRules{Action: "111", Share: 5000}
		},
		"another action": func(r *conversions.Rules) {
			r.Stages[conversions.StageBooked] = conversions.StageRules{Action: "999", Share: 1}
		},
		"no action":          func(r *conversions.Rules) { delete(r.Stages, conversions.StageBooked) },
		"another customer":   func(r *conversions.Rules) { r.Target.Customer = "9999999999" },
		"another start":      func(r *conversions.Rules) { r.UploadFrom = at(day) },
		"withdraw if denied": func(r *conversions.Rules) { r.WithdrawDenied = true },
	} {
		l := done()
		change(&l.rules)
		if l.happens(9*time.Hour, event(3, 9*time.Hour)) || l.stands() != "done//" {
			t.Errorf("%s: row stands %q, want done", name, l.stands())
		}
	}
	// Consent that only the account's rule denies sends nothing more, and takes
	// back nothing either.
	l := done()
	denied(&l.rules)
	l.happens(9*time.Hour, event(3, 9*time.Hour))
	if got := l.stands(); got != "done/consent_denied/" {
		t.Errorf("denied by rule: row stands %q, want done", got)
	}
}

func TestChangesGoWhereTheUploadWent(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]conversions.Event{
		"restate": tag(3, 9*time.Hour, "booked", actual(300000)), "retract": tag(3, 9*time.Hour, "spam"),
	} {
		for _, change := range []func(*conversions.Rules){
			func(r *conversions.Rules) {
				r.Target = conversions.Target{API: conversions.APIDataManager, Customer: "9999999999"}
				r.Stages[conversions.StageBooked] = conversions.StageRules{Action: "999", Share: conversions.Whole}
			},
			func(r *conversions.Rules) {
				r.Stages[conversions.StageBooked] = conversions.StageRules{Share: conversions.Whole}
			},
			func(r *conversions.Rules) { r.UploadFrom = at(day) },
			func(r *conversions.Rules) {
				r.Stages[conversions.StageBooked] = conversions.StageRules{Action: "999", Share: conversions.Whole, LookBack: time.Minute}
			},
		} {
			l := done()
			change(&l.rules)
			l.happens(9*time.Hour, o)
			it := l.row.Item(time.UTC, at(40*time.Hour))
			if string(it.Op) != name || it.Action != "111" || l.row.Action() != "111" {
				t.Errorf("%s: item %+v, action %s, want it for the action of the upload", name, it, l.row.Action())
			}
			if got := l.row.Target(); got != rules().Target {
				t.Errorf("%s goes to %+v, want where the upload went", name, got)
			}
		}
	}
}
