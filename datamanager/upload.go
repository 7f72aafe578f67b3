package datamanager

import (
	"context"
	"encoding/json"
	"net/http"

	"closeloop/conversions"
)

// Upload sends a batch in one call and returns one answer per item, always. A batch may mix uploads, restatements and
// retractions: each is an event with the order id as its transaction id, and a later event overwrites the value of an
// earlier one (Data Manager API, conversion adjustments). The rows of a request that was taken are Submitted, and
// Reply.RequestID is what [Client.Status] asks with; with validateOnly they are Done, nothing is recorded, and nothing can
// be asked. A refusal that names rows or conversion actions is Named. The call lasts at most the configured timeout, the
// time for a new access token and for the project's quota included. An empty batch is not sent; a batch that cannot be sent
// as it is neither, and the reply says why.
func (c *Client) Upload(ctx context.Context, b conversions.Batch, validateOnly bool) conversions.Reply {
	if len(b.Items) == 0 {
		return conversions.Reply{}
	}
	if reply, found := unsendable(&b); found {
		return reply
	}
	body, err := c.build(&b, validateOnly)
	if err != nil {
		return failed(len(b.Items), withCode(codeText, fixBatch("The batch holds a value that cannot be sent.", hintBug)))
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	resp, refused := c.call(ctx, request{
		method: http.MethodPost, path: "v1/events:ingest", body: body,
		share: func(l *Limiter) *share { return l.ingest },
	})
	if refused != nil {
		return failed(len(b.Items), *refused)
	}
	reply := replyTo(&b, resp, validateOnly)
	reply.Unknown = reply.Unknown && !validateOnly // A check does no work.
	return reply
}

// replyTo reads the answer to an upload.
func replyTo(b *conversions.Batch, resp response, validateOnly bool) conversions.Reply {
	if resp.status != http.StatusOK || resp.err != nil {
		return refusal(b, resp)
	}
	var taken struct {
		RequestID string `json:"requestId"`
	}
	if err := json.Unmarshal(resp.body, &taken); err != nil || taken.RequestID == "" && !validateOnly {
		reply := failed(len(b.Items), withCode("HTTP.UNREADABLE", call(retry("Google's answer could not be read.", hintEndpoint))))
		reply.Unknown = true
		return reply
	}
	a := conversions.Answer{
		Verdict: conversions.Submitted, Sentence: "Google took the row and will say later what became of it.", Hint: hintNothing,
	}
	if validateOnly {
		a = conversions.Answer{Verdict: conversions.Done}
	}
	return conversions.Reply{Answers: every(len(b.Items), a), RequestID: taken.RequestID}
}

// failed gives every row the call's answer.
func failed(n int, a conversions.Answer) conversions.Reply {
	return conversions.Reply{Answers: every(n, a), Call: &a}
}

// named gives some rows answers of their own, and has the others sent again.
func named(n int, own map[int]conversions.Answer, sentence string) conversions.Reply {
	rest := withCode(codeOthers, fixBatch(sentence, "Nothing to do: this row is sent again without them."))
	answers := every(n, rest)
	for i, a := range own {
		answers[i] = a
	}
	return conversions.Reply{Answers: answers, Named: true}
}

func every(n int, a conversions.Answer) []conversions.Answer {
	answers := make([]conversions.Answer, n)
	for i := range answers {
		answers[i] = a
	}
	return answers
}
