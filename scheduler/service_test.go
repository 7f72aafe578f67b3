package scheduler_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
)

// serve runs schedulers for d, from the time the bubble begins.
func serve(t *testing.T, d time.Duration, all ...*scheduler.Scheduler) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, s := range all {
		wg.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	time.Sleep(d)
	synctest.Wait()
	cancel()
	wg.Wait()
}

func finished(_ context.Context, b conversions.Batch) conversions.Reply { return done(0, b) }

func TestServiceRunsOnSchedule(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, spec string
		plan       func(now time.Time, spec string) conversions.Plan
		want       []string
	}{
		{"the first start runs at the first tick", "*/20 * * * *", nil, []string{"20m0s", "40m0s", "1h0m0s"}},
		{"every so often", "@every 20m", nil, []string{"20m0s", "40m0s", "1h0m0s"}},
		{
			"a missed run happens at start", "*/20 * * * *",
			func(now time.Time, spec string) conversions.Plan {
				return conversions.Plan{Account: acme, Spec: spec, Next: now.Add(-3 * day)}
			},
			[]string{"0s", "20m0s", "40m0s", "1h0m0s"},
		},
		{
			"a restart between runs", "*/20 * * * *",
			func(now time.Time, spec string) conversions.Plan {
				return conversions.Plan{Account: acme, Spec: spec, Next: now.Add(20 * time.Minute)}
			},
			[]string{"20m0s", "40m0s", "1h0m0s"},
		},
		{
			"a changed expression starts anew", "*/30 * * * *",
			func(now time.Time, _ string) conversions.Plan {
				return conversions.Plan{Account: acme, Spec: "UTC 0 0 * * *", Next: now.Add(-time.Hour)}
			},
			[]string{"30m0s", "1h0m0s"},
		},
		{
			"a changed expression that would have run later", "*/30 * * * *",
			func(now time.Time, _ string) conversions.Plan {
				return conversions.Plan{Account: acme, Spec: "UTC 0 0 1 1 *", Next: now.Add(300 * day)}
			},
			[]string{"30m0s", "1h0m0s"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, began := &memory{}, time.Now()
				cfg := bubble(t, m, tt.spec, upload(finished))
				if tt.plan != nil {
					m.plan = tt.plan(began, cfg.Accounts[0].Schedule.Spec())
				}
				serve(t, time.Hour+time.Minute, scheduler.New(cfg))
				diff(t, "runs", m.runsAt(began), tt.want)
			})
		})
	}
}

func TestServiceSpreadsAccounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, began := &memory{}, time.Now()
		cfg := bubble(t, m, "*/20 * * * *", upload(finished))
		cfg.Spread = 10 * time.Minute
		serve(t, time.Hour, scheduler.New(cfg))
		// acme's place in ten minutes is 21 s; a tick that came before the first plan was stored is none.
		diff(t, "runs", m.runsAt(began), []string{"20m21s", "40m21s"})
	})
}

// Two processes share one store: each tick runs once.
func TestServiceTwoProcessesOneRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, began := &memory{}, time.Now()
		one, two := bubble(t, m, "*/20 * * * *", upload(finished)), bubble(t, m, "*/20 * * * *", upload(finished))
		two.Holder = "two"
		serve(t, time.Hour+time.Minute, scheduler.New(one), scheduler.New(two))
		diff(t, "runs", m.runsAt(began), []string{"20m0s", "40m0s", "1h0m0s"})
	})
}

// A process dies in the middle of a run: another makes that run as soon as the
// dead one's lease is over, within a minute, and once.
func TestServiceTakesOverTheRunOfADeadProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, began := &memory{}, time.Now()
		one, two := bubble(t, m, "0 */2 * * *", upload(finished)), bubble(t, m, "0 */2 * * *", upload(finished))
		two.Holder = "two"
		m.plan = conversions.Plan{
			Account: acme, Spec: one.Accounts[0].Schedule.Spec(), Next: began.Add(2 * time.Hour), Owed: began.Add(-time.Second),
		}
		m.lease = conversions.Lease{Account: acme, Holder: "dead", Token: 7, Until: began.Add(conversions.LeaseTTL)}
		m.token = 7
		serve(t, time.Hour, scheduler.New(one), scheduler.New(two))
		diff(t, "runs", m.runsAt(began), []string{"50s"})
		if !m.plan.Owed.IsZero() {
			t.Errorf("the plan still owes the run of %v", m.plan.Owed)
		}
	})
}

