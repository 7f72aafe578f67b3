package sandbox

import (
	"math"

	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
)

// maxRows is the most rows of one request (ConversionUploadError.TOO_MANY_CONVERSIONS_IN_REQUEST and
// ConversionAdjustmentUploadError.TOO_MANY_ADJUSTMENTS_IN_REQUEST, Google Ads API v25).
const maxRows = 2000

// outline is what requests with rows have in common apart from the rows, and the codes that refuse it.
type outline struct {
	rows              int
	list              string // the field that holds the rows
	partialFailure    bool
	jobID             *int32
	tooMany, badJobID *adserrors.ErrorCode
}

// checkRequest checks a request apart from its rows. What it finds refuses the whole call.
func (c *call) checkRequest(e *outline) error {
	unproven := c.server.cfg.Unproven
	switch {
	case !e.partialFailure:
		return &refusedError{code: partialFailureCode(), message: "The field partial_failure must be set to true.", path: "partial_failure"}
	case e.rows == 0:
		return &refusedError{code: sizeCode(adserrors.CollectionSizeErrorEnum_TOO_FEW), message: "Too few.", path: e.list}
	case e.rows > maxRows:
		return &refusedError{code: e.tooMany, message: "Upload fewer than 2001 events in a single request.", path: e.list}
	case e.jobID != nil && (*e.jobID < 0 || *e.jobID == 0 && !unproven.AcceptJobIDZero):
		return &refusedError{
			code:    e.badJobID,
			message: "A job ID must be a positive integer in the range [1, 2^31).", path: "job_id",
		}
	case unproven.OperationsPerRow:
		return c.server.spend(e.rows)
	}
	return c.server.spend(1)
}

// jobID is the caller's job id, or a generated one in [2^31, 2^63).
func (c *call) jobID(sent *int32) int64 {
	if sent != nil {
		return int64(*sent)
	}
	return math.MaxInt32 + c.sequence
}
