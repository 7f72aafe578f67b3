package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"closeloop/conversions"
	"closeloop/store"
)

// growthPatience is how long a step may take to be timed more than once, and
// at larger sizes, and growthLimit how long it may take at all.
const (
	growthPatience = 5 * time.Second
	growthLimit    = time.Minute
)

// growthStep is one thing that is timed on a store of every size.
type growthStep struct {
	name   string
	took   []time.Duration
	failed bool // the last time, after growthPatience
}

// growth is what was measured at one size.
type growth struct {
	size      int // conversions
	steps     []growthStep
	ingest    float64       // durable events a second
	bytes     int64         // of the database, for each conversion
	allocated uint64        // by a batch, claim to settlement
	batchPeak string        // the largest resident size of the process during a batch
	peak      string        // the same of all that is measured
	slow      []string      // steps that were too slow at a smaller size
	seeded    time.Duration // how long it took to grow to the size
}

// growthOf is what was measured on one store.
type growthOf struct {
	kind  string
	sizes []growth
}

// measureGrowth times the stores' own steps at every size. One store is
// deleted before the next is made.
func measureGrowth(ctx context.Context, o options) ([]growthOf, error) {
	slices.Sort(o.sizes)
	var all []growthOf
	for _, kind := range o.stores {
		g, err := o.growOne(ctx, kind)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", nameOf(kind), err)
		}
		all = append(all, growthOf{kind, g})
	}
	return all, nil
}

// growOne grows a store from size to size and measures it at each.
func (o options) growOne(ctx context.Context, kind string) (all []growth, err error) {
	db, err := newDatabase(ctx, kind, o.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	var batches int
	var bytes int64
	for i, n := range o.sizes {
		begin := time.Now()
		last := (n + pastBatch - 1) / pastBatch
		more, err := o.grow(ctx, db, i, batches, last)
		if err != nil {
			return nil, fmt.Errorf("grow to %d conversions: %w", n, err)
		}
		batches, bytes = last, bytes+more
		g := growth{size: last * pastBatch, bytes: bytes / int64(last*pastBatch), seeded: time.Since(begin)}
		if i > 0 {
			g.slow = all[i-1].tooSlow()
		}
		if err := o.measureSize(ctx, db, &g); err != nil {
			return nil, fmt.Errorf("%d conversions: %w", n, err)
		}
		all = append(all, g)
	}
	return all, nil
}

// tooSlow names what took longer than anybody waits, here or at a smaller size.
func (g *growth) tooSlow() []string {
	slow := slices.Clone(g.slow)
	for _, s := range g.steps {
		if len(s.took) > 0 && s.took[0] > growthPatience {
			slow = append(slow, s.name)
		}
	}
	return slow
}

func (o options) measureSize(ctx context.Context, db database, g *growth) (err error) {
	forgetPeak()
	s, err := db.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	m := &grown{store: s, now: time.Now(), g: g}
	if err := m.measure(ctx, o); err != nil {
		return err
	}
	g.peak = peakMemory()
	return nil
}

// grow stores rows that are due and adds settled conversions, batches from
// first up to, without, last. It returns by how many bytes the latter made the
// database grow.
func (o options) grow(ctx context.Context, db database, turn, first, last int) (int64, error) {
	if err := seedLive(ctx, db, turn, o.rounds); err != nil {
		return 0, fmt.Errorf("store what is due: %w", err)
	}
	before, err := db.size(ctx)
	if err != nil {
		return 0, err
	}
	if err := db.copyPast(ctx, first, last); err != nil {
		return 0, err
	}
	after, err := db.size(ctx)
	return after - before, err
}

// seedLive stores rows that are due, for so many batches, as the service
// would. The first time it settles one more: the pattern of the past.
func seedLive(ctx context.Context, db database, turn, times int) (err error) {
	s, err := db.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	rows := times * conversions.MaxItems
	if turn == 0 {
		rows += conversions.MaxItems
	}
	if err := seed(ctx, s, time.Now().Add(-2*time.Hour), firstNumber+(times+1)*turn*conversions.MaxItems, rows); err != nil {
		return err
	}
	clock := &clock{behind: 90 * time.Minute}
	sched, err := newScheduler(s, slog.New(slog.DiscardHandler), clock.now, never{})
	if err != nil {
		return err
	}
	if _, err := runOnce(ctx, sched, 0); err != nil || turn > 0 {
		return err
	}
	if err := quarantine(ctx, s); err != nil {
		return err
	}
	m := &grown{store: s, now: time.Now(), g: &growth{}}
	if m.lease, err = s.Acquire(ctx, account, "bench", m.now); err != nil {
		return err //nolint:wrapcheck // says what it was doing
	}
	return errors.Join(m.batch(ctx), s.Release(ctx, m.lease))
}

// quarantine stores deliveries that could not be read.
func quarantine(ctx context.Context, s store.Store) error {
	for i := range int64(200) {
		_, err := s.Quarantine(ctx, conversions.Quarantined{
			Account: account, Source: source, Body: [16]byte(random(i, 6, 16)), Received: time.Now(), Reason: "bad_json", Size: 900,
			Shape: `{"event":"…","timestamp":"…"}`,
		})
		if err != nil {
			return err //nolint:wrapcheck // says what it was doing
		}
	}
	return nil
}

// forgetPeak lets peakMemory begin anew: what seeding took is no figure (Linux,
// Documentation/filesystems/proc.rst, clear_refs).
func forgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600)
}

// peakMemory is the largest resident size of this process, where the system
// tells.
func peakMemory() string {
	status, err := os.ReadFile(filepath.FromSlash("/proc/self/status"))
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(status)) {
		if size, found := strings.CutPrefix(line, "VmHWM:"); found {
			return strings.TrimSpace(size)
		}
	}
	return "unknown"
}
