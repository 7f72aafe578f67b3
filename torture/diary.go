package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// diary is what a campaign did, by the machine's clock and by its own.
type diary struct {
	clock *clock
	mu    sync.Mutex
	file  *os.File
}

func newDiary(dir string, c *clock) (*diary, error) {
	f, err := os.Create(filepath.Join(filepath.Clean(dir), "diary.log"))
	if err != nil {
		return nil, fmt.Errorf("begin diary: %w", err)
	}
	return &diary{clock: c, file: f}, nil
}

// note writes a line.
func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.file, "%s %s %s\n", time.Now().UTC().Format("15:04:05.000"), d.clock.now().UTC().Format("2006-01-02 15:04:05.000"),
		fmt.Sprintf(format, args...))
}
