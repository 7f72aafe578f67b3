package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"closeloop/sandbox"
)

const secret = "torture-secret"

// delivery is one webhook, which is posted until it is answered 2xx.
type delivery struct {
	account    *account
	body       []byte
	unreadable bool // it is quarantined
}

// crm tags leads and posts webhooks about them to any replica, again and again
// until one answers 2xx.
type crm struct {
	w      *world
	rng    *rand.Rand
	client *http.Client
	queue  chan delivery
	posted sync.WaitGroup

	leads      []*lead       // of the goroutine that tags
	unreadable int           // how many of its deliveries nobody can read
	anew       chan struct{} // asks it to tag the latest ones once more

	mu       sync.Mutex
	accepted []delivery // answered 2xx

	attempts, wrong atomic.Int64
	lastWrong       atomic.Pointer[string]
}

const (
	senders = 8
	recent  = 25 // of so many leads an old one is tagged again, so that tags meet what is in flight
)

func newCRM(w *world, rng *rand.Rand) *crm {
	return &crm{
		w: w, rng: rng, queue: make(chan delivery, 10_000), anew: make(chan struct{}, 1),
		client: &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: senders}},
	}
}

// run tags until ctx is done, and then waits until all that was posted is
// answered, or until end is done.
func (c *crm) run(ctx, end context.Context, every time.Duration) {
	for range senders {
		c.posted.Go(func() { c.send(end) })
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for ctx.Err() == nil {
		c.tags()
		select {
		case <-ctx.Done():
		case <-c.anew:
			c.tagAnew()
		case <-ticker.C:
		}
	}
	close(c.queue)
}

// changeMinds asks for another tag of the leads tagged last.
func (c *crm) changeMinds() {
	select {
	case c.anew <- struct{}{}:
	default: // asked already
	}
}

// tagAnew sets another tag of each of the latest leads: somebody who stands
// still knows them as they were.
func (c *crm) tagAnew() {
	for _, l := range c.leads[max(0, len(c.leads)-3*recent):] {
		if d, ok := c.tag(l); ok {
			c.queue <- d
		}
	}
}

func (c *crm) send(ctx context.Context) {
	for d := range c.queue {
		for ctx.Err() == nil && !c.post(ctx, d) {
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// post reports whether a replica answered 2xx.
func (c *crm) post(ctx context.Context, d delivery) bool {
	url := c.w.anyURL()
	if url == "" {
		return false
	}
	c.attempts.Add(1)
	status, _, err := c.deliver(ctx, url, d)
	if err != nil || status == http.StatusServiceUnavailable {
		return false
	}
	if status/100 != 2 {
		text := fmt.Sprintf("a genuine delivery was answered %d", status)
		c.lastWrong.Store(&text)
		c.wrong.Add(1)
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accepted = append(c.accepted, d)
	return true
}

func (c *crm) deliver(ctx context.Context, url string, d delivery) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/webhooks/"+d.account.name, bytes.NewReader(d.body))
	if err != nil {
		return 0, "", fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Varda-Signature", sandbox.Sign(d.body, secret, c.w.clock.now()))
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("post: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", fmt.Errorf("read answer: %w", err)
	}
	return resp.StatusCode, string(text), nil
}

// tags sets one to three tags of a new lead or of one of the latest, and
// queues their webhooks in any order, some of them twice, and some with one that
// nobody can read.
func (c *crm) tags() {
	l := c.lead()
	var all []delivery
	for range 1 + c.rng.IntN(3) {
		if d, ok := c.tag(l); ok {
			all = append(all, d)
		}
	}
	if len(l.tags) == len(all) && l.click != "" { // a new lead
		all = append(all, delivery{account: l.account, body: l.endedBody(c.w.clock.now())})
	}
	if c.rng.IntN(12) == 0 {
		c.unreadable++
		all = append(all, delivery{account: l.account, body: fmt.Appendf(nil, `{"event":%d`, c.unreadable), unreadable: true})
	}
	if c.rng.IntN(8) == 0 && len(all) > 0 {
		all = append(all, all[len(all)-1])
	}
	c.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, d := range all {
		c.queue <- d
	}
}

func (c *crm) lead() *lead {
	if n := len(c.leads); n > 20 && c.rng.IntN(2) == 0 {
		return c.leads[n-1-c.rng.IntN(min(n, recent))]
	}
	accounts := c.w.accounts
	l := &lead{account: accounts[c.rng.IntN(len(accounts))], session: int64(1000 + len(c.leads))}
	if c.rng.IntN(10) > 0 {
		l.click = fmt.Sprintf("Cj0KCQjwTortureClick%010dAbCdEfGhIjKlMnOpQrStUvWxYzALw_wcB", l.session)
	}
	c.leads = append(c.leads, l)
	return l
}

// tag sets the next tag of a lead; no two tags of a lead share a second, and
// none lies ahead.
func (c *crm) tag(l *lead) (delivery, bool) {
	now := c.w.clock.now().Add(-time.Second).Truncate(time.Second)
	t := tag{at: now.Add(-time.Duration(c.rng.IntN(100)) * time.Second)}
	if n := len(l.tags); n > 0 && !t.at.After(l.tags[n-1].at) {
		t.at = l.tags[n-1].at.Add(time.Second)
	}
	if t.at.After(now) {
		return delivery{}, false
	}
	outcomes := []string{booked, booked, booked, booked, quoted, quoted, "spam", "not_interested", "wrong_number", "follow_up", "no_answer"}
	t.outcome = outcomes[c.rng.IntN(len(outcomes))]
	if c.rng.IntN(6) > 0 {
		t.cents = int64(1 + c.rng.IntN(1_000_000))
	}
	l.tags = append(l.tags, t)
	return delivery{account: l.account, body: l.taggedBody(t, len(l.tags), c.rng.IntN(2) == 0)}, true
}

// taggedBody is a call.outcome_tagged as docs.tryvarda.com/webhooks/events
// shows it.
func (l *lead) taggedBody(t tag, n int, own bool) []byte {
	gclid := ""
	if own {
		gclid = l.click
	}
	return fmt.Appendf(nil, `{"event":"call.outcome_tagged","timestamp":%q,"data":{"id":%d,"call_session_id":%d,"outcome_type":%q,`+
		`"estimated_value_cents":0,"actual_value_cents":%d,"revenue_cents":0,"contact":{"id":%d},`+
		`"attribution":{"source":"google_ads","medium":"cpc","gclid":%q,"type":"session"}}}`,
		t.at.UTC().Format(time.RFC3339), l.session*1000+int64(n), l.session, t.outcome, t.cents, l.session, gclid)
}

// endedBody is the call.ended that says which click brought the call.
func (l *lead) endedBody(now time.Time) []byte {
	at := now.Add(-2 * time.Minute).UTC().Format(time.RFC3339)
	return fmt.Appendf(nil, `{"event":"call.ended","timestamp":%q,"data":{"id":%d,"direction":"inbound","status":"ended",`+
		`"duration_seconds":60,"disposition":"completed","contact":{"id":%d},"attribution":{"source":"google_ads","medium":"cpc","gclid":%q,`+
		`"type":"session"},"started_at":%q,"ended_at":%q}}`, at, l.session, l.session, l.click, at, at)
}
