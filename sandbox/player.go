package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Result is what should become of a delivery in the end.
type Result string

// Results of a delivery.
const (
	// Counted: the outcome becomes a conversion at Google.
	Counted Result = "counted"
	// Context: nothing by itself, but it tells about a call that another delivery is about.
	Context Result = "context"
	// Unmatched: an outcome with a click id that is well-formed and not Google's; it is sent and refused.
	Unmatched Result = "unmatched"
	// NoStage: an outcome that is never uploaded, such as spam.
	NoStage Result = "no_stage"
	// NoClick: an outcome without a usable click id; it waits for one and is skipped in the end.
	NoClick Result = "no_click"
	// Repeated: the same delivery again; nothing changes.
	Repeated Result = "repeated"
	// Refused: not genuine; answered 401 and forgotten.
	Refused Result = "refused"
	// Unreadable: genuine, but no event; accepted and put aside.
	Unreadable Result = "unreadable"
)

// Delivery is one webhook request as the CRM would send it.
type Delivery struct {
	// Name says in a few words what it is an example of; unique within a play.
	Name string
	// Body and Header are ready to be posted.
	Body   []byte
	Header http.Header
	Expect Expect
}

// Expect is what a correct receiver makes of a delivery.
type Expect struct {
	// Status is the HTTP status of the answer.
	Status int
	Result Result
	// Stage is "booked" or "quoted" where Result is Counted or NoClick, else "".
	Stage string
	// Cents is the amount of a Counted outcome before any rule weighs it: hundredths of a major unit.
	Cents int64
	// Click is the click a Counted outcome is credited to; zero otherwise.
	Click Click
	// TaggedAt is when the outcome was tagged: the conversion's time. Zero for other deliveries.
	TaggedAt time.Time
}

// Play is a day of webhooks and the clicks behind them.
type Play struct {
	// Deliveries are in the order of sending, which is not in each case the order of events.
	Deliveries []Delivery
	// Clicks must be known at Google, or the counted outcomes are refused there.
	Clicks []Click
}

// Yesterday makes the webhooks of the calls of the day before base, signed with secret at base as Varda signs them
// (docs.tryvarda.com, webhooks: overview, events, signatures; November 2026), with clicks on ads of customer. All events
// lie between 26 and 9 hours before base; each outcome is tagged some time after its call. The same arguments make the
// same play. The people in it are sample people.
func Yesterday(base time.Time, secret, customer string) Play {
	p := player{secret: secret, customer: customer, base: base.UTC().Truncate(time.Second)}
	p.booked()
	p.quoted()
	p.spam()
	p.bookedWithoutClick()
	p.clickAfterOutcome()
	p.placeholder()
	p.foreignClick()
	p.repeat("booked: tagged")
	p.badSignature()
	p.unreadable()
	return p.play
}

type player struct {
	secret, customer string
	base             time.Time
	play             Play
}

// callStory is a call and the outcome it is tagged with later.
type callStory struct {
	name             string
	session, outcome int64
	ago              time.Duration // from base back to the start of the call
	tagAfter         time.Duration // from the end of the call to the tag
	gclid            string
	kind             string
	estimated        int64
	actual, revenue  int64
	notes            string
}

const callLasts = 245 * time.Second

func (p *player) booked() {
	c := p.click("booked", 26*time.Hour)
	s := callStory{
		name: "booked", session: 42, outcome: 15, ago: 25 * time.Hour, tagAfter: 30 * time.Second, gclid: c.ID,
		kind: "booked", estimated: 250000, revenue: 250000, notes: "Kitchen remodel - scheduled for April",
	}
	p.ended(s)
	p.tagged(s, Expect{Result: Counted, Stage: "booked", Cents: 250000, Click: c})
}

func (p *player) quoted() {
	c := p.click("quoted", 30*time.Hour)
	s := callStory{
		name: "quoted", session: 43, outcome: 16, ago: 22 * time.Hour, tagAfter: 40 * time.Minute, gclid: c.ID,
		kind: "quoted", estimated: 184950, revenue: 184950, notes: "Bathroom tiles - offer by e-mail",
	}
	p.ended(s)
	p.tagged(s, Expect{Result: Counted, Stage: "quoted", Cents: 184950, Click: c})
}

func (p *player) spam() {
	c := p.click("spam", 21*time.Hour)
	s := callStory{name: "spam", session: 44, outcome: 17, ago: 20 * time.Hour, tagAfter: time.Minute, gclid: c.ID, kind: "spam"}
	p.ended(s)
	p.tagged(s, Expect{Result: NoStage})
}

