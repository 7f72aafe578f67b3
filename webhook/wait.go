package webhook

import (
	"context"
	"sync"
	"time"

	"closeloop/conversions"
)

// putFunc hands one delivery to the store.
type putFunc func(context.Context) (conversions.Receipt, error)

// The pauses between attempts at the store: short at first, because a lock
// or a failover is often over at once.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

// store hands the delivery over and waits for it to be durable, at most the
// configured time. A sender that hangs up does not undo the work: it would
// only send the same again.
func (h *Handler) store(d *delivery, put putFunc) answer {
	receipt, err := persist(h.patience.context(), put)
	if err != nil {
		d.reason, d.detail = "store_unavailable", brief(err)
		return answerUnavailable
	}
	d.receipt = receipt
	if d.answer == answerRecorded && h.onEvent != nil {
		// Also for a duplicate: it may be one only because an attempt was
		// stored in spite of its error, and then nobody was told yet.
		h.onEvent(d.endpoint.Account)
	}
	if receipt.Duplicate {
		return answerDuplicate
	}
	return d.answer
}

// sharing is the part of the wait for the store in which deliveries share its
// end: an eightieth, a tenth of a second by default.
const sharing = 80

// patience says how long the store is waited for. Deliveries that come within a
// sharing of one another wait until the same moment, so that one of them waits
// that much less than the whole time at most: a timer for each costs more than
// handing it to the store, and hardly any ever fires. Safe for concurrent use.
type patience struct {
	wait time.Duration

	mu     sync.Mutex
	shared context.Context //nolint:containedctx // what it is about: it belongs to no one request
}

// context returns a context that ends when the wait for the store does. It has
// nothing of the request: a sender that hangs up does not undo the work.
func (p *patience) context() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shared == nil {
		ctx, cancel := context.WithTimeout(context.Background(), p.wait)
		context.AfterFunc(ctx, cancel)
		time.AfterFunc(p.wait/sharing, p.renew)
		p.shared = ctx
	}
	return p.shared
}

// renew lets the next delivery begin a wait of its own.
func (p *patience) renew() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shared = nil
}

// persist repeats the attempt until it succeeds or ctx ends. Repeating is
// safe: a delivery that was stored in spite of an error is a duplicate.
func persist(ctx context.Context, put putFunc) (conversions.Receipt, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		receipt, err := put(ctx)
		if err == nil {
			return receipt, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return conversions.Receipt{}, err
		}
	}
}

// brief is the start of an error's text. Errors of the store name no payload
// (it turns its driver's errors into its own).
func brief(err error) string {
	const longest = 200
	text := err.Error()
	return text[:min(len(text), longest)]
}
