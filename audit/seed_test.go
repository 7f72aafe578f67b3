package audit_test

import (
	"time"

	"closeloop/conversions"
)

const (
	day = 24 * time.Hour
	// formula and escape are ids as no honest sender would choose them.
	formula = conversions.LeadID(`=HYPERLINK("https://example.com","open")`)
	escape  = conversions.LeadID("esc\x1b[31m\u009b2J\u202ered")
)

func done() conversions.Answer { return conversions.Answer{Verdict: conversions.Done} }

func refused() conversions.Answer {
	return conversions.Answer{
		Verdict: conversions.Refused, Code: "ConversionUploadError.EXPIRED_EVENT",
		Sentence: "The click is older than the conversion action looks back.", Hint: "Lengthen the look-back window of the action.",
	}
}

func foreign() conversions.Answer {
	return conversions.Answer{
		Verdict: conversions.AlreadyThere, By: conversions.ByClickTime, Code: "ConversionUploadError.CLICK_CONVERSION_ALREADY_EXISTS",
		Sentence: "A conversion of this click at this time is there already.",
	}
}

// filled is a world with a row in every state.
func filled(w *world) *world {
	w.Helper()
	w.now = noon().Add(-2 * day)
	w.answered()
	w.changed()
	w.counted()
	w.now = noon().Add(-10 * time.Minute)
	w.skipped()
	w.pending()
	w.elsewhere()
	w.adjusted()
	w.stuck()
	w.decided()
	w.nearlyOver()
	w.processed()
	w.now = noon()
	return w
}

// answered are rows whose first answer was the last.
func (w *world) answered() {
	w.Helper()
	w.take(w.tag(acme, "done", "booked", 2500_00, 20*time.Hour), w.tag(acme, formula, "booked", 1_234_567_89, 20*time.Hour))
	call := w.tag(acme, "from-the-call", "booked", 310_00, 21*time.Hour)
	call.Kind, call.Outcome, call.Amounts = "call.ended", "", conversions.Amounts{}
	tag := w.tag(acme, "from-the-call", "booked", 310_00, 20*time.Hour)
	tag.Person, tag.Delivery, tag.Flags = conversions.Person{}, call.Delivery, []conversions.Flag{conversions.FlagFuture}
	w.take(call, tag)
	w.answer(w.send(acme, "done", formula, "from-the-call"), done())

	w.take(w.tag(acme, "refused", "booked", 80_00, 20*time.Hour), w.tag(acme, "unmatched", "booked", 90_00, 20*time.Hour))
	w.answer(w.send(acme, "refused"), refused())
	w.answer(w.send(acme, "unmatched"), conversions.Answer{
		Verdict: conversions.Refused, Unmatched: true, Code: "ConversionUploadError.CLICK_NOT_FOUND",
		Sentence: "Google found no click with this id.", Hint: "Check that the CRM keeps the click id whole.",
	})
	w.take(w.tag(acme, "foreign", "booked", 70_00, 20*time.Hour))
	w.answer(w.send(acme, "foreign"), foreign())
	w.now = w.now.Add(time.Hour)
	w.answer(w.send(acme, "foreign"), foreign())
}

// changed are rows that Google holds otherwise than is wanted since.
func (w *world) changed() {
	w.Helper()
	for _, lead := range []conversions.LeadID{"restate", "retract", "consent-since"} {
		w.take(w.tag(acme, lead, "booked", 400_00, 20*time.Hour))
	}
	w.answer(w.send(acme, "restate", "retract", "consent-since"), done())
	w.take(w.tag(acme, "value-unknown", "booked", 55_00, 20*time.Hour))
	w.answer(w.send(acme, "value-unknown"), conversions.Answer{
		Verdict: conversions.AlreadyThere, By: conversions.ByOrderID, Code: "ConversionUploadError.ORDER_ID_ALREADY_IN_USE",
		Sentence: "Google holds a conversion with this order id already.",
	})
	w.take(w.tag(acme, "abandoned", "booked", 66_00, 20*time.Hour))
	b := w.send(acme, "abandoned")
	w.now = w.now.Add(time.Hour)
	w.take(w.tag(acme, "restate", "booked", 450_00, time.Minute), w.tag(acme, "retract", "spam", 0, time.Minute), w.tag(acme, "abandoned", "spam", 0, time.Minute))
	denied := w.tag(acme, "consent-since", "booked", 400_00, time.Minute)
	denied.Consent = conversions.ConsentDenied
	w.take(denied)
	s := conversions.Settlement{Batch: b.ID, At: w.now, Entries: []conversions.Entry{w.row(acme, "abandoned").Abandon(b, b.Items[0], w.now)}}
	w.must(w.s.Settle(w.Context(), w.hold(acme), s))
}

// counted is a row that Google answered with an error of its own ten times.
func (w *world) counted() {
	w.Helper()
	w.take(w.tag(acme, "needs-a-person", "booked", 120_00, 20*time.Hour))
	for range conversions.MaxCounted {
		w.answer(w.send(acme, "needs-a-person"), conversions.Answer{
			Verdict: conversions.Retry, Counts: true, Code: "InternalError.INTERNAL_ERROR", Sentence: "Google had an error of its own.",
			Hint: "Nothing to do: it is sent again by itself.",
		})
		w.now = w.now.Add(conversions.CountEvery + time.Minute)
	}
}

