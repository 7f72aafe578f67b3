package googleads

import (
	"context"

	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/grpc"

	"closeloop/conversions"
)

// Upload sends a batch of uploads in one call and returns one answer per item, always. validateOnly has Google check the
// rows and record nothing. The call lasts at most the configured timeout, the time for a new access token included. An
// empty batch is not sent; a batch that cannot be sent as it is (another API, more than conversions.MaxItems rows, another
// operation than an upload) neither, and Reply.Call says why.
func (c *Client) Upload(ctx context.Context, b conversions.Batch, validateOnly bool) conversions.Reply {
	if len(b.Items) == 0 {
		return conversions.Reply{}
	}
	if a, found := unsendable(&b); found {
		return failedReply(len(b.Items), &CallError{Answer: a})
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	req := build(&b, validateOnly)
	var resp *services.UploadClickConversionsResponse
	id, failed := c.call(ctx, b.Target.Customer, func(ctx context.Context, opts ...grpc.CallOption) (err error) {
		resp, err = c.uploads.UploadClickConversions(ctx, req, opts...)
		return err //nolint:wrapcheck // classified by its status, never shown
	})
	if failed != nil {
		failed.Unknown = failed.Unknown && !validateOnly // A check does no work.
		return failedReply(len(b.Items), failed)
	}
	answers, f := read(b.Items, resp, validateOnly)
	if id == "" {
		id = f.requestID
	}
	return conversions.Reply{Answers: answers, RequestID: id, JobID: resp.GetJobId()}
}

// failedReply gives every row the call's answer. A code that judges one row cannot be held against all: the batch is
// split until it meets its row.
func failedReply(n int, failed *CallError) conversions.Reply {
	a := failed.Answer
	if n > 1 && (a.Verdict == conversions.Refused || a.Verdict == conversions.AlreadyThere) {
		a = conversions.Answer{
			Verdict: conversions.FixBatch, Code: a.Code, Others: a.Others,
			Sentence: "Google refused the whole batch because of one of its rows.",
			Hint:     "Nothing to do: the batch is split and sent again.",
		}
	}
	answers := make([]conversions.Answer, n)
	for i := range answers {
		answers[i] = a
	}
	return conversions.Reply{Answers: answers, Call: &a, Unknown: failed.Unknown, RequestID: failed.RequestID}
}
