package sandbox_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"closeloop/sandbox"
)

const secret = "whsec_test"

// signedBy says whether the delivery carries the signature of secret, computed here anew.
func signedBy(d sandbox.Delivery, secret string) bool {
	t, v1, _ := strings.Cut(strings.TrimPrefix(d.Header.Get("X-Varda-Signature"), "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "." + string(d.Body)))
	return v1 == hex.EncodeToString(mac.Sum(nil))
}

func TestYesterdayTellsEveryStory(t *testing.T) {
	t.Parallel()
	got := map[string]sandbox.Result{}
	for _, d := range sandbox.Yesterday(testNow(), secret, account).Deliveries {
		got[d.Name] = d.Expect.Result
	}
	want := map[string]sandbox.Result{
		"booked: call": sandbox.Context, "booked: tagged": sandbox.Counted,
		"quoted: call": sandbox.Context, "quoted: tagged": sandbox.Counted,
		"spam: call": sandbox.Context, "spam: tagged": sandbox.NoStage,
		"booked without a click: call": sandbox.Context, "booked without a click: tagged": sandbox.NoClick,
		"click after the outcome: tagged": sandbox.Counted, "click after the outcome: call": sandbox.Context,
		"placeholder click: call": sandbox.Context, "placeholder click: tagged": sandbox.NoClick,
		"click Google does not know: call": sandbox.Context, "click Google does not know: tagged": sandbox.Unmatched,
		"booked: tagged, again": sandbox.Repeated, "forged: bad signature": sandbox.Refused, "unreadable body": sandbox.Unreadable,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stories (-want +got):\n%s", diff)
	}
}

func TestYesterdayDeliveries(t *testing.T) {
	t.Parallel()
	for _, d := range sandbox.Yesterday(testNow(), secret, account).Deliveries {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			genuine := d.Expect.Status == http.StatusAccepted
			if signedBy(d, secret) != genuine {
				t.Errorf("signature good = %t, want %t", !genuine, genuine)
			}
			for _, h := range []string{"X-Varda-Event", "X-Varda-Delivery", "User-Agent", "Content-Type"} {
				if d.Header.Get(h) == "" {
					t.Errorf("header %s is missing", h)
				}
			}
			if readable := d.Expect.Result != sandbox.Unreadable; json.Valid(d.Body) != readable {
				t.Errorf("valid JSON = %t, want %t", !readable, readable)
			}
			for _, phone := range regexp.MustCompile(`\+\d+`).FindAllString(string(d.Body), -1) {
				if !regexp.MustCompile(`^\+1800555\d{4}$`).MatchString(phone) {
					t.Errorf("%s is no sample number", phone)
				}
			}
		})
	}
}

func TestYesterdayTimes(t *testing.T) {
	t.Parallel()
	for _, d := range sandbox.Yesterday(testNow(), secret, account).Deliveries {
		var e struct {
			Timestamp time.Time `json:"timestamp"`
		}
		if json.Unmarshal(d.Body, &e) != nil {
			continue
		}
		if age := testNow().Sub(e.Timestamp); age < 8*time.Hour || age > 26*time.Hour {
			t.Errorf("%s happened %v before base, want 8h to 26h", d.Name, age)
		}
		if d.Expect.Result == sandbox.Counted && !d.Expect.TaggedAt.After(d.Expect.Click.Time) {
			t.Errorf("%s is tagged before its click", d.Name)
		}
	}
}

func TestYesterdayRepeats(t *testing.T) {
	t.Parallel()
	byName := map[string]sandbox.Delivery{}
	for _, d := range sandbox.Yesterday(testNow(), secret, account).Deliveries {
		byName[d.Name] = d
	}
	first, again := byName["booked: tagged"], byName["booked: tagged, again"]
	if !bytes.Equal(first.Body, again.Body) || !maps.EqualFunc(first.Header, again.Header, func(a, b []string) bool { return a[0] == b[0] }) {
		t.Error("the repeated delivery differs from the first")
	}
	ids := map[string]bool{}
	for _, d := range byName {
		ids[d.Header.Get("X-Varda-Delivery")] = true
	}
	if len(ids) != len(byName)-1 {
		t.Errorf("%d delivery ids for %d deliveries, want one less", len(ids), len(byName))
	}
	if diff := cmp.Diff(sandbox.Yesterday(testNow(), secret, account), sandbox.Yesterday(testNow(), secret, account)); diff != "" {
		t.Errorf("the same arguments made another play:\n%s", diff)
	}
}

// TestYesterdayIsAccepted uploads what a correct program makes of the play.
func TestYesterdayIsAccepted(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	play := sandbox.Yesterday(testNow(), secret, account)
	cfg.Clicks = play.Clicks
	r := start(t, cfg)
	var rows []*conversion
	for _, d := range play.Deliveries {
		if d.Expect.Result == sandbox.Counted {
			rows = append(rows, good(withGCLID(d.Expect.Click.ID), withOrder("order-"+d.Expect.Click.ID[:40]+d.Name[:6]),
				withTime(d.Expect.TaggedAt.Format("2006-01-02 15:04:05-07:00"))))
		}
	}
	if got := failures(t, r.send(t, rows...)); got != nil || len(rows) != 3 {
		t.Errorf("%d rows failed with %v, want three accepted", len(rows), got)
	}
}

func TestSampleGCLID(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^(CjwKCAi[A]|CjwKCAjw|Cj0KCQiA|Cj0KCQjw)[A-Za-z0-9_-]+(QAvD_BwE|EALw_wcB)$`)
	lengths, seen := map[int]int{}, map[string]bool{}
	for i := range 400 {
		clicked := testNow().Add(-time.Duration(i) * 12 * time.Hour)
		id := sandbox.SampleGCLID("seed", clicked)
		if i%2 == 1 {
			id = sandbox.SampleGCLID("seed-"+clicked.String(), clicked)
		}
		if !form.MatchString(id) {
			t.Fatalf("id %q has not the form of a gclid", id)
		}
		checkClosed(t, id)
		lengths[len(id)]++
		seen[id] = true
	}
	if len(lengths) != 2 || lengths[91] == 0 || lengths[92] == 0 {
		t.Errorf("lengths = %v, want 91 and 92", lengths)
	}
}

// checkClosed says whether id parses as protobuf to its last byte and closes with field 16382.
func checkClosed(t *testing.T, id string) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		t.Fatalf("decode %q: %v", id, err)
	}
	var last protowire.Number
	for len(raw) > 0 {
		number, _, n := protowire.ConsumeField(raw)
		if n < 0 {
			t.Fatalf("%q does not parse", id)
		}
		last, raw = number, raw[n:]
	}
	if last != 16382 {
		t.Errorf("last field = %d, want 16382", last)
	}
}