// A run that lasts long is not made a second time by a process beside it.
func TestServiceLeavesALivingProcessItsRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, began := &memory{}, time.Now()
		m.onRun = func() { time.Sleep(5 * time.Minute) }
		one, two := bubble(t, m, "0 * * * *", upload(finished)), bubble(t, m, "0 * * * *", upload(finished))
		two.Holder = "two"
		serve(t, 70*time.Minute, scheduler.New(one), scheduler.New(two))
		if runs := m.runsAt(began); len(runs) != 1 {
			t.Errorf("runs at %v, want one", runs)
		}
	})
}

// What became of a row is asked for out of turn, and nothing is sent then.
func TestServiceAsksForStatuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, began := &memory{}, time.Now()
		m.takes()
		cfg := bubble(t, m, "0 0 1 1 *", nil)
		m.rows = append(m.rows, conversions.Row{ID: 2, Version: 1, OrderID: "due", Want: m.rows[0].Want})
		asked := &statuses{upload: func(context.Context, conversions.Batch) conversions.Reply {
			t.Error("a row was sent out of turn")
			return conversions.Reply{}
		}}
		cfg.Accounts[0].Destinations = googleAds(asked)
		serve(t, 5*time.Hour, scheduler.New(cfg))
		var got []string
		for _, at := range asked.at {
			got = append(got, at.Sub(began).String())
		}
		diff(t, "asked at", got, []string{"30m0s", "1h0m0s", "2h0m0s"})
	})
}

// statuses is a destination that says at the third time that all is done.
type statuses struct {
	upload

	at []time.Time
}

// Status implements scheduler.Poller.
func (s *statuses) Status(_ context.Context, b conversions.Batch) conversions.Reply {
	s.at = append(s.at, time.Now())
	if len(s.at) < 3 {
		return all(b, conversions.Answer{Verdict: conversions.Submitted})
	}
	return all(b, conversions.Answer{Verdict: conversions.Done})
}

// A run that outlasts its next tick is not joined by another.
func TestServiceDoesNotOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, began := &memory{}, time.Now()
		var mu sync.Mutex
		under, most := 0, 0
		m.onRun = func() {
			mu.Lock()
			under++
			most = max(most, under)
			mu.Unlock()
			time.Sleep(150 * time.Second)
			mu.Lock()
			under--
			mu.Unlock()
		}
		serve(t, 10*time.Minute+30*time.Second, scheduler.New(bubble(t, m, "* * * * *", upload(finished))))
		if most != 1 {
			t.Errorf("%d runs at once, want 1", most)
		}
		diff(t, "runs", m.runsAt(began), []string{"1m0s", "4m0s", "7m0s", "10m0s"})
	})
}

// A panic ends its run and nothing else, whatever began the run; a run that a
// tick owes is made again.
func TestServiceOutlivesPanics(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		setup func(m *memory, cfg scheduler.Config)
		want  []string
	}{
		{"at a tick", func(*memory, scheduler.Config) {}, []string{"20m0s", "20m20s", "40m0s", "1h0m0s"}},
		{"at start", func(m *memory, cfg scheduler.Config) {
			m.plan = conversions.Plan{Account: acme, Spec: cfg.Accounts[0].Schedule.Spec(), Next: time.Now().Add(-day)}
		}, []string{"0s", "20s", "20m0s", "40m0s", "1h0m0s"}},
		{"at a resend", func(m *memory, _ scheduler.Config) {
			m.queue(1)
			m.batches = []conversions.Batch{{ID: "b", SentAt: time.Now(), Attempts: 1, Target: rules().Target}}
		}, []string{"35s", "1m35s", "20m0s", "40m0s", "1h0m0s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, began := &memory{}, time.Now()
				cfg := bubble(t, m, "*/20 * * * *", upload(finished))
				tt.setup(m, cfg)
				first := true
				m.onRun = func() {
					if first {
						first = false
						panic("a bug")
					}
				}
				serve(t, time.Hour+time.Minute, scheduler.New(cfg))
				diff(t, "runs", m.runsAt(began), tt.want)
			})
		})
	}
}

