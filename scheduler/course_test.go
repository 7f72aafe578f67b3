package scheduler_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"closeloop/conversions"
)

// The ledger's entries, applied in order to the zero Row, rebuild every row.
func (r *rig) checkLedger(tb interface{ Errorf(string, ...any) }) {
	r.t.Helper()
	rebuilt := map[conversions.RowID]conversions.Row{}
	for _, e := range r.ledger() {
		if e.Row != 0 {
			rebuilt[e.Row] = rebuilt[e.Row].Apply(e)
		}
	}
	rows := r.rows()
	if len(rows) != len(rebuilt) {
		tb.Errorf("%d rows, %d in the ledger", len(rows), len(rebuilt))
	}
	for name, row := range rows {
		if row.State == conversions.StateSending {
			continue // said of it only when it is listed
		}
		if d := differences(row, rebuilt[row.ID]); d != "" {
			tb.Errorf("%s as the ledger has it (-stored +rebuilt):\n%s", name, d)
		}
	}
}

// courseTB ends what one course of events began when the course ends, not the
// whole test.
type courseTB struct {
	testing.TB
	cleanups []func()
}

// Cleanup implements testing.TB.
func (c *courseTB) Cleanup(f func()) { c.cleanups = append(c.cleanups, f) }

func (c *courseTB) end() {
	for _, f := range slices.Backward(c.cleanups) {
		f()
	}
}

// told is a ledger entry in one line.
func told(e conversions.Entry) string {
	text := fmt.Sprintf("%s row %d v%d %s", e.At.Format(time.DateTime), e.Row, e.Version, e.Kind)
	if w := e.Want; w != nil {
		text += fmt.Sprintf(" wanted %t %s %v withdraw %t change due %s", w.Wanted, w.Reason, w.Value, w.Withdraw, w.ChangeDue.Format(time.DateTime))
	}
	if it := e.Item; it != nil {
		text += fmt.Sprintf(" %s %v at %s adjust %s, batch %s", it.Op, it.Value, it.At.Format(time.DateTime), it.AdjustAt.Format(time.DateTime), e.Batch)
	}
	if a := e.Answer; a != nil {
		text += fmt.Sprintf(": %s %s, resent %t", a.Verdict, a.Code, e.Resent)
	}
	return text + " " + string(e.Reason)
}

// differences are between two rows, times compared as instants.
func differences(a, b conversions.Row) string {
	return cmp.Diff(a, b, cmpopts.EquateEmpty())
}

// list is all rows of the account in the order of reports.
func (r *rig) list() []conversions.Row {
	r.t.Helper()
	list, err := r.store.List(context.Background(), conversions.Filter{Account: acme})
	if err != nil {
		r.t.Fatalf("list rows: %v", err)
	}
	return list
}
