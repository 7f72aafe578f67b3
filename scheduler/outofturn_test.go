package scheduler_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
)

// forgotten is a memory with a batch that went unanswered just now.
func forgotten() *memory {
	m := &memory{}
	m.queue(1)
	m.batches = []conversions.Batch{{ID: "b", SentAt: time.Now(), Attempts: 1, Target: rules().Target}}
	return m
}

// A paused account with a batch without an answer is left alone until a row may
// be tried, or until somebody resumes it: before that a run does nothing.
func TestServiceLeavesAPausedAccountAlone(t *testing.T) {
	t.Parallel()
	const never = 200 * 365 * day
	for _, tt := range []struct {
		name    string
		probe   time.Duration // when a row may be tried
		resumed time.Duration // when somebody resumes
		want    []string
	}{
		{"until its probe", time.Hour, never, []string{"1h0m35s"}},
		{"by hand", never, never, nil},
		{"until somebody resumes it", never, 20*time.Minute + time.Second, []string{"20m35s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, began := forgotten(), time.Now()
				m.pauses = []conversions.Paused{{Account: acme, Since: began, ProbeAt: began.Add(tt.probe)}}
				time.AfterFunc(tt.resumed, func() { _ = m.Resume(context.Background(), conversions.Lease{}, "", time.Now()) })
				serve(t, 90*time.Minute, scheduler.New(bubble(t, m, "0 0 1 1 *", upload(finished))))
				diff(t, "runs", m.runsAt(began), tt.want)
			})
		})
	}
}

// The account has left the API that a batch without an answer went to, and that
// API refuses the credentials: it is tried again once an hour.
func TestServiceLeavesAnAPIAloneThatIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, began := forgotten(), time.Now()
		var calls []string
		old := upload(func(_ context.Context, b conversions.Batch) conversions.Reply {
			calls = append(calls, time.Since(began).Truncate(time.Second).String())
			return failed(b, stop(conversions.ScopeAccount))
		})
		m.batches[0].Items = []conversions.Item{{Row: 1, Version: 1, Op: conversions.OpUpload, ClickID: clickID(1)}}
		cfg := bubble(t, m, "0 0 1 1 *", old)
		cfg.Accounts[0].Rules.Target.API = conversions.APIDataManager
		cfg.Accounts[0].Destinations[conversions.APIDataManager] = upload(finished)
		serve(t, 2*time.Hour, scheduler.New(cfg))
		diff(t, "calls", calls, []string{"35s", "1h0m35s"})
		diff(t, "runs", m.runsAt(began), []string{"35s", "1h0m35s"})
	})
}

// That another process has the account is what happens beside other processes,
// and no failure: the work is done later.
func TestServiceBesideABusyProcess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		work func(m *memory, spec string)
	}{
		{"a batch to send again", func(m *memory, _ string) {
			m.batches = forgotten().batches
		}},
		{"a status to ask for", func(m *memory, _ string) {
			m.takes()
			m.pollAt = time.Now()
		}},
		{"a run that was missed", func(m *memory, spec string) {
			m.plan = conversions.Plan{Account: acme, Spec: spec, Next: time.Now().Add(-day)}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, began := &memory{}, time.Now()
				m.queue(1)
				cfg := bubble(t, m, "0 0 1 1 *", &statuses{upload: finished})
				var lines locked
				cfg.Logger = jsonLogger(&lines)
				tt.work(m, cfg.Accounts[0].Schedule.Spec())
				m.lease = conversions.Lease{Account: acme, Holder: "another", Token: 1, Until: began.Add(5 * time.Minute)}
				serve(t, 10*time.Minute, scheduler.New(cfg))
				if len(m.runsAt(began)) == 0 {
					t.Error("the work was never done")
				}
				text := lines.String()
				if strings.Contains(text, `"level":"ERROR"`) || strings.Contains(text, `"level":"WARN"`) {
					t.Errorf("logged as a failure:\n%s", text)
				}
				if !strings.Contains(text, `"msg":"account_busy"`) {
					t.Errorf("nothing says that the account was busy:\n%s", text)
				}
			})
		})
	}
}

// locked is a buffer that several goroutines may write to.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// slowLease is a memory whose leases take a second to be given: who does not
// wait for the answer has the lease all the same.
type slowLease struct{ *memory }

func (s slowLease) Acquire(ctx context.Context, a conversions.AccountID, holder string, now time.Time) (conversions.Lease, error) {
	l, err := s.memory.Acquire(ctx, a, holder, now)
	select {
	case <-time.After(time.Second):
		return l, err
	case <-ctx.Done():
		return conversions.Lease{}, ctx.Err()
	}
}

// A shutdown that comes while the lease is being taken does not leave it to
// nobody: others would wait until it is over.
func TestShutdownWhileTheLeaseIsTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		cfg := bubble(t, m, "0 0 1 1 *", upload(finished))
		cfg.Store = slowLease{m}
		serve(t, 500*time.Millisecond, scheduler.New(cfg)) // the first fold asks for the lease at once
		if m.token == 0 || m.lease.Holder != "" {
			t.Errorf("the lease is %+v, want one that was taken and given back", m.lease)
		}
	})
}
