package scheduler

import (
	"context"
	"fmt"

	"closeloop/conversions"
)

// ReplayReport is what folding stored events again would change, or changed.
type ReplayReport struct {
	Account conversions.AccountID `json:"account"`
	// Applied is true when the decisions were stored; the operations follow
	// when they are due.
	Applied bool `json:"applied"`
	// Leads is how many were folded, Changed how many rows would stand
	// otherwise than now.
	Leads   int `json:"leads"`
	Changed int `json:"changed"`
	// Operations counts what the changed rows would be sent as: upload,
	// restate, retract, or nothing.
	Operations map[string]int `json:"operations"`
	// Rows are up to SampleRows of the changes.
	Rows []ReplayRow `json:"rows,omitempty"`
}

// ReplayRow is one change.
type ReplayRow struct {
	Key  conversions.Key       `json:"key"`
	From conversions.State     `json:"from,omitempty"`
	To   conversions.State     `json:"to"`
	Next conversions.Operation `json:"operation,omitempty"`
	Was  conversions.Amount    `json:"was"`
	Want conversions.Amount    `json:"want"`
	Why  conversions.Reason    `json:"reason,omitempty"`
}

// SampleRows is how many changes a replay lists.
const SampleRows = 20

// Replay folds stored events again under today's rules: also of conversions
// that were sent. With apply it stores what that comes to; without, nothing
// changes.
func (s *Scheduler) Replay(ctx context.Context, id conversions.AccountID, q conversions.ReplayQuery, apply bool) (ReplayReport, error) {
	report := ReplayReport{Account: id, Applied: apply, Operations: map[string]int{}}
	a, ok := s.accounts[id]
	if !ok {
		return report, fmt.Errorf("account %s: %w", id, ErrUnknownAccount)
	}
	held, release := ctx, func() {}
	if apply {
		var err error
		if held, release, err = s.waitForLease(ctx, a); err != nil {
			return report, err
		}
	}
	defer release()
	rules, err := s.rules(held, a)
	if err != nil {
		return report, err
	}
	q.Limit = leadsAtOnce
	for more := true; more; {
		if more, err = s.replayPage(held, a, &q, rules, &report); err != nil {
			return report, err
		}
	}
	return report, nil
}

// replayPage folds one page of leads again and moves the query behind it.
// Nothing is folded meanwhile: a decision made from rows that have changed
// since would write over them.
func (s *Scheduler) replayPage(ctx context.Context, a *account, q *conversions.ReplayQuery, rules conversions.Rules, report *ReplayReport) (more bool, err error) {
	a.fold.Lock()
	defer a.fold.Unlock()
	works, err := s.cfg.Store.Leads(ctx, a.id, *q)
	if err != nil {
		return false, fmt.Errorf("read leads: %w", err)
	}
	if len(works) == 0 {
		return false, nil
	}
	ds, err := s.replayed(ctx, works, rules, report)
	if err != nil {
		return false, err
	}
	if report.Applied && len(ds) > 0 {
		if err := s.cfg.Store.Decide(ctx, a.keeper.current(), ds); err != nil {
			return false, fmt.Errorf("store decisions: %w", err)
		}
	}
	last := works[len(works)-1]
	q.AfterSource, q.AfterLead = last.Source, last.Lead
	return true, nil
}

// replayed decides leads anew and counts what that changes.
func (s *Scheduler) replayed(ctx context.Context, works []conversions.LeadWork, rules conversions.Rules, report *ReplayReport) ([]conversions.Decision, error) {
	var ds []conversions.Decision
	for _, w := range works {
		report.Leads++
		d, err := s.decide(ctx, w, rules, s.cfg.Now(), conversions.Row.Replay)
		if err != nil {
			return nil, err
		}
		for _, e := range d.Entries {
			report.note(rowOf(w, e), e)
		}
		if len(d.Entries) > 0 {
			ds = append(ds, d)
		}
	}
	return ds, nil
}

func (r *ReplayReport) note(before conversions.Row, e conversions.Entry) {
	after := before.Apply(e)
	r.Changed++
	op := string(after.Next())
	if op == "" {
		op = "nothing"
	}
	r.Operations[op]++
	if len(r.Rows) < SampleRows {
		r.Rows = append(r.Rows, ReplayRow{
			Key: after.Key, From: before.State, To: after.State, Next: after.Next(),
			Was: before.Known.Value, Want: after.Want.Value, Why: after.Reason,
		})
	}
}
