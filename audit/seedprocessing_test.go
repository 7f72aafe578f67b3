package audit_test

import (
	"time"

	"closeloop/conversions"
)

// submitted is the answer of an API that says later what became of a row.
func submitted() conversions.Answer { return conversions.Answer{Verdict: conversions.Submitted} }

func whole() conversions.Answer {
	return conversions.Answer{Verdict: conversions.Done, Evidence: conversions.EvidenceWhole}
}

func named() conversions.Answer {
	return conversions.Answer{
		Verdict: conversions.Refused, Evidence: conversions.EvidenceIndex, Code: "ProcessingErrorReason.EVENT_TOO_OLD",
		Sentence: "The outcome came too long after the click.", Hint: "Lengthen the look-back window of the action.",
	}
}

// countedOf is an answer that only says how many rows failed.
func countedOf(failed, of int) conversions.Answer {
	return conversions.Answer{
		Verdict: conversions.Unclear, Evidence: conversions.EvidenceCounts, Failed: failed, Of: of,
		Code: "ProcessingErrorReason.INVALID_GCLID", Others: []string{"ProcessingErrorReason.EVENT_TOO_OLD"},
	}
}

func silence() conversions.Answer {
	return conversions.Answer{Verdict: conversions.Unclear, Evidence: conversions.EvidenceSilence}
}

// through sends leads' rows in one request, which is taken for processing.
func (w *world) through(leads ...conversions.LeadID) conversions.Batch {
	w.Helper()
	b := w.send(nova, leads...)
	w.answer(b, submitted())
	return b
}

// says records what was said later of a batch's rows, in their order.
func (w *world) says(b conversions.Batch, answers ...conversions.Answer) {
	w.Helper()
	for i, it := range b.Items {
		rows, err := w.s.Rows(w.Context(), nova, []conversions.RowID{it.Row})
		w.must(err)
		w.record(rows[0].Processed(b, it, answers[i], w.now))
	}
}

// processed are the rows of the account that goes through the Data Manager
// API, where everything but the request itself is said later.
func (w *world) processed() {
	w.Helper()
	w.now = noon().Add(-10 * day)
	for _, lead := range []conversions.LeadID{"p-silent", "p-whole", "p-named", "p-restated", "p-zeroed", "p-to-be-zeroed", "p-kept", "p-unclear", "p-beside", "p-gone"} {
		w.take(w.tag(nova, lead, "booked", 300_00, 30*time.Hour))
	}
	silent := w.through("p-silent")
	some := w.through("p-whole", "p-named", "p-restated", "p-zeroed", "p-to-be-zeroed", "p-kept")
	unclear := w.through("p-unclear", "p-beside", "p-gone")
	w.now = w.now.Add(35 * time.Minute)
	w.says(some, whole(), named(), whole(), whole(), whole(), whole())
	w.says(unclear, countedOf(2, 3), countedOf(2, 3), countedOf(2, 3))
	w.now = w.now.Add(conversions.GiveUpPolling)
	w.says(silent, silence())
	alone := w.through("p-unclear", "p-beside")
	w.now = w.now.Add(35 * time.Minute)
	w.says(alone, countedOf(1, 2), countedOf(1, 2))
	w.retagNova("booked", 320_00, "p-restated", "p-kept")
	w.retagNova("spam", 0, "p-zeroed", "p-to-be-zeroed", "p-gone")
	w.now = noon().Add(-5 * day)
	later := w.through("p-zeroed", "p-restated", "p-kept")
	w.now = w.now.Add(35 * time.Minute)
	w.says(later, whole(), whole(), conversions.Answer{
		Verdict: conversions.AlreadyThere, By: conversions.ByOrderID, Evidence: conversions.EvidenceCounts,
		Code: "ProcessingErrorReason.DUPLICATE_TRANSACTION_ID", Sentence: "Google has a conversion with this id already.",
	})
	w.processing()
}

// processing are rows that Google has at this moment, or that go once more.
func (w *world) processing() {
	w.Helper()
	w.now = noon().Add(-2 * time.Hour)
	w.take(w.tag(nova, "p-submitted", "booked", 500_00, 30*time.Hour), w.tag(nova, "p-isolated", "booked", 510_00, 30*time.Hour))
	w.through("p-submitted")
	b := w.through("p-isolated")
	w.now = noon().Add(-time.Hour)
	w.says(b, countedOf(3, 40))
	w.take(w.tag(nova, "p-restating", "booked", 520_00, 3*day))
	b = w.through("p-restating")
	w.now = noon().Add(-20 * time.Minute)
	w.says(b, whole())
	w.retagNova("booked", 530_00, "p-restating")
	w.through("p-restating")
}

// retagNova tags leads of the account a minute before the world's time.
func (w *world) retagNova(o conversions.Outcome, cents conversions.Cents, leads ...conversions.LeadID) {
	w.Helper()
	for _, lead := range leads {
		w.take(w.tag(nova, lead, o, cents, time.Minute))
	}
}
