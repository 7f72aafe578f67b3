package config

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits on what aliases can blow a small file up to.
const (
	maxNodes = 200_000
	maxMerge = 8
)

// reader turns the nodes of one file into settings and collects what is
// wrong with them.
type reader struct {
	file     string
	getenv   func(string) string
	readFile func(string) ([]byte, error)

	problems    []Problem
	warnings    []Problem
	secretFiles []SecretFile
	lines       map[string]int    // the line of each setting
	raw         map[string]string // what is written where a variable was expanded
	broken      map[string]bool   // settings already reported
	nodes       int
}

func newReader(path string, getenv func(string) string, readFile func(string) ([]byte, error)) *reader {
	return &reader{
		file: path, getenv: getenv, readFile: readFile,
		lines: map[string]int{}, raw: map[string]string{}, broken: map[string]bool{},
	}
}

// mistake is what is wrong with a value, to be put after the value. A quiet
// one is told without the value, which may be a secret.
type mistake struct {
	what, hint string
	quiet      bool
}

func (r *reader) whole(line int, what, hint string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: line, What: what, Hint: hint})
}

// report reports a mistake; line 0 is that of the setting.
func (r *reader) report(path string, line int, what, hint string) {
	r.problems = append(r.problems, Problem{Path: path, Line: line, What: what, Hint: hint})
}

// fail reports a setting that could not be read, so that its value is not
// checked any further.
func (r *reader) fail(path string, line int, what, hint string) {
	r.broken[path] = true
	r.report(path, line, what, hint)
}

// resolved is path as seen from the configuration file's folder.
func (r *reader) resolved(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.file), path)
}

// follow returns what node stands for, and nil when the file has become too
// large by its aliases.
func (r *reader) follow(node *yaml.Node) *yaml.Node {
	r.nodes++
	if r.nodes > maxNodes {
		if r.nodes == maxNodes+1 {
			r.whole(node.Line, fmt.Sprintf("holds more than %d values, aliases counted in full", maxNodes), "use fewer aliases")
		}
		return nil
	}
	if node.Kind == yaml.AliasNode {
		return node.Alias // never an alias itself
	}
	return node
}

// object is a mapping whose keys have been checked.
type object struct {
	r      *reader
	path   string
	fields map[string]*yaml.Node
	meant  map[string]bool // keys that an unknown key was probably meant for
}

// object reads the mapping at path. A value left empty is an empty mapping.
func (r *reader) object(path string, node *yaml.Node, section string) object {
	o := object{r: r, path: path, fields: map[string]*yaml.Node{}, meant: map[string]bool{}}
	if r.lines[path] == 0 {
		r.lines[path] = node.Line
	}
	target := r.follow(node)
	switch {
	case target == nil || isNull(target):
	case target.Kind != yaml.MappingNode:
		r.fail(path, node.Line, "must hold settings, not "+kindName(target), "write its settings below it, as key: value, indented")
	default:
		o.merge(target, section, 0)
	}
	for key := range o.meant {
		if !o.has(key) {
			r.broken[o.at(key)] = true // reported by its wrong name, so not missing as well
		}
	}
	return o
}

// merge takes over the keys of the mapping, then those of the mappings merged
// into it (<<: *anchor), which never replace a key of its own.
func (o object) merge(node *yaml.Node, section string, depth int) {
	own := map[string]int{}
	var bases []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if o.r.follow(key) == nil {
			return
		}
		switch first, twice := own[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			o.r.fail(o.path, key.Line, "a key must be a word", "put quotes around a value that holds { or [")
		case key.Tag == "!!merge":
			bases = append(bases, value)
		case twice:
			o.r.fail(o.at(key.Value), key.Line, fmt.Sprintf("given twice, first on line %d", first), "keep one of them")
		case o.known(key, section):
			own[key.Value] = key.Line
			o.adopt(key, value)
		}
	}
	for _, base := range bases {
		o.mergeBase(base, section, depth+1)
	}
}

func (o object) mergeBase(node *yaml.Node, section string, depth int) {
	target := o.r.follow(node)
	switch {
	case target == nil:
	case depth > maxMerge:
		o.r.fail(o.path, node.Line, "merges are nested too deeply", "merge one anchor that merges nothing itself")
	case target.Kind == yaml.MappingNode:
		o.merge(target, section, depth)
	case target.Kind == yaml.SequenceNode:
		for _, item := range target.Content {
			o.mergeBase(item, section, depth+1)
		}
	default:
		o.r.fail(o.path, node.Line, "<< must name an anchored mapping", "write <<: *name, with &name at the other mapping")
	}
}

