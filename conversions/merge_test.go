package conversions_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
)

// The more blocking of two answers to one row is the row's, whichever came
// first.
func TestTheMoreBlockingAnswerStands(t *testing.T) {
	t.Parallel()
	type answer = conversions.Answer
	there := func(by conversions.Identity) answer { return answer{Verdict: conversions.AlreadyThere, By: by} }
	order := []answer{ // from the most blocking on
		{Verdict: conversions.Pause, Scope: conversions.ScopeAccount},
		{Verdict: conversions.Pause, Scope: conversions.ScopeAction},
		{Verdict: conversions.FixBatch},
		{Verdict: conversions.Refused},
		{Verdict: conversions.Later},
		{Verdict: conversions.Retry},
		there(conversions.ByRetraction),
		there(conversions.ByNewerAdjustment),
		there(conversions.ByAdjustment),
		there(conversions.ByOrderID),
		there(conversions.ByClickTime),
		{Verdict: conversions.Done},
	}
	for i := range order {
		order[i].Code = string(rune('A' + i))
	}
	for i, a := range order {
		for _, b := range order[i+1:] {
			want := a
			want.Others = []string{b.Code}
			for name, got := range map[string]answer{"first": a.Merge(b), "second": b.Merge(a)} {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s %s and %s, the former %s (-want +got):\n%s", a.Verdict, a.By, b.Verdict, name, diff)
				}
			}
		}
	}
	if got := order[0].Merge(order[0]); len(got.Others) != 0 {
		t.Errorf("the same code twice lists it among others: %v", got.Others)
	}
}
