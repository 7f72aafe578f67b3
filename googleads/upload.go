package googleads

import (
	"context"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"

	"closeloop/conversions"
)

// Upload sends a batch in one call and returns one answer per item, always. A batch is either uploads or adjustments, of
// which restatements and retractions may stand together (UploadClickConversions, UploadConversionAdjustments; Google Ads
// API v25). validateOnly has Google check the rows and record nothing. The call lasts at most the configured timeout, the
// time for a new access token included. An empty batch is not sent; a batch that cannot be sent as it is (another API,
// more than conversions.MaxItems rows, uploads among adjustments, a restatement without a value) neither, and Reply.Call
// says why.
func (c *Client) Upload(ctx context.Context, b conversions.Batch, validateOnly bool) conversions.Reply {
	if len(b.Items) == 0 {
		return conversions.Reply{}
	}
	if a, found := unsendable(&b); found {
		return failedReply(len(b.Items), &CallError{Answer: a})
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	if b.Items[0].Op == conversions.OpUpload {
		return c.uploads(ctx, c, &b, validateOnly)
	}
	return c.adjustments(ctx, c, &b, validateOnly)
}

// sender sends a batch by one of the upload methods.
type sender func(ctx context.Context, c *Client, b *conversions.Batch, validateOnly bool) conversions.Reply

// response is what the answers of the upload methods have in common.
type response[R result] interface {
	GetPartialFailureError() *status.Status
	GetResults() []R
	GetJobId() int64
}

// result is what the results of the upload methods have in common.
type result interface{ GetConversionAction() string }

// method makes the sender of one upload method: how its request is built, its call, and what its results repeat of rows.
func method[Q any, P response[R], R result](
	build func(*conversions.Batch, bool) Q,
	upload func(context.Context, Q, ...grpc.CallOption) (P, error),
	echoOf func(R) echo,
) sender {
	return func(ctx context.Context, c *Client, b *conversions.Batch, validateOnly bool) conversions.Reply {
		req := build(b, validateOnly)
		var resp P
		id, failed := c.call(ctx, b.Target.Customer, func(ctx context.Context, opts ...grpc.CallOption) (err error) {
			resp, err = upload(ctx, req, opts...)
			return err // classified by its status, never shown
		})
		if failed != nil {
			failed.Unknown = failed.Unknown && !validateOnly // A check does no work.
			return failedReply(len(b.Items), failed)
		}
		answers, f := read(b.Items, resp, echoOf, validateOnly)
		if id == "" {
			id = f.requestID
		}
		return conversions.Reply{Answers: answers, RequestID: id, JobID: resp.GetJobId()}
	}
}

// failedReply gives every row the call's answer. A code that judges one row cannot be held against all: the batch is
// split until it meets its row.
func failedReply(n int, failed *CallError) conversions.Reply {
	a := failed.Answer
	if n > 1 && judgesRow(a) {
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
	if n == 1 && judgesRow(a) {
		return conversions.Reply{Answers: answers, RequestID: failed.RequestID} // the call did what it was to do
	}
	return conversions.Reply{Answers: answers, Call: &a, Unknown: failed.Unknown, RequestID: failed.RequestID}
}

// judgesRow reports whether the answer is about one row and not about the call. Later is about the call where it speaks of
// quotas, and about all rows of an action where the action is new.
func judgesRow(a conversions.Answer) bool {
	switch a.Verdict {
	case conversions.Refused, conversions.AlreadyThere:
		return true
	case conversions.Later:
		family, name, _ := strings.Cut(a.Code, ".")
		return family != "QuotaError" && family != "gRPC" && name != "TOO_RECENT_CONVERSION_ACTION"
	default:
		return false
	}
}
