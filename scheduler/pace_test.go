package scheduler_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
)

// busy is a memory in which deciding takes its time and is noted.
type busy struct {
	*memory

	took  time.Duration
	size  []int       // how many leads each transaction decided
	ended []time.Time // when it ended
	looks int         // how often the inbox was looked into
}

// Unfolded implements scheduler.Inbox.
func (b *busy) Unfolded(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.LeadWork, error) {
	b.mu.Lock()
	b.looks++
	b.mu.Unlock()
	return b.memory.Unfolded(ctx, a, limit)
}

// Decide implements scheduler.Inbox.
func (b *busy) Decide(ctx context.Context, l conversions.Lease, ds []conversions.Decision) error {
	time.Sleep(b.took)
	b.mu.Lock()
	b.size = append(b.size, len(ds))
	b.ended = append(b.ended, time.Now())
	b.mu.Unlock()
	return b.memory.Decide(ctx, l, ds)
}

// deliver puts n leads in the inbox and says so.
func (b *busy) deliver(s *scheduler.Scheduler, n int) {
	b.mu.Lock()
	for range n {
		b.inbox = append(b.inbox, conversions.LeadWork{Source: "src_1", Lead: "a", Inbox: []int64{1}})
	}
	b.mu.Unlock()
	s.Wake(acme)
}

// flood delivers n leads every 10 ms for a while.
func (b *busy) flood(s *scheduler.Scheduler, n int, d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b.deliver(s, n)
	}
}

// folds are how many leads each transaction decided.
func (b *busy) folds() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.size)
}

// longestRest is the longest time between the ends of two transactions.
func (b *busy) longestRest() (longest time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := 1; i < len(b.ended); i++ {
		longest = max(longest, b.ended[i].Sub(b.ended[i-1]))
	}
	return longest
}

// left is how many leads are not decided yet.
func (b *busy) left() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.inbox)
}

// folding runs f beside a service whose only work is to fold.
func folding(t *testing.T, took time.Duration, f func(b *busy, s *scheduler.Scheduler)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &busy{memory: &memory{}, took: took}
		cfg := bubble(t, b.memory, "0 0 1 1 *", upload(finished))
		cfg.Store = b
		s := scheduler.New(cfg)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.Run(ctx) })
		time.Sleep(1500 * time.Millisecond)
		f(b, s)
		cancel()
		wg.Wait()
	})
}

// Events that follow each other share a fold, and none waits for long.
func TestServiceFoldsNeighboursTogether(t *testing.T) {
	t.Parallel()
	folding(t, time.Millisecond, func(b *busy, s *scheduler.Scheduler) {
		b.flood(s, 1, 3*time.Second)
		time.Sleep(300 * time.Millisecond)
		if got := len(b.folds()); got > 20 {
			t.Errorf("%d folds of 300 events in 3 s, want at most 20", got)
		}
		if left := b.left(); left != 0 {
			t.Errorf("%d events not folded 300 ms after the last", left)
		}
		for i, n := range b.folds() {
			if n > 30 {
				t.Errorf("fold %d decides %d leads: some waited longer than 300 ms", i, n)
			}
		}
	})
}

// Deliveries of leads that are not tagged leave nothing to fold: looking for
// each would take the time of others.
func TestServiceLooksSeldomForNothing(t *testing.T) {
	t.Parallel()
	folding(t, time.Millisecond, func(b *busy, s *scheduler.Scheduler) {
		b.deliver(s, 1)
		synctest.Wait()
		time.Sleep(2 * time.Millisecond)
		if left := b.left(); left != 0 {
			t.Errorf("a lone event was not folded at once")
		}
		b.mu.Lock()
		before := b.looks
		b.mu.Unlock()
		b.flood(s, 0, 3*time.Second)
		b.deliver(s, 1)
		time.Sleep(300 * time.Millisecond)
		b.mu.Lock()
		looks := b.looks - before
		b.mu.Unlock()
		if left := b.left(); left != 0 || looks > 40 {
			t.Errorf("looked %d times within 3 s, want at most 40; %d events not folded, want none", looks, left)
		}
	})
}

