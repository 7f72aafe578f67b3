package audit

import (
	"fmt"
	"strings"
	"time"

	"closeloop/conversions"
)

// explain says why a row stands where it stands, or when it will be sent, in
// words for a marketer.
func explain(r conversions.Row, q Query, paused []conversions.Paused) string {
	text := explainState(r, q, paused)
	if !q.orphaned(r.Key) {
		return text
	}
	if _, configured := q.Modes[r.Key.Account]; configured {
		return text + " Orphaned: in the configuration its source does not belong to this account any more; what is queued is still sent."
	}
	orphaned := "Orphaned: its account is not in the configuration any more, so nothing is sent for it."
	switch r.State {
	case conversions.StateQueued, conversions.StateWaiting, conversions.StateSending:
		return orphaned // what else would be said does not come about
	case conversions.StateDone, conversions.StateTested, conversions.StateChangeDue, conversions.StateSkipped,
		conversions.StateRefused, conversions.StateExpired, conversions.StateRetracted, conversions.StatePerson:
	}
	return text + " " + orphaned
}

func explainState(r conversions.Row, q Query, paused []conversions.Paused) string {
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
		return "Google found nothing wrong with it. It was only checked, not sent: the account was in test mode."
	case conversions.StateChangeDue:
		return explainChange(r)
	case conversions.StateRefused:
		return explainRefused(r)
	case conversions.StatePerson:
		return r.Reason.Sentence() + " Last: " + answerSentence(r, "no answer.")
	case conversions.StateSkipped, conversions.StateExpired, conversions.StateRetracted:
		return r.Reason.Sentence()
	default:
		return ""
	}
}

func explainRefused(r conversions.Row) string {
	if r.Reason == conversions.ReasonForeign && r.Last != nil {
		return withCode(conversions.Answer{Sentence: r.Reason.Sentence(), Code: r.Last.Code})
	}
	return answerSentence(r, r.Reason.Sentence())
}

func explainDone(r conversions.Row) string {
	if r.Want.Wanted {
		return "Google holds what is wanted."
	}
	return "Google holds it; since then: " + r.Want.Reason.Sentence()
}

func explainQueued(r conversions.Row, q Query, paused []conversions.Paused) string {
	if p := pauseOf(r, paused); p != nil {
		return "Sending is paused: " + withCode(p.Answer) + " Tried again at " + q.stamp(r.Key.Account, p.ProbeAt) + "."
	}
	text := dueText(r, q)
	if r.Last != nil && r.Last.Verdict != conversions.Done {
		text = strings.TrimSpace(answerSentence(r, "") + " " + text)
	}
	return text
}

func dueText(r conversions.Row, q Query) string {
	if r.Due.After(q.Now) {
		return "Due " + q.stamp(r.Key.Account, r.Due) + ", " + whyLater(r) + "."
	}
	return "Due now; sent by the next run."
}

// pauseOf returns the pause that holds a queued row up, if one does.
func pauseOf(r conversions.Row, paused []conversions.Paused) *conversions.Paused {
	for i, p := range paused {
		if r.State == conversions.StateQueued && p.Account == r.Key.Account && (p.Action == "" || p.Action == r.Want.Action) {
			return &paused[i]
		}
	}
	return nil
}

// whyLater names the clock that decides.
func whyLater(r conversions.Row) string {
	if r.NotBefore.After(r.Want.Due) {
		return "as Google's last answer asks"
	}
	return "when Google takes clicks this fresh and agents have had time to correct a tag"
}

func explainChange(r conversions.Row) string {
	switch op := r.Next(); {
	case op == conversions.OpRetract && r.Known.Status == conversions.KnownUnanswered:
		return "It was sent, no answer came, and meanwhile it is no longer wanted: it has to be retracted in case Google holds it. " +
			"This version does not send retractions."
	case op == conversions.OpRetract:
		return "Google holds it, but a later tag took the outcome back: it has to be retracted. This version does not send retractions."
	case op == conversions.OpRestate:
		return fmt.Sprintf("Google holds %s, wanted is %s: it has to be restated. This version does not send restatements.",
			holds(r), wants(r))
	default:
		return ""
	}
}

func holds(r conversions.Row) string {
	switch {
	case r.Known.Status == conversions.KnownThereValue:
		return "an unknown value"
	case !r.Known.Value.Known:
		return "the action's default value"
	default:
		return r.Known.Value.String() + " " + r.Known.Currency
	}
}

func wants(r conversions.Row) string {
	if !r.Want.Value.Known {
		return "the action's default value"
	}
	return r.Want.Value.String() + " " + r.Want.Currency
}

// answerSentence is what the last answer said, with its code.
func answerSentence(r conversions.Row, otherwise string) string {
	if r.Last == nil || r.Last.Sentence == "" {
		return otherwise
	}
	return withCode(*r.Last)
}

// withCode is an answer's sentence, with its code before the full stop.
func withCode(a conversions.Answer) string {
	if a.Code == "" {
		return a.Sentence
	}
	return strings.TrimSuffix(a.Sentence, ".") + " (" + a.Code + ")."
}

// major renders an amount in major units, empty if there is none.
func major(a conversions.Amount) string {
	if !a.Known {
		return ""
	}
	return a.Cents.String()
}

// known renders what Google is known to hold of a row.
func known(r conversions.Row) string {
	switch r.Known.Status {
	case conversions.KnownThere:
		return r.Known.Value.String()
	case conversions.KnownThereValue, conversions.KnownUnanswered:
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
