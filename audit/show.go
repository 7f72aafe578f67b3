package audit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"closeloop/conversions"
)

// Step is one line of a row's history.
type Step struct {
	// At is when it happened; of a request, when it was first sent.
	At time.Time `json:"at"`
	// What is received, sent, or the kind of a ledger entry
	// (conversions.EntryKind); Text says it in words.
	What string `json:"what"`
	Text string `json:"text"`
	// By is who caused it when it was a person, Note why.
	By   string `json:"by,omitempty"`
	Note string `json:"note,omitempty"`
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
	if s.Duplicates, err = twinsOf(ctx, r, &h.Row); err != nil {
		return Result{}, err
	}
	return Result{Tables: []Table{facts(s, q), historyTable(s, q)}, Data: s}, nil
}

// blame adds to a queued row that the newest request that carried it failed as
// a whole, unless it is paused, which says the same.
func (s *Shown) blame(h conversions.History, q Query, paused []conversions.Paused) {
	if len(h.Batches) == 0 || !toBeSent(h.Row) || pauseOf(h.Row, paused) != nil || s.Orphaned {
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
	if s.Generation > 0 {
		add("retracted before", strconv.Itoa(s.Generation)+"; closeloop audit list --lead shows all")
	}
	add("state", string(s.State))
	add("why", s.Why)
	add("hint", s.Hint)
	add("value", withCurrency(s.Value, s.Currency))
	add("at google", withCurrency(s.Known, s.KnownCurrency))
	add("operation", string(s.Next))
	add("conversion time", q.stamp(s.Account, s.At))
	if s.Due != nil && s.State != conversions.StateWaiting {
		add("due", q.stamp(s.Account, *s.Due))
		add("deadline", q.stamp(s.Account, s.Deadline))
	}
	if s.ClickKind != "" {
		add("click id", clickSource(s.ClickKind, s.ClickRule))
	}
	warning, what := q.damage(s.ClickWarning)
	add("click warning", strings.TrimSpace(warning+" "+what))
	for _, d := range s.Duplicates {
		add("possible duplicate", d.text(s.Line, q))
	}
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
