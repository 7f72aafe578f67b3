package config

import "strings"

// expand replaces ${NAME} by the environment variable and $$ by a dollar
// sign; any other dollar sign stays. What it reports never quotes the value.
func expand(text string, getenv func(string) string) (string, *mistake) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		switch {
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "{"):
			value, rest, fault := variable(after[1:], getenv)
			if fault != nil {
				return "", fault
			}
			b.WriteString(value)
			text = rest
		default:
			b.WriteByte('$')
			text = after
		}
	}
}

// variable reads NAME} and returns the variable's value and what follows.
func variable(text string, getenv func(string) string) (value, rest string, fault *mistake) {
	name, rest, closed := strings.Cut(text, "}")
	switch {
	case !closed:
		return "", "", &mistake{what: "${ is not closed", hint: "write ${NAME}, or $${ for the characters themselves"}
	case !variableName(name):
		return "", "", &mistake{
			what: "what stands in ${ } is not the name of a variable",
			hint: "a name is letters, digits and _; there are no defaults or other operators; $$ is a dollar sign",
		}
	}
	value = getenv(name)
	if value == "" {
		return "", "", &mistake{
			what: "the environment variable " + name + " is not set or empty",
			hint: "set " + name + " before starting closeloop, or write the value here",
		}
	}
	return value, rest, nil
}

func variableName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 128
}
