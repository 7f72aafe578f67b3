package datamanager_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/datamanager"
	"closeloop/googleauth"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		config datamanager.Config
		want   error
	}{
		{"zero", datamanager.Config{}, nil},
		{"host", datamanager.Config{Endpoint: "datamanager.example.com"}, nil},
		{"host and port", datamanager.Config{Endpoint: "datamanager.example.com:8443"}, nil},
		{"address", datamanager.Config{Endpoint: "https://datamanager.example.com/"}, nil},
		{"plain text to loopback", datamanager.Config{Endpoint: "127.0.0.1:9000", Plaintext: true}, nil},
		{"plain text to loopback, IPv6", datamanager.Config{Endpoint: "http://[::1]:9000"}, nil},
		{"plain text to localhost", datamanager.Config{Endpoint: "http://localhost:9000"}, nil},
		{"plain text to Google", datamanager.Config{Plaintext: true}, googleauth.ErrPlaintext},
		{"plain text to a private address", datamanager.Config{Endpoint: "http://10.0.0.1:9000"}, googleauth.ErrPlaintext},
		{"plain text to a name like localhost", datamanager.Config{Endpoint: "http://localhost.example.com:80"}, googleauth.ErrPlaintext},
		{"path", datamanager.Config{Endpoint: "https://datamanager.example.com/v1"}, datamanager.ErrConfig},
		{"query", datamanager.Config{Endpoint: "https://datamanager.example.com?key=1"}, datamanager.ErrConfig},
		{"user in address", datamanager.Config{Endpoint: "http://127.0.0.1@example.com:80"}, datamanager.ErrConfig},
		{"no host", datamanager.Config{Endpoint: ":443"}, datamanager.ErrConfig},
		{"another scheme", datamanager.Config{Endpoint: "unix:///run/socket"}, datamanager.ErrConfig},
		{"manager with dashes", datamanager.Config{LoginCustomerID: "123-456-7890"}, nil},
		{"manager too short", datamanager.Config{LoginCustomerID: "123-456-789"}, datamanager.ErrConfig},
		{"quota project with a line break", datamanager.Config{QuotaProject: "a\nb"}, datamanager.ErrConfig},
		{"user agent with a line break", datamanager.Config{UserAgent: "a\nb"}, datamanager.ErrConfig},
		{"call longer than its lease", datamanager.Config{Timeout: conversions.CallTimeout + 1}, datamanager.ErrConfig},
		{"negative call", datamanager.Config{Timeout: -time.Second}, datamanager.ErrConfig},
		{"event source", datamanager.Config{EventSource: "MESSAGE"}, nil},
		{"no event source of Google's", datamanager.Config{EventSource: "phone"}, datamanager.ErrConfig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.config.Validate(); !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
			if _, err := datamanager.Dial(tt.config, nil); !errors.Is(err, tt.want) {
				t.Errorf("dial: error = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestConfigNamesEverything(t *testing.T) {
	t.Parallel()
	err := datamanager.Config{LoginCustomerID: "1", EventSource: "x", Timeout: -1}.Validate()
	for _, word := range []string{"login customer", "event source", "timeout"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error = %v, want it to name the %s", err, word)
		}
	}
}
