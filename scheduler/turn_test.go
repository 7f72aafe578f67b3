package scheduler_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
)

// fleet is a memory for each account, as one of the replicas that share them
// sees them. Nothing is due in them.
type fleet struct {
	*memory

	all map[conversions.AccountID]*memory

	mu   sync.Mutex
	runs int // how many runs this replica began
}

func (f *fleet) Acquire(ctx context.Context, a conversions.AccountID, holder string, now time.Time) (conversions.Lease, error) {
	return f.all[a].Acquire(ctx, a, holder, now)
}

func (f *fleet) Renew(ctx context.Context, l conversions.Lease, now time.Time) (conversions.Lease, error) {
	return f.all[l.Account].Renew(ctx, l, now)
}

func (f *fleet) Release(ctx context.Context, l conversions.Lease) error {
	return f.all[l.Account].Release(ctx, l)
}

func (f *fleet) Plan(ctx context.Context, a conversions.AccountID) (conversions.Plan, error) {
	return f.all[a].Plan(ctx, a)
}

func (f *fleet) Advance(ctx context.Context, old, next conversions.Plan) (bool, error) {
	return f.all[next.Account].Advance(ctx, old, next)
}

// Pauses is what a run asks for first.
func (f *fleet) Pauses(context.Context, conversions.AccountID) ([]conversions.Paused, error) {
	f.mu.Lock()
	f.runs++
	f.mu.Unlock()
	time.Sleep(3 * time.Second)
	return nil, nil
}

func (f *fleet) begun() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.runs
}

// Two replicas see the same tick of more accounts than one can call for at a
// time: each takes as many as that, and the rest when there is room.
func TestServiceSharesATick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const calls, accounts = 4, 60
		all := map[conversions.AccountID]*memory{}
		var cfg scheduler.Config
		for n := range accounts {
			one := bubble(t, &memory{}, "0 * * * *", upload(finished))
			one.Accounts[0].Rules.Account = conversions.AccountID(fmt.Sprintf("a%02d", n))
			one.Accounts = append(cfg.Accounts, one.Accounts...)
			cfg = one
			all[one.Accounts[n].Rules.Account] = &memory{}
		}
		cfg.Calls = calls
		var replicas []*fleet
		var running []*scheduler.Scheduler
		for n := range 2 {
			f := &fleet{memory: &memory{}, all: all}
			cfg.Store, cfg.Holder = f, fmt.Sprintf("replica %d", n)
			replicas, running = append(replicas, f), append(running, scheduler.New(cfg))
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for _, s := range running {
			wg.Go(func() {
				if err := s.Run(ctx); err != nil {
					t.Errorf("Run: %v", err)
				}
			})
		}
		synctest.Wait()
		time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour + time.Second)))
		for n, f := range replicas {
			if got := f.begun(); got != calls {
				t.Errorf("a second after the tick replica %d makes %d runs, want %d", n, got, calls)
			}
		}
		time.Sleep(time.Minute)
		if one, two := replicas[0].begun(), replicas[1].begun(); one+two != accounts || min(one, two) < accounts/2-calls {
			t.Errorf("%d and %d runs in the end, want one of each of the %d accounts, half of them each", one, two, accounts)
		}
		cancel()
		wg.Wait()
	})
}

// Runs that wait for a lease, all that there may be at once, do not keep other
// accounts from theirs.
func TestServiceGivesItsTurnUpForALease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		all := map[conversions.AccountID]*memory{acme: {}, "other": {}}
		cfg := bubble(t, nil, "0 * * * *", upload(finished))
		other := cfg.Accounts[0]
		other.Rules.Account, other.Schedule = "other", schedule(t, "@every 10s", time.UTC)
		f := &fleet{memory: &memory{}, all: all}
		cfg.Store, cfg.Accounts, cfg.Calls = f, append(cfg.Accounts, other), 1
		spec := cfg.Accounts[0].Schedule.Spec()
		all[acme].plan = conversions.Plan{Account: acme, Spec: spec, Next: began}
		all[acme].lease = conversions.Lease{Account: acme, Holder: "dead", Token: 7, Until: began.Add(time.Hour)}
		serve(t, 50*time.Second, scheduler.New(cfg))
		if got := f.begun(); got < 3 {
			t.Errorf("%d runs in 50 s beside one that waits for its lease, want one every 10 s", got)
		}
	})
}