func (o object) adopt(key, value *yaml.Node) {
	if _, have := o.fields[key.Value]; have {
		return
	}
	o.fields[key.Value] = value
	o.r.lines[o.at(key.Value)] = key.Line
}

// at is the path of one of the object's settings.
func (o object) at(key string) string {
	if o.path == "" {
		return key
	}
	return o.path + "." + key
}

func (o object) has(key string) bool { return o.fields[key] != nil }

// child reads a setting that holds settings; ok is false when it is not there.
func (o object) child(key, section string) (child object, ok bool) {
	if !o.has(key) {
		return object{}, false
	}
	return o.r.object(o.at(key), o.fields[key], section), true
}

// list returns the elements of a list with their paths; both are nil when there
// is no list.
func (o object) list(key string) (paths []string, nodes []*yaml.Node) {
	if !o.has(key) {
		return nil, nil
	}
	target := o.r.follow(o.fields[key])
	switch {
	case target == nil || isNull(target):
		return nil, nil
	case target.Kind != yaml.SequenceNode:
		o.r.fail(o.at(key), o.fields[key].Line, "must be a list, not "+kindName(target), "start each element with a dash: - ")
		return nil, nil
	}
	paths, nodes = []string{}, []*yaml.Node{}
	for i, node := range target.Content {
		path := o.at(key) + "[" + strconv.Itoa(i) + "]"
		o.r.lines[path] = node.Line
		paths, nodes = append(paths, path), append(nodes, node)
	}
	return paths, nodes
}

// text reads a single value with its variables expanded; ok is false when it
// is not there or was reported.
func (o object) text(key string) (value string, ok bool) {
	if !o.has(key) {
		return "", false
	}
	return o.r.scalar(o.at(key), o.fields[key])
}

func (r *reader) scalar(path string, node *yaml.Node) (value string, ok bool) {
	target := r.follow(node)
	switch {
	case target == nil:
		return "", false
	case target.Kind != yaml.ScalarNode:
		r.fail(path, node.Line, "must be a single value, not "+kindName(target), "write it behind the colon; in quotes if it starts with [ or {")
		return "", false
	case !strings.HasPrefix(target.ShortTag(), "!!"):
		r.fail(path, node.Line, "is a YAML tag", "put quotes around a value that starts with !")
		return "", false
	case isNull(target) || target.Value == "":
		r.fail(path, node.Line, "has no value", "give it one, or delete the line")
		return "", false
	}
	value, fault := expand(target.Value, r.getenv)
	if fault != nil {
		r.fail(path, node.Line, fault.what, fault.hint)
		return "", false
	}
	if value != target.Value {
		r.raw[path] = target.Value
	}
	return value, true
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}

func kindName(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "settings of its own"
	case yaml.SequenceNode:
		return "a list"
	default:
		return "a single value"
	}
}

// set reads a single value with parse into into, which stays as it is when
// the value is not there or wrong.
func set[T any](o object, key string, into *T, parse func(string) (T, *mistake)) {
	value, ok := o.text(key)
	if !ok {
		return
	}
	parsed, fault := parse(value)
	if fault != nil {
		o.r.wrong(o.at(key), value, fault)
		return
	}
	*into = parsed
}

// word reads a single value as it is.
func word[T ~string](o object, key string, into *T) {
	set(o, key, into, func(s string) (T, *mistake) { return T(s), nil })
}

// wrong reports a value that means nothing.
func (r *reader) wrong(path, value string, fault *mistake) {
	what := fault.what
	if !fault.quiet {
		what = quote(r.raw, path, value) + " " + what
	}
	r.fail(path, 0, what, fault.hint)
}

// quote shows a value as it stands in the file: where a variable was
// expanded, its name is shown, because the value may be a secret put into the
// wrong setting.
func quote(raw map[string]string, path, value string) string {
	if written, ok := raw[path]; ok {
		value = written
	}
	const most = 60
	if runes := []rune(value); len(runes) > most {
		value = string(runes[:most]) + "…"
	}
	return strconv.Quote(value)
}
