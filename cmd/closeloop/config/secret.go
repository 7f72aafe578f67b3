package config

import (
	"fmt"
	"io"
	"log/slog"
)

// masked is what is shown instead of a secret.
const masked = "[secret]"

// Secret is a text that is never shown: printed with any verb, logged, or
// marshalled, it reads "[secret]". The zero value is no secret. It can be
// compared with ==.
type Secret struct{ value string }

// NewSecret wraps value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the secret itself. Whoever calls it must not log the result
// nor put it in an error.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.value == "" }

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

// String implements fmt.Stringer.
func (s Secret) String() string { return masked }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return masked }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// MarshalJSON implements json.Marshaler.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + masked + `"`), nil }

// MarshalYAML implements yaml.Marshaler.
func (s Secret) MarshalYAML() (any, error) { return masked, nil }
