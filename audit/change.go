package audit

import (
	"fmt"
	"strconv"

	"closeloop/conversions"
)

// difference says how what Google holds differs from what is wanted.
func difference(r conversions.Row) string {
	switch {
	case r.Known.Status == conversions.KnownRetracted:
		return fmt.Sprintf("Wanted is %s, but at Google the conversion is retracted.", wants(r))
	case r.Known.Status == conversions.KnownUnanswered && r.Last != nil && r.Last.Verdict == conversions.Unclear:
		return "It was sent, Google did not say what became of it, and meanwhile it is no longer wanted; Google may hold it."
	case r.Known.Status == conversions.KnownUnanswered:
		return "It was sent, no answer came, and meanwhile it is no longer wanted; Google may hold it."
	case r.Want.Withdraw:
		return fmt.Sprintf("Google holds %s, but %s.", holds(r), takenBack(r))
	default:
		return fmt.Sprintf("Google holds %s, wanted is %s.", holds(r), wants(r))
	}
}

// takenBack says what took the outcome back.
func takenBack(r conversions.Row) string {
	if r.Want.Reason == conversions.ReasonConsentDenied {
		return "since then consent was denied"
	}
	return "a later tag took the outcome back (" + string(r.Want.Outcome) + ")"
}

func explainChange(r conversions.Row, q Query, paused []conversions.Paused) string {
	text := difference(r) + " "
	if p := pauseOf(r, paused); p != nil {
		return text + pauseText(r, q, *p)
	}
	if failed := lastOfChange(r); failed != nil && failed.Sentence != "" {
		text += withCode(*failed) + " "
	}
	return text + changeText(r, q)
}

// lastOfChange is the answer that keeps what Google holds from being changed;
// nil if the last answer is the one that what is known stems from.
func lastOfChange(r conversions.Row) *conversions.Answer {
	if r.Last == nil || r.Last.Verdict == conversions.Done || r.LastBatch == r.Known.Batch {
		return nil
	}
	return r.Last
}

// changeText says when a restatement or retraction is sent.
func changeText(r conversions.Row, q Query) string {
	when := "by the next run"
	if r.Due.After(q.Now) {
		when = "at the earliest " + q.stamp(r.Key.Account, r.Due)
		if r.NotBefore.After(r.Want.ChangeDue) {
			when += ", as Google's last answer asks"
		}
	}
	switch {
	case r.Reason == conversions.ReasonRetracting:
		return r.Reason.Sentence()
	case r.Next() == conversions.OpRestate:
		return "It will be restated " + when + "."
	case r.Want.Reason == conversions.ReasonConsentDenied:
		return "It will be " + withdrawal(r, true) + " " + when + ", unless consent is given again before."
	default:
		return "It will be " + withdrawal(r, true) + " " + when + ", unless the outcome comes back before."
	}
}

func explainStuck(r conversions.Row) string {
	if r.Reason == conversions.ReasonValueKept || r.Reason == conversions.ReasonAdjustRefused || r.Reason == conversions.ReasonAdjustNotFound {
		return stuckText(r) + lastText(r)
	}
	return stuckText(r)
}

// stuckText says how what Google holds differs from what is wanted, and why it
// stays so.
func stuckText(r conversions.Row) string {
	if r.Reason == conversions.ReasonMayBeThere {
		return difference(r) + " To take it back through the Data Manager API could create what is not there."
	}
	return difference(r) + " " + r.Reason.Sentence()
}

func lastText(r conversions.Row) string {
	if last := answerSentence(r, ""); last != "" {
		return " Last: " + last
	}
	return ""
}

func explainPerson(r conversions.Row) string {
	if r.Held {
		return difference(r) + " " + r.Reason.Sentence()
	}
	return r.Reason.Sentence() + " Last: " + answerSentence(r, "no answer.")
}

func explainRetracted(r conversions.Row) string {
	switch {
	case r.Known.Foreign:
		return "Somebody else retracted it at Google, where it was no longer to count anyway."
	case r.Want.Wanted:
		return "Retracted at Google. The outcome came back since: a new conversion stands for it."
	default:
		return "Retracted at Google: " + takenBack(r) + "."
	}
}

// hint says what a person can do about a row; nothing where its answer says so.
func hint(r conversions.Row) string {
	row := strconv.FormatInt(int64(r.ID), 10)
	retry := "closeloop resolve retry " + row + " --note '…'"
	switch r.Reason {
	case conversions.ReasonWithdrawalsHeld:
		return "If it is right, closeloop resolve approve " + row + " --note '…' lets it go; else closeloop resolve give-up " + row + " --note '…' keeps what Google holds."
	case conversions.ReasonNeedsPerson:
		return retry + " has it tried again; closeloop resolve give-up " + row + " --note '…' closes it."
	case conversions.ReasonAdjustNotFound:
		return "Look for the order id in Google Ads; " + retry + " has it tried again."
	case conversions.ReasonUnclear, conversions.ReasonNoStatus:
		return retry + " sends it once more with the same order id, which Google counts once; closeloop resolve give-up " + row + " --note '…' closes it."
	case conversions.ReasonValueKept:
		return retry + " sends the value once more."
	case conversions.ReasonMayBeThere:
		return "Tagged anew, it is sent once more and counts once; taken back after that, its value is set to 0."
	case conversions.ReasonZeroForbidden:
		return "Set withdraw_as_zero: true for the account to have its value set to 0."
	case conversions.ReasonGivenUp:
		return retry + " takes it up again."
	case conversions.ReasonTestMode:
		return "Set mode: live for the account to have it changed."
	case conversions.ReasonRetractedElsewhere:
		return "Tagged as something else and then anew, the outcome is uploaded as a new conversion."
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
