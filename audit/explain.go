package audit

import (
	"fmt"
	"time"

	"closeloop/conversions"
)

// explain says why a row stands where it stands, or when it will be sent, in
// words for a marketer.
func explain(r conversions.Row, q Query, paused []conversions.Paused) string {
	switch r.State {
	case conversions.StateDone:
		return explainDone(r)
	case conversions.StateQueued:
		return explainQueued(r, q, paused)
	case conversions.StateSending:
		return "Sent; Google's answer has not come. It is sent again, exactly as it was, until it is known."
	case conversions.StateWaiting:
		return r.Want.Reason.Sentence() + " Waiting until " + q.stamp(r.Key.Account, r.Want.WaitUntil) + "."
	case conversions.StateTested:
		return "Valid, but not sent: the account is in test mode."
	case conversions.StateChangeDue:
		return explainChange(r)
	case conversions.StateRefused:
		return answerSentence(r, r.Reason.Sentence())
	case conversions.StateSkipped, conversions.StateExpired, conversions.StateRetracted, conversions.StatePerson:
		return r.Reason.Sentence()
	default:
		return ""
	}
}

func explainDone(r conversions.Row) string {
	if r.Want.Wanted {
		return "Google holds what is wanted."
	}
	return "Google holds it; since then: " + r.Want.Reason.Sentence()
}

func explainQueued(r conversions.Row, q Query, paused []conversions.Paused) string {
	for _, p := range paused {
		if p.Account == r.Key.Account && (p.Action == "" || p.Action == r.Want.Action) {
			return "Waiting: sending is paused. " + p.Answer.Sentence
		}
	}
	text := "Due now; sent by the next run."
	if r.Due.After(q.Now) {
		text = "Due " + q.stamp(r.Key.Account, r.Due) + ", " + whyLater(r) + "."
	}
	if r.Last != nil && r.Last.Verdict != conversions.Done {
		text = answerSentence(r, "") + " " + text
	}
	return text
}

// whyLater names the clock that decides.
func whyLater(r conversions.Row) string {
	if r.NotBefore.After(r.Want.Due) {
		return "as Google's last answer asks"
	}
	return "when Google takes clicks this fresh and agents have had time to correct a tag"
}

func explainChange(r conversions.Row) string {
	switch r.Next() {
	case conversions.OpRetract:
		return "Google holds it, but a later tag took the outcome back: it has to be retracted. This version does not send retractions."
	case conversions.OpRestate:
		return fmt.Sprintf("Google holds %s, wanted is %s: it has to be restated. This version does not send restatements.",
			holds(r), r.Want.Value)
	case conversions.OpNone, conversions.OpUpload:
		return ""
	default:
		return ""
	}
}

func holds(r conversions.Row) string {
	if r.Known.Status == conversions.KnownThereValue {
		return "an unknown value"
	}
	return r.Known.Value.String()
}

// answerSentence is what the last answer said, with its code.
func answerSentence(r conversions.Row, otherwise string) string {
	if r.Last == nil || r.Last.Sentence == "" {
		return otherwise
	}
	text := r.Last.Sentence
	if r.Last.Code != "" {
		text += " (" + r.Last.Code + ")"
	}
	return text
}

// money renders an amount with its currency.
func money(a conversions.Amount, currency string) string {
	if !a.Known {
		return ""
	}
	return a.Cents.String() + " " + currency
}

// known renders what Google is known to hold of a row.
func known(r conversions.Row) string {
	switch r.Known.Status {
	case conversions.KnownThere:
		if !r.Known.Value.Known {
			return "default value"
		}
		return money(r.Known.Value, r.Known.Currency)
	case conversions.KnownThereValue:
		return "unknown value"
	case conversions.KnownUnanswered:
		return "unknown"
	case conversions.KnownNothing, conversions.KnownRefused, conversions.KnownRetracted:
		return ""
	default:
		return ""
	}
}

// nullTime is a pointer for JSON, nil for the zero time.
func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	u := t.UTC()
	return &u
}
