package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"closeloop/conversions"
)

// steps puts events, decisions, requests and answers in the order in which
// they happened.
func steps(h conversions.History, q Query) []Step {
	ss := []Step{}
	for _, e := range conversions.FlagReused(h.Events) {
		ss = append(ss, Step{
			At: e.Received, What: "received", Text: eventText(e, q, h.Row.Key.Account), By: e.By, Note: e.Note, Event: e.Seq,
		})
	}
	for _, b := range h.Batches {
		ss = append(ss, sentStep(b))
	}
	var row conversions.Row // as the entries so far leave it
	for _, e := range h.Entries {
		row = row.Apply(e)
		s := entryStep(e, row, q)
		if e.Kind == conversions.EntryAnswered && e.Answer.Verdict == conversions.Submitted {
			b := batchOf(h, e.Batch)
			s.Text, s.RequestID = submittedText(e, h, b, q), b.RequestID
		}
		ss = append(ss, s)
	}
	slices.SortStableFunc(ss, func(a, b Step) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(rank(a.What), rank(b.What)))
	})
	return ss
}

// batchOf is the record of a request; zero if there is none.
func batchOf(h conversions.History, id conversions.BatchID) conversions.BatchRecord {
	for _, b := range h.Batches {
		if b.ID == id {
			return b
		}
	}
	return conversions.BatchRecord{}
}

// rank orders what happened in the same instant.
func rank(what string) int {
	order := []string{"received", string(conversions.EntryDecided), string(conversions.EntrySent)}
	if i := slices.Index(order, what); i >= 0 {
		return i
	}
	return len(order)
}

func sentStep(b conversions.BatchRecord) Step {
	text := fmt.Sprintf("in a request of %d %s to customer %s through the %s",
		b.Rows, plural(b.Rows, "row"), b.Target.Customer, apiName(b.Target.API))
	if b.Attempts > 1 {
		text += fmt.Sprintf(", sent %d times", b.Attempts)
	}
	switch {
	case b.Call != nil:
		text += "; the call failed: " + withCode(*b.Call)
	case b.Settled.IsZero():
		text += "; no answer yet"
	}
	return Step{At: b.Created, What: string(conversions.EntrySent), Text: text, Batch: b.ID, RequestID: b.RequestID, JobID: b.JobID}
}

func plural(n int, one string) string {
	if n == 1 {
		return one
	}
	return one + "s"
}

func apiName(a conversions.API) string {
	switch a {
	case conversions.APIGoogleAds:
		return "Google Ads API"
	case conversions.APIDataManager:
		return "Data Manager API"
	default:
		return string(a)
	}
}

// entryStep is a ledger entry; row is as it left the row.
func entryStep(e conversions.Entry, row conversions.Row, q Query) Step {
	s := Step{At: e.At, What: string(e.Kind), By: e.By, Note: e.Note, Entry: e.Seq, Batch: e.Batch}
	switch e.Kind {
	case conversions.EntryDecided:
		s.Text = decidedText(e, row, q)
	case conversions.EntryAnswered:
		s.Text = answeredText(e)
	case conversions.EntryProcessed:
		s.Text = processedText(e)
	case conversions.EntryTested:
		s.Text = "only checked, nothing is really sent: " + answeredText(e)
	case conversions.EntryClosed:
		s.Text = e.Reason.Sentence()
	case conversions.EntryUnanswered:
		s.Text = abandonedText(e)
	case conversions.EntryHeld:
		s.Text = conversions.ReasonWithdrawalsHeld.Sentence()
	case conversions.EntryApproved:
		s.Text = "the retraction may go" + byWhom(e.By, e.Note)
	case conversions.EntryRetried:
		s.Text = "to be tried again" + byWhom(e.By, e.Note)
	case conversions.EntryGivenUp:
		s.Text = "nothing more is sent until it changes" + byWhom(e.By, e.Note)
	case conversions.EntryPutBack:
		s.Text = "the refusal is taken back: most of the last answers said the same, so not the outcome is at fault but the account"
	case conversions.EntrySent, conversions.EntryPaused, conversions.EntryResumed:
	}
	return s
}

// byWhom says who decided, and why.
func byWhom(by, note string) string {
	switch {
	case by == "" && note == "":
		return ""
	case note == "":
		return ", decided by " + by
	default:
		return ", decided by " + by + ": " + note
	}
}

// abandonedText says what went unanswered for good.
func abandonedText(e conversions.Entry) string {
	if e.Item == nil || e.Item.Op == conversions.OpUpload {
		return conversions.ReasonUnanswered.Sentence()
	}
	return "no answer came to " + itemText(e) + ", and meanwhile something else is wanted"
}

func eventText(e conversions.Event, q Query, a conversions.AccountID) string {
	parts := []string{string(e.Kind)}
	if e.Kind == conversions.KindClickSet {
		parts[0] = "click id given" + byWhom(e.By, e.Note)
	}
	if e.Outcome != "" {
		parts = append(parts, "tagged "+string(e.Outcome))
	}
	if amounts := amountsText(e.Amounts); amounts != "" {
		parts = append(parts, amounts)
	}
	for _, c := range e.Person.Clicks {
		parts = append(parts, clickText(c, q))
	}
	if !e.At.IsZero() {
		parts = append(parts, "event time "+q.stamp(a, e.At))
	}
	for _, f := range e.Flags {
		parts = append(parts, flagText(f))
	}
	return strings.Join(parts, ", ")
}

func amountsText(a conversions.Amounts) string {
	var parts []string
	for _, f := range []struct {
		name  conversions.ValueField
		cents *conversions.Cents
	}{{conversions.FieldEstimated, a.Estimated}, {conversions.FieldActual, a.Actual}, {conversions.FieldRevenue, a.Revenue}} {
		if f.cents != nil {
			parts = append(parts, string(f.name)+" "+f.cents.String())
		}
	}
	return strings.Join(parts, " ")
}

