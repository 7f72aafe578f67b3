package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"closeloop/conversions"
)

// Step is one line of a row's history.
type Step struct {
	// At is when it happened; of a request, when it was first sent.
	At time.Time `json:"at"`
	// What is received, decided, sent, answered, tested, closed or unanswered;
	// Text says it in words.
	What string `json:"what"`
	Text string `json:"text"`
	// Entry is the ledger's, Event the log's sequence number.
	Entry int64 `json:"entry,omitempty"`
	Event int64 `json:"event,omitempty"`
	// Batch is the request, RequestID and JobID are Google's names for it.
	Batch     conversions.BatchID `json:"batch,omitempty"`
	RequestID string              `json:"request_id,omitempty"`
	JobID     int64               `json:"job_id,omitempty"`
}

// Shown is the report on one row as JSON gives it.
type Shown struct {
	Line
	// Version grows with every decision on the row.
	Version int64 `json:"version"`
	// Steps are in the order in which they happened.
	Steps []Step `json:"history"`
}

func show() Report {
	return Report{
		Group: "audit", Name: "show", Subject: "ROW",
		Short:   "Show one outcome with its whole history; ROW is its id or its order id",
		Example: "closeloop audit show 17",
		Run:     runShow,
	}
}

func runShow(ctx context.Context, r Reader, q Query) (Result, error) {
	h, err := find(ctx, r, q)
	if err != nil {
		return Result{}, err
	}
	paused, err := r.Pauses(ctx, h.Row.Key.Account)
	if err != nil {
		return Result{}, fmt.Errorf("read pauses: %w", err)
	}
	s := Shown{Line: line(h.Row, q, paused), Version: h.Row.Version, Steps: steps(h, q)}
	s.blame(h, q, paused)
	return Result{Tables: []Table{facts(s, q), historyTable(s, q)}, Data: s}, nil
}

// blame adds to a queued row that the newest request that carried it failed as
// a whole, unless it is paused, which says the same.
func (s *Shown) blame(h conversions.History, q Query, paused []conversions.Paused) {
	if len(h.Batches) == 0 || h.Row.State != conversions.StateQueued || pauseOf(h.Row, paused) != nil || s.Orphaned {
		return
	}
	call := h.Batches[len(h.Batches)-1].Call
	if call == nil {
		return
	}
	s.Why = "The last request failed: " + withCode(*call) + " " + dueText(h.Row, q)
	s.Code, s.Hint = call.Code, call.Hint
}

// find reads the row that the subject names. Row numbers are looked for in
// every account the store knows.
func find(ctx context.Context, r Reader, q Query) (conversions.History, error) {
	id, err := strconv.ParseInt(q.Subject, 10, 64)
	if err != nil {
		return findByOrder(ctx, r, q)
	}
	accounts := []conversions.AccountID{q.Filter.Account}
	if q.Filter.Account == "" {
		if accounts, err = r.Accounts(ctx); err != nil {
			return conversions.History{}, fmt.Errorf("list accounts: %w", err)
		}
	}
	for _, a := range accounts {
		h, err := r.History(ctx, a, conversions.RowID(id))
		if !errors.Is(err, conversions.ErrNotFound) {
			return h, wrap(err)
		}
	}
	return conversions.History{}, fmt.Errorf("row %s: %w", q.Subject, conversions.ErrNotFound)
}

func findByOrder(ctx context.Context, r Reader, q Query) (conversions.History, error) {
	if q.Subject == "" { // to the filter that would be every order id
		return conversions.History{}, fmt.Errorf("row %q: %w", "", conversions.ErrNotFound)
	}
	rows, err := r.List(ctx, conversions.Filter{Account: q.Filter.Account, OrderID: q.Subject, Limit: 1})
	if err != nil {
		return conversions.History{}, fmt.Errorf("look up order id: %w", err)
	}
	if len(rows) == 0 {
		return conversions.History{}, fmt.Errorf("row %q: %w", q.Subject, conversions.ErrNotFound)
	}
	h, err := r.History(ctx, rows[0].Key.Account, rows[0].ID)
	return h, wrap(err)
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read history: %w", err)
}

// steps puts events, decisions, requests and answers in the order in which
// they happened.
func steps(h conversions.History, q Query) []Step {
	ss := []Step{}
	for _, e := range conversions.FlagReused(h.Events) {
		ss = append(ss, Step{At: e.Received, What: "received", Text: eventText(e, q, h.Row.Key.Account), Event: e.Seq})
	}
	for _, b := range h.Batches {
		ss = append(ss, sentStep(b))
	}
	for _, e := range h.Entries {
		ss = append(ss, entryStep(e, h, q))
	}
	slices.SortStableFunc(ss, func(a, b Step) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(rank(a.What), rank(b.What)))
	})
	return ss
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

func entryStep(e conversions.Entry, h conversions.History, q Query) Step {
	s := Step{At: e.At, What: string(e.Kind), Entry: e.Seq, Batch: e.Batch}
	switch e.Kind {
	case conversions.EntryDecided:
		s.Text = decidedText(e, q, h.Row.Key.Account)
	case conversions.EntryAnswered:
		s.Text = answeredText(e)
	case conversions.EntryTested:
		s.Text = "only checked, nothing is really sent: " + answeredText(e)
	case conversions.EntryClosed:
		s.Text = e.Reason.Sentence()
	case conversions.EntryUnanswered:
		s.Text = conversions.ReasonUnanswered.Sentence()
	case conversions.EntrySent, conversions.EntryPaused, conversions.EntryResumed:
	}
	return s
}

