package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// MaxFile is the largest configuration file read, in bytes.
const MaxFile = 1 << 20

const exampleHint = "closeloop config example prints a complete file to start from"

// document reads the file into its one YAML document. It returns nil when
// there is nothing to go on with; the reason is among the problems.
func (r *reader) document() *yaml.Node {
	text, err := r.readFile(r.file)
	if err != nil {
		r.whole(0, "cannot be read: "+reason(err), exampleHint)
		return nil
	}
	if len(text) > MaxFile {
		r.whole(0, fmt.Sprintf("is larger than %d bytes", MaxFile), "a configuration has a few kilobytes: is this the right file?")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		r.whole(0, "is empty", exampleHint)
		return nil
	case err != nil:
		r.syntax(text, err)
		return nil
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		r.whole(second.Line, "a second YAML document starts here", "keep one document: delete the line ---")
	case !errors.Is(err, io.EOF):
		r.syntax(text, err)
	}
	if first.Kind != yaml.DocumentNode || len(first.Content) != 1 {
		r.whole(0, "is empty", exampleHint)
		return nil
	}
	return first.Content[0]
}

// reason says why a file could not be read, without its path.
func reason(err error) string {
	var pathErr *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.As(err, &pathErr):
		return pathErr.Err.Error()
	default:
		return "reading it went wrong"
	}
}

// syntax reports what the YAML reader stumbled over. Its own words are used
// only where they cannot quote the file, which may hold secrets.
func (r *reader) syntax(text []byte, err error) {
	lines := strings.Split(string(text), "\n")
	if r.tabs(lines) || r.badCharacter(lines) {
		return
	}
	line, message := position(err)
	hint := "check the indentation, and put quotes around values with : # { } [ ] or % in them"
	if name, unknown := strings.CutPrefix(message, "unknown anchor '"); unknown {
		name, _, _ = strings.Cut(name, "'")
		line = 1 + slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "*"+name) })
		message, hint = "an alias (*name) has no anchor (&name) before it", "put quotes around a value that starts with *"
	}
	if strings.HasPrefix(message, "did not find") {
		message += ", on this line or in the block that begins here"
	}
	if bareVariable(lines, line) {
		hint = `put quotes around it: "${NAME}"`
	}
	r.whole(line, "not YAML: "+message, hint)
}

// position takes the line out of an error of the YAML reader. The reader
// leaves it out on the first line, and counts from 0 in the errors of its
// grammar, but not in those of its scanner.
func position(err error) (line int, message string) {
	message = strings.TrimPrefix(err.Error(), "yaml: ")
	m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(message)
	if m == nil {
		return 1, message
	}
	line, _ = strconv.Atoi(m[1])
	message = message[len(m[0]):]
	if strings.HasPrefix(message, "did not find expected") || strings.HasPrefix(message, "found duplicate") ||
		message == "found undefined tag handle" || message == "found incompatible YAML document" {
		line++
	}
	return line, message
}

// badCharacter reports the first line that is not text.
func (r *reader) badCharacter(lines []string) bool {
	for i, line := range lines {
		control := strings.IndexFunc(line, func(c rune) bool { return c < ' ' && c != '\t' && c != '\r' || c == 0x7f })
		switch {
		case !utf8.ValidString(line):
			r.whole(i+1, "the line is not UTF-8", "save the file as UTF-8")
		case control >= 0:
			r.whole(i+1, "the line holds a control character", "delete it, or write it as an escape within double quotes")
		default:
			continue
		}
		return true
	}
	return false
}

// tabs reports the lines indented with a tab, which YAML forbids and YAML
// readers explain badly.
func (r *reader) tabs(lines []string) bool {
	found := false
	for i, line := range lines {
		body := strings.TrimLeft(line, " \t")
		if indent := line[:len(line)-len(body)]; strings.TrimSpace(body) != "" && strings.Contains(indent, "\t") {
			r.whole(i+1, "the line is indented with a tab", "indent with spaces")
			found = true
		}
	}
	return found
}

// bareVariable reports whether the line, or the one before it, has a bare ${NAME}
// within [ ] or { }.
func bareVariable(lines []string, line int) bool {
	for _, n := range []int{line - 1, line - 2} {
		if n >= 0 && n < len(lines) && regexp.MustCompile(`[\[{,]\s*\$\{`).MatchString(lines[n]) {
			return true
		}
	}
	return false
}
