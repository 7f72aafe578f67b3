package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"closeloop/conversions"
)

// Summary is the summary report as JSON gives it.
type Summary struct {
	// Received counts deliveries that were stored, by kind and outcome.
	Received []conversions.Received `json:"received"`
	// Outcomes sums rows up.
	Outcomes []Sum `json:"outcomes"`
	// Paused are the accounts and conversion actions to which nothing is sent.
	Paused []Pause `json:"paused,omitempty"`
	// Quarantined is how many deliveries in quarantine nobody has decided
	// about.
	Quarantined int `json:"quarantined"`
}

// Sum is the rows of one account and currency that stand in the same state for
// the same reason.
type Sum struct {
	Account  conversions.AccountID `json:"account"`
	Stage    conversions.Stage     `json:"stage"`
	State    conversions.State     `json:"state"`
	Reason   conversions.Reason    `json:"reason,omitempty"`
	Currency string                `json:"currency"`
	// Rows is how many outcomes these are.
	Rows int `json:"rows"`
	// Wanted is the sum of what Google should hold, Known of what it is known
	// to hold, in major units as in Line.
	Wanted string `json:"wanted"`
	Known  string `json:"known"`
}

// Pause is a stop of sending.
type Pause struct {
	Account conversions.AccountID `json:"account"`
	// Action is the conversion action's number, empty for the whole account.
	Action string `json:"action,omitempty"`
	// Since is when sending stopped, ProbeAt when one row is tried again.
	Since   time.Time `json:"since"`
	ProbeAt time.Time `json:"probe_at"`
	// Why is what Google's answer means, Hint what to do, Code its code.
	Why  string `json:"why"`
	Hint string `json:"hint,omitempty"`
	Code string `json:"code,omitempty"`
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
	totals, err := r.Totals(ctx, q.Filter)
	if err != nil {
		return Result{}, fmt.Errorf("sum outcomes: %w", err)
	}
	held, err := r.Quarantined(ctx, q.Filter.Account, 0)
	if err != nil {
		return Result{}, fmt.Errorf("count quarantine: %w", err)
	}
	s.Quarantined = len(undecided(held))
	if s.Paused, err = pausesOf(ctx, r, q); err != nil {
		return Result{}, err
	}
	slices.SortStableFunc(totals, byState)
	s.Outcomes = sums(totals)
	if s.Received == nil {
		s.Received = []conversions.Received{}
	}
	return Result{Tables: []Table{receivedTable(s), outcomesTable(s, q)}, Data: s}, nil
}

func sums(totals []conversions.Total) []Sum {
	out := make([]Sum, len(totals))
	for i, t := range totals {
		out[i] = Sum{
			Account: t.Account, Stage: t.Stage, State: t.State, Reason: t.Reason, Currency: t.Currency,
			Rows: t.Rows, Wanted: t.Wanted.String(), Known: t.Known.String(),
		}
	}
	return out
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

func pausesOf(ctx context.Context, r Reader, q Query) ([]Pause, error) {
	accounts := []conversions.AccountID{q.Filter.Account}
	if q.Filter.Account == "" {
		var err error
		if accounts, err = r.Accounts(ctx); err != nil {
			return nil, fmt.Errorf("list accounts: %w", err)
		}
	}
	var all []Pause
	for _, a := range accounts {
		ps, err := r.Pauses(ctx, a)
		if err != nil {
			return nil, fmt.Errorf("read pauses: %w", err)
		}
		for _, p := range ps {
			all = append(all, Pause{
				Account: p.Account, Action: p.Action, Since: p.Since.UTC(), ProbeAt: p.ProbeAt.UTC(),
				Why: withCode(p.Answer), Hint: p.Answer.Hint, Code: p.Answer.Code,
			})
		}
	}
	return all, nil
}

func receivedTable(s Summary) Table {
	t := Table{Title: "Received", Columns: []string{"account", "source", "event", "outcome", "deliveries"}, Numbers: []int{4}}
	for _, r := range s.Received {
		t.Rows = append(t.Rows, []string{
			string(r.Account), r.Source, string(r.Kind), string(r.Outcome), strconv.Itoa(r.Events),
		})
	}
	if len(s.Received) == 0 {
		t.Notes = append(t.Notes, "No delivery was recorded.")
	}
	if s.Quarantined > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("In quarantine, because they could not be read: %d. See closeloop quarantine list.", s.Quarantined))
	}
	return t
}

func outcomesTable(s Summary, q Query) Table {
	t := Table{
		Title:   "Outcomes",
		Columns: []string{"account", "stage", "state", "reason", "outcomes", "wanted", "at google", "currency"},
		Numbers: []int{4, 5, 6},
	}
	for _, o := range s.Outcomes {
		t.Rows = append(t.Rows, []string{
			string(o.Account), string(o.Stage), string(o.State), string(o.Reason), strconv.Itoa(o.Rows), o.Wanted, o.Known, o.Currency,
		})
	}
	if len(s.Outcomes) == 0 {
		t.Notes = append(t.Notes, "No outcome matches.")
	}
	t.Notes = append(t.Notes, processingNotes(s.Outcomes)...)
	for _, p := range s.Paused {
		t.Notes = append(t.Notes, pauseNote(p, q))
	}
	for _, a := range slices.Sorted(maps.Keys(q.Modes)) {
		if q.Modes[a] == conversions.ModeTest && (q.Filter.Account == "" || q.Filter.Account == a) {
			t.Notes = append(t.Notes, testNote(a))
		}
	}
	return t
}

func pauseNote(p Pause, q Query) string {
	what := "account " + string(p.Account)
	if p.Action != "" {
		what = "conversion action " + p.Action + " of " + what
	}
	since := q.stamp(p.Account, p.Since)
	if p.ProbeAt.Sub(p.Since) < aYear {
		since += ", and tried again at " + q.stamp(p.Account, p.ProbeAt)
	}
	return strings.TrimSpace(fmt.Sprintf("Sending to %s is paused since %s: %s %s", what, since, p.Why, p.Hint))
}

func testNote(a conversions.AccountID) string {
	return fmt.Sprintf("Account %s is in test mode: nothing is really sent.", a)
}
