package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"closeloop/cmd/closeloop/config"
)

func TestSecretsNeverPrint(t *testing.T) {
	t.Parallel()
	const text = "hunter2"
	s := config.NewSecret(text)
	holder := config.Credentials{ClientSecret: s}
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("test", "secret", s, "holder", holder)
	asJSON, err := json.Marshal(map[string]any{"s": s, "p": &s, "h": holder})
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(map[string]any{"s": s, "h": holder})
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{s.String(), s.GoString(), log.String(), string(asJSON), string(asYAML)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%20v"} {
		printed = append(printed, fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s), fmt.Sprintf(verb, holder))
	}
	for _, p := range printed {
		if strings.Contains(p, text) || strings.Contains(p, "68756e74657232") || strings.Contains(p, "68756E74657232") {
			t.Errorf("printed %q", p)
		}
		if !strings.Contains(p, "[secret]") {
			t.Errorf("printed %q, want [secret] in it", p)
		}
	}
	if s.Reveal() != text {
		t.Errorf("Reveal: got %q, want %q", s.Reveal(), text)
	}
}
