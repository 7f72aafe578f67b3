package googleads_test

import (
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/sandbox"
	"closeloop/scheduler/uploadtest"
)

// The client keeps every promise of a destination, also where Google's
// behaviour is a guess.
func TestConformance(t *testing.T) {
	t.Parallel()
	variants := []struct {
		name   string
		change func(*sandbox.Config)
	}{
		{"as documented", func(*sandbox.Config) {}},
		{"two errors for a duplicate", func(c *sandbox.Config) { c.Unproven.BothDuplicateErrors = true }},
		{"an unknown click is CLICK_NOT_FOUND", func(c *sandbox.Config) { c.Unproven.UnknownIsClickNotFound = true }},
	}
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			uploadtest.Run(t, func(t *testing.T) uploadtest.World {
				t.Helper()
				return world(t, v.change)
			})
		})
	}
}

func world(t *testing.T, change func(*sandbox.Config)) uploadtest.World {
	t.Helper()
	cfg := sandboxConfig()
	change(&cfg)
	s := start(t, cfg)
	fault := func(f sandbox.Fault) func() {
		return func() {
			if err := s.Fault(f); err != nil {
				t.Fatalf("fault: %v", err)
			}
		}
	}
	return uploadtest.World{
		Destination: connect(t, s),
		Batch:       func(n int) conversions.Batch { return batch(t, n) },
		Spoil:       func(it *conversions.Item) { it.ClickID = "CjwKCAjwNobodyKnowsThisClickLongEnough" },
		Count: func() map[string]int {
			counted := map[string]int{}
			for _, c := range s.Conversions() {
				counted[c.OrderID]++
			}
			return counted
		},
		LoseAnswer: fault(sandbox.Fault{Kind: sandbox.FaultCut, AfterWork: true}),
		Stall:      fault(sandbox.Fault{Kind: sandbox.FaultSlow, AfterWork: true, Delay: sandbox.Duration(time.Hour)}),
		FailBefore: fault(sandbox.Fault{Kind: sandbox.FaultQuota}),
	}
}
