package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"closeloop/store"
	"closeloop/store/sqlite"
)

// engine is where the replicas keep their data, and what can go wrong there.
type engine interface {
	// attach returns the database setting of a replica, which gets a network of
	// its own to the database if there is one between.
	attach(ctx context.Context, r *replica) (string, error)
	// open opens the database past that network.
	open(ctx context.Context) (store.Store, error)
	// hurt lets the database fail now and then until ctx is done, and mends it.
	hurt(ctx context.Context, w *world, rng *rand.Rand) error
	// failed reports whether a replica may have found no database a moment ago,
	// and ended for that.
	failed(r *replica) bool
	// joins and leaves tell of a process of the program that was started, and is
	// gone.
	joins(pid int)
	leaves(pid int)
	// about says what of it can fail, for the report.
	about() string
	close(keep bool)
}

// The engines by name.
const (
	engineSQLite   = "sqlite"
	enginePostgres = "postgres"
)

func newEngine(ctx context.Context, s settings) (engine, error) {
	switch s.store {
	case engineSQLite:
		d, err := newDisk(filepath.Join(s.dir, "disk"), s.disk)
		return file{d}, err
	case enginePostgres:
		return newServer(ctx)
	default:
		return nil, fmt.Errorf("no store %q: there are %s and %s", s.store, engineSQLite, enginePostgres)
	}
}

// databaseFile is the name of the SQLite file.
const databaseFile = "closeloop.db"

// file is one SQLite file for all replicas, on a disk that can be full.
type file struct{ *disk }

func (f file) path() string { return filepath.Join(f.dir, databaseFile) }

func (f file) attach(context.Context, *replica) (string, error) { return "sqlite:" + f.path(), nil }

func (f file) open(ctx context.Context) (store.Store, error) {
	s, err := sqlite.Open(ctx, f.path(), sqlite.Options{})
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return s, nil
}

func (f file) failed(*replica) bool { return f.wasFull() }

// hurt fills the disk now and then, where there is a way to.
func (f file) hurt(ctx context.Context, w *world, rng *rand.Rand) error {
	for wait := 3 * time.Second; f.way != diskNever && ctx.Err() == nil; wait = time.Duration(4000+rng.IntN(8000)) * time.Millisecond {
		sleep(ctx, wait)
		how, err := f.fill(rng)
		if err != nil {
			return err
		}
		w.tally.count(w.tally.others, how)
		w.diary.note("the disk is full")
		sleep(ctx, time.Duration(500+rng.IntN(2000))*time.Millisecond)
		if err := f.free(); err != nil {
			return err
		}
		w.diary.note("the disk is free")
	}
	return nil
}
