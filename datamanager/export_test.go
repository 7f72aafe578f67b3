package datamanager

import (
	"context"
	"time"

	"closeloop/conversions"
)

// Build shows the body of a batch's request to tests and the benchmark.
func (c *Client) Build(b conversions.Batch, validateOnly bool) ([]byte, error) {
	return c.build(&b, validateOnly)
}

// ReadStatus shows the reading of a status to the fuzz test.
func ReadStatus(items []conversions.Item, body []byte) ([]conversions.Answer, error) {
	return readStatus(items, body)
}

// ReadRefusal shows the reading of a refused upload to the fuzz test.
func ReadRefusal(b conversions.Batch, status int, body []byte) conversions.Reply {
	return refusal(&b, response{status: status, body: body, sent: true})
}

// Take asks for the right to one ingest call of the usual patience.
func (l *Limiter) Take(ctx context.Context) (time.Duration, bool) {
	return l.ingest.take(ctx, conversions.CallTimeout/3)
}
