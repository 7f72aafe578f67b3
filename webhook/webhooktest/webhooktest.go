// Package webhooktest is the suite that every webhook.Source passes. It owns
// what all vendors have in common; what one vendor's fields mean is tested
// beside that vendor. Start reading at Run.
package webhooktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/webhook"
)

// Fixture is one vendor as the suite needs it. All fields are required.
type Fixture struct {
	// New returns a source that accepts the given secrets.
	New func(t testing.TB, secrets ...string) webhook.Source
	// Sign returns the headers of a genuine delivery, the delivery id
	// included.
	Sign func(secret string, body []byte, at time.Time) http.Header
	// SignatureHeader is the header that holds the signature.
	SignatureHeader string
	// Samples are deliveries as the vendor sends them.
	Samples []Sample
	// UnknownKind is a delivery, otherwise good, of a kind that no version of
	// the vendor has.
	UnknownKind []byte
}

// Sample is one delivery, a JSON object, about made-up people.
type Sample struct {
	Name string
	Body []byte
	// Personal are the texts in it that must be nowhere in what is read:
	// names, notes, messages, e-mail addresses, phone numbers.
	Personal []string
	// Identifying are the texts that may be in the event's Person only: click
	// ids, the contact's id.
	Identifying []string
}

const (
	secret = "suite-secret-one"
	other  = "suite-secret-two"
)

func now() time.Time { return time.Date(2026, 3, 25, 18, 40, 0, 0, time.UTC) }

// Run runs the suite.
func Run(t *testing.T, f Fixture) {
	t.Helper()
	if len(f.Samples) == 0 || len(f.UnknownKind) == 0 {
		t.Fatal("the fixture has no samples")
	}
	t.Run("signature", func(t *testing.T) {
		t.Parallel()
		f.signature(t)
	})
	t.Run("unknown kind is an event that is about no lead", func(t *testing.T) {
		t.Parallel()
		e := f.read(t, f.UnknownKind)
		if e.Kind == "" || e.Lead != "" || e.Outcome != "" {
			t.Errorf("got kind %q, lead %q, outcome %q; want a kind alone", e.Kind, e.Lead, e.Outcome)
		}
	})
	for _, s := range f.Samples {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			f.sample(t, s)
		})
	}
}

func (f Fixture) signature(t *testing.T) {
	t.Helper()
	body := f.Samples[0].Body
	good := f.Sign(secret, body, now())
	without := good.Clone()
	without.Del(f.SignatureHeader)
	empty := good.Clone()
	empty.Set(f.SignatureHeader, "")
	garbage := good.Clone()
	garbage.Set(f.SignatureHeader, strings.Repeat("=,", 5000))

	tests := map[string]struct {
		secrets []string
		header  http.Header
		body    []byte
		want    error
	}{
		"good":                    {[]string{secret}, good, body, nil},
		"old secret in rotation":  {[]string{other, secret}, good, body, nil},
		"new secret in rotation":  {[]string{secret, other}, good, body, nil},
		"secret that was removed": {[]string{other}, good, body, webhook.ErrSignature},
		"another body":            {[]string{secret}, good, append([]byte(" "), body...), webhook.ErrSignature},
		"no body":                 {[]string{secret}, good, nil, webhook.ErrSignature},
		"no header":               {[]string{secret}, without, body, webhook.ErrSignature},
		"empty header":            {[]string{secret}, empty, body, webhook.ErrSignature},
		"garbage header":          {[]string{secret}, garbage, body, webhook.ErrSignature},
		"no headers at all":       {[]string{secret}, http.Header{}, body, webhook.ErrSignature},
		"signed empty body":       {[]string{secret}, f.Sign(secret, nil, now()), nil, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := f.New(t, tt.secrets...)
			for range 3 { // a pooled state must not carry over
				if err := source.Verify(tt.header, tt.body, now()); !errors.Is(err, tt.want) {
					t.Fatalf("got %v, want %v", err, tt.want)
				}
			}
		})
	}
	if got := f.New(t, secret).Delivery(good); got == "" {
		t.Error("got no delivery id of a delivery that has one")
	}
}

func (f Fixture) read(t *testing.T, body []byte) conversions.Event {
	t.Helper()
	e, err := f.New(t, secret).Read(f.Sign(secret, body, now()), body)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return e
}

func (f Fixture) sample(t *testing.T, s Sample) {
	t.Helper()
	first := f.read(t, s.Body)
	if first.Kind == "" || first.At.IsZero() {
		t.Errorf("got kind %q at %v, want both", first.Kind, first.At)
	}
	if diff := cmp.Diff(first, f.read(t, s.Body)); diff != "" {
		t.Errorf("a replay reads differently (-first +again):\n%s", diff)
	}
	if diff := cmp.Diff(first, f.read(t, withMember(t, s.Body))); diff != "" {
		t.Errorf("an unknown member changes the event (-without +with):\n%s", diff)
	}
	leaks(t, "event", encode(t, first), s.Personal, s.Identifying)
	leaks(t, "person", encode(t, first.Person), s.Personal)
	f.keepsNoBody(t, s, first)
	f.unreadable(t, s)
}

// keepsNoBody overwrites the body after it was read: the handler reuses its
// buffers.
func (f Fixture) keepsNoBody(t *testing.T, s Sample, want conversions.Event) {
	t.Helper()
	body := bytes.Clone(s.Body)
	got := f.read(t, body)
	for i := range body {
		body[i] = '#'
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the event changes with the buffer (-want +got):\n%s", diff)
	}
}

// unreadable damages the sample in ways that no vendor can read.
func (f Fixture) unreadable(t *testing.T, s Sample) {
	t.Helper()
	source := f.New(t, secret)
	for name, body := range map[string][]byte{
		"in an array": append(append([]byte("["), s.Body...), ']'),
		"cut":         s.Body[:len(s.Body)/2],
		"twice":       append(bytes.Clone(s.Body), s.Body...),
		"bad UTF-8":   bytes.Replace(s.Body, []byte(`{`), []byte("{\"x\":\"\xff\","), 1),
		"empty":       nil,
	} {
		_, err := source.Read(f.Sign(secret, body, now()), body)
		var bad *webhook.MalformedError
		if !errors.As(err, &bad) || bad.Reason == "" {
			t.Errorf("%s: got %v, want a *MalformedError with a reason", name, err)
			continue
		}
		leaks(t, name, bad.Error()+bad.Detail+bad.Shape, s.Personal, s.Identifying)
	}
}

// withMember adds members that no vendor has, at the front of every object.
func withMember(t *testing.T, body []byte) []byte {
	t.Helper()
	out := bytes.ReplaceAll(body, []byte(`{`), []byte(`{"zz_unknown":{"zz":[1,"two",null]},`))
	if !json.Valid(out) {
		t.Fatal("the sample has braces in texts or an empty object")
	}
	return out
}

func encode(t *testing.T, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func leaks(t *testing.T, where, text string, lists ...[]string) {
	t.Helper()
	for _, list := range lists {
		for _, secretText := range list {
			if strings.Contains(text, secretText) {
				t.Errorf("%s: %q got through: %s", where, secretText, text)
			}
		}
	}
}
