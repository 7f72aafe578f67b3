// Package scheduler says when a run happens and what becomes of its rows: it
// folds new events into what is wanted, claims what is due, stores the
// manifest, sends it, and settles the answers. It is the only importer of
// cron and knows nothing of HTTP, SQL or Google.
//
// Start reading at Scheduler.Run for the service, at cycle for one run.
package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/robfig/cron/v3"

	"closeloop/conversions"
)

// Leases is the right to work for an account, and its stored schedule.
type Leases interface {
	Acquire(ctx context.Context, a conversions.AccountID, holder string, now time.Time) (conversions.Lease, error)
	Renew(ctx context.Context, l conversions.Lease, now time.Time) (conversions.Lease, error)
	Release(ctx context.Context, l conversions.Lease) error
	Plan(ctx context.Context, a conversions.AccountID) (conversions.Plan, error)
	Advance(ctx context.Context, old, next conversions.Plan) (bool, error)
}

// Inbox is where new events wait to be folded.
type Inbox interface {
	Unfolded(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.LeadWork, error)
	Decide(ctx context.Context, l conversions.Lease, ds []conversions.Decision) error
	Refold(ctx context.Context, l conversions.Lease, fingerprint string) (int, error)
	Leads(ctx context.Context, a conversions.AccountID, q conversions.ReplayQuery) ([]conversions.LeadWork, error)
}

// Queue is where rows wait to be sent.
type Queue interface {
	Due(ctx context.Context, a conversions.AccountID, c conversions.Claim) ([]conversions.Row, error)
	Begin(ctx context.Context, l conversions.Lease, b conversions.Batch) (conversions.Batch, error)
	Fill(ctx context.Context, a conversions.AccountID, items []conversions.Item) ([]conversions.Item, error)
	Unanswered(ctx context.Context, a conversions.AccountID) ([]conversions.Batch, error)
	Again(ctx context.Context, l conversions.Lease, id conversions.BatchID, now time.Time) (conversions.Batch, error)
	Rows(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) ([]conversions.Row, error)
	Settle(ctx context.Context, l conversions.Lease, s conversions.Settlement) error
	Record(ctx context.Context, l conversions.Lease, es []conversions.Entry) error
	Pauses(ctx context.Context, a conversions.AccountID) ([]conversions.Paused, error)
	Pause(ctx context.Context, l conversions.Lease, p conversions.Paused) error
	Resume(ctx context.Context, l conversions.Lease, action string, at time.Time) error
}

// Statuses is what was taken for processing and must be asked about.
type Statuses interface {
	Polls(ctx context.Context, a conversions.AccountID, now time.Time, limit int) ([]conversions.Batch, error)
	NextPoll(ctx context.Context, a conversions.AccountID) (time.Time, error)
	Polled(ctx context.Context, l conversions.Lease, p conversions.Polled) error
}

// Guards is what tells an unusual run from a usual one, and what Google said
// of the account's actions.
type Guards interface {
	Uploaded(ctx context.Context, a conversions.AccountID, since time.Time) (int, error)
	LastAnswers(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.Entry, error)
	Facts(ctx context.Context, a conversions.AccountID) (conversions.Facts, error)
	SaveFacts(ctx context.Context, l conversions.Lease, f conversions.Facts) error
}

// Store is what the scheduler needs of the storage. See package store for the
// contract of each method.
type Store interface {
	Leases
	Inbox
	Queue
	Statuses
	Guards
}

// Destination sends a batch. It gives exactly one answer per item, whatever
// happens, and repeats no call: that is decided here, by verdict. With
// validateOnly the request is checked and nothing is recorded at the other
// end. It must return soon after ctx is done.
type Destination interface {
	Upload(ctx context.Context, b conversions.Batch, validateOnly bool) conversions.Reply
}

// Poller is a Destination that takes rows for processing (conversions.Submitted)
// and says later what became of them. Status gives exactly one answer per item
// of a batch it took, Submitted for those it still processes; Reply.Call is set
// when nothing could be learnt.
type Poller interface {
	Status(ctx context.Context, b conversions.Batch) conversions.Reply
}

// Inspector is a Destination that can be asked for the click-through look-back
// windows of a customer's conversion actions, by action id.
type Inspector interface {
	LookBacks(ctx context.Context, customer string) (map[string]time.Duration, error)
}

