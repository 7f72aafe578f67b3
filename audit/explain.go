package audit

import (
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
	switch r.State { //nolint:exhaustive // the other states are as said
	case conversions.StateQueued, conversions.StateWaiting, conversions.StateSending:
		return orphaned // what else would be said does not come about
	case conversions.StateChangeDue:
		return difference(r) + " " + orphaned
	}
	return text + " " + orphaned
}

func explainState(r conversions.Row, q Query, paused []conversions.Paused) string {
	switch r.State {
	case conversions.StateDone:
		return explainDone(r)
	case conversions.StateQueued:
		return explainQueued(r, q, paused)
	case conversions.StateSubmitted:
		return explainSubmitted(r, q)
	case conversions.StateUnclear:
		return explainUnclear(r)
	case conversions.StateZeroed:
		return explainZeroed(r)
	case conversions.StateSending:
		return "Sent; Google's answer has not come. It is sent again, exactly as it was, until it is known."
	case conversions.StateWaiting:
		return r.Want.Reason.Sentence() + " Waiting until " + q.stamp(r.Key.Account, r.Want.WaitUntil) + "."
	case conversions.StateTested:
		return "Google found nothing wrong with it. It was only checked, not sent: the account was in test mode."
	case conversions.StateChangeDue:
		return explainChange(r, q, paused)
	case conversions.StateStuck:
		return explainStuck(r)
	case conversions.StateRefused:
		return explainRefused(r)
	case conversions.StatePerson:
		return explainPerson(r)
	case conversions.StateRetracted:
		return explainRetracted(r)
	case conversions.StateSkipped, conversions.StateExpired:
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
		return pauseText(r, q, *p)
	}
	text := dueText(r, q)
	if isolated := explainIsolated(r); isolated != "" {
		return isolated + " " + text
	}
	if r.Last != nil && r.Last.Verdict != conversions.Done {
		text = strings.TrimSpace(answerSentence(r, "") + " " + text)
	}
	return text
}

// pauseText says why a row waits, and until when. A pause by hand ends by hand.
func pauseText(r conversions.Row, q Query, p conversions.Paused) string {
	text := "Sending is paused: " + withCode(p.Answer)
	if p.ProbeAt.Sub(q.Now) < aYear {
		text += " Tried again at " + q.stamp(r.Key.Account, p.ProbeAt) + "."
	}
	return text
}

// aYear is longer than any pause lasts that ends by itself.
const aYear = 365 * 24 * time.Hour

func dueText(r conversions.Row, q Query) string {
	if r.State == conversions.StateChangeDue {
		return changeText(r, q)
	}
	if r.Due.After(q.Now) {
		return "Due " + q.stamp(r.Key.Account, r.Due) + ", " + whyLater(r) + "."
	}
	return "Due now; sent by the next run."
}

// toBeSent reports whether the row only waits for its time.
func toBeSent(r conversions.Row) bool {
	return r.State == conversions.StateQueued || r.State == conversions.StateChangeDue
}

// pauseOf returns the pause that holds a row up, if one does.
func pauseOf(r conversions.Row, paused []conversions.Paused) *conversions.Paused {
	for i, p := range paused {
		if toBeSent(r) && p.Account == r.Key.Account && (p.Action == "" || p.Action == r.Action()) {
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