func eventText(e conversions.Event, q Query, a conversions.AccountID) string {
	parts := []string{string(e.Kind)}
	if e.Outcome != "" {
		parts = append(parts, "tagged "+string(e.Outcome))
	}
	if amounts := amountsText(e.Amounts); amounts != "" {
		parts = append(parts, amounts)
	}
	for _, c := range e.Person.Clicks {
		parts = append(parts, clickText(c))
	}
	if !e.At.IsZero() {
		parts = append(parts, "event time "+q.stamp(a, e.At))
	}
	for _, f := range e.Flags {
		parts = append(parts, "flag "+string(f))
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

// clickText names a click id without giving it away whole.
func clickText(c conversions.FoundClick) string {
	switch {
	case c.Unusable:
		return "unusable click id: " + c.Damage
	case c.Damage != "":
		return fmt.Sprintf("%s %s (%s)", c.Kind, short(c.ID), c.Damage)
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

func decidedText(e conversions.Entry, q Query, a conversions.AccountID) string {
	w := e.Want
	switch {
	case w.Waiting():
		return "not yet: " + w.Reason.Sentence()
	case w.Reason == conversions.ReasonWithdrawn:
		return fmt.Sprintf("no longer wanted: the outcome was tagged %s", w.Outcome)
	case !w.Wanted:
		return "not to be sent: " + w.Reason.Sentence()
	}
	text := "upload " + string(w.Stage)
	if w.Value.Known {
		text += fmt.Sprintf(" with %s %s (from %s %s)", w.Value.Cents, w.Currency, w.Field, w.Amount)
	} else {
		text += " without a value"
	}
	text += fmt.Sprintf(", %s, conversion time %s, due %s",
		clickSource(w.Click.Kind, w.Click.Rule), q.stamp(a, w.At), q.stamp(a, w.Due))
	if w.Test {
		text += "; test mode: only to be checked"
	}
	if e.Revive {
		text += "; tried again because another click id came"
	}
	return text
}

// clickSource says which click id it is and where it was found.
func clickSource(kind conversions.ClickKind, rule conversions.MatchRule) string {
	switch rule {
	case conversions.MatchOwn:
		return string(kind) + " of the outcome itself"
	case conversions.MatchCall:
		return string(kind) + " of the same call"
	case conversions.MatchLanding:
		return string(kind) + " of the call's landing page"
	default:
		return string(kind) + " by rule " + string(rule)
	}
}

func answeredText(e conversions.Entry) string {
	text := e.Answer.Verdict.String()
	if e.Item != nil {
		text += fmt.Sprintf(", for %s at %s", itemValue(*e.Item), e.Item.At.Format("2006-01-02 15:04:05 -07:00"))
	}
	if said := withCode(*e.Answer); said != "" {
		text += ": " + said
	}
	if e.Answer.Hint != "" {
		text += " Hint: " + e.Answer.Hint
	}
	return text
}

func itemValue(it conversions.Item) string {
	if !it.Value.Known {
		return "the action's default value"
	}
	return it.Value.String() + " " + it.Currency
}

func facts(s Shown, q Query) Table {
	t := Table{Title: fmt.Sprintf("Outcome %d", s.ID), Columns: []string{"", ""}}
	add := func(name, value string) {
		if value != "" {
			t.Rows = append(t.Rows, []string{name, value})
		}
	}
	add("account", string(s.Account)+modeText(s.Mode))
	add("source", s.Source)
	add("lead", string(s.Lead))
	add("stage", string(s.Stage))
	add("state", string(s.State))
	add("why", s.Why)
	add("hint", s.Hint)
	add("value", withCurrency(s.Value, s.Currency))
	add("at google", withCurrency(s.Known, s.KnownCurrency))
	add("conversion time", q.stamp(s.Account, s.At))
	if s.Due != nil && s.State != conversions.StateWaiting {
		add("due", q.stamp(s.Account, *s.Due))
		add("deadline", q.stamp(s.Account, s.Deadline))
	}
	if s.ClickKind != "" {
		add("click id", clickSource(s.ClickKind, s.ClickRule))
	}
	add("click warning", s.ClickWarning)
	add("order id", s.OrderID)
	return t
}

// withCurrency adds the currency to an amount; what is no amount stays a word.
func withCurrency(amount, currency string) string {
	switch amount {
	case "":
		return ""
	case "default":
		return "the action's default value"
	case "unknown":
		return "an unknown value"
	default:
		return amount + " " + currency
	}
}

func modeText(m conversions.Mode) string {
	if m == conversions.ModeTest {
		return " (test mode: nothing is really sent)"
	}
	return ""
}

func historyTable(s Shown, q Query) Table {
	t := Table{Title: "History", Columns: []string{"when", "what", "request id", "job id", "details"}}
	for _, st := range s.Steps {
		job := ""
		if st.JobID != 0 {
			job = strconv.FormatInt(st.JobID, 10)
		}
		t.Rows = append(t.Rows, []string{q.stamp(s.Account, st.At), st.What, st.RequestID, job, st.Text})
	}
	return t
}
