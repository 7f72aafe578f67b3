package googleads

import (
	"github.com/shenzhencenter/google-ads-pb/services"

	"closeloop/conversions"
)

// Build shows the request of a batch to the benchmark and to tests of what is left out of it.
func Build(b conversions.Batch, validateOnly bool) *services.UploadClickConversionsRequest {
	return buildUploads(&b, validateOnly)
}

// Read shows the reading of an answer to tests of shapes that only a broken server sends.
func Read(items []conversions.Item, resp *services.UploadClickConversionsResponse, validateOnly bool) []conversions.Answer {
	answers, _ := read(items, resp, echoOfUpload, validateOnly)
	return answers
}

// BuildAdjustments shows the request of a batch of adjustments.
func BuildAdjustments(b conversions.Batch, validateOnly bool) *services.UploadConversionAdjustmentsRequest {
	return buildAdjustments(&b, validateOnly)
}

// ReadAdjustments shows the reading of an answer to adjustments.
func ReadAdjustments(items []conversions.Item, resp *services.UploadConversionAdjustmentsResponse, validateOnly bool) []conversions.Answer {
	answers, _ := read(items, resp, echoOfAdjustment, validateOnly)
	return answers
}