// flagText says what is odd about an event.
func flagText(f conversions.Flag) string {
	switch f {
	case conversions.FlagFuture:
		return "warning: the event's time lay in the future, so its receipt counts"
	case conversions.FlagReusedDelivery:
		return "warning: an earlier delivery with another body had the same delivery id, so each counts"
	default:
		return "warning: " + string(f)
	}
}

// clickText names a click id without giving it away whole.
func clickText(c conversions.FoundClick, q Query) string {
	damage, _ := q.damage(c.Damage)
	switch {
	case c.Unusable:
		return "unusable click id: " + inside(damage)
	case damage != "":
		return fmt.Sprintf("%s %s (%s)", c.Kind, short(c.ID), inside(damage))
	default:
		return fmt.Sprintf("%s %s", c.Kind, short(c.ID))
	}
}

// short keeps the ends of an id, enough for a person to compare, never all of it.
func short(id string) string {
	if len(id) <= 20 {
		return id[:len(id)/4] + "…"
	}
	return id[:8] + "…" + id[len(id)-6:]
}

// decidedText says what is wanted; row is as the decision left it.
func decidedText(e conversions.Entry, row conversions.Row, q Query) string {
	if text := changedText(row, q); text != "" {
		return text
	}
	w := e.Want
	switch {
	case w.Waiting():
		return "not yet: " + w.Reason.Sentence()
	case w.Reason == conversions.ReasonWithdrawn:
		return fmt.Sprintf("no longer wanted: the outcome was tagged %s", w.Outcome)
	case !w.Wanted:
		return "not to be sent: " + w.Reason.Sentence()
	}
	text := "upload " + string(w.Stage) + valueText(*w) + fmt.Sprintf(", %s, conversion time %s, due %s",
		clickSource(w.Click.Kind, w.Click.Rule), q.stamp(row.Key.Account, w.At), q.stamp(row.Key.Account, w.Due))
	if w.Test {
		text += "; test mode: only to be checked"
	}
	if e.Revive {
		text += "; tried again because another click id came"
	}
	return text
}

// changedText says what is to become of a conversion that Google holds or may
// hold; empty for one that was never sent.
func changedText(row conversions.Row, q Query) string {
	w, due := row.Want, q.stamp(row.Key.Account, row.Due)
	op := row.Next()
	switch {
	case op == conversions.OpRestate:
		return "restate " + string(w.Stage) + valueText(w) + ", due " + due
	case op == conversions.OpRetract && w.Reason == conversions.ReasonConsentDenied:
		return withdrawal(row, false) + ", because consent was denied; due " + due + ", unless it is given again before"
	case op == conversions.OpRetract:
		return fmt.Sprintf("%s, because the outcome was tagged %s; due %s, unless it comes back before", withdrawal(row, false), w.Outcome, due)
	case row.State == conversions.StateStuck:
		return stuckText(row)
	case row.Known.Status == conversions.KnownRetracted && w.Wanted:
		return "wanted again; what is retracted cannot come back, so a new conversion stands for it"
	case row.State == conversions.StateDone && w.Wanted:
		return "wanted as Google holds it: " + holds(row)
	default:
		return ""
	}
}

func valueText(w conversions.Want) string {
	if !w.Value.Known {
		return " without a value"
	}
	return fmt.Sprintf(" with %s %s (from %s %s)", w.Value.Cents, w.Currency, w.Field, w.Amount)
}

// clickSource says which click id it is and where it was found.
func clickSource(kind conversions.ClickKind, rule conversions.MatchRule) string {
	switch rule {
	case conversions.MatchOwn:
		return string(kind) + " of the outcome itself"
	case conversions.MatchCall:
		return string(kind) + " of the same call"
	case conversions.MatchPerson:
		return string(kind) + " given by a person"
	case conversions.MatchLanding:
		return string(kind) + " of the call's landing page"
	case conversions.MatchContact:
		return string(kind) + " of the same contact"
	default:
		return string(kind) + " by rule " + string(rule)
	}
}

func answeredText(e conversions.Entry) string {
	text := e.Answer.Verdict.String() + evidenceText(*e.Answer)
	if e.Item != nil {
		text += ", for " + itemText(e)
	}
	if said := withCode(*e.Answer); said != "" {
		text += ": " + said
	}
	if e.Answer.Hint != "" {
		text += " Hint: " + e.Answer.Hint
	}
	return text
}

// itemText says what was sent. The adjustments of the Google Ads API are told
// apart by their time; to the Data Manager API one is the same event anew.
func itemText(e conversions.Entry) string {
	const layout = "2006-01-02 15:04:05 -07:00"
	it := *e.Item
	adjustTime := " with adjustment time " + it.AdjustAt.Format(layout)
	whole := e.Target != nil && e.Target.API == conversions.APIDataManager
	switch {
	case whole && it.Op == conversions.OpRestate:
		return "restating it to " + itemValue(it)
	case whole && it.Op == conversions.OpRetract:
		return "setting its value to 0: " + stillCounted
	case it.Op == conversions.OpRestate:
		return "restating it to " + itemValue(it) + adjustTime
	case it.Op == conversions.OpRetract:
		return "retracting it" + adjustTime
	case it.Isolated:
		return itemValue(it) + " at " + it.At.Format(layout) + " in a small request, so that its own fate shows"
	}
	return itemValue(it) + " at " + it.At.Format(layout)
}

func itemValue(it conversions.Item) string {
	if !it.Value.Known {
		return "the action's default value"
	}
	return it.Value.String() + " " + it.Currency
}
