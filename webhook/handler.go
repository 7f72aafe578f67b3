package webhook

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"closeloop/conversions"
)

// Handler serves POST /webhooks/{source}. It is safe for concurrent use.
type Handler struct {
	endpoints map[string]*Endpoint
	log       Log
	now       func() time.Time
	logger    *slog.Logger
	patience  patience
	onEvent   func(conversions.AccountID)
	buffers   buffers
	lines     map[lineKey]slog.Handler
}

var _ http.Handler = (*Handler)(nil)

// New returns a handler for the configured sources. The error lists all that
// is wrong with the configuration.
func New(c Config) (*Handler, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	h := &Handler{
		endpoints: make(map[string]*Endpoint, len(c.Endpoints)),
		log:       c.Log,
		now:       c.Now,
		logger:    c.Logger,
		patience:  patience{wait: c.StoreWait},
		onEvent:   c.OnEvent,
		buffers:   buffers{max: c.MaxBody},
	}
	if h.patience.wait == 0 {
		h.patience.wait = DefaultStoreWait
	}
	if h.buffers.max == 0 {
		h.buffers.max = DefaultMaxBody
	}
	for _, e := range slices.Clone(c.Endpoints) {
		h.endpoints[e.Name] = &e
	}
	h.lines = beginnings(h.logger, h.endpoints)
	return h, nil
}

// ServeHTTP answers one delivery. The order of the checks is the contract:
// 404 unknown source, 405, 413, 401, and from then on the delivery is genuine
// and gets 202 whatever its content, or 503 when the store stays away. A
// genuine delivery is never refused, because senders switch an endpoint off
// that refuses too often (Varda after ten failures in a row).
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d := delivery{received: h.now()}
	d.answer = h.serve(w, r, &d) //nolint:contextcheck // a sender that hangs up does not undo the work
	d.answer.write(w)
	h.report(r.Context(), &d)
}

// delivery collects what is known of one delivery, for the log line.
type delivery struct {
	received time.Time
	endpoint *Endpoint
	id       string
	size     int
	kind     conversions.EventKind
	receipt  conversions.Receipt
	reason   string
	detail   string
	stack    string
	answer   answer
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, d *delivery) answer {
	name, _ := strings.CutPrefix(r.URL.Path, Prefix)
	d.endpoint = h.endpoints[name]
	if d.endpoint == nil {
		d.detail = printable(name) // shows a mistyped address
		return answerUnknownSource
	}
	d.id = printable(d.endpoint.Source.Delivery(r.Header))
	if r.Method != http.MethodPost {
		return answerMethod
	}
	put, refusal := h.take(w, r, d)
	if put == nil {
		return refusal
	}
	return h.store(d, put)
}

// take reads and verifies the body and turns it into what is to be stored.
// The buffer goes back before the store is waited for. A nil put means that
// the delivery is not genuine, with the answer to give.
func (h *Handler) take(w http.ResponseWriter, r *http.Request, d *delivery) (putFunc, answer) {
	buf := h.buffers.borrow()
	defer h.buffers.giveBack(buf)
	switch err := h.buffers.read(buf, w, r); {
	case errors.Is(err, errTooLarge):
		return nil, answerTooLarge
	case err != nil:
		return nil, answerBody
	}
	d.size = buf.Len()
	if err := d.endpoint.Source.Verify(r.Header, buf.Bytes(), d.received); err != nil {
		d.reason = string(SignatureMismatch)
		if refused, ok := errors.AsType[*SignatureError](err); ok {
			d.reason = string(refused.Reason)
		}
		return nil, answerSignature
	}
	return h.read(r.Header, buf, d), d.answer
}

// read turns a genuine body into an event, or into a quarantine record.
func (h *Handler) read(header http.Header, buf *bytes.Buffer, d *delivery) putFunc {
	body := digest(buf.Bytes())
	event, stack, err := readSafely(d.endpoint.Source, header, buf.Bytes())
	if err != nil {
		d.stack = stack
		q := d.quarantined(err)
		q.Body = body
		d.answer = answerQuarantined
		return func(ctx context.Context) (conversions.Receipt, error) { return h.log.Quarantine(ctx, q) }
	}
	event.Account, event.Source = d.endpoint.Account, d.endpoint.Key
	event.Delivery, event.Received = d.id, d.received
	event.Body = body
	markFuture(&event)
	d.kind, d.answer = event.Kind, answerRecorded
	return func(ctx context.Context) (conversions.Receipt, error) { return h.log.Append(ctx, event) }
}

func (d *delivery) quarantined(err error) conversions.Quarantined {
	m := malformed(err)
	d.reason, d.detail = string(m.Reason), m.Detail
	return conversions.Quarantined{
		Account:  d.endpoint.Account,
		Source:   d.endpoint.Key,
		Delivery: d.id,
		Received: d.received,
		Reason:   d.reason,
		Detail:   d.detail,
		Size:     d.size,
		Shape:    m.Shape,
	}
}

// markFuture flags an event that claims to come from the future. Its place
// in the order is bounded by its receipt (Event.Order). A call that starts
// after we heard of it would put off its upload for as long, so that time
// counts as unknown.
func markFuture(e *conversions.Event) {
	latest := e.Received.Add(conversions.FutureTolerance)
	future := e.At.After(latest)
	if e.CallStart.After(latest) {
		e.CallStart = time.Time{}
		future = true
	}
	if future {
		e.Flags = append(e.Flags, conversions.FlagFuture)
	}
}

// longestDelivery bounds a delivery id; Varda's documented ones have 36
// characters or fewer.
const longestDelivery = 128

// printable bounds an untrusted header value and replaces all but visible
// ASCII, so that it can stand in a log and in any database.
func printable(s string) string {
	s = s[:min(len(s), longestDelivery)]
	visible := func(c rune) bool { return c > ' ' && c < 0x7f }
	if strings.IndexFunc(s, func(c rune) bool { return !visible(c) }) < 0 {
		return strings.Clone(s)
	}
	return strings.Map(func(c rune) rune {
		if visible(c) {
			return c
		}
		return '_'
	}, s)
}