// More deliveries than can be folded get most of the time; the fold goes on
// behind them, however slow it is, and catches up without a rest once they have
// ended.
func TestServiceFoldsBehindAFlood(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ took, least, most time.Duration }{
		"a twentieth of the time": {5 * time.Millisecond, 450 * time.Millisecond, 650 * time.Millisecond},
		"once a second":           {20 * time.Millisecond, 700 * time.Millisecond, 900 * time.Millisecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folding(t, tt.took, func(b *busy, s *scheduler.Scheduler) {
				b.flood(s, 200, 10*time.Second)
				spent := time.Duration(len(b.folds())) * tt.took
				if spent < tt.least || spent > tt.most {
					t.Errorf("of 10 s %v went into the fold, want %v to %v", spent, tt.least, tt.most)
				}
				if rest := b.longestRest(); rest > time.Second+tt.took {
					t.Errorf("nothing was folded for %v, want a second at most", rest)
				}
				left := b.left()
				time.Sleep(time.Duration(left/200)*tt.took + time.Second)
				if b.left() != 0 {
					t.Errorf("%d of %d leads not folded a second after they could have been", b.left(), left)
				}
			})
		})
	}
}

// As long as the fold keeps up with deliveries, it does not fall behind.
func TestServiceKeepsUpWithManyDeliveries(t *testing.T) {
	t.Parallel()
	folding(t, 10*time.Millisecond, func(b *busy, s *scheduler.Scheduler) {
		b.flood(s, 30, 10*time.Second) // 3,000/s; 200 in 10 ms and a rest of 30 are 5,000/s
		if left := b.left(); left > 1000 {
			t.Errorf("%d leads wait after 10 s, want no more than come within a third of a second", left)
		}
	})
}

// A run folds all there is without a rest, whatever has come meanwhile.
func TestRunDoesNotRestWhileItFolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &busy{memory: &memory{}}
		cfg := bubble(t, b.memory, "0 0 1 1 *", upload(finished))
		cfg.Store = b
		began, looks := time.Now(), 0
		var mu sync.Mutex
		cfg.Now = func() time.Time { // all seems to take long, but only a rest lets the bubble's time pass
			mu.Lock()
			defer mu.Unlock()
			looks++
			return began.Add(time.Duration(looks) * 10 * time.Millisecond)
		}
		s := scheduler.New(cfg)
		b.deliver(s, 9_999)
		if _, err := s.RunNow(t.Context(), acme, false); err != nil {
			t.Errorf("RunNow: %v", err)
		}
		if took := time.Since(began); took != 0 || b.left() != 0 {
			t.Errorf("a run with 50 portions to fold rested %v and left %d leads", took, b.left())
		}
	})
}

// Another process gets the lease in the midst of a flood.
func TestServiceLeavesTheLeaseToOthers(t *testing.T) {
	t.Parallel()
	folding(t, 20*time.Millisecond, func(b *busy, s *scheduler.Scheduler) {
		var wg sync.WaitGroup
		wg.Go(func() { b.flood(s, 200, 10*time.Second) })
		free := 0
		for range 1000 {
			time.Sleep(10*time.Millisecond + 7*time.Microsecond)
			b.mu.Lock()
			if b.lease.Holder == "" {
				free++
			}
			b.mu.Unlock()
		}
		wg.Wait()
		if free < 600 {
			t.Errorf("the lease was free in %d of 1,000 moments, want most", free)
		}
	})
}

// While another process has the lease, asking for it does not take the time
// of deliveries.
func TestServiceAsksSeldomForALeaseThatIsHeld(t *testing.T) {
	t.Parallel()
	folding(t, time.Millisecond, func(b *busy, s *scheduler.Scheduler) {
		b.mu.Lock()
		b.lease = conversions.Lease{Account: acme, Holder: "another", Token: 1, Until: time.Now().Add(time.Hour)}
		b.mu.Unlock()
		b.flood(s, 1, 4*time.Second)
		if n := b.refused(); n < 3 || n > 25 {
			t.Errorf("asked %d times within 4 s, want a few", n)
		}
	})
}
