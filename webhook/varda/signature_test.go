package varda_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"closeloop/webhook"
	"closeloop/webhook/varda"
)

// TestVector pins the scheme with a digest made by openssl:
// printf '1700000000.{"event":"x"}' | openssl dgst -sha256 -hmac whs_test_3f9a .
func TestVector(t *testing.T) {
	t.Parallel()
	header := http.Header{"X-Varda-Signature": {"t=1700000000,v1=" + vector}}
	if err := standard(t).Verify(header, []byte(`{"event":"x"}`), signedAt()); err != nil {
		t.Errorf("got %v, want a good signature", err)
	}
}

const vector = "f0901af81cc110b55afcf86f3dacd2b894ba55643a151f7065e31795f63655f6"

func TestSignatureHeader(t *testing.T) {
	t.Parallel()
	body := []byte(`{"event":"x"}`)
	const stamp = "1774464000"
	good, bad := digest(secret, stamp, body), digest("other", stamp, body)
	accepted, malformed := webhook.SignatureReason(""), webhook.SignatureMalformed
	tests := map[string]struct {
		header string
		want   webhook.SignatureReason
	}{
		"as documented":         {"t=" + stamp + ",v1=" + good, accepted},
		"other order":           {"v1=" + good + ",t=" + stamp, accepted},
		"spaces":                {" t=" + stamp + ", v1=" + good + " ", accepted},
		"unknown members":       {"v0=abc,t=" + stamp + ",x,v1=" + good + ",v2=" + good, accepted},
		"second v1 matches":     {"t=" + stamp + ",v1=" + bad + ",v1=" + good, accepted},
		"first v1 matches":      {"t=" + stamp + ",v1=" + good + ",v1=" + bad, accepted},
		"broken v1 beside good": {"t=" + stamp + ",v1=zz,v1=" + good, accepted},
		"wrong":                 {"t=" + stamp + ",v1=" + bad, webhook.SignatureMismatch},
		"other time":            {"t=1774464001,v1=" + good, webhook.SignatureMismatch},
		"time with a zero":      {"t=0" + stamp + ",v1=" + good, webhook.SignatureMismatch},
		"cut digest":            {"t=" + stamp + ",v1=" + good[:62], malformed},
		"empty digest":          {"t=" + stamp + ",v1=", malformed},
		"long digest":           {"t=" + stamp + ",v1=" + good + "00", malformed},
		"no hex":                {"t=" + stamp + ",v1=" + strings.Repeat("z", 64), malformed},
		"no time":               {"v1=" + good, malformed},
		"no digest":             {"t=" + stamp, malformed},
		"two times":             {"t=" + stamp + ",t=" + stamp + ",v1=" + good, malformed},
		"time is a word":        {"t=now,v1=" + good, malformed},
		"negative time":         {"t=-1,v1=" + good, malformed},
		"signed time":           {"t=+1,v1=" + good, malformed},
		"time too long":         {"t=1774464000000,v1=" + good, malformed},
		"digest under v2 only":  {"t=" + stamp + ",v2=" + good, malformed},
		"header too long":       {strings.Repeat("x=1,", 300) + "t=" + stamp + ",v1=" + good, malformed},
		"nine wrong, then good": {"t=" + stamp + strings.Repeat(",v1="+bad, 9) + ",v1=" + good, webhook.SignatureMismatch},
		"bare digest":           {good, malformed},
		"comma":                 {",", malformed},
		"empty":                 {"", webhook.SignatureMissing},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := standard(t).Verify(http.Header{"X-Varda-Signature": {tt.header}}, body, signedAt())
			checkReason(t, err, tt.want)
		})
	}
}

func checkReason(t *testing.T, err error, want webhook.SignatureReason) {
	t.Helper()
	var refused *webhook.SignatureError
	switch {
	case want == "" && err != nil:
		t.Errorf("got %v, want a good signature", err)
	case want != "" && (!errors.As(err, &refused) || refused.Reason != want):
		t.Errorf("got %v, want %s", err, want)
	case want != "" && !errors.Is(err, webhook.ErrSignature):
		t.Errorf("got %v, want it to wrap ErrSignature", err)
	}
}

func TestTwoHeaders(t *testing.T) {
	t.Parallel()
	body := []byte("{}")
	header := sign(secret, body, signedAt())
	header.Add("X-Varda-Signature", header.Get("X-Varda-Signature"))
	checkReason(t, standard(t).Verify(header, body, signedAt()), webhook.SignatureMalformed)
}

func TestTolerance(t *testing.T) {
	t.Parallel()
	body := []byte("{}")
	tests := map[string]struct {
		tolerance, age time.Duration
		want           webhook.SignatureReason
	}{
		"off, a year old":    {0, 365 * 24 * time.Hour, ""},
		"off, from tomorrow": {0, -24 * time.Hour, ""},
		"at the limit":       {5 * time.Minute, 5 * time.Minute, ""},
		"too old":            {5 * time.Minute, 5*time.Minute + time.Second, webhook.SignatureStale},
		"ahead, at limit":    {5 * time.Minute, -5 * time.Minute, ""},
		"too far ahead":      {5 * time.Minute, -5*time.Minute - time.Second, webhook.SignatureFuture},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource(t, varda.Config{Secrets: []string{secret}, Tolerance: tt.tolerance})
			header := sign(secret, body, signedAt())
			checkReason(t, s.Verify(header, body, signedAt().Add(tt.age)), tt.want)
		})
	}
}

func TestToleranceIsNotToldToStrangers(t *testing.T) {
	t.Parallel()
	body := []byte("{}")
	s := newSource(t, varda.Config{Secrets: []string{secret}, Tolerance: time.Minute})
	header := sign("guess", body, signedAt().Add(-time.Hour))
	checkReason(t, s.Verify(header, body, signedAt()), webhook.SignatureMismatch)
}
