package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"closeloop/conversions"
)

// SoonExpired is how long before its deadline an outcome counts as about to
// expire: a week leaves a person time to mend what holds it up.
const SoonExpired = 7 * 24 * time.Hour

func expiring() Report {
	return Report{
		Group: "audit", Name: "expiring",
		Short:   "List outcomes that cannot be sent any more in a week, nearest deadline first",
		Example: "closeloop audit expiring --account acme",
		Run:     runExpiring,
	}
}

func runExpiring(ctx context.Context, r Reader, q Query) (Result, error) {
	rows, err := expiringRows(ctx, r, q)
	if err != nil {
		return Result{}, err
	}
	v := viewOf(r, q)
	lines := make([]Line, len(rows))
	t := Table{Columns: []string{
		"id", "account", "lead", "stage", "state", "operation", "value", "at google", "currency", "deadline", "left", "why",
	}, Numbers: []int{0, 6, 7, 10}}
	for i, row := range rows {
		l, err := v.line(ctx, row)
		if err != nil {
			return Result{}, err
		}
		lines[i] = l
		t.Rows = append(t.Rows, []string{
			strconv.FormatInt(int64(l.ID), 10), string(l.Account), string(l.Lead), string(l.Stage), string(l.State), string(l.Next),
			l.Value, l.atGoogle(), l.Currency, q.stamp(l.Account, l.Deadline), left(l.Deadline.Sub(q.Now)), l.Why,
		})
	}
	t.Notes = v.notes
	if len(rows) == 0 {
		t.Notes = append(t.Notes, "Nothing is about to expire.")
	}
	return Result{Tables: []Table{t}, Data: lines}, nil
}

// expiringRows are the rows that wait for something and whose deadline is
// near, nearest first. All that waits in a state is read at once: by its due
// times it is found whatever else there is, in pages only along all rows.
func expiringRows(ctx context.Context, r Reader, q Query) ([]conversions.Row, error) {
	var soon []conversions.Row
	for _, state := range []conversions.State{conversions.StateQueued, conversions.StateWaiting, conversions.StateChangeDue} {
		f := q.Filter
		f.State, f.Limit = state, 0
		if q.Filter.State != "" && q.Filter.State != state {
			continue
		}
		rows, err := r.List(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("list rows: %w", err)
		}
		for _, row := range rows {
			if row.Deadline().Sub(q.Now) <= SoonExpired {
				soon = append(soon, row)
			}
		}
	}
	return nearest(soon, q.Filter.Limit), nil
}

// nearest sorts rows by their deadline and keeps the first of them, or all for
// 0.
func nearest(soon []conversions.Row, limit int) []conversions.Row {
	slices.SortStableFunc(soon, func(a, b conversions.Row) int {
		return cmp.Or(a.Deadline().Compare(b.Deadline()), strings.Compare(string(a.Key.Account), string(b.Key.Account)), cmp.Compare(a.ID, b.ID))
	})
	if limit > 0 && len(soon) > limit {
		soon = soon[:limit]
	}
	return soon
}

// left renders what is left of a time in days and hours.
func left(d time.Duration) string {
	if d <= 0 {
		return "over"
	}
	const perDay = 24
	hours := int(d / time.Hour)
	if hours < perDay {
		return strconv.Itoa(hours) + "h"
	}
	return strconv.Itoa(hours/perDay) + "d" + strconv.Itoa(hours%perDay) + "h"
}
