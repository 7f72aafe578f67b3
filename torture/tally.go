package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// tally counts what was done to the replicas.
type tally struct {
	mu     sync.Mutex
	random int            // kills at any moment
	points map[string]int // kills by fail point
	stops  map[string]int // stops by fail point, "" at any moment
	starts int
	leaps  int
	leapt  time.Duration
	storms map[string]int // network, by weather
	faults map[string]int // of the sandbox, by kind
	runs   map[string]int // of closeloop run, and how they ended
	others map[string]int // whatever else
}

func newTally() *tally {
	return &tally{
		points: map[string]int{}, stops: map[string]int{}, storms: map[string]int{}, faults: map[string]int{},
		runs: map[string]int{}, others: map[string]int{},
	}
}

func (t *tally) count(m map[string]int, key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m[key]++
}

func (t *tally) killed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.random++
}

func (t *tally) started() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.starts++
}

func (t *tally) leap(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leaps++
	t.leapt += d
}

// kills is how often a process died by SIGKILL.
func (t *tally) kills() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.random + sum(t.points)
}

// rarestFirst sorts fail points by how often they were come to, those with equal
// counts as they are.
func (t *tally) rarestFirst(points []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortStableFunc(points, func(a, b string) int { return t.points[a] - t.points[b] })
}

func sum(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

// print writes what was done.
func (t *tally) print(out io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(out, "  kills          %d: %d at any moment, %d at %d of %d fail points\n",
		t.random+sum(t.points), t.random, sum(t.points), len(t.points), len(points()))
	for line := range slices.Chunk(slices.Sorted(maps.Keys(t.points)), 6) {
		fmt.Fprintf(out, "                 %s\n", counted(t.points, line))
	}
	fmt.Fprintf(out, "  stops          %d past the lease, %d of them at fail points\n", sum(t.stops), sum(t.stops)-t.stops[""])
	fmt.Fprintf(out, "  starts         %d\n", t.starts)
	fmt.Fprintf(out, "  closeloop run  %s\n", counted(t.runs, slices.Sorted(maps.Keys(t.runs))))
	fmt.Fprintf(out, "  network        %s\n", counted(t.storms, slices.Sorted(maps.Keys(t.storms))))
	fmt.Fprintf(out, "  Google's       %s\n", counted(t.faults, slices.Sorted(maps.Keys(t.faults))))
	fmt.Fprintf(out, "  others         %s\n", counted(t.others, slices.Sorted(maps.Keys(t.others))))
	fmt.Fprintf(out, "  clock          %d leaps, %s in all\n", t.leaps, t.leapt.Round(time.Minute))
	if never := slices.DeleteFunc(points(), func(p string) bool { return t.points[p] > 0 }); len(never) > 0 {
		fmt.Fprintf(out, "  never come to  %s\n", strings.Join(never, ", "))
	}
}

func counted(m map[string]int, keys []string) string {
	if len(keys) == 0 {
		return "none"
	}
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = fmt.Sprintf("%s %d", k, m[k])
	}
	return strings.Join(all, ", ")
}

// points are the fail points of the program: before and after each step.
func points() []string {
	var all []string
	for _, step := range []string{
		"append", "quarantine", "acquire", "renew", "release", "advance", "decide", "refold", "save_facts", "begin", "again",
		"settle", "polled", "record", "pause", "resume", "upload", "status",
	} {
		all = append(all, step+".before", step+".after")
	}
	return all
}

// notes is what the replicas' logs say that matters.
type notes struct {
	mu     sync.Mutex
	errors map[string]int
	noRoom int // that failed because a file could not grow
	bugs   []string
}

func newNotes() *notes { return &notes{errors: map[string]int{}} }

func (n *notes) read(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if impossible(line) {
		n.bugs = append(n.bugs, line)
	}
	if strings.Contains(line, "disk is full") || strings.Contains(line, "disk I/O error") {
		n.noRoom++
	}
	if _, after, ok := strings.Cut(line, "level=ERROR "); ok {
		n.errors[brief(after)]++
	}
}

// impossible reports whether a line tells of what cannot be: a bug that was
// caught, or two holders of one lease. Whoever has it finds the batch that it
// sent, and creates no row that there is: who has lost it is told so first.
func impossible(line string) bool {
	if strings.Contains(line, "panic") || strings.Contains(line, "fatal error") || strings.Contains(line, "constraint") {
		return true
	}
	return strings.Contains(line, " batch ") && strings.Contains(line, "not found")
}

// brief is a line of the log without what differs each time.
func brief(line string) string {
	var kept []string
	for field := range strings.FieldsSeq(line) {
		if !strings.HasPrefix(field, "account=") && !strings.HasPrefix(field, "took=") {
			kept = append(kept, field)
		}
	}
	text := strings.Join(kept, " ")
	return text[:min(len(text), 160)]
}

func (n *notes) print(out io.Writer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fmt.Fprintf(out, "  no room for    %d writes that were logged\n  errors in logs, by text\n", n.noRoom)
	for _, k := range slices.Sorted(maps.Keys(n.errors)) {
		fmt.Fprintf(out, "    %5d  %s\n", n.errors[k], k)
	}
}