// Account is one account to run.
type Account struct {
	Rules    conversions.Rules
	Zone     *time.Location
	Schedule Schedule
	// Destinations are the account's connections by API: that of
	// Rules.Target, which is required, and those that rows were sent through
	// before. A row whose API is missing waits.
	Destinations map[conversions.API]Destination
}

// Config is what New needs. All fields but Contacts, MatchContact,
// Spread and Calls are required.
type Config struct {
	Store    Store
	Accounts []Account
	// Match finds the click that belongs to an outcome.
	Match conversions.Matcher
	// Contacts and MatchContact find the click of the same contact for the
	// accounts whose rules allow it; without them the rule does nothing.
	Contacts     Contacts
	MatchContact conversions.ContactMatcher
	// Now is the clock. It must not run ahead of the time that timers use.
	Now func() time.Time
	// NewID gives short unique names for runs and batches.
	NewID func() string
	// Holder names this process in leases.
	Holder string
	Logger *slog.Logger
	// Spread is the window within which accounts are moved apart; 0 for none.
	Spread time.Duration
	// Calls is how many calls may be under way at once; 0 means 4.
	Calls int
}

// Scheduler runs accounts. Its methods are safe for concurrent use.
type Scheduler struct {
	cfg      Config
	accounts map[conversions.AccountID]*account
	order    []*account
	calls    chan struct{}
	turns    chan struct{} // one for each planned run under way; see turn
}

// account is one account at work.
type account struct {
	Account
	id     conversions.AccountID
	wake   chan struct{}
	retry  chan struct{} // a batch went unanswered: plan its resend
	keeper *keeper
	fold   sync.Mutex // one fold at a time in this process
	run    sync.Mutex // one run at a time in this process; guards failures

	away map[conversions.API]time.Time // until when an API that the account has left is not tried; guarded by run

	failures int                       // calls in a row that failed and may simply be tried again
	again    atomic.Pointer[time.Time] // when to try again after such a call; nil for not
}

// ErrUnknownAccount says that no account of that name is configured.
var ErrUnknownAccount = errors.New("no such account")

// New makes a scheduler. It starts nothing.
func New(cfg Config) *Scheduler {
	if cfg.Calls == 0 {
		cfg.Calls = 4
	}
	s := &Scheduler{
		cfg: cfg, accounts: map[conversions.AccountID]*account{},
		calls: make(chan struct{}, cfg.Calls), turns: make(chan struct{}, cfg.Calls),
	}
	for _, a := range cfg.Accounts {
		acc := &account{
			Account: a, id: a.Rules.Account,
			wake: make(chan struct{}, 1), retry: make(chan struct{}, 1), away: map[conversions.API]time.Time{},
			keeper: &keeper{store: cfg.Store, account: a.Rules.Account, holder: cfg.Holder, now: cfg.Now},
		}
		s.accounts[acc.id] = acc
		s.order = append(s.order, acc)
	}
	return s
}

// Wake says that an event of the account was stored, so that it is folded at
// once and not at the next look. It never blocks; unknown accounts are ignored.
func (s *Scheduler) Wake(a conversions.AccountID) {
	if acc, ok := s.accounts[a]; ok {
		notify(acc.wake)
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // a notice is waiting already
	}
}

// Run folds events and runs accounts on their schedules until ctx is done. A
// run that was missed while nothing ran happens at once. A batch in flight
// when ctx ends is finished before Run returns. It returns nil after a
// shutdown.
func (s *Scheduler) Run(ctx context.Context) error {
	logger := cronLogger{s.cfg.Logger}
	// Skip must stand before Recover: the other way round a panic leaves the
	// skip's guard taken and the job never runs again (robfig/cron v3.0.1).
	c := cron.New(cron.WithLogger(logger), cron.WithChain(cron.SkipIfStillRunning(logger), cron.Recover(logger)))
	var wg sync.WaitGroup
	for _, a := range s.order {
		at := spread{a.Schedule, offset(string(a.id), s.cfg.Spread)}
		c.Schedule(at, cron.FuncJob(func() { s.fire(ctx, a) }))
		wg.Go(func() { s.foldLoop(ctx, a) })
		wg.Go(func() { s.retryLoop(ctx, a) })
		wg.Go(func() { s.fire(ctx, a) })
	}
	c.Start()
	<-ctx.Done()
	<-c.Stop().Done()
	wg.Wait()
	return nil
}