func TestServiceOutlivesPanicsOfTheFold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, first := &memory{}, true
		m.inbox = []conversions.LeadWork{{Source: "src_1", Lead: "a", Inbox: []int64{1}}}
		cfg := bubble(t, m, "0 0 1 1 *", upload(finished))
		cfg.Match = nil // never asked: the lead has no tags
		m.onFold = func() {
			if first {
				first = false
				panic("a bug")
			}
		}
		serve(t, 5*time.Second, scheduler.New(cfg))
		if len(m.decided) != 1 {
			t.Errorf("%d leads decided, want 1", len(m.decided))
		}
	})
}

// New events are folded within a second of their coming, at once when the
// scheduler is told.
func TestServiceFoldsWithinASecond(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			s := scheduler.New(bubble(t, m, "0 0 1 1 *", upload(finished)))
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- s.Run(ctx) }()
			time.Sleep(10*time.Second + time.Millisecond)
			synctest.Wait()
			m.mu.Lock()
			m.inbox = append(m.inbox, conversions.LeadWork{Source: "src_1", Lead: "a", Inbox: []int64{1}})
			m.mu.Unlock()
			if told {
				s.Wake("nobody")
				s.Wake(acme)
				s.Wake(acme)
			} else {
				time.Sleep(time.Second)
			}
			synctest.Wait()
			m.mu.Lock()
			if len(m.decided) != 1 {
				t.Errorf("told %t: %d leads decided, want 1", told, len(m.decided))
			}
			m.mu.Unlock()
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
}

// A shutdown lets the call under way end and settles its answer.
func TestServiceShutdownSettlesTheBatchInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, began := &memory{}, time.Now()
		m.queue(3)
		calls := 0
		google := upload(func(ctx context.Context, b conversions.Batch) conversions.Reply {
			calls++
			select {
			case <-time.After(20 * time.Second):
				return done(0, b)
			case <-ctx.Done():
				return lost(b)
			}
		})
		serve(t, time.Minute+5*time.Second, scheduler.New(bubble(t, m, "* * * * *", google)))
		if m.open() != 0 || len(m.rows) != 0 || calls != 1 {
			t.Errorf("%d batches unanswered, %d rows left after %d calls; want 0, 0, 1", m.open(), len(m.rows), calls)
		}
		if took := time.Since(began); took != time.Minute+20*time.Second {
			t.Errorf("Run returned after %v, want as soon as the call ended", took)
		}
		if m.lease.Holder != "" {
			t.Error("the lease was not given back")
		}
	})
}

// A call that never ends is given up in time, and sent again by itself.
func TestServiceResendsByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, began := &memory{}, time.Now()
		m.queue(3)
		var calls []string
		google := upload(func(ctx context.Context, b conversions.Batch) conversions.Reply {
			calls = append(calls, time.Since(began).Truncate(time.Second).String())
			if len(calls) > 1 {
				return done(0, b)
			}
			<-ctx.Done()
			return lost(b)
		})
		serve(t, 30*time.Minute, scheduler.New(bubble(t, m, "1 0 * * *", google)))
		diff(t, "calls", calls, []string{"1m0s", "1m35s"})
		if m.open() != 0 {
			t.Errorf("%d batches unanswered, want none", m.open())
		}
	})
}

// The lease is renewed as long as work goes on. When it cannot be, the work
// stops before another process may take over.
func TestServiceKeepsItsLease(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		refuse error
		want   error
	}{
		{"renewed", nil, nil},
		{"the store is away", errors.New("no database"), conversions.ErrLeaseLost},
		{"lost", conversions.ErrLeaseLost, conversions.ErrLeaseLost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &memory{refuse: func() error { return tt.refuse }}
				m.queue(3)
				m.onRun = func() { time.Sleep(5 * time.Minute) }
				calls := 0
				google := upload(func(_ context.Context, b conversions.Batch) conversions.Reply {
					calls++
					return done(0, b)
				})
				_, err := scheduler.New(bubble(t, m, "* * * * *", google)).RunNow(t.Context(), acme, false)
				if !errors.Is(err, tt.want) {
					t.Errorf("RunNow = %v, want %v", err, tt.want)
				}
				if sent := calls > 0; sent != (tt.want == nil) {
					t.Errorf("%d calls with the lease %s", calls, tt.name)
				}
			})
		})
	}
}

