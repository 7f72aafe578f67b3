package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// clock is the one clock of a campaign: the machine's, moved ahead. Replicas
// read how far from a file, whenever they look at it.
type clock struct {
	file  *os.File
	ahead atomic.Int64
}

func newClock(dir string) (*clock, error) {
	f, err := os.Create(filepath.Join(filepath.Clean(dir), "clock"))
	if err != nil {
		return nil, fmt.Errorf("make clock: %w", err)
	}
	c := &clock{file: f}
	return c, c.move(0)
}

func (c *clock) now() time.Time { return time.Now().Round(0).Add(c.moved()) }

// moved is how far the clock is ahead of the machine's.
func (c *clock) moved() time.Duration { return time.Duration(c.ahead.Load()) }

// move lets the clock leap.
func (c *clock) move(d time.Duration) error {
	var text [8]byte
	binary.LittleEndian.PutUint64(text[:], uint64(c.ahead.Add(int64(d)))) //nolint:gosec // the replicas turn it back
	if _, err := c.file.WriteAt(text[:], 0); err != nil {
		return fmt.Errorf("move clock: %w", err)
	}
	return nil
}
