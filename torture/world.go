package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"closeloop/conversions"
	"closeloop/sandbox"
)

// account is one account of the campaign, as every part of it knows it.
type account struct {
	name           string
	customer       string
	api            conversions.API
	booked, quoted int64 // conversion actions
}

func (a *account) id() conversions.AccountID { return conversions.AccountID(a.name) }

func (a *account) action(stage string) int64 {
	if stage == booked {
		return a.booked
	}
	return a.quoted
}

// settings are what a campaign is asked to be.
type settings struct {
	seed     uint64
	kills    int           // ends after so many
	atMost   time.Duration // or after so long, the rest at the end not counted
	replicas int
	tagEvery time.Duration
	store    string // which engine
	disk     string // how it gets full, "" for the first way that works
	only     arming // the one fail point to arm, to dig into something; zero arms all
	dir      string // for the campaign alone
	binary   string // built with the tag failpoints
}

// world is everything that is there while a campaign lasts.
type world struct {
	settings

	accounts []*account
	clock    *clock
	box      *sandbox.Server
	replicas []*replica
	crossing sync.RWMutex // see link
	crm      *crm
	tally    *tally
	notes    *notes
	engine   engine
	diary    *diary
	visitors *os.File      // what `closeloop run` prints
	days     atomic.Int64  // how often a whole day was skipped
	lasted   time.Duration // how long everything went wrong

	mu  sync.Mutex
	rng *rand.Rand // for what no goroutine owns
}

// source of chance number n of a campaign: each goroutine has its own.
func (s settings) chance(n uint64) *rand.Rand {
	return rand.New(rand.NewPCG(s.seed, n)) //nolint:gosec // a campaign must be repeatable
}

func newWorld(ctx context.Context, s settings) (*world, error) {
	w := &world{settings: s, rng: s.chance(0), tally: newTally(), notes: newNotes()}
	for i := range 4 {
		a := &account{name: fmt.Sprintf("ads%d", i), customer: fmt.Sprintf("123456789%d", i), api: conversions.APIGoogleAds}
		if i%2 == 1 {
			a.name, a.api = fmt.Sprintf("data%d", i), conversions.APIDataManager
		}
		a.booked, a.quoted = int64(1001+10*i), int64(1002+10*i)
		w.accounts = append(w.accounts, a)
	}
	var err error
	if w.clock, err = newClock(w.dir); err != nil {
		return nil, err
	}
	if w.diary, err = newDiary(w.dir, w.clock); err != nil {
		return nil, err
	}
	if w.box, err = sandbox.Start(ctx, w.sandbox()); err != nil {
		return nil, fmt.Errorf("start sandbox: %w", err)
	}
	if w.engine, err = newEngine(ctx, s); err != nil {
		return nil, err
	}
	if w.visitors, err = os.Create(filepath.Join(filepath.Clean(w.dir), "run.log")); err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	for i := range s.replicas {
		r, err := newReplica(ctx, w, fmt.Sprintf("replica%d", i))
		if err != nil {
			return nil, err
		}
		w.replicas = append(w.replicas, r)
	}
	w.crm = newCRM(w, s.chance(1))
	return w, nil
}

// sandbox is Google for this campaign. What Google does not document differs
// from campaign to campaign.
func (w *world) sandbox() sandbox.Config {
	cfg := sandbox.Config{
		Now: w.clock.now, AnyClick: true, AnyClickAge: 7 * time.Hour,
		OAuth:       sandbox.OAuth{AcceptAny: true, Now: time.Now},
		DataManager: sandbox.DataManagerConfig{PerMinute: -1, PerDay: -1},
	}
	cfg.Unproven.DataManager.RecordIndices = sandbox.IndicesPolicy(w.rng.IntN(3))
	for _, a := range w.accounts {
		cfg.Customers = append(cfg.Customers, sandbox.Customer{
			ID: a.customer, Name: a.name, Currency: "USD", Zone: "America/New_York", Allowlisted: true,
			Actions: []sandbox.Action{{ID: a.booked, Name: booked}, {ID: a.quoted, Name: quoted}},
		})
	}
	return cfg
}

// anyURL is that of one of the replicas that listen; "" when none does.
func (w *world) anyURL() string {
	var all []string
	for _, r := range w.replicas {
		if url := r.url(); url != "" {
			all = append(all, url)
		}
	}
	if len(all) == 0 {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return all[w.rng.IntN(len(all))]
}

// leap moves the clock ahead. Nothing is on its way while hours pass: what was
// is lost, with the connections.
func (w *world) leap(d time.Duration) error {
	w.crossing.Lock()
	defer w.crossing.Unlock()
	for _, r := range w.replicas {
		for _, k := range r.links {
			k.cut()
		}
	}
	time.Sleep(20 * time.Millisecond) // the sandbox ends what has arrived
	w.tally.leap(d)
	err := w.clock.move(d)
	w.diary.note("the clock leaps %s", d)
	return err
}

// close ends all that is left and, if all went well, takes its folder away.
func (w *world) close(keep bool) {
	for _, r := range w.replicas {
		r.mu.Lock()
		p := r.process
		r.mu.Unlock()
		if p != nil {
			_ = r.kill(p)
		}
		for _, k := range r.network() {
			k.close()
		}
		_ = r.log.Close()
	}
	_ = w.visitors.Close()
	_ = w.box.Close()
	_ = w.clock.file.Close()
	_ = w.diary.file.Close()
	w.engine.close(keep)
	if !keep {
		_ = os.RemoveAll(w.dir)
	}
}