// errPanicked stands for a panic, which was logged with its stack.
var errPanicked = errors.New("panic")

// recovered turns a panic of f into an error, so that one account's bug stops
// neither the other accounts nor its own next try.
func (s *Scheduler) recovered(f func() error) error {
	err := errPanicked
	cron.Recover(cronLogger{s.cfg.Logger})(cron.FuncJob(func() { err = f() })).Run()
	return err
}

// fire runs the account if its stored time has come and this process is the
// one to advance it.
func (s *Scheduler) fire(ctx context.Context, a *account) {
	end, ok := s.turn(ctx)
	if !ok {
		return
	}
	defer end()
	plan, won, err := s.advance(ctx, a)
	if err != nil {
		s.logFailure(ctx, a, "advance schedule", err)
		return
	}
	if !won {
		return
	}
	err = s.recovered(func() error {
		return s.runPlanned(ctx, a, plan, end)
	})
	if err != nil {
		s.logFailure(ctx, a, "run", err)
	}
}

// turn waits while this process makes as many planned runs as it may make calls
// at once; it does not when ctx is done. All replicas see the same tick, and
// without the wait the one whose clock is ahead would take every account and
// have them queue for its calls while the others have nothing to do. end must
// be called when the run is over, and may be called again; whoever waits for
// something that this process cannot hasten calls it before.
func (s *Scheduler) turn(ctx context.Context) (end func(), ok bool) {
	select {
	case s.turns <- struct{}{}:
		return sync.OnceFunc(func() { <-s.turns }), true
	case <-ctx.Done():
		return nil, false
	}
}

// advance moves the stored next run past now and reports whether this process
// did so for a run that is due; until that has ended the plan owes it. A changed
// expression starts anew.
func (s *Scheduler) advance(ctx context.Context, a *account) (conversions.Plan, bool, error) {
	plan, err := s.cfg.Store.Plan(ctx, a.id)
	if err != nil {
		return plan, false, fmt.Errorf("read schedule: %w", err)
	}
	now := s.cfg.Now()
	next := conversions.Plan{Account: a.id, Spec: a.Schedule.Spec(), Next: a.Schedule.Next(now).UTC(), Owed: plan.Owed}
	if plan.Spec == next.Spec && plan.Next.After(now) {
		return plan, false, nil
	}
	if plan.Spec == next.Spec {
		next.Owed = now.UTC().Truncate(time.Microsecond)
	}
	won, err := s.cfg.Store.Advance(ctx, plan, next)
	if err != nil {
		return plan, false, fmt.Errorf("advance schedule: %w", err)
	}
	return next, won && plan.Spec == next.Spec, nil
}

// logFailure says that something could not be done. That another process has
// the account is none: it does the same work, or the work is done later.
func (s *Scheduler) logFailure(ctx context.Context, a *account, doing string, err error) {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return
	}
	if errors.Is(err, conversions.ErrHeld) {
		s.cfg.Logger.InfoContext(ctx, "account_busy", slog.String("account", string(a.id)), slog.String("doing", doing),
			slog.String("why", "another process works for it; looked at again later"))
		return
	}
	s.cfg.Logger.ErrorContext(ctx, "scheduler_failed",
		slog.String("account", string(a.id)), slog.String("doing", doing), slog.Any("error", err))
}

// RunNow runs one account now, whatever its schedule. With dry the requests
// are validate-only and nothing is changed, and the account need not be held.
func (s *Scheduler) RunNow(ctx context.Context, id conversions.AccountID, dry bool) (Report, error) {
	a, ok := s.accounts[id]
	if !ok {
		return Report{}, fmt.Errorf("account %s: %w", id, ErrUnknownAccount)
	}
	if dry {
		return s.dryRun(ctx, a)
	}
	folding, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { s.foldLoop(folding, a) })
	defer wg.Wait()
	defer stop()
	return s.runAccount(ctx, a, true)
}

// cronLogger passes cron's words to slog: what it does is not worth a line,
// what goes wrong is.
type cronLogger struct{ logger *slog.Logger }

// Info implements cron.Logger.
func (cronLogger) Info(string, ...any) {}

// Error implements cron.Logger.
func (l cronLogger) Error(err error, msg string, _ ...any) {
	l.logger.Error("cron_failed", slog.String("doing", msg), slog.Any("error", err))
}
