package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"closeloop/conversions"
)

// Summary is the summary report as JSON gives it.
type Summary struct {
	Received []conversions.Received `json:"received"`
	Outcomes []conversions.Total    `json:"outcomes"`
	Paused   []conversions.Paused   `json:"paused,omitempty"`
	// Quarantined is how many deliveries stand in quarantine.
	Quarantined int `json:"quarantined"`
}

func summary() Report {
	return Report{
		Group: "audit", Name: "summary",
		Short:   "Sum up deliveries and outcomes by state and reason",
		Example: "closeloop audit summary --account acme --format json",
		Run:     runSummary,
	}
}

func runSummary(ctx context.Context, r Reader, q Query) (Result, error) {
	var s Summary
	var err error
	if s.Received, err = r.Received(ctx, q.Filter); err != nil {
		return Result{}, fmt.Errorf("count deliveries: %w", err)
	}
	if s.Outcomes, err = r.Totals(ctx, q.Filter); err != nil {
		return Result{}, fmt.Errorf("sum outcomes: %w", err)
	}
	quarantined, err := r.Quarantined(ctx, q.Filter.Account, 0)
	if err != nil {
		return Result{}, fmt.Errorf("count quarantine: %w", err)
	}
	s.Quarantined = len(quarantined)
	if s.Paused, err = pausesOf(ctx, r, q.Filter.Account); err != nil {
		return Result{}, err
	}
	slices.SortStableFunc(s.Outcomes, byState)
	return Result{Tables: []Table{receivedTable(s), outcomesTable(s, q)}, Data: s}, nil
}

func byState(a, b conversions.Total) int {
	order := conversions.States()
	return cmp.Or(
		cmp.Compare(a.Account, b.Account),
		cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State)),
		cmp.Compare(a.Stage.Rank(), b.Stage.Rank()),
		cmp.Compare(a.Reason, b.Reason),
	)
}

func pausesOf(ctx context.Context, r Reader, account conversions.AccountID) ([]conversions.Paused, error) {
	accounts := []conversions.AccountID{account}
	if account == "" {
		var err error
		if accounts, err = r.Accounts(ctx); err != nil {
			return nil, fmt.Errorf("list accounts: %w", err)
		}
	}
	var all []conversions.Paused
	for _, a := range accounts {
		ps, err := r.Pauses(ctx, a)
		if err != nil {
			return nil, fmt.Errorf("read pauses: %w", err)
		}
		all = append(all, ps...)
	}
	return all, nil
}

func receivedTable(s Summary) Table {
	t := Table{Title: "Received", Columns: []string{"account", "source", "event", "outcome", "deliveries"}}
	for _, r := range s.Received {
		t.Rows = append(t.Rows, []string{
			string(r.Account), r.Source, string(r.Kind), string(r.Outcome), strconv.Itoa(r.Events),
		})
	}
	if s.Quarantined > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d more in quarantine: closeloop quarantine list", s.Quarantined))
	}
	return t
}

func outcomesTable(s Summary, q Query) Table {
	t := Table{Title: "Outcomes", Columns: []string{"account", "stage", "state", "reason", "outcomes", "wanted", "at google"}}
	for _, o := range s.Outcomes {
		t.Rows = append(t.Rows, []string{
			string(o.Account), string(o.Stage), string(o.State), string(o.Reason), strconv.Itoa(o.Rows),
			o.Wanted.String() + " " + o.Currency, o.Known.String() + " " + o.Currency,
		})
	}
	for _, p := range s.Paused {
		t.Notes = append(t.Notes, pauseNote(p, q))
	}
	for a, m := range q.Modes {
		if m == conversions.ModeTest {
			t.Notes = append(t.Notes, fmt.Sprintf("Account %s is in test mode: nothing is really sent.", a))
		}
	}
	slices.Sort(t.Notes)
	return t
}

func pauseNote(p conversions.Paused, q Query) string {
	what := "Account " + string(p.Account)
	if p.Action != "" {
		what += ", conversion action " + p.Action + ","
	}
	return fmt.Sprintf("%s is paused since %s: %s %s Tried again %s.", what,
		q.stamp(p.Account, p.Since), p.Answer.Sentence, p.Answer.Hint, q.stamp(p.Account, p.ProbeAt))
}
