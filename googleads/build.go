package googleads

import (
	"github.com/shenzhencenter/google-ads-pb/common"
	"github.com/shenzhencenter/google-ads-pb/enums"
	"github.com/shenzhencenter/google-ads-pb/services"

	"closeloop/conversions"
)

// dateTime is the form of ClickConversion.conversion_date_time, Google Ads API v25.
const dateTime = "2006-01-02 15:04:05-07:00"

// slab is one row with everything it points to, so that a request's rows are one piece of memory.
type slab struct {
	conversion services.ClickConversion
	consent    common.Consent
	gclid      string
	action     string
	at         string
	currency   string
	order      string
	value      float64
}

// buildUploads makes the request of a batch of uploads. The same batch always makes the same request.
func buildUploads(b *conversions.Batch, validateOnly bool) *services.UploadClickConversionsRequest {
	job := b.ID.JobID()
	return &services.UploadClickConversionsRequest{
		CustomerId:     b.Target.Customer,
		Conversions:    rows[slab, services.ClickConversion](b),
		PartialFailure: true, // Google refuses anything else.
		ValidateOnly:   validateOnly,
		JobId:          &job,
	}
}

// rows makes the messages of a batch in slabs of type S. action is the resource name of the item's conversion action.
func rows[S, M any, P interface {
	*S
	fill(it *conversions.Item, action string) *M
}](b *conversions.Batch) []*M {
	slabs := make([]S, len(b.Items))
	list := make([]*M, len(b.Items))
	names := map[string]string{}
	for i := range b.Items {
		it := &b.Items[i]
		name, ok := names[it.Action]
		if !ok {
			name = actionName(b.Target.Customer, it.Action)
			names[it.Action] = name
		}
		list[i] = P(&slabs[i]).fill(it, name)
	}
	return list
}

func actionName(customer, action string) string {
	return "customers/" + customer + "/conversionActions/" + action
}

// fill leaves out what the item does not have: Google takes an empty text for a wrong one.
func (s *slab) fill(it *conversions.Item, action string) *services.ClickConversion {
	c := &s.conversion
	s.action = action
	c.ConversionAction = &s.action
	s.at = it.At.Format(dateTime)
	c.ConversionDateTime = &s.at
	switch it.Click.Kind {
	case conversions.GCLID:
		c.Gclid = optional(&s.gclid, it.ClickID)
	case conversions.GBRAID:
		c.Gbraid = it.ClickID
	case conversions.WBRAID:
		c.Wbraid = it.ClickID
	}
	c.OrderId = optional(&s.order, it.OrderID)
	c.CurrencyCode = optional(&s.currency, it.Currency)
	if it.Value.Known {
		s.value = major(it.Value)
		c.ConversionValue = &s.value
	}
	if status := consentStatus(it.Consent); status != enums.ConsentStatusEnum_UNSPECIFIED {
		s.consent.AdUserData = status
		c.Consent = &s.consent
	}
	return c
}

// major returns the amount in major units: the nearest float to the decimal amount.
func major(a conversions.Amount) float64 { return float64(a.Cents) / 100 }

func optional(place *string, text string) *string {
	if text == "" {
		return nil
	}
	*place = text
	return place
}

func consentStatus(c conversions.Consent) enums.ConsentStatusEnum_ConsentStatus {
	switch c {
	case conversions.ConsentGranted:
		return enums.ConsentStatusEnum_GRANTED
	case conversions.ConsentDenied:
		return enums.ConsentStatusEnum_DENIED
	default:
		return enums.ConsentStatusEnum_UNSPECIFIED
	}
}
