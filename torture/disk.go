package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// diskSize is how much the disk of the database holds, in bytes, where one of
// its own can be had.
const diskSize = 256 << 20

// disk is where the database lies: a small one of its own, which can be
// filled, where this process may mount one.
type disk struct {
	dir   string
	small bool
	mu    sync.Mutex
	until time.Time // when it was last full; ahead while it is
}

func newDisk(dir string) (*disk, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of the database: %w", err)
	}
	return &disk{dir: dir, small: mountSmall(dir) == nil}, nil
}

func (d *disk) filler() string { return filepath.Join(d.dir, "filler") }

// fill takes all that is left of the disk.
func (d *disk) fill() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.until = time.Now().Add(time.Hour)
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
func (d *disk) free() {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = os.Remove(d.filler())
	d.until = time.Now()
}

// wasFull reports whether the disk is full, or was a moment ago.
func (d *disk) wasFull() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Since(d.until) < 5*time.Second
}

func (d *disk) close(keep bool) {
	if d.small && !keep {
		unmount(d.dir)
	}
}
