package config

// KnownKeys returns the keys of every section.
func KnownKeys() map[string][]string {
	all := map[string][]string{}
	for _, section := range sections() {
		all[section] = keysOf(section)
	}
	return all
}

// Nearest is nearest.
func Nearest(text string, words []string) (string, bool) { return nearest(text, words) }
