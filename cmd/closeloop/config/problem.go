package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Problem is one mistake in the configuration, or one thing that is allowed
// but probably not meant. It never quotes a secret.
type Problem struct {
	// File and Line say where; File is empty and Line 0 for a Config that was
	// built in code, and Line is 0 for what concerns the whole file.
	File string
	Line int
	// Path is the setting, such as "accounts[0].stages.booked.share"; empty
	// for the whole file.
	Path string
	// What says what is wrong: lower case, no full stop.
	What string
	// Hint says how to mend it; may be empty.
	Hint string
}

// String renders "file:line: path: what", without the hint.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			b.WriteString(":" + strconv.Itoa(p.Line))
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.What)
	return b.String()
}

// Problems is the error of Load and Validate: every mistake at once, in the
// order of the file. It is never empty.
type Problems []Problem //nolint:errname // a list of mistakes, read as one

// Error renders each problem on a line of its own and its hint, indented, on
// the next.
func (ps Problems) Error() string {
	lines := make([]string, 0, 2*len(ps))
	for _, p := range ps {
		lines = append(lines, p.String())
		if p.Hint != "" {
			lines = append(lines, "  hint: "+p.Hint)
		}
	}
	return strings.Join(lines, "\n")
}

// err returns the problems as an error, nil when there are none.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// inOrder sorts by line; problems of one line keep their order.
func inOrder(ps []Problem) {
	slices.SortStableFunc(ps, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
}
