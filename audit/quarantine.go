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
		All:     "also those that a person decided about",
		Run:     runQuarantineList,
	}
}

func runQuarantineList(ctx context.Context, r Reader, q Query) (Result, error) {
	qs, err := r.Quarantined(ctx, q.Filter.Account, q.Filter.Limit)
	if err != nil {
		return Result{}, fmt.Errorf("read quarantine: %w", err)
	}
	shown := undecided(qs)
	if q.All {
		shown = append([]conversions.Quarantined{}, qs...) // an empty list, never null
	}
	t := Table{
		Columns: []string{"id", "account", "source", "received", "reason", "detail", "bytes"},
		Numbers: []int{0, 6},
	}
	if q.All {
		t.Columns = append(t.Columns, "decided")
	}
	for _, x := range shown {
		cells := []string{
			strconv.FormatInt(x.ID, 10), string(x.Account), x.Source, q.stamp(x.Account, x.Received),
			x.Reason, x.Detail, strconv.Itoa(x.Size),
		}
		if q.All {
			cells = append(cells, decidedWord(x))
		}
		t.Rows = append(t.Rows, cells)
	}
	t.Notes = quarantineNotes(len(shown), len(qs)-len(shown))
	return Result{Tables: []Table{t}, Data: shown}, nil
}

func quarantineNotes(shown, left int) []string {
	switch {
	case left > 0 && shown == 0:
		return []string{fmt.Sprintf("Nothing in quarantine is open. Decided: %d, see closeloop quarantine list --all.", left)}
	case left > 0:
		return []string{fmt.Sprintf("Left out because they were decided: %d, see closeloop quarantine list --all.", left)}
	case shown == 0:
		return []string{"Nothing is in quarantine."}
	default:
		return nil
	}
}

// undecided are the deliveries that nobody has decided about.
func undecided(qs []conversions.Quarantined) []conversions.Quarantined {
	open := []conversions.Quarantined{}
	for _, x := range qs {
		if x.Decided == nil {
			open = append(open, x)
		}
	}
	return open
}

// decidedWord is whether and how a delivery was decided, in a word.
func decidedWord(x conversions.Quarantined) string {
	switch {
	case x.Decided == nil:
		return "open"
	case x.Decided.Kind == conversions.EntryRetried:
		return "read"
	default:
		return "given up"
	}
}

// decidedText is decidedWord with what, who, when and why.
func (q Query) decidedText(x conversions.Quarantined) string {
	d := x.Decided
	if d == nil {
		return fmt.Sprintf("open: closeloop resolve quarantined %d retry, or give-up", x.ID)
	}
	what := decidedWord(x)
	if d.Event != 0 {
		what = fmt.Sprintf("read after all, as event %d", d.Event)
	}
	return what + " at " + q.stamp(x.Account, d.At) + byWhom(d.By, d.Note)
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
		{"decided", q.decidedText(x)},
	}}
	return Result{Tables: []Table{t}, Data: x}, nil
}
