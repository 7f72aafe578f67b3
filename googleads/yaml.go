package googleads

import (
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// LoadGoogleAdsYAML reads a google-ads.yaml. Errors: [ErrConfig], also wrapping the file system's. No error quotes the file.
func LoadGoogleAdsYAML(path string) (Settings, error) {
	text, err := readFile(path)
	if err != nil {
		return Settings{}, fmt.Errorf("read google-ads.yaml: %w", err)
	}
	s, err := ParseGoogleAdsYAML(text)
	if err != nil {
		return Settings{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// ParseGoogleAdsYAML reads the text of a google-ads.yaml: documented keys, all optional; the others are noted. A manager's
// id may be a number or a text, with or without dashes. Errors: [ErrConfig], which never quotes the text.
func ParseGoogleAdsYAML(text []byte) (Settings, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return Settings{}, fmt.Errorf("%w: not YAML%s", ErrConfig, lineOf(err)) // its text may quote a secret
	}
	if len(doc.Content) == 0 {
		return Settings{}, nil
	}
	values, err := scalars(doc.Content[0])
	if err != nil {
		return Settings{}, err
	}
	return settings(values, func(key string) string { return key })
}

// scalars returns the top-level keys and their texts as written: a customer id must not become a rounded number. A key
// that holds a list or a mapping, like logging, has the text "-".
func scalars(node *yaml.Node) (map[string]string, error) {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return map[string]string{}, nil
	}
	if node.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%w: line %d: the file is not a list of keys and values", ErrConfig, node.Line)
	}
	values := map[string]string{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("%w: line %d: a key is not a word", ErrConfig, key.Line)
		}
		if value.Kind == yaml.AliasNode && value.Alias != nil {
			value = value.Alias
		}
		text, err := scalar(key.Value, value)
		if err != nil {
			return nil, err
		}
		if _, twice := values[key.Value]; twice {
			return nil, fmt.Errorf("%w: line %d: a key is given twice", ErrConfig, key.Line)
		}
		if text != "" {
			values[key.Value] = text
		}
	}
	return values, nil
}

func scalar(key string, value *yaml.Node) (string, error) {
	says, documented := knownKeys()[key]
	switch {
	case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
		return "", nil
	case value.Kind == yaml.ScalarNode:
		return value.Value, nil
	case documented && says == "":
		return "", fmt.Errorf("%w: line %d: the value of %s is not a text", ErrConfig, value.Line, key)
	default:
		return "-", nil
	}
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// lineOf finds the line in an error of the YAML library, which has no other place for it.
func lineOf(err error) string {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		return " at line " + m[1]
	}
	return ""
}
