package audit_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"closeloop/audit"
	"closeloop/conversions"
)

// withPolls is a store whose requests were asked for already.
type withPolls struct{ audit.Reader }

func (r withPolls) History(ctx context.Context, a conversions.AccountID, id conversions.RowID) (conversions.History, error) {
	h, err := r.Reader.History(ctx, a, id)
	for i := range h.Batches {
		h.Batches[i].Polls, h.Batches[i].PollAt = 2, noon().Add(25*time.Minute)
	}
	return h, err
}

func TestShowSaysHowOftenAStatusWasAskedFor(t *testing.T) {
	t.Parallel()
	w := filled(newWorld(t))
	q := w.query()
	q.Subject = w.row(nova, "p-submitted").OrderID
	s, ok := report(t, withPolls{w.s}, "audit show", q).Data.(audit.Shown)
	if !ok {
		t.Fatal("the report's data are no Shown")
	}
	last := s.Steps[len(s.Steps)-1]
	want := ", request id req-0601T10, asked 2 times what became of it, asked again at 2026-06-01 07:25:00 -05:00"
	if !strings.HasSuffix(last.Text, want) {
		t.Errorf("the last step is %q, want it to end with %q", last.Text, want)
	}
}

func TestWithdrawnWithoutRetractionSaysSo(t *testing.T) {
	t.Parallel()
	w := filled(newWorld(t))
	const want = "nothing can be retracted through the Data Manager API, so Google goes on counting it, with value 0"
	q := w.query()
	q.Filter = conversions.Filter{Account: nova, State: conversions.StateZeroed}
	for _, name := range []string{"audit list", "audit summary"} {
		printed := write(t, report(t, w.s, name, q), audit.FormatTable)
		if !strings.Contains(strings.ReplaceAll(printed, "counting them", "counting it"), want) {
			t.Errorf("%s does not say %q:\n%s", name, want, printed)
		}
	}
}
