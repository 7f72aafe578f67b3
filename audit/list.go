package audit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"closeloop/conversions"
)

// Line is one row of the list, as JSON gives it.
type Line struct {
	ID      conversions.RowID     `json:"id"`
	Account conversions.AccountID `json:"account"`
	Mode    conversions.Mode      `json:"mode,omitempty"`
	// Orphaned is true when the account or the source is not configured any
	// more.
	Orphaned bool               `json:"orphaned,omitempty"`
	Source   string             `json:"source"`
	Lead     conversions.LeadID `json:"lead"`
	Stage    conversions.Stage  `json:"stage"`
	State    conversions.State  `json:"state"`
	Reason   conversions.Reason `json:"reason,omitempty"`
	// Why is the sentence a person reads.
	Why  string `json:"why"`
	Hint string `json:"hint,omitempty"`
	Code string `json:"code,omitempty"`
	// Wanted and Known are amounts in major units, empty for none.
	Wanted   string     `json:"wanted,omitempty"`
	Known    string     `json:"known,omitempty"`
	Currency string     `json:"currency"`
	At       time.Time  `json:"conversion_time"`
	Due      *time.Time `json:"due,omitempty"`
	Deadline time.Time  `json:"deadline"`
	OrderID  string     `json:"order_id"`
	Click    string     `json:"click,omitempty"` // the kind of click id and how it was matched
	Damage   string     `json:"click_warning,omitempty"`
}

func list() Report {
	return Report{
		Group: "audit", Name: "list",
		Short:   "List outcomes: what was uploaded, what was not and why, what is due when",
		Example: "closeloop audit list --state refused --from 2026-11-01",
		Run:     runList,
	}
}

func runList(ctx context.Context, r Reader, q Query) (Result, error) {
	rows, err := r.List(ctx, q.Filter)
	if err != nil {
		return Result{}, fmt.Errorf("list rows: %w", err)
	}
	paused, err := allPauses(ctx, r, rows)
	if err != nil {
		return Result{}, err
	}
	lines := make([]Line, len(rows))
	t := Table{Columns: []string{
		"id", "account", "lead", "stage", "state", "wanted", "at google", "conversion time", "why",
	}}
	for i, row := range rows {
		lines[i] = line(row, q, paused)
		t.Rows = append(t.Rows, lines[i].cells(q))
	}
	t.Notes = modeNotes(q, rows)
	if len(rows) == 0 {
		t.Notes = append(t.Notes, "No outcome matches.")
	}
	return Result{Tables: []Table{t}, Data: lines}, nil
}

func line(row conversions.Row, q Query, paused []conversions.Paused) Line {
	l := Line{
		ID: row.ID, Account: row.Key.Account, Mode: q.Modes[row.Key.Account],
		Orphaned: q.orphaned(row.Key),
		Source:   row.Key.Source, Lead: row.Key.Lead, Stage: row.Key.Stage,
		State: row.State, Reason: row.Reason, Why: explain(row, q, paused),
		Wanted: wanted(row), Known: known(row), Currency: row.Want.Currency,
		At: row.Want.At, Due: nullTime(row.Due), Deadline: row.Want.Deadline, OrderID: row.OrderID,
		Damage: row.Want.Click.Damage,
	}
	if !row.Want.Click.IsZero() {
		l.Click = string(row.Want.Click.Kind) + " by " + string(row.Want.Click.Rule)
	}
	if row.Last != nil && row.State != conversions.StateDone {
		l.Code, l.Hint = row.Last.Code, row.Last.Hint
	}
	return l
}

func wanted(row conversions.Row) string {
	if !row.Want.Value.Known {
		return ""
	}
	return row.Want.Value.Cents.String() + " " + row.Want.Currency
}

func (l Line) cells(q Query) []string {
	account := string(l.Account)
	if l.Orphaned {
		account += " (orphaned)"
	}
	return []string{
		strconv.FormatInt(int64(l.ID), 10), account, string(l.Lead), string(l.Stage), string(l.State),
		l.Wanted, l.Known, q.stamp(l.Account, l.At), l.Why,
	}
}

// allPauses reads the pauses of every account among the rows.
func allPauses(ctx context.Context, r Reader, rows []conversions.Row) ([]conversions.Paused, error) {
	var all []conversions.Paused
	seen := map[conversions.AccountID]bool{}
	for _, row := range rows {
		if seen[row.Key.Account] {
			continue
		}
		seen[row.Key.Account] = true
		ps, err := r.Pauses(ctx, row.Key.Account)
		if err != nil {
			return nil, fmt.Errorf("read pauses: %w", err)
		}
		all = append(all, ps...)
	}
	return all, nil
}

// modeNotes says which of the accounts shown only test.
func modeNotes(q Query, rows []conversions.Row) []string {
	var notes []string
	seen := map[conversions.AccountID]bool{}
	for _, row := range rows {
		a := row.Key.Account
		if !seen[a] && q.Modes[a] == conversions.ModeTest {
			notes = append(notes, fmt.Sprintf("Account %s is in test mode: nothing is really sent.", a))
		}
		seen[a] = true
	}
	return notes
}
