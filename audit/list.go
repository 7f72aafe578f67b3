package audit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"closeloop/conversions"
)

// Line is one row of the list, as JSON gives it. Amounts are exact decimals in
// major units, "2500.00"; times are RFC 3339 in UTC.
type Line struct {
	// ID is the row's number, unique in the store.
	ID conversions.RowID `json:"id"`
	// Account is the account's name, Mode its mode in the configuration now.
	Account conversions.AccountID `json:"account"`
	Mode    conversions.Mode      `json:"mode,omitempty"`
	// Orphaned is true when the account is not configured any more, so that
	// nothing sends the row, or the source does not belong to it any more.
	Orphaned bool `json:"orphaned,omitempty"`
	// Source is the source's key and Lead its call session id.
	Source string             `json:"source"`
	Lead   conversions.LeadID `json:"lead"`
	// Generation counts the conversions of the stage that were retracted before
	// this one.
	Generation int `json:"generation,omitempty"`
	// Stage is "booked" or "quoted". State is one of conversions.States, and
	// Reason a conversions.Reason where the state has one.
	Stage  conversions.Stage  `json:"stage"`
	State  conversions.State  `json:"state"`
	Reason conversions.Reason `json:"reason,omitempty"`
	// Why is the sentence a person reads, Hint what to do about it, Code
	// Google's code, of the last answer or of the pause that holds the row up.
	Why  string `json:"why"`
	Hint string `json:"hint,omitempty"`
	Code string `json:"code,omitempty"`
	// Wanted is true when Google should hold the conversion.
	Wanted bool `json:"wanted"`
	// Value is what the outcome is worth, after its share, in Currency; empty
	// when it has no amount.
	Value    string `json:"value,omitempty"`
	Currency string `json:"currency"`
	// Known is what Google is known to hold: an amount in KnownCurrency,
	// "default" for the action's default value, "unknown", or empty for
	// nothing.
	Known         string `json:"known,omitempty"`
	KnownCurrency string `json:"known_currency,omitempty"`
	// Next is the operation that would make Google hold what is wanted:
	// "upload", "restate" or "retract"; empty when none is to be sent.
	Next conversions.Operation `json:"operation,omitempty"`
	// At is the conversion time, the one Google holds once it does. Due is when
	// the row is looked at next, null when it is not. Sending the next operation
	// stops at Deadline.
	At       time.Time  `json:"conversion_time"`
	Due      *time.Time `json:"due,omitempty"`
	Deadline time.Time  `json:"deadline"`
	OrderID  string     `json:"order_id"`
	// ClickKind is "gclid", "gbraid" or "wbraid", ClickRule by what it was
	// found to belong to the outcome, ClickWarning a suspected damage.
	ClickKind    conversions.ClickKind `json:"click_kind,omitempty"`
	ClickRule    conversions.MatchRule `json:"click_rule,omitempty"`
	ClickWarning string                `json:"click_warning,omitempty"`
	// Duplicates are outcomes that may be the same job, tagged on another call
	// of the same contact. Only "list" and "show" look for them.
	Duplicates []Duplicate `json:"possible_duplicates,omitempty"`
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
	t := Table{Columns: []string{
		"id", "account", "lead", "stage", "state", "value", "at google", "currency", "conversion time", "why",
	}, Numbers: []int{0, 5, 6}}
	return Result{Tables: []Table{t}, Items: func(yield func(Item, error) bool) {
		v := viewOf(r, q)
		m := marker{r: r, stage: q.Filter.Stage, accounts: map[conversions.AccountID]*ahead{}}
		for row, err := range rowsOf(ctx, r, q.Filter) {
			var l Line
			if err == nil {
				l, err = v.line(ctx, *row)
			}
			if err == nil {
				l.Duplicates, err = m.of(ctx, row)
			}
			if !yield(Item{Cells: l.cells(q), Data: l}, err) || err != nil {
				return
			}
		}
		v.end(yield, "No outcome matches.", "")
	}}, nil
}

// view is what is needed to show rows, and who was shown.
type view struct {
	r      Reader
	q      Query
	paused map[conversions.AccountID][]conversions.Paused
	notes  []string // about accounts
	rows   int
}