// No call begins with less of the lease left than a call may last.
func TestServiceCallsWithTimeLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.queue(1)
		// The renewals fail for a while: what is left of the lease shrinks.
		began := time.Now()
		m.refuse = func() error {
			if time.Since(began) < 15*time.Second {
				return errors.New("no database")
			}
			return nil
		}
		m.onRun = func() { time.Sleep(15 * time.Second) }
		var left time.Duration
		google := upload(func(_ context.Context, b conversions.Batch) conversions.Reply {
			m.mu.Lock()
			left = time.Until(m.lease.Until)
			m.mu.Unlock()
			return done(0, b)
		})
		if _, err := scheduler.New(bubble(t, m, "* * * * *", google)).RunNow(t.Context(), acme, false); err != nil {
			t.Fatalf("RunNow: %v", err)
		}
		if left < conversions.CallMargin {
			t.Errorf("the call began with %v of the lease left, want at least %v", left, conversions.CallMargin)
		}
	})
}

// At most Calls calls are under way, and who waits for one has not stored a
// manifest yet: it would be taken for one that is unanswered.
func TestServiceLimitsCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.queue(1)
		hold, free := make(chan struct{}), make(chan struct{})
		blocking := upload(func(_ context.Context, b conversions.Batch) conversions.Reply {
			close(hold)
			<-free
			return done(0, b)
		})
		cfg := bubble(t, m, "* * * * *", upload(finished))
		other := cfg.Accounts[0]
		other.Rules.Account, other.Destinations = "other", googleAds(blocking)
		cfg.Accounts, cfg.Calls = append(cfg.Accounts, other), 1
		s := scheduler.New(cfg)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = s.RunNow(t.Context(), "other", true) })
		<-hold
		wg.Go(func() {
			if _, err := s.RunNow(t.Context(), acme, false); err != nil {
				t.Errorf("RunNow: %v", err)
			}
		})
		synctest.Wait()
		if m.open() != 0 {
			t.Error("a manifest was stored before its call could begin")
		}
		close(free)
		wg.Wait()
		if m.open() != 0 || len(m.rows) != 0 {
			t.Errorf("%d batches, %d rows left, want none", m.open(), len(m.rows))
		}
	})
}

func TestRunNowWaitsForTheLease(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		held time.Duration // for how long another process keeps the lease
		want error
	}{
		{"until it is free", 50 * time.Second, nil},
		{"no longer than a dead holder's lasts", time.Hour, conversions.ErrHeld},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, began := &memory{}, time.Now()
				m.lease = conversions.Lease{Account: acme, Holder: "another", Token: 1, Until: began.Add(tt.held)}
				_, err := scheduler.New(bubble(t, m, "* * * * *", upload(finished))).RunNow(t.Context(), acme, false)
				if !errors.Is(err, tt.want) {
					t.Errorf("RunNow = %v, want %v", err, tt.want)
				}
				if took, most := time.Since(began), conversions.LeaseTTL+17*time.Second; took < 45*time.Second || took > most {
					t.Errorf("it took %v, want within %v and %v", took, 45*time.Second, most)
				}
				if m.refused() == 0 {
					t.Error("the lease was not even asked for")
				}
			})
		})
	}
}

func TestRunNowEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{lease: conversions.Lease{Account: acme, Holder: "another", Token: 1, Until: time.Now().Add(day)}}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := scheduler.New(bubble(t, m, "* * * * *", upload(finished))).RunNow(ctx, acme, false)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("RunNow = %v, want DeadlineExceeded", err)
		}
	})
}

// Deliveries that never stop coming do not keep a run from sending.
func TestRunSendsWhileDeliveriesKeepComing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, n := &memory{}, int64(0)
		m.queue(2)
		m.onFold = func() {
			if n++; n < 100_000 { // for as long as it takes to notice
				m.inbox = append(m.inbox, conversions.LeadWork{Source: "src_1", Lead: "a", Inbox: []int64{n}})
			}
		}
		if _, err := scheduler.New(bubble(t, m, "* * * * *", upload(finished))).RunNow(t.Context(), acme, false); err != nil {
			t.Fatalf("RunNow: %v", err)
		}
		if n >= 100_000 || len(m.rows) != 0 {
			t.Errorf("%d looks into the inbox, %d rows left; want few, none", n, len(m.rows))
		}
	})
}
