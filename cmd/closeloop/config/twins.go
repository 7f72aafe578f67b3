package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSecretFile is the largest file read as a secret, in bytes.
const maxSecretFile = 64 << 10

// secret reads a secret from key or from the file named by its twin,
// key_file.
func (o object) secret(key string, into *Secret) {
	twin := key + "_file"
	if o.both(key, twin) {
		return
	}
	if o.has(key) {
		o.literal(o.at(key), o.fields[key], into)
		return
	}
	if text, ok := o.secretFile(key); ok {
		*into = NewSecret(text)
		o.tidy(o.at(twin), text)
	}
}

// secrets reads a list of secrets from key, where a single one need not be a
// list, or one from each line of the file named by its twin.
func (o object) secrets(key string) []Secret {
	twin := key + "_file"
	if o.both(key, twin) {
		return nil
	}
	var found []Secret
	if text, ok := o.secretFile(key); ok {
		for line := range strings.SplitSeq(text, "\n") {
			if line = strings.TrimSuffix(line, "\r"); line != "" {
				found = append(found, NewSecret(line))
				o.tidy(o.at(twin), line)
			}
		}
		return found
	}
	if node := o.fields[key]; node != nil && isScalar(node) {
		found = make([]Secret, 1)
		o.literal(o.at(key), node, &found[0])
		return found
	}
	paths, nodes := o.list(key)
	found = make([]Secret, len(paths))
	for i, path := range paths {
		o.literal(path, nodes[i], &found[i])
	}
	return found
}

// isScalar reports whether node is, or stands for, a single value.
func isScalar(node *yaml.Node) bool {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node.Kind == yaml.ScalarNode && !isNull(node)
}

func (o object) both(key, twin string) bool {
	if !o.has(key) || !o.has(twin) {
		return false
	}
	o.r.fail(o.at(key), 0, key+" and "+twin+" are both given", "keep one of them")
	return true
}

// literal reads a secret written in the configuration, perhaps as a variable.
func (o object) literal(path string, node *yaml.Node, into *Secret) {
	value, ok := o.r.scalar(path, node)
	if !ok {
		return
	}
	*into = NewSecret(value)
	o.tidy(path, value)
	if _, expanded := o.r.raw[path]; !expanded {
		o.r.holdsSecret(o.r.file, path)
	}
}

// secretFile reads the file named by the twin of key, less one newline at its
// end. When that goes wrong, key counts as reported too.
func (o object) secretFile(key string) (text string, ok bool) {
	twin := key + "_file"
	content, file, ok := o.content(twin)
	if !ok {
		if o.has(twin) {
			o.r.broken[o.at(key)] = true
		}
		return "", false
	}
	o.r.holdsSecret(file, o.at(twin))
	text = strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if strings.TrimSpace(text) == "" {
		o.r.broken[o.at(key)] = true
		o.r.fail(o.at(twin), 0, "the file "+o.shown(twin, file)+" is empty", "write the secret into it")
		return "", false
	}
	return text, true
}

// content reads the file named by key; file is its resolved path, also when
// it cannot be read.
func (o object) content(key string) (content []byte, file string, ok bool) {
	name, ok := o.text(key)
	if !ok {
		return nil, "", false
	}
	file = o.r.resolved(name)
	content, err := o.r.readFile(file)
	switch {
	case err != nil:
		o.r.fail(o.at(key), 0, "the file "+o.shown(key, file)+" cannot be read: "+reason(err),
			"a relative path starts at the folder of "+o.r.file)
		return nil, file, false
	case len(content) > maxSecretFile:
		o.r.fail(o.at(key), 0, fmt.Sprintf("the file %s is larger than %d bytes", o.shown(key, file), maxSecretFile),
			"is this the right file?")
		return nil, file, false
	}
	return content, file, true
}

// shown is the path of a file named by key for a message.
func (o object) shown(key, file string) string { return quote(o.r.raw, o.at(key), file) }

// tidy warns of a secret that was probably copied with something around it.
func (o object) tidy(path, value string) {
	if strings.TrimSpace(value) != value {
		o.r.warnings = append(o.r.warnings, Problem{
			Path: path, What: "the secret begins or ends with white space", Hint: "was it copied with something around it?",
		})
	}
}

func (r *reader) holdsSecret(file, path string) {
	for _, s := range r.secretFiles {
		if s.File == file {
			return
		}
	}
	r.secretFiles = append(r.secretFiles, SecretFile{File: file, Problem: Problem{File: r.file, Line: r.line(path), Path: path}})
}
