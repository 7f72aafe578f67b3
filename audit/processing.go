package audit

import (
	"fmt"
	"strings"

	"closeloop/conversions"
)

// What follows is about requests that Google takes for processing, to say later
// what became of their rows (Data Manager API, diagnostics guide), and about
// conversions that cannot be retracted there.

// explainSubmitted says what is known of a row under processing.
func explainSubmitted(r conversions.Row, q Query) string {
	p := r.Pending
	what := "Google took it for processing"
	switch p.Op {
	case conversions.OpRestate:
		what = "Google took the new value, " + p.Value.String() + " " + p.Currency + ", for processing"
	case conversions.OpRetract:
		what = "Google took the change of its value to 0 for processing"
	case conversions.OpNone, conversions.OpUpload:
	}
	return what + " at " + q.stamp(r.Key.Account, p.Since) + " and says later what became of it; it is asked until " +
		q.stamp(r.Key.Account, p.Since.Add(conversions.GiveUpPolling)) + "."
}

func explainUnclear(r conversions.Row) string {
	const mayBeThere = " Google may hold it."
	if r.Reason == conversions.ReasonUnclear && r.Last != nil && r.Last.Of > 0 {
		return "Google took it for processing in a request of which only this is known: " + failedText(*r.Last) + "." + mayBeThere
	}
	return r.Reason.Sentence() + mayBeThere
}

// explainIsolated says why a row whose request failed in part goes once more;
// empty for any other row.
func explainIsolated(r conversions.Row) string {
	if !r.Isolate || r.Last == nil {
		return ""
	}
	return "Of its last request only this is known: " + failedText(*r.Last) + ". It is sent once more, in a small request, so that its own fate shows."
}

// failedText says how many rows failed when that is all that is known.
func failedText(a conversions.Answer) string {
	if a.Of == 0 {
		return "some rows failed" + codes(a) + ", which is not known"
	}
	return fmt.Sprintf("%d of these %d rows failed%s, which is not known", a.Failed, a.Of, codes(a))
}

// codes are an answer's codes in brackets; empty when it has none.
func codes(a conversions.Answer) string {
	if a.Code == "" {
		return ""
	}
	return " (" + strings.Join(append([]string{a.Code}, a.Others...), ", ") + ")"
}

// stillCounted is what withdrawing comes to where nothing can be retracted
// (Data Manager API, conversion adjustments guide: values are restated only).
const stillCounted = "nothing can be retracted through the Data Manager API, so Google goes on counting it, with value 0"

func explainZeroed(r conversions.Row) string {
	return "Withdrawn as far as that goes: " + stillCounted + ". Why: " + takenBack(r) + "."
}

// zeroes reports whether the row's withdrawal is a value of 0.
func zeroes(r conversions.Row) bool { return r.Known.Target.API == conversions.APIDataManager }

// withdrawal says what withdrawing a row's conversion means, to follow "will be"
// with past true, else as an order.
func withdrawal(r conversions.Row, past bool) string {
	switch {
	case zeroes(r) && past:
		return "given the value 0"
	case zeroes(r):
		return "set the value of " + string(r.Want.Stage) + " to 0"
	case past:
		return "retracted"
	default:
		return "retract " + string(r.Want.Stage)
	}
}

// submittedText says that a request was taken for processing; row is as the
// entry left it, b its request.
func submittedText(e conversions.Entry, h conversions.History, b conversions.BatchRecord, q Query) string {
	text := "taken by Google for processing"
	if e.Item != nil {
		text += ", for " + itemText(e)
	}
	if b.RequestID != "" {
		text += ", request id " + b.RequestID
	}
	if h.Row.Pending == nil || h.Row.Pending.Batch != e.Batch {
		return text
	}
	next := b.PollAt
	if next.IsZero() {
		next = conversions.NextPoll(e.At, b.Polls)
	}
	if b.Polls > 0 {
		text += fmt.Sprintf(", asked %d %s what became of it", b.Polls, plural(b.Polls, "time"))
	}
	return text + ", asked again at " + q.stamp(h.Row.Key.Account, next)
}

// processedText says what Google said later, and how the row's fate follows
// from it.
func processedText(e conversions.Entry) string {
	a := *e.Answer
	if a.Verdict != conversions.Unclear {
		return answeredText(e)
	}
	text := "unclear"
	if e.Item != nil {
		text += ", for " + itemText(e)
	}
	if a.Evidence == conversions.EvidenceSilence {
		return text + ": Google had not said what became of it 72 hours after it took it."
	}
	return text + ": " + failedText(a) + "."
}

// evidenceText says how a row's fate was established.
func evidenceText(a conversions.Answer) string {
	switch a.Evidence {
	case conversions.EvidenceWhole:
		return " (said of the whole request)"
	case conversions.EvidenceIndex:
		return " (the row was named by its index in the request)"
	case conversions.EvidenceCounts:
		return " (only counted, but of every row of the request alike)"
	case conversions.EvidenceSilence:
		return " (nothing was said within 72 hours)"
	default:
		return ""
	}
}

// processingNotes explain, below the summary, the states that only processing
// brings about.
func processingNotes(outcomes []Sum) []string {
	var notes []string
	seen := map[conversions.State]bool{}
	for _, o := range outcomes {
		if seen[o.State] {
			continue
		}
		seen[o.State] = true
		switch o.State { //nolint:exhaustive // the other states explain themselves
		case conversions.StateSubmitted:
			notes = append(notes, "submitted: Google took them for processing and is asked for up to 72 hours what became of them.")
		case conversions.StateUnclear:
			notes = append(notes, "unclear: Google took them and did not say what became of each; it may hold them. See closeloop audit list --state unclear.")
		case conversions.StateZeroed:
			notes = append(notes, "zeroed: withdrawn, but "+strings.Replace(stillCounted, "counting it", "counting them", 1)+".")
		}
	}
	return notes
}
