package sandbox

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shenzhencenter/google-ads-pb/common"
	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"golang.org/x/text/currency"
)

// findings are the errors of one row of a request: of a conversion or of an adjustment.
type findings struct {
	list  string // the repeated field of the request the row stands in
	index int
	errs  []*adserrors.GoogleAdsError
}

// fail adds an error at the field path steps below the row.
func (f *findings) fail(code *adserrors.ErrorCode, message, trigger string, path ...step) {
	elements := make([]*adserrors.ErrorLocation_FieldPathElement, 0, 1+len(path))
	elements = append(elements, element(f.list, f.index))
	for _, p := range path {
		elements = append(elements, element(p.name, p.index))
	}
	e := &adserrors.GoogleAdsError{
		ErrorCode: code,
		Message:   message,
		Location:  &adserrors.ErrorLocation{FieldPathElements: elements},
	}
	if trigger != "" {
		e.Trigger = &common.Value{Value: &common.Value_StringValue{StringValue: trigger}}
	}
	f.errs = append(f.errs, e)
}

// failOnRequest is what a row fault does.
func (f *findings) failOnRequest(fault *Fault) {
	if fault.Kind == FaultRowInternal {
		f.fail(internalCode(), "An internal error has occurred.", "")
		return
	}
	code, err := codeOf(fault.Family, fault.Number)
	if err != nil {
		code = internalCode() // a fault is checked when it is added
	}
	f.fail(code, "The sandbox was asked for this error.", "")
}

// wholeRequest refuses the call for the first of the findings whose number in the family is listed.
func (f *findings) wholeRequest(listed []int32, family func(*adserrors.ErrorCode) int32) error {
	for _, e := range f.errs {
		if n := family(e.GetErrorCode()); n != 0 && slices.Contains(listed, n) {
			return refuse(e.GetErrorCode(), e.GetMessage())
		}
	}
	return nil
}

func (f *findings) required(path ...step) {
	f.fail(fieldCode(adserrors.FieldErrorEnum_REQUIRED), "The required field was not present.", "", path...)
}

func (f *findings) unwanted(path ...step) {
	f.fail(fieldCode(adserrors.FieldErrorEnum_VALUE_MUST_BE_UNSET), "The value must be unset.", "", path...)
}

var actionName = regexp.MustCompile(`^customers/\d{1,10}/conversionActions/(\d{1,18})$`)

// namedAction is the enabled action of the customer with that resource name, nil for none. It is false when the name was
// no resource name; then that is among the findings.
func (c *call) namedAction(f *findings, name string) (*Action, bool) {
	at := field("conversion_action")
	if name == "" {
		f.fail(requestCode(adserrors.RequestErrorEnum_RESOURCE_NAME_MISSING), "Resource name is missing.", "", at)
		return nil, false
	}
	m := actionName.FindStringSubmatch(name)
	if m == nil {
		f.fail(requestCode(adserrors.RequestErrorEnum_RESOURCE_NAME_MALFORMED), "Resource name '"+name+"' is malformed.", name, at)
		return nil, false
	}
	id, _ := strconv.ParseInt(m[1], 10, 64) // at most 18 digits
	if a := c.customer.action(id); a != nil && a.Status == Enabled {
		return a, true
	}
	return nil, true
}

func (c *Customer) action(id int64) *Action {
	for i := range c.Actions {
		if c.Actions[i].ID == id {
			return &c.Actions[i]
		}
	}
	return nil
}

// currency is what stands in for a row without one.
func (a *Action) currency(c *Customer) string {
	if a.DefaultCurrency != "" {
		return a.DefaultCurrency
	}
	return c.Currency
}

// dateTimeLayout is the form of ClickConversion.conversion_date_time and ConversionAdjustment.adjustment_date_time, Google
// Ads API v25.
const dateTimeLayout = "2006-01-02 15:04:05-07:00"

// dateTime reads text, zero when it is absent or no date and time; then that is among the findings.
func (f *findings) dateTime(text *string, path ...step) time.Time {
	if text == nil {
		f.required(path...)
		return time.Time{}
	}
	if !shaped(*text) {
		f.fail(dateCode(adserrors.DateErrorEnum_INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET),
			"The string date time must be in the format 'yyyy-mm-dd hh:mm:ss+|-hh:mm'.", *text, path...)
		return time.Time{}
	}
	when, err := time.Parse(dateTimeLayout, *text)
	if err != nil {
		f.fail(dateCode(adserrors.DateErrorEnum_INVALID_FIELD_VALUES_IN_DATE_TIME),
			"Given field values do not constitute a valid date time.", *text, path...)
		return time.Time{}
	}
	return when
}

// pastDateTime is dateTime for a time that must not lie after now, unless the future is taken.
func (f *findings) pastDateTime(text *string, now time.Time, future bool, path ...step) time.Time {
	when := f.dateTime(text, path...)
	if when.After(now) && !future {
		f.fail(dateCode(adserrors.DateErrorEnum_LATER_THAN_MAXIMUM_DATE), "The date time is in the future.", *text, path...)
		return time.Time{}
	}
	return when
}

// shaped says whether text is yyyy-mm-dd hh:mm:ss±hh:mm digit for digit; time.Parse alone takes fractions and more.
func shaped(text string) bool {
	const shape = "0000-00-00 00:00:00+00:00"
	if len(text) != len(shape) {
		return false
	}
	for i := range len(shape) {
		c := text[i]
		switch shape[i] {
		case '0':
			if c < '0' || c > '9' {
				return false
			}
		case '+':
			if c != '+' && c != '-' {
				return false
			}
		default:
			if c != shape[i] {
				return false
			}
		}
	}
	return true
}

// amount checks a value in major units.
func (f *findings) amount(v float64, negative bool, path ...step) {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		f.fail(fieldCode(adserrors.FieldErrorEnum_INVALID_VALUE), "The value is not a number.", "", path...)
	case v < 0 && !negative:
		f.fail(tooLowCode(), "Too low.", "", path...)
	}
}

// currency checks an optional currency code.
func (f *findings) currency(code *string, path ...step) {
	if code == nil {
		return
	}
	if _, err := currency.ParseISO(*code); err != nil || strings.ToUpper(*code) != *code {
		f.fail(currencyCode(), "The currency code is not supported.", *code, path...)
	}
}

// personal finds an e-mail address or an international phone number.
var personal = regexp.MustCompile(`[^@\s]+@[^@\s]+\.[^@\s]+|\+\d{8,15}`)

// shortestOrderID is the length below which adjustments cannot name an order id.
const shortestOrderID = 2

// orderID checks the length of an order id and that it names nobody, which is what pii answers.
func (f *findings) orderID(id string, shortest, longest int, pii *adserrors.ErrorCode) {
	at := field("order_id")
	switch n := len([]rune(id)); {
	case n < shortest:
		f.fail(lengthCode(adserrors.StringLengthErrorEnum_TOO_SHORT), "Too short.", id, at)
	case longest > 0 && n > longest:
		f.fail(lengthCode(adserrors.StringLengthErrorEnum_TOO_LONG), "Too long.", id, at)
	case personal.MatchString(id):
		f.fail(pii, "The order ID must not contain personally identifiable information.", "", at)
	}
}
