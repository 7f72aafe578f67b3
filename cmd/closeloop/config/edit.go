package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"closeloop/conversions"
)

// Edit is one value of a configuration file replaced.
type Edit struct {
	// Line is the number of the line, from 1; Before and After are the line
	// without the white space around it.
	Line          int
	Before, After string
	// Text is the whole file as it is to be: every other byte is as it was.
	Text []byte
}

// EditAPI replaces the value of api of one account in text, the configuration
// file at path, which must be one that Load takes. The problem is nil unless
// that value does not stand in a place of its own: it comes from a variable,
// an anchor or a merge, or is not written on one line. Load the result: what
// an anchor hands on to other accounts shows only there.
func EditAPI(path string, text []byte, getenv func(string) string, account conversions.AccountID, to conversions.API) (Edit, *Problem) {
	node, fault := apiNode(text, getenv, account)
	if fault != nil {
		fault.File = path
		return Edit{}, fault
	}
	at, ok := offset(text, node.Line, node.Column)
	written := scalarText(node)
	if ok && written != "" && bytes.HasPrefix(text[at:], []byte(written)) {
		value := at + strings.Index(written, node.Value)
		edited := slices.Concat(text[:value], []byte(to), text[value+len(node.Value):])
		// Line breaks that only YAML knows would lead to another line.
		if now, fault := apiNode(edited, getenv, account); fault == nil && now.Value == string(to) {
			return Edit{Line: node.Line, Before: lineOf(text, value), After: lineOf(edited, value), Text: edited}, nil
		}
	}
	return Edit{}, &Problem{File: path, Line: node.Line, Path: "api", What: "is not written as one plain word", Hint: "write api: " + string(to) + " by hand"}
}

// apiNode finds the scalar that holds the account's api.
func apiNode(text []byte, getenv func(string) string, account conversions.AccountID) (*yaml.Node, *Problem) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil || len(document.Content) != 1 {
		return nil, &Problem{What: "is not one YAML document", Hint: "closeloop config check says what is wrong with it"}
	}
	list := own(document.Content[0], "accounts")
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil, &Problem{Path: "accounts", What: "does not stand in the file as a list", Hint: sharedHint}
	}
	for _, item := range list.Content {
		name := own(item, "name")
		if name == nil || !named(name, getenv, account) {
			continue
		}
		api := own(item, "api")
		switch {
		case api == nil || api.Kind != yaml.ScalarNode || api.Anchor != "":
			return nil, &Problem{Line: item.Line, Path: "api", What: "comes from an anchor that other settings share", Hint: sharedHint}
		case strings.Contains(api.Value, "$"):
			return nil, &Problem{Line: api.Line, Path: "api", What: "comes from an environment variable", Hint: "change the variable where it is set"}
		}
		return api, nil
	}
	return nil, &Problem{Path: "accounts", What: fmt.Sprintf("account %q does not stand in the file with a name of its own", account), Hint: sharedHint}
}

const sharedHint = "change the file by hand, and look at what else uses the anchor"

// own is the value of a key of the mapping itself; nil when there is none, or
// only one that is merged in.
func own(mapping *yaml.Node, key string) *yaml.Node {
	if mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key && mapping.Content[i].Kind == yaml.ScalarNode {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func named(name *yaml.Node, getenv func(string) string, account conversions.AccountID) bool {
	if name.Kind == yaml.AliasNode {
		name = name.Alias
	}
	text, fault := expand(name.Value, getenv)
	return fault == nil && text == string(account)
}

// scalarText is the scalar as it stands in the file if that can be told: in
// plain style or within quotes; empty otherwise.
func scalarText(node *yaml.Node) string {
	switch node.Style {
	case 0:
		return node.Value
	case yaml.DoubleQuotedStyle:
		return `"` + node.Value + `"`
	case yaml.SingleQuotedStyle:
		return "'" + node.Value + "'"
	default:
		return ""
	}
}

// offset is the byte at which a node stands. The YAML reader counts lines and,
// within a line, characters from 1.
func offset(text []byte, line, column int) (at int, ok bool) {
	for ; line > 1; line-- {
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			return 0, false
		}
		at += end + 1
	}
	for i := range string(text[at:]) {
		if column--; column == 0 {
			return at + i, true
		}
	}
	return 0, false
}

// lineOf is the line around a byte, trimmed.
func lineOf(text []byte, at int) string {
	start := bytes.LastIndexByte(text[:at], '\n') + 1
	line, _, _ := bytes.Cut(text[start:], []byte("\n"))
	return string(bytes.TrimSpace(line))
}