func (p *player) bookedWithoutClick() {
	s := callStory{
		name: "booked without a click", session: 45, outcome: 18, ago: 18 * time.Hour, tagAfter: 2 * time.Hour,
		kind: "booked", estimated: 60000, revenue: 60000, notes: "Came by recommendation",
	}
	p.ended(s)
	p.tagged(s, Expect{Result: NoClick, Stage: "booked"})
}

// clickAfterOutcome sends the outcome first: only the call.ended behind it names the click.
func (p *player) clickAfterOutcome() {
	c := p.click("click after the outcome", 17*time.Hour)
	s := callStory{
		name: "click after the outcome", session: 46, outcome: 19, ago: 16 * time.Hour, tagAfter: 5 * time.Minute,
		kind: "booked", estimated: 100000, actual: 98765, revenue: 98765, notes: "Paid on the spot",
	}
	p.tagged(s, Expect{Result: Counted, Stage: "booked", Cents: 98765, Click: c})
	s.gclid = c.ID
	p.ended(s)
}

// placeholder carries the click id of the CRM's documentation instead of a real one.
func (p *player) placeholder() {
	s := callStory{
		name: "placeholder click", session: 47, outcome: 20, ago: 14 * time.Hour, tagAfter: 10 * time.Minute,
		gclid: "CjwKCAjw...", kind: "booked", estimated: 42000, revenue: 42000, notes: "Tap replaced",
	}
	p.ended(s)
	p.tagged(s, Expect{Result: NoClick, Stage: "booked"})
}

// foreignClick carries a click id that looks as it should and that Google never issued.
func (p *player) foreignClick() {
	s := callStory{
		name: "click Google does not know", session: 50, outcome: 23, ago: 11 * time.Hour, tagAfter: 10 * time.Minute,
		gclid: SampleGCLID("foreign", p.base.Add(-12*time.Hour)), kind: "booked", estimated: 75000, revenue: 75000,
		notes: "Boiler serviced",
	}
	p.ended(s)
	p.tagged(s, Expect{Result: Unmatched, Stage: "booked"})
}

// repeat sends a delivery again: same body, same delivery id, as a retry after a lost answer.
func (p *player) repeat(name string) {
	for _, d := range p.play.Deliveries {
		if d.Name == name {
			d.Name, d.Expect = name+", again", Expect{Status: http.StatusAccepted, Result: Repeated}
			d.Header = d.Header.Clone()
			p.play.Deliveries = append(p.play.Deliveries, d)
			return
		}
	}
}

func (p *player) badSignature() {
	s := callStory{name: "forged", session: 48, outcome: 21, ago: 13 * time.Hour, kind: "booked", estimated: 999999, revenue: 999999}
	body := p.taggedBody(s)
	p.send("forged: bad signature", "call.outcome_tagged", body, Expect{Status: http.StatusUnauthorized, Result: Refused})
	last := &p.play.Deliveries[len(p.play.Deliveries)-1]
	last.Header.Set("X-Varda-Signature", Sign(body, p.secret+"?", p.base))
}

// unreadable is genuine but cut off in the middle.
func (p *player) unreadable() {
	s := callStory{name: "unreadable", session: 49, outcome: 22, ago: 12 * time.Hour, kind: "booked", estimated: 1, revenue: 1}
	body := p.taggedBody(s)
	p.send("unreadable body", "call.outcome_tagged", body[:len(body)/2], Expect{Result: Unreadable})
}

func (p *player) click(seed string, ago time.Duration) Click {
	at := p.base.Add(-ago)
	c := Click{Kind: GCLID, ID: SampleGCLID(seed, at), Customer: p.customer, Time: at}
	p.play.Clicks = append(p.play.Clicks, c)
	return c
}

func (p *player) ended(s callStory) {
	p.send(s.name+": call", "call.ended", p.endedBody(s), Expect{Result: Context})
}

func (p *player) tagged(s callStory, want Expect) {
	want.TaggedAt = p.taggedAt(s)
	p.send(s.name+": tagged", "call.outcome_tagged", p.taggedBody(s), want)
}

func (p *player) startedAt(s callStory) time.Time { return p.base.Add(-s.ago) }
func (p *player) taggedAt(s callStory) time.Time  { return p.startedAt(s).Add(callLasts + s.tagAfter) }

