package varda_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"closeloop/conversions"
	"closeloop/webhook"
	"closeloop/webhook/varda"
)

// FuzzSignatureHeader: nothing but the right digest of the body under the
// secret is accepted, whatever the header.
func FuzzSignatureHeader(f *testing.F) {
	body := []byte(`{"event":"x"}`)
	good := sign(secret, body, signedAt()).Get("X-Varda-Signature")
	for _, seed := range []string{
		good, "", ",", "=", "t=,v1=", "t=1", good + "," + good, strings.ToUpper(good), good + ",v1=", "v1=" + good,
		strings.Replace(good, ",", ",v1="+strings.Repeat("0", 64)+",", 1), strings.Repeat("t=1,v1=00,", 200),
	} {
		f.Add(seed)
	}
	source, err := varda.New(varda.Config{Secrets: []string{secret, "another"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		err := source.Verify(http.Header{"X-Varda-Signature": {value}}, body, signedAt())
		if err != nil {
			if !errors.Is(err, webhook.ErrSignature) {
				t.Fatalf("got %v, want it to wrap ErrSignature", err)
			}
			return
		}
		stamp := ""
		for member := range strings.SplitSeq(value, ",") {
			if text, ok := strings.CutPrefix(strings.TrimSpace(member), "t="); ok {
				stamp = text
			}
		}
		lower := strings.ToLower(value)
		if !strings.Contains(lower, digest(secret, stamp, body)) && !strings.Contains(lower, digest("another", stamp, body)) {
			t.Fatalf("accepted %q, which holds no digest of the body", value)
		}
	})
}

// FuzzPayload: reading never panics, what it accepts can be stored, and the
// name and notes of the sample never come out.
func FuzzPayload(f *testing.F) {
	for _, kind := range kinds() {
		f.Add(fixture(f, kind))
	}
	f.Add(tagged(f, `250000`, `2.5e5`))
	f.Add(tagged(f, `18:35:30Z`, `18:35:30`))
	f.Add(tagged(f, `"revenue_cents"`, `"actual_value_cents"`))
	f.Add(tagged(f, `Bathroom`, "\xff\x00"))
	f.Add([]byte(strings.Repeat(`{"data":`, 100)))
	f.Add([]byte(`{"event":"new.kind","timestamp":"2026-03-25T18:35:30+01:00","data":7}`))
	source, err := varda.New(varda.Config{Secrets: []string{secret}, Region: "US"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := source.Read(http.Header{}, body)
		if err != nil {
			checkMalformed(t, err)
			return
		}
		checkEvent(t, e)
	})
}

func checkMalformed(t *testing.T, err error) {
	t.Helper()
	var bad *webhook.MalformedError
	if !errors.As(err, &bad) || bad.Reason == "" {
		t.Fatalf("got %v, want a *MalformedError with a reason", err)
	}
	const longestShape = 16 << 10 // the limit, the last member and the closing brackets
	if len(bad.Shape) > longestShape || len(bad.Detail) > 100 {
		t.Fatalf("got a shape of %d and a detail of %d bytes", len(bad.Shape), len(bad.Detail))
	}
	clean(t, bad.Shape+bad.Detail)
}

func checkEvent(t *testing.T, e conversions.Event) {
	t.Helper()
	if e.Kind == "" || e.At.IsZero() || e.At.Year() < 2000 || e.At.Year() > 2199 {
		t.Fatalf("got kind %q at %v", e.Kind, e.At)
	}
	if e.Outcome != "" && e.Lead == "" {
		t.Fatal("got an outcome without a lead")
	}
	for _, amount := range []*conversions.Cents{e.Amounts.Actual, e.Amounts.Revenue, e.Amounts.Estimated} {
		if amount != nil && (*amount < 0 || *amount > conversions.MaxCents) {
			t.Fatalf("got the amount %d", *amount)
		}
	}
	p := e.Person
	texts := []string{
		string(e.Kind), string(e.Lead), string(e.Outcome), e.OutcomeID, e.Channel, e.Landing,
		p.Contact, p.EmailHash, p.PhoneHash,
	}
	for _, c := range p.Clicks {
		texts = append(texts, string(c.Kind), c.ID, string(c.Place), c.Damage)
	}
	for _, text := range texts {
		const longest = 512
		if len(text) > longest || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			t.Fatalf("got %q, which cannot be stored everywhere", text)
		}
	}
	for _, h := range []string{p.EmailHash, p.PhoneHash} {
		if h != "" && len(h) != 64 {
			t.Fatalf("got the hash %q", h)
		}
	}
}

func clean(t *testing.T, text string) {
	t.Helper()
	for _, personal := range []string{"Erika", "mat\"", "Bathroom", "@"} {
		if strings.Contains(text, personal) {
			t.Fatalf("%q got through: %s", personal, text)
		}
	}
}
