package audit

import (
	"context"
	"fmt"
	"strconv"

	"closeloop/conversions"
)

func quarantineList() Report {
	return Report{
		Group: "quarantine", Name: "list",
		Short:   "List deliveries that were genuine but could not be read",
		Example: "closeloop quarantine list",
		Run:     runQuarantineList,
	}
}

func runQuarantineList(ctx context.Context, r Reader, q Query) (Result, error) {
	qs, err := r.Quarantined(ctx, q.Filter.Account, q.Filter.Limit)
	if err != nil {
		return Result{}, fmt.Errorf("read quarantine: %w", err)
	}
	t := Table{
		Columns: []string{"id", "account", "source", "received", "reason", "detail", "bytes"},
		Numbers: []int{0, 6},
	}
	for _, x := range qs {
		t.Rows = append(t.Rows, []string{
			strconv.FormatInt(x.ID, 10), string(x.Account), x.Source, q.stamp(x.Account, x.Received),
			x.Reason, x.Detail, strconv.Itoa(x.Size),
		})
	}
	if len(qs) == 0 {
		t.Notes = []string{"Nothing is in quarantine."}
		qs = []conversions.Quarantined{}
	}
	return Result{Tables: []Table{t}, Data: qs}, nil
}

func quarantineShow() Report {
	return Report{
		Group: "quarantine", Name: "show", Subject: "ID",
		Short:   "Show one quarantined delivery: its structure, with every text masked",
		Example: "closeloop quarantine show 3",
		Run:     runQuarantineShow,
	}
}

func runQuarantineShow(ctx context.Context, r Reader, q Query) (Result, error) {
	id, err := strconv.ParseInt(q.Subject, 10, 64)
	if err != nil {
		return Result{}, fmt.Errorf("quarantine %q: %w", q.Subject, conversions.ErrNotFound)
	}
	x, err := r.QuarantinedByID(ctx, id)
	if err != nil {
		return Result{}, fmt.Errorf("quarantine %d: %w", id, err)
	}
	t := Table{Title: "Quarantined delivery " + q.Subject, Columns: []string{"", ""}, Rows: [][]string{
		{"account", string(x.Account)},
		{"source", x.Source},
		{"delivery", x.Delivery},
		{"received", q.stamp(x.Account, x.Received)},
		{"reason", x.Reason},
		{"detail", x.Detail},
		{"bytes", strconv.Itoa(x.Size)},
		{"structure", x.Shape},
	}}
	return Result{Tables: []Table{t}, Data: x}, nil
}
