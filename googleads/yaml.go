package googleads

import (
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// hintForm says where Google describes the file.
const hintForm = "see developers.google.com/google-ads/api/docs/client-libs for its form"

// ParseGoogleAdsYAML reads the text of a google-ads.yaml. A manager's id may be a number or a text, with or without dashes.
// The error is a [*SettingsError], which never quotes the text.
func ParseGoogleAdsYAML(text []byte) (Settings, error) {
	g := given{values: map[string]string{}, lines: map[string]int{}, label: func(key string) string { return key }}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		g.faults = append(g.faults, Remark{Line: lineOf(err), What: "is not YAML", Hint: hintForm}) // err may quote a secret
	} else if len(doc.Content) > 0 {
		g.mapping(doc.Content[0])
	}
	if len(g.faults) > 0 {
		return Settings{}, &SettingsError{Faults: g.faults}
	}
	return g.settings()
}

// mapping takes the top-level keys and their texts as written: a customer id must not become a rounded number.
func (g *given) mapping(node *yaml.Node) {
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return
	case node.Kind != yaml.MappingNode:
		g.faults = append(g.faults, Remark{What: "is not in the form of google-ads.yaml", Hint: hintForm})
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		g.entry(node.Content[i], node.Content[i+1])
	}
}

// entry takes one key. One that holds a list or a mapping, like logging, has the text "-".
func (g *given) entry(key, value *yaml.Node) {
	if key.Kind != yaml.ScalarNode {
		g.faults = append(g.faults, Remark{Line: key.Line, Key: "a key", What: "is not a word", Hint: hintForm})
		return
	}
	if value.Kind == yaml.AliasNode && value.Alias != nil {
		value = value.Alias
	}
	_, twice := g.lines[key.Value]
	g.lines[key.Value] = key.Line
	switch {
	case twice:
		g.fault(key.Value, "is given twice", "keep one of them")
	case value.Kind == yaml.ScalarNode && (value.Tag == "!!null" || value.Value == ""):
	case value.Kind == yaml.ScalarNode:
		g.values[key.Value] = value.Value
	case useOf(key.Value).used:
		g.fault(key.Value, "is not a single value", "write it behind the colon")
	default:
		g.values[key.Value] = "-"
	}
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// lineOf finds the line in an error of the YAML library, which has no other place for it; 0 when it says none. The library
// counts from 0 in the errors of its grammar, but not in those of its scanner.
func lineOf(err error) int {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	line, _ := strconv.Atoi(m[1])
	if strings.Contains(err.Error(), "did not find expected") {
		line++
	}
	return line
}
