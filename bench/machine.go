package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// machine describes where the figures come from.
func machine(dir string) string {
	lines := []string{
		fmt.Sprintf("- %s, %d cores, %s/%s", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH),
		"- " + runtime.Version() + versions("modernc.org/sqlite", "google.golang.org/grpc", "github.com/go-json-experiment/json"),
	}
	if flush, err := flushTime(dir, 200); err == nil {
		lines = append(lines, fmt.Sprintf("- writing 4 KiB and waiting until it is on disk: %.2f ms (median of 200)", milliseconds(flush)))
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		recent, _, _ := strings.Cut(string(load), " ")
		lines = append(lines, "- processes that wanted a core in the last minute, those measured included: "+recent)
	}
	return strings.Join(lines, "\n") + "\n"
}

// processor names the processor where the system tells.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "processor unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "processor unknown"
}

// versions names the modules whose speed the figures also show.
func versions(paths ...string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var b strings.Builder
	for _, dep := range info.Deps {
		for _, path := range paths {
			if dep.Path == path {
				fmt.Fprintf(&b, ", %s %s", path, dep.Version)
			}
		}
	}
	return b.String()
}

// flushTime is the median time that a small durable write takes.
func flushTime(dir string, times int) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "closeloop-bench-")
	if err != nil {
		return 0, err //nolint:wrapcheck // only looked at
	}
	defer func() { _ = f.Close(); _ = os.Remove(f.Name()) }()
	took := make([]float64, times)
	block := make([]byte, 4096)
	for i := range took {
		begin := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err //nolint:wrapcheck // only looked at
		}
		if err := f.Sync(); err != nil {
			return 0, err //nolint:wrapcheck // only looked at
		}
		took[i] = float64(time.Since(begin))
	}
	return time.Duration(median(took)), nil
}