// skipped are rows that are not to be sent, one for each reason.
func (w *world) skipped() {
	w.Helper()
	w.take(
		w.tag(acme, "no-value", "booked", 0, 20*time.Hour),
		w.tag(acme, "below-minimum", "booked", 9_99, 20*time.Hour),
		w.tag(acme, "before-upload-from", "booked", 50_00, 101*day),
		w.tag(acme, "withdrawn", "booked", 50_00, 3*time.Hour), w.tag(acme, "withdrawn", "wrong_number", 0, 2*time.Hour),
	)
	denied := w.tag(acme, "consent-denied", "booked", 50_00, 20*time.Hour)
	denied.Consent = conversions.ConsentDenied
	late := w.tag(acme, "after-look-back", "booked", 50_00, 20*time.Hour)
	late.CallStart = w.now.Add(-40 * day)
	placeholder := w.tag(acme, "placeholder", "booked", 420_00, 20*time.Hour)
	placeholder.Person.Clicks = []conversions.FoundClick{{Place: conversions.PlaceField, Damage: "placeholder", Unusable: true}}
	none := w.tag(acme, "no-click", "booked", 50_00, 8*day)
	none.Person = conversions.Person{}
	expired := w.tag(acme, "expired", "quoted", 500_00, 95*day)
	w.take(denied, late, placeholder, none, expired)
	e, over := w.row(acme, "expired").Close(w.now)
	if !over {
		w.Fatal("the expired row is not over")
	}
	w.record(e)
}

// pending are rows that wait for something.
func (w *world) pending() {
	w.Helper()
	none := w.tag(acme, "waiting", "booked", 600_00, 20*time.Hour)
	none.Person = conversions.Person{}
	cut := w.tag(acme, escape, "booked", 77_00, 20*time.Hour)
	cut.Person.Clicks[0].Damage = "truncated"
	w.take(
		w.tag(acme, "queued-now", "booked", 150_00, 20*time.Hour), w.tag(acme, "queued-later", "booked", 160_00, time.Hour),
		w.tag(acme, "after-an-answer", "booked", 170_00, 20*time.Hour), w.tag(acme, "paused-action", "quoted", 900_00, 20*time.Hour),
		w.tag(acme, "sending", "booked", 180_00, 20*time.Hour), none, cut,
	)
	w.now = noon()
	w.answer(w.send(acme, "after-an-answer"), conversions.Answer{
		Verdict: conversions.Later, Wait: 6 * time.Hour, Code: "ConversionUploadError.TOO_RECENT_EVENT",
		Sentence: "Google does not know this click yet.", Hint: "Nothing to do: it is sent again by itself.",
	})
	w.send(acme, "sending")
	w.must(w.s.Pause(w.Context(), w.hold(acme), conversions.Paused{
		Account: acme, Action: "102", Since: noon().Add(-time.Hour), ProbeAt: noon().Add(30 * time.Minute),
		Answer: conversions.Answer{
			Verdict: conversions.Pause, Scope: conversions.ScopeAction, Code: "ConversionUploadError.INVALID_CONVERSION_ACTION",
			Sentence: "Google does not know the conversion action.", Hint: "Compare its number with stages in the configuration.",
		},
	}))
}

// elsewhere are the other accounts, and a source that is gone.
func (w *world) elsewhere() {
	w.Helper()
	w.take(w.tag(trial, "tested", "booked", 100_00, 20*time.Hour), w.tag(trial, "would-be-refused", "booked", 110_00, 20*time.Hour),
		w.tag(trial, "no-action", "quoted", 100_00, 20*time.Hour))
	// In this order: the numbers of batches and entries stand in golden files.
	for i, lead := range []conversions.LeadID{"tested", "would-be-refused"} {
		answer := []conversions.Answer{done(), refused()}[i]
		b := w.batch(trial, lead)
		w.record(w.row(trial, lead).TestedBy(b, b.Items[0], answer, w.now))
	}
	w.take(w.tag(tokyo, "paused-account", "booked", 55000_00, 20*time.Hour))
	w.must(w.s.Pause(w.Context(), w.hold(tokyo), conversions.Paused{
		Account: tokyo, Since: noon().Add(-2 * time.Hour), ProbeAt: noon().Add(time.Hour),
		Answer: conversions.Answer{
			Verdict: conversions.Pause, Scope: conversions.ScopeAccount, Code: "AuthenticationError.OAUTH_TOKEN_REVOKED",
			Sentence: "The access was revoked by the Google user.", Hint: "Issue new credentials for this account.",
		},
	}))
	w.take(w.tag(trial, "paused-by-hand", "booked", 120_00, 20*time.Hour))
	w.must(w.s.Pause(w.Context(), w.hold(trial), conversions.Paused{
		Account: trial, Since: noon().Add(-time.Hour), ProbeAt: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
		Answer: conversions.Answer{
			Verdict: conversions.Pause, Code: "Closeloop.BY_HAND", Sentence: "Paused by sam: tracking is rebuilt.", Hint: "closeloop account resume trial",
		},
	}))
	w.take(w.tag(gone, "orphan-queued", "booked", 10_00, 20*time.Hour), w.tag(gone, "orphan-done", "booked", 20_00, 20*time.Hour))
	w.answer(w.send(gone, "orphan-done"), done())
	old := w.tag(acme, "orphan-source", "booked", 30_00, 20*time.Hour)
	old.Source = "former-crm"
	w.take(old)
	for i, a := range []conversions.AccountID{acme, tokyo} {
		_, err := w.s.Quarantine(w.Context(), conversions.Quarantined{
			Account: a, Source: sourceOf(a), Delivery: "dlv_bad", Body: [16]byte{byte(200 + i)}, Received: noon().Add(time.Duration(i) * time.Minute),
			Reason: "bad_json", Detail: "byte 250", Size: 251, Shape: `{"event":"call.ended","data":{"notes":"***(14)"}}`,
		})
		w.must(err)
	}
}
