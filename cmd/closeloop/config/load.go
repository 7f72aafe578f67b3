package config

import (
	"fmt"
	"slices"
	"strings"
)

// maxProblems is how many problems are listed; more help nobody.
const maxProblems = 100

// Load reads and checks the configuration file at path. Variables written as
// ${NAME} are taken from getenv, where an empty one counts as not set; files
// are read with readFile. Every mistake is reported at once: the error is
// Problems, and there is no Config then.
func Load(path string, getenv func(string) string, readFile func(string) ([]byte, error)) (*Config, error) {
	r := newReader(path, getenv, readFile)
	cfg := New()
	cfg.Path = path
	if root := r.document(); root != nil {
		r.config(root, cfg)
		c := checker{raw: r.raw}
		c.config(cfg)
		r.adopt(c)
	}
	if len(r.problems) > 0 {
		return nil, r.listed()
	}
	cfg.Warnings = located(r, r.warnings)
	cfg.SecretFiles = r.secretFiles
	return cfg, nil
}

// Validate checks a Config that was built in code. The error is Problems; the
// warnings are what is allowed but probably not meant. Files are not read.
func (c *Config) Validate() (warnings []Problem, err error) {
	k := checker{}
	k.config(c)
	return k.warnings, Problems(k.problems).err()
}

// adopt takes over what a check of the values found, but for what follows
// from a setting that could not be read and has been reported already.
func (r *reader) adopt(c checker) {
	for _, p := range c.problems {
		if !r.isBroken(p.Path) {
			r.problems = append(r.problems, p)
		}
	}
	r.warnings = append(r.warnings, c.warnings...)
}

// isBroken reports whether the setting, part of it, or what it is part of
// could not be read.
func (r *reader) isBroken(path string) bool {
	for broken := range r.broken {
		if within(path, broken) || within(broken, path) {
			return true
		}
	}
	return false
}

// within reports whether the setting path is outer or part of it.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || outer == "" || rest[0] == '.' || rest[0] == '[')
}

// listed returns the problems in the order of the file, each once.
func (r *reader) listed() Problems {
	ps := slices.Compact(located(r, r.problems))
	if more := len(ps) - maxProblems; more > 0 {
		ps = append(ps[:maxProblems:maxProblems], Problem{
			File: r.file, What: fmt.Sprintf("and %d more mistakes", more), Hint: "mend these first",
		})
	}
	return ps
}

// located fills in file and line from the path and sorts by line.
func located(r *reader, ps []Problem) []Problem {
	out := make([]Problem, len(ps))
	for i, p := range ps {
		if p.File == "" {
			p.File = r.file
		}
		if p.Line == 0 {
			p.Line = r.line(p.Path)
		}
		out[i] = p
	}
	inOrder(out)
	return out
}

// line returns the line of the setting or, when it is not in the file, of
// what it would be part of; 0 for the whole file.
func (r *reader) line(path string) int {
	for path != "" {
		if line := r.lines[path]; line > 0 {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return r.lines[""]
}
