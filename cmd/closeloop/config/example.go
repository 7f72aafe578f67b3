package config

import _ "embed"

//go:embed example.yaml
var example string

// Example returns a complete, commented configuration file. It passes Load
// when the environment variables VARDA_SECRET, GOOGLE_ADS_CLIENT_SECRET and
// GOOGLE_ADS_REFRESH_TOKEN are set, and needs no other file.
func Example() string { return example }
