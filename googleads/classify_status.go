package googleads

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"

	"closeloop/conversions"
)

// ClassifyStatus returns what a failed call means that came back with a gRPC status and without an error code of
// Google's. It never counts against a row. OK is not a failure and means Done.
func ClassifyStatus(c codes.Code) conversions.Answer {
	a := statusMeaning(c)
	a.Counts = false
	if c != codes.OK {
		a.Code = "gRPC." + code.Code(c).String() //nolint:gosec // gRPC status codes are small
	}
	return a
}

func statusMeaning(c codes.Code) conversions.Answer {
	switch c {
	case codes.OK:
		return conversions.Answer{Verdict: conversions.Done}
	case codes.InvalidArgument, codes.OutOfRange:
		return fixBatch("Google did not take the request as a whole.", "Nothing to do: the batch is split and sent again.")
	case codes.Unauthenticated:
		return pauseAccount("Google does not accept the credentials of this account.", hintReissue)
	case codes.PermissionDenied:
		return pauseAccount("The credentials have no access to this Google Ads account.", hintManager+" "+hintAccess)
	case codes.NotFound:
		return pauseAccount("Google does not find the account.", hintCustomer)
	case codes.Unimplemented:
		return pauseAccount("Google has switched off the version of its API that this program speaks.",
			"Update the program, and check `endpoint` if it is set.")
	case codes.ResourceExhausted:
		return later(pauseWithoutDelay, "Google asked to send more slowly.", hintWait)
	case codes.DeadlineExceeded:
		return retry("Google did not answer in time.", hintWait)
	case codes.Canceled:
		return retry("The call was broken off before Google answered.", hintWait)
	case codes.Unavailable:
		return retry("Google could not be reached, or the connection broke.",
			"It is tried again. If it stays, check this machine's network, proxy and firewall.")
	default:
		return retry("Google had an error of its own.", hintWait)
	}
}

// pauseWithoutDelay is the wait after RESOURCE_EXHAUSTED without details.
const pauseWithoutDelay = 15 * time.Minute

// uncertain reports whether Google may have done the work although the call ended with c and no error code of Google's.
// Only what a server says before it works is certain. RESOURCE_EXHAUSTED is uncertain because an answer larger than we
// receive ends so too.
func uncertain(c codes.Code) bool {
	switch c {
	case codes.InvalidArgument, codes.NotFound, codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented,
		codes.FailedPrecondition, codes.OutOfRange:
		return false
	default:
		return true
	}
}