func viewOf(r Reader, q Query) *view {
	return &view{r: r, q: q, paused: map[conversions.AccountID][]conversions.Paused{}}
}

// line shows a row. The pauses of an account are read when its first row comes.
func (v *view) line(ctx context.Context, row conversions.Row) (Line, error) {
	a := row.Key.Account
	if _, seen := v.paused[a]; !seen {
		paused, err := v.r.Pauses(ctx, a)
		if err != nil {
			return Line{}, fmt.Errorf("read pauses: %w", err)
		}
		v.paused[a] = paused
		if v.q.Modes[a] == conversions.ModeTest {
			v.notes = append(v.notes, testNote(a))
		}
	}
	v.rows++
	return line(row, v.q, v.paused[a]), nil
}

// end hands over the notes: none says that there were no rows, some whatever is
// to be said of those there were.
func (v *view) end(yield func(Item, error) bool, none, some string) {
	last := some
	if v.rows == 0 {
		last = none
	}
	for _, note := range append(v.notes, last) {
		if note != "" && !yield(Item{Note: note}, nil) {
			return
		}
	}
}

func line(row conversions.Row, q Query, paused []conversions.Paused) Line {
	l := Line{
		ID: row.ID, Account: row.Key.Account, Mode: q.Modes[row.Key.Account],
		Orphaned: q.orphaned(row.Key),
		Source:   row.Key.Source, Lead: row.Key.Lead, Generation: row.Key.Generation, Stage: row.Key.Stage,
		State: row.State, Reason: row.Reason, Why: explain(row, q, paused),
		Next: row.Next(), Wanted: row.Want.Wanted, Value: major(row.Want.Value), Currency: row.Want.Currency,
		Known: known(row), KnownCurrency: row.Known.Currency,
		At: conversionTime(row), Due: nullTime(row.Due), Deadline: row.Deadline().UTC(), OrderID: row.OrderID,
		ClickKind: row.Want.Click.Kind, ClickRule: row.Want.Click.Rule, ClickWarning: row.Want.Click.Damage,
	}
	if row.Want.Reason == conversions.ReasonNoAction {
		l.Value = "" // without rules for the stage nobody knows its share
	}
	if l.Known == "" {
		l.KnownCurrency = ""
	}
	if a := blamed(row, paused); a != nil {
		l.Code, l.Hint = a.Code, a.Hint
	}
	if l.Hint == "" || row.State == conversions.StatePerson { // Google's own hint may say to wait
		l.Hint = hint(row)
	}
	return l
}

// conversionTime is the time that Google holds, else the one that is wanted.
func conversionTime(row conversions.Row) time.Time {
	switch row.Known.Status {
	case conversions.KnownThere, conversions.KnownThereValue, conversions.KnownUnanswered, conversions.KnownRetracted:
		return row.Known.At.UTC()
	case conversions.KnownNothing, conversions.KnownRefused:
	}
	return row.Want.At
}

// blamed is the answer that keeps a row from being done, if one does.
func blamed(row conversions.Row, paused []conversions.Paused) *conversions.Answer {
	if p := pauseOf(row, paused); p != nil {
		return &p.Answer
	}
	switch {
	case row.State == conversions.StateChangeDue, row.State == conversions.StateStuck:
		return lastOfChange(row)
	case row.Held, row.Last == nil, row.Last.Verdict == conversions.Done:
		return nil
	case row.State == conversions.StateQueued, row.State == conversions.StateRefused, row.State == conversions.StatePerson,
		row.State == conversions.StateUnclear:
		return row.Last
	default:
		return nil
	}
}

func (l Line) cells(q Query) []string {
	return []string{
		strconv.FormatInt(int64(l.ID), 10), string(l.Account), string(l.Lead), string(l.Stage), string(l.State),
		l.Value, l.atGoogle(), l.Currency, q.stamp(l.Account, l.At), l.Why + shortly(l.Duplicates),
	}
}

// atGoogle is what Google holds, with its currency only where that is not the
// row's.
func (l Line) atGoogle() string {
	if l.KnownCurrency == "" || l.KnownCurrency == l.Currency {
		return l.Known
	}
	return l.Known + " " + l.KnownCurrency
}
