package varda

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"closeloop/webhook"
)

// The limits of a signature header. Documented ones hold one signature of 64
// digits; a rotation adds one per secret.
const (
	longestHeader = 1 << 10
	mostDigests   = 8
)

// signature is a parsed X-Varda-Signature header.
type signature struct {
	stamp   string // as written: these very characters are signed
	at      time.Time
	digests [mostDigests][sha256.Size]byte
	n       int
}

// parse reads "t=<unix seconds>,v1=<hex>", members in any order, v1 more
// than once, unknown members ignored. ok is false without exactly one time
// and at least one well-formed v1.
func (s *signature) parse(value string) (ok bool) {
	if len(value) > longestHeader {
		return false
	}
	for member := range strings.SplitSeq(value, ",") {
		key, text, _ := strings.Cut(strings.TrimSpace(member), "=")
		switch key {
		case "t":
			if s.stamp != "" || !s.setTime(text) {
				return false
			}
		case "v1":
			s.add(text)
		}
	}
	return s.stamp != "" && s.n > 0
}

func (s *signature) setTime(text string) bool {
	const longest = 12 // digits; seconds until the year 33658
	seconds, err := strconv.ParseUint(text, 10, 63)
	if err != nil || len(text) > longest {
		return false
	}
	s.stamp, s.at = text, time.Unix(int64(seconds), 0)
	return true
}

// add keeps a digest. One that is none is passed over: another may match.
func (s *signature) add(text string) {
	if s.n == mostDigests || len(text) != hex.EncodedLen(sha256.Size) {
		return
	}
	var raw [2 * sha256.Size]byte
	copy(raw[:], text)
	if _, err := hex.Decode(s.digests[s.n][:], raw[:]); err == nil {
		s.n++
	}
}

// Verify implements webhook.Source: HMAC-SHA256 in hex over "{t}.{body}",
// keyed with the secret as it is written
// (docs.tryvarda.com/webhooks/signatures). Every secret is tried against
// every digest of the header, without stopping at a match.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	values := header[signatureHeader]
	if len(values) == 0 || values[0] == "" {
		return &webhook.SignatureError{Reason: webhook.SignatureMissing}
	}
	var sig signature
	if len(values) > 1 || !sig.parse(values[0]) {
		return &webhook.SignatureError{Reason: webhook.SignatureMalformed}
	}
	matched := 0
	for i := range s.keys {
		matched |= s.keys[i].matches(&sig, body)
	}
	if matched == 0 {
		return &webhook.SignatureError{Reason: webhook.SignatureMismatch}
	}
	return s.timely(sig.at, now)
}

// timely applies the tolerance. It comes after the comparison, so that only
// a genuine sender learns of it.
func (s *Source) timely(at, now time.Time) error {
	switch age := now.Sub(at); {
	case s.tolerance == 0:
		return nil
	case age > s.tolerance:
		return &webhook.SignatureError{Reason: webhook.SignatureStale}
	case age < -s.tolerance:
		return &webhook.SignatureError{Reason: webhook.SignatureFuture}
	default:
		return nil
	}
}

// key is one secret with hash states that are keyed already: keying costs
// two blocks of SHA-256 and three allocations per delivery.
type key struct{ macs sync.Pool }

// mac is one keyed state with room for what is hashed before the body and
// for the result.
type mac struct {
	hash   hash.Hash
	prefix [16]byte
	sum    [sha256.Size]byte
}

func (k *key) init(secret string) {
	k.macs.New = func() any { return &mac{hash: hmac.New(sha256.New, []byte(secret))} }
}

// matches returns 1 if one of the digests is the body's under this key, else
// 0, in time that does not depend on which.
func (k *key) matches(sig *signature, body []byte) int {
	m, ok := k.macs.Get().(*mac)
	if !ok {
		return 0
	}
	defer k.macs.Put(m)
	m.hash.Reset()
	m.hash.Write(append(append(m.prefix[:0], sig.stamp...), '.'))
	m.hash.Write(body)
	want, found := m.hash.Sum(m.sum[:0]), 0
	for i := range sig.n {
		found |= subtle.ConstantTimeCompare(want, sig.digests[i][:])
	}
	return found
}