// send appends a delivery that is signed correctly and, unless want says otherwise, answered 202.
func (p *player) send(name, event string, body []byte, want Expect) {
	if want.Status == 0 {
		want.Status = http.StatusAccepted
	}
	p.play.Deliveries = append(p.play.Deliveries, Delivery{
		Name: name,
		Body: body,
		Header: http.Header{
			"Content-Type":      {"application/json"},
			"User-Agent":        {"Varda-Webhooks/1.0"},
			"X-Varda-Event":     {event},
			"X-Varda-Delivery":  {deliveryID(len(p.play.Deliveries), body)},
			"X-Varda-Signature": {Sign(body, p.secret, p.base)},
		},
		Expect: want,
	})
}

func deliveryID(n int, body []byte) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d.%s", n, body))
	return "dlv_" + hex.EncodeToString(sum[:12])
}

// Sign is the value of X-Varda-Signature for a body sent at a time: "t=<unix seconds>,v1=<hex>", HMAC-SHA256 of
// "t.body" with the secret's bytes as they are (docs.tryvarda.com/webhooks/signatures, November 2026).
func Sign(body []byte, secret string, at time.Time) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// The samples of docs.tryvarda.com/webhooks/events have these members, in this order.
type (
	envelope struct {
		Event     string `json:"event"`
		Timestamp string `json:"timestamp"`
		Data      any    `json:"data"`
	}
	endedData struct {
		ID              int64       `json:"id"`
		Direction       string      `json:"direction"`
		Status          string      `json:"status"`
		From            string      `json:"from_number"`
		To              string      `json:"to_number"`
		DurationSeconds int         `json:"duration_seconds"`
		Disposition     string      `json:"disposition"`
		Contact         contact     `json:"contact"`
		Attribution     attribution `json:"attribution"`
		StartedAt       string      `json:"started_at"`
		EndedAt         string      `json:"ended_at"`
	}
	taggedData struct {
		ID             int64       `json:"id"`
		CallSessionID  int64       `json:"call_session_id"`
		OutcomeType    string      `json:"outcome_type"`
		EstimatedCents int64       `json:"estimated_value_cents"`
		ActualCents    int64       `json:"actual_value_cents"`
		RevenueCents   int64       `json:"revenue_cents"`
		Notes          string      `json:"notes"`
		Contact        contact     `json:"contact"`
		Attribution    attribution `json:"attribution"`
	}
	contact struct {
		ID    int64  `json:"id"`
		Name  string `json:"name"`
		Phone string `json:"phone"`
	}
	attribution struct {
		Source      string `json:"source"`
		Medium      string `json:"medium"`
		Campaign    string `json:"campaign,omitempty"`
		LandingPage string `json:"landing_page,omitempty"`
		GCLID       string `json:"gclid,omitempty"`
		DeviceType  string `json:"device_type,omitempty"`
		Type        string `json:"type"`
	}
)

func (p *player) endedBody(s callStory) []byte {
	started := p.startedAt(s)
	ended := started.Add(callLasts)
	a := s.attribution()
	a.LandingPage, a.DeviceType = "https://example.com/services", "mobile"
	return encode(envelope{Event: "call.ended", Timestamp: stamp(ended), Data: endedData{
		ID: s.session, Direction: "inbound", Status: "ended", From: s.contact().Phone, To: "+18005551234",
		DurationSeconds: int(callLasts.Seconds()), Disposition: "completed", Contact: s.contact(), Attribution: a,
		StartedAt: stamp(started), EndedAt: stamp(ended),
	}})
}

func (p *player) taggedBody(s callStory) []byte {
	return encode(envelope{Event: "call.outcome_tagged", Timestamp: stamp(p.taggedAt(s)), Data: taggedData{
		ID: s.outcome, CallSessionID: s.session, OutcomeType: s.kind, EstimatedCents: s.estimated, ActualCents: s.actual,
		RevenueCents: s.revenue, Notes: s.notes, Contact: s.contact(), Attribution: s.attribution(),
	}})
}

// contact is another person for each call: two calls of one person could be taken for one job.
func (s callStory) contact() contact {
	return contact{ID: 400 + s.session, Name: "Jane Doe", Phone: fmt.Sprintf("+1800555%04d", 9800+s.session)}
}

func (s callStory) attribution() attribution {
	if s.name == "booked without a click" {
		return attribution{Source: "direct", Medium: "referral", Type: "session"}
	}
	return attribution{Source: "google_ads", Medium: "cpc", Campaign: "spring-sale", GCLID: s.gclid, Type: "session"}
}

func stamp(t time.Time) string { return t.Format(time.RFC3339) }

func encode(e envelope) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(e) // strings and integers always encode
	return b.Bytes()
}
