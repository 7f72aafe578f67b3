package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// diskSize is how much the disk of the database holds, in bytes, where one of
// its own can be had.
const diskSize = 256 << 20

// The ways to fill a disk.
const (
	diskMount = "mount" // a small file system of its own, filled with a file; takes privileges
	diskLimit = "limit" // the replicas' files may not grow beyond a size (RLIMIT_FSIZE); takes none
	diskNever = "never" // there is none on this system
)

// disk is where the database lies: a small one of its own where this process
// may mount one, else one that refuses every write behind a place in a file.
type disk struct {
	dir string
	way string

	mu        sync.Mutex
	until     time.Time // when it was last full; ahead while it is
	most      uint64    // how large a file may be by limit; 0 for as large as it likes
	processes map[int]bool
}

// newDisk makes the folder of the database. way is how its disk gets full; ""
// takes the first that works here.
func newDisk(dir, way string) (*disk, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of the database: %w", err)
	}
	d := &disk{dir: dir, way: diskNever, processes: map[int]bool{}}
	switch {
	case way != diskLimit && mountSmall(dir) == nil:
		d.way = diskMount
	case way == diskMount:
		return nil, errors.New("no file system can be mounted here: leave -disk out, or say limit")
	case limits:
		d.way = diskLimit
	}
	return d, nil
}

// about says how the disk gets full.
func (d *disk) about() string {
	switch d.way {
	case diskMount:
		return fmt.Sprintf("a file system of its own of %d MiB, filled with a file", diskSize>>20)
	case diskLimit:
		return "a limit on the size of the replicas' files (RLIMIT_FSIZE), for nothing was mounted"
	default:
		return "never full: this system has no way to do it"
	}
}

// joins makes the limit hold for a process too, leaves forgets one.
func (d *disk) joins(pid int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.processes[pid] = true
	if d.most > 0 {
		_ = limitFiles(pid, d.most) // it may be gone already
	}
}

func (d *disk) leaves(pid int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.processes, pid)
}

// fill takes all that is left of the disk. It returns how it did.
func (d *disk) fill(rng *rand.Rand) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.until = time.Now().Add(time.Hour)
	if d.way == diskLimit {
		return "limit on files", d.limit(rng)
	}
	return "full disk", d.spread()
}

// limit lets no file grow beyond a place within the write-ahead log, which is
// written from its beginning again and again: a commit that comes to that place
// fails with some of its pages written, and so does a checkpoint.
func (d *disk) limit(rng *rand.Rand) error {
	const least = 128 << 10 // what every process needs to look at the database at all
	most := uint64(least)
	if info, err := os.Stat(filepath.Join(d.dir, databaseFile+"-wal")); err == nil && info.Size() > least {
		most += uint64(rng.Int64N(info.Size() - least + 1)) //nolint:gosec // not negative
	}
	return d.allow(most)
}

// allow lets the files of every process be so large, 0 for as large as they
// like.
func (d *disk) allow(most uint64) error {
	d.most = most
	if most == 0 {
		most = unlimited
	}
	for pid := range d.processes {
		if err := limitFiles(pid, most); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) filler() string { return filepath.Join(d.dir, "filler") }

// spread fills the file system with a file.
func (d *disk) spread() error {
	f, err := os.Create(d.filler())
	if err != nil {
		return fmt.Errorf("fill disk: %w", err)
	}
	defer func() { _ = f.Close() }()
	zeros := make([]byte, 64<<10)
	for {
		if _, err := f.Write(zeros); err != nil {
			return nil // full is what was wanted
		}
		if at, err := f.Seek(0, io.SeekCurrent); err != nil || at > 2*diskSize {
			return errors.Join(err, errors.New("the disk never fills"))
		}
	}
}

// free gives the disk back.
func (d *disk) free() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.until = time.Now()
	if d.way == diskLimit {
		return d.allow(0)
	}
	_ = os.Remove(d.filler())
	return nil
}

// wasFull reports whether the disk is full, or was a moment ago.
func (d *disk) wasFull() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Since(d.until) < 5*time.Second
}

func (d *disk) close(keep bool) {
	if d.way == diskMount && !keep {
		unmount(d.dir)
	}
}
