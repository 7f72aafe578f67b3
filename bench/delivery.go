package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The kinds of events that are delivered.
const (
	outcomeTagged = "call.outcome_tagged"
	callEnded     = "call.ended"
)

const (
	secret   = "bench-secret-on-loopback"
	hookPath = "/webhooks/varda"
	// number is where a delivery's own number goes, in nine digits. Every
	// number makes another body, another call and another click.
	number = "#########"
)

// template is a kind of delivery with places for its number.
type template struct {
	stamp string
	body  []byte
	spots []int // where the number stands in body
}

// newTemplate makes the deliveries of calls that ended at a time.
func newTemplate(kind string, at time.Time) *template {
	at = at.UTC().Truncate(time.Second)
	body := []byte(strings.ReplaceAll(bodyOf(kind, at), "\n", ""))
	t := &template{stamp: strconv.FormatInt(at.Unix(), 10), body: body}
	for from := 0; ; {
		i := bytes.Index(body[from:], []byte(number))
		if i < 0 {
			return t
		}
		t.spots = append(t.spots, from+i)
		from += i + len(number)
	}
}

// bodyOf has the documented members (docs.tryvarda.com/webhooks/events) and
// documented sample people.
func bodyOf(kind string, at time.Time) string {
	ended, started := at.Format(time.RFC3339), at.Add(-4*time.Minute).Format(time.RFC3339)
	const who = `"contact":{"id":456,"name":"Jane Doe","phone":"+18005559876"},
"attribution":{"source":"google_ads","medium":"cpc","campaign":"spring-sale","landing_page":"https://example.com/services",
"gclid":"Cj0KCQjwbenchmarkClickThatHasTheUsualLengthOfAboutNinetyCharacters_` + number + `_wcB","type":"session"}`
	if kind == outcomeTagged {
		return `{"event":"call.outcome_tagged","timestamp":"` + ended + `","data":{"id":` + number + `,"call_session_id":` + number + `,
"outcome_type":"booked","estimated_value_cents":250000,"actual_value_cents":0,"revenue_cents":250000,
"notes":"Kitchen remodel - scheduled for April",` + who + `}}`
	}
	return `{"event":"call.ended","timestamp":"` + ended + `","data":{"id":` + number + `,"direction":"inbound","status":"ended",
"from_number":"+18005559876","to_number":"+18005551234","duration_seconds":245,"disposition":"completed",` + who + `,
"started_at":"` + started + `","ended_at":"` + ended + `"}}`
}

// write puts the number n into body, which is a copy of the template's.
func (t *template) write(body []byte, n int) {
	for _, at := range t.spots {
		putNumber(body[at:], n)
	}
}

func putNumber(into []byte, n int) {
	for i := len(number) - 1; i >= 0; i-- {
		into[i] = byte('0' + n%10)
		n /= 10
	}
}

// signature is the hex digest of one delivery.
type signature [2 * sha256.Size]byte

// sign returns the signatures of deliveries first, first+1, ...
func (t *template) sign(first, count int) []signature {
	all := make([]signature, count)
	mac := hmac.New(sha256.New, []byte(secret))
	body, sum := bytes.Clone(t.body), make([]byte, 0, sha256.Size)
	for i := range all {
		t.write(body, first+i)
		mac.Reset()
		mac.Write([]byte(t.stamp))
		mac.Write([]byte{'.'})
		mac.Write(body)
		hex.Encode(all[i][:], mac.Sum(sum))
	}
	return all
}

// request is one HTTP request that is altered in place for every delivery.
type request struct {
	template *template
	text     []byte // all of it
	id       []byte // where the delivery id ends in a number
	digest   []byte // where the signature goes
	body     []byte
}

func (t *template) request(kind string) *request {
	text := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Varda-Webhooks/1.0\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\nX-Varda-Event: %s\r\nX-Varda-Delivery: 9b2f7c1e-5a4d-4c3b-8e2f-000",
		hookPath, len(t.body), kind)
	id := len(text)
	text = fmt.Appendf(text, "%s\r\nX-Varda-Signature: t=%s,v1=", number, t.stamp)
	digest := len(text)
	text = fmt.Appendf(text, "%s\r\n\r\n", strings.Repeat("0", 2*sha256.Size))
	body := len(text)
	text = append(text, t.body...)
	return &request{template: t, text: text, id: text[id:], digest: text[digest:], body: text[body:]}
}

// become makes it delivery n.
func (r *request) become(n int, s *signature) {
	putNumber(r.id, n)
	copy(r.digest, s[:])
	r.template.write(r.body, n)
}
