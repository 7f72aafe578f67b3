package googleads

import (
	"unicode/utf8"

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

// build makes the request of a batch. The same batch always makes the same request.
func build(b *conversions.Batch, validateOnly bool) *services.UploadClickConversionsRequest {
	rows := make([]slab, len(b.Items))
	list := make([]*services.ClickConversion, len(b.Items))
	names := map[string]string{}
	for i := range b.Items {
		it := &b.Items[i]
		name, ok := names[it.Action]
		if !ok {
			name = actionName(b.Target.Customer, it.Action)
			names[it.Action] = name
		}
		rows[i].action = name
		list[i] = rows[i].fill(it)
	}
	job := b.ID.JobID()
	return &services.UploadClickConversionsRequest{
		CustomerId:     b.Target.Customer,
		Conversions:    list,
		PartialFailure: true, // Google refuses anything else.
		ValidateOnly:   validateOnly,
		JobId:          &job,
	}
}

func actionName(customer, action string) string {
	return "customers/" + customer + "/conversionActions/" + action
}

// fill leaves out what the item does not have: Google takes an empty text for a wrong one.
func (s *slab) fill(it *conversions.Item) *services.ClickConversion {
	c := &s.conversion
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
		s.value = float64(it.Value.Cents) / 100 // the nearest float to the decimal amount
		c.ConversionValue = &s.value
	}
	if status := consentStatus(it.Consent); status != enums.ConsentStatusEnum_UNSPECIFIED {
		s.consent.AdUserData = status
		c.Consent = &s.consent
	}
	return c
}

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

// Codes of answers that are ours, not Google's.
const (
	codeTooMany   = "Closeloop.TOO_MANY_ROWS"
	codeTarget    = "Closeloop.WRONG_TARGET"
	codeOperation = "Closeloop.WRONG_OPERATION"
	codeText      = "Closeloop.UNSENDABLE_TEXT"
	codeNoAnswer  = "Closeloop.NO_ANSWER"
)

// unsendable finds what makes a batch impossible to send, before anything is sent.
func unsendable(b *conversions.Batch) (conversions.Answer, bool) {
	if b.Target.API != conversions.APIGoogleAds {
		return local(codeTarget, "The batch is meant for another of Google's upload APIs."), true
	}
	if id, err := customerID(b.Target.Customer); err != nil || id != b.Target.Customer {
		a := pauseAccount("The customer id of the account is not one.", hintCustomer)
		a.Code = codeTarget
		return a, true
	}
	if len(b.Items) > conversions.MaxItems {
		return local(codeTooMany, "The batch holds more rows than one request may carry."), true
	}
	for i := range b.Items {
		it := &b.Items[i]
		if it.Op != conversions.OpUpload {
			return local(codeOperation, "The batch holds a row that is not an upload."), true
		}
		// One such text would fail the whole request on its way out.
		if !utf8.ValidString(it.ClickID) || !utf8.ValidString(it.OrderID) ||
			!utf8.ValidString(it.Currency) || !utf8.ValidString(it.Action) {
			return local(codeText, "A row holds a text that cannot be sent."), true
		}
	}
	return conversions.Answer{}, false
}

func local(code, sentence string) conversions.Answer {
	a := fixBatch(sentence, hintBug)
	a.Code = code
	return a
}
