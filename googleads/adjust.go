package googleads

import (
	"github.com/shenzhencenter/google-ads-pb/enums"
	"github.com/shenzhencenter/google-ads-pb/services"

	"closeloop/conversions"
)

// adjustmentSlab is one restatement or retraction with everything it points to.
type adjustmentSlab struct {
	adjustment services.ConversionAdjustment
	restated   services.RestatementValue
	action     string
	at         string
	currency   string
	order      string
	value      float64
}

// buildAdjustments makes the request of a batch of restatements and retractions. The same batch always makes the same
// request.
func buildAdjustments(b *conversions.Batch, validateOnly bool) *services.UploadConversionAdjustmentsRequest {
	job := b.ID.JobID()
	return &services.UploadConversionAdjustmentsRequest{
		CustomerId:            b.Target.Customer,
		ConversionAdjustments: rows[adjustmentSlab, services.ConversionAdjustment](b),
		PartialFailure:        true, // Google refuses anything else.
		ValidateOnly:          validateOnly,
		JobId:                 &job,
	}
}

// fill names the conversion by its order id alone: Google takes that or click and time, never both
// (ConversionAdjustmentUploadError.GCLID_DATE_TIME_PAIR_AND_ORDER_ID_BOTH_SET, Google Ads API v25). A restatement carries
// the new total, a retraction no value.
func (s *adjustmentSlab) fill(it *conversions.Item, action string) *services.ConversionAdjustment {
	a := &s.adjustment
	s.action, s.at, s.order = action, it.AdjustAt.Format(dateTime), it.OrderID
	a.ConversionAction, a.AdjustmentDateTime, a.OrderId = &s.action, &s.at, &s.order
	if it.Op == conversions.OpRetract {
		a.AdjustmentType = enums.ConversionAdjustmentTypeEnum_RETRACTION
		return a
	}
	a.AdjustmentType = enums.ConversionAdjustmentTypeEnum_RESTATEMENT
	s.value = major(it.Value)
	s.restated.AdjustedValue = &s.value
	s.restated.CurrencyCode = optional(&s.currency, it.Currency)
	a.RestatementValue = &s.restated
	return a
}
