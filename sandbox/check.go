package sandbox

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/shenzhencenter/google-ads-pb/enums"
	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"github.com/shenzhencenter/google-ads-pb/services"
	"golang.org/x/text/currency"
)

const (
	// freshness is how old a click or a conversion action must be (ConversionUploadError.TOO_RECENT_EVENT and
	// TOO_RECENT_CONVERSION_ACTION, Google Ads API v25).
	freshness = 6 * time.Hour
	// oldest is how long after a click Google takes its conversions (Google Ads Help, answer 7012522).
	oldest = 90 * day
	// dateTimeLayout is the form of ClickConversion.conversion_date_time, Google Ads API v25.
	dateTimeLayout = "2006-01-02 15:04:05-07:00"
)

// row is one conversion on its way through the checks.
type row struct {
	index  int
	conv   *services.ClickConversion
	errs   []*adserrors.GoogleAdsError
	action *Action   // nil when unknown
	when   time.Time // zero when unreadable
	id     clickID   // the identifier that decides; zero when there is none
	found  *Click    // nil when unknown
	order  orderKey  // order is "" when absent
	click  clickKey  // click is zero when absent
	// dropped is accepted and not counted.
	dropped bool
}

func (r *row) fail(code *adserrors.ErrorCode, message, trigger string, path ...step) {
	r.errs = append(r.errs, rowError(r.index, code, message, trigger, path...))
}

func (r *row) failUpload(code adserrors.ConversionUploadErrorEnum_ConversionUploadError, message string, path ...step) {
	r.fail(uploadCode(code), message, "", path...)
}

// checkRows checks every row by itself, then against the others, then against what is held.
func (c *call) checkRows(convs []*services.ClickConversion) []row {
	rows := make([]row, len(convs))
	for i, conv := range convs {
		rows[i] = row{index: i, conv: conv}
		c.checkRow(&rows[i])
	}
	c.checkRepeats(rows)
	for i := range rows {
		c.checkHeld(&rows[i])
	}
	return rows
}

func (c *call) checkRow(r *row) {
	if c.fault.befalls(r.index) {
		r.failOnRequest(&c.fault)
		return
	}
	if !c.customer.Allowlisted {
		r.fail(notAllowlistedCode(), notAllowlistedText, "")
		return
	}
	c.checkAction(r)
	c.checkDateTime(r)
	c.checkValue(r)
	c.checkOrderID(r)
	c.checkConsent(r)
	c.checkRestricted(r)
	c.checkUserIdentifiers(r)
	c.checkClick(r)
	r.keys(c.customer.ID)
}

// failOnRequest is what a row fault does.
func (r *row) failOnRequest(f *Fault) {
	if f.Kind == FaultRowInternal {
		r.fail(internalCode(), "An internal error has occurred.", "")
		return
	}
	code, err := codeOf(f.Family, f.Number)
	if err != nil {
		code = internalCode() // a fault is checked when it is added
	}
	r.fail(code, "The sandbox was asked for this error.", "")
}

var actionName = regexp.MustCompile(`^customers/\d{1,10}/conversionActions/(\d{1,18})$`)

func (c *call) checkAction(r *row) {
	name, at := r.conv.GetConversionAction(), field("conversion_action")
	if name == "" {
		r.fail(requestCode(adserrors.RequestErrorEnum_RESOURCE_NAME_MISSING), "Resource name is missing.", "", at)
		return
	}
	m := actionName.FindStringSubmatch(name)
	if m == nil {
		r.fail(requestCode(adserrors.RequestErrorEnum_RESOURCE_NAME_MALFORMED), "Resource name '"+name+"' is malformed.", name, at)
		return
	}
	id, _ := strconv.ParseInt(m[1], 10, 64) // at most 18 digits
	a := c.customer.action(id)
	switch {
	case a == nil || a.Status != Enabled:
		r.fail(uploadCode(adserrors.ConversionUploadErrorEnum_NO_CONVERSION_ACTION_FOUND),
			"The conversion action specified was not found or is not available to this account.", name, at)
	case a.Type != UploadClicks:
		r.fail(uploadCode(adserrors.ConversionUploadErrorEnum_INVALID_CONVERSION_ACTION_TYPE),
			"The conversion action is not set up for uploading clicks.", name, at)
	case c.record.Time.Sub(a.Created) < freshness:
		r.fail(uploadCode(adserrors.ConversionUploadErrorEnum_TOO_RECENT_CONVERSION_ACTION),
			"The conversion action was just created. Retry after 6 hours have passed.", name, at)
	default:
		r.action = a
	}
}

func (c *Customer) action(id int64) *Action {
	for i := range c.Actions {
		if c.Actions[i].ID == id {
			return &c.Actions[i]
		}
	}
	return nil
}

func (c *call) checkDateTime(r *row) {
	text, at := r.conv.GetConversionDateTime(), field("conversion_date_time")
	if r.conv.ConversionDateTime == nil {
		r.fail(fieldCode(adserrors.FieldErrorEnum_REQUIRED), "The required field was not present.", "", at)
		return
	}
	if !shaped(text) {
		r.fail(dateCode(adserrors.DateErrorEnum_INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET),
			"The string date time must be in the format 'yyyy-mm-dd hh:mm:ss+|-hh:mm'.", text, at)
		return
	}
	when, err := time.Parse(dateTimeLayout, text)
	switch {
	case err != nil:
		r.fail(dateCode(adserrors.DateErrorEnum_INVALID_FIELD_VALUES_IN_DATE_TIME),
			"Given field values do not constitute a valid date time.", text, at)
	case when.After(c.record.Time) && !c.server.cfg.Unproven.AcceptFuture:
		r.fail(dateCode(adserrors.DateErrorEnum_LATER_THAN_MAXIMUM_DATE), "The date time is in the future.", text, at)
	default:
		r.when = when
	}
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

func (c *call) checkValue(r *row) {
	v := r.conv.GetConversionValue()
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		r.fail(fieldCode(adserrors.FieldErrorEnum_INVALID_VALUE), "The value is not a number.", "", field("conversion_value"))
	case v < 0 && !c.server.cfg.Unproven.AcceptNegativeValue:
		r.fail(tooLowCode(), "Too low.", "", field("conversion_value"))
	}
	if r.conv.CurrencyCode == nil {
		return
	}
	code := r.conv.GetCurrencyCode()
	if _, err := currency.ParseISO(code); err != nil || strings.ToUpper(code) != code {
		r.fail(currencyCode(), "The currency code is not supported.", code, field("currency_code"))
	}
}

// personal finds an e-mail address or an international phone number.
var personal = regexp.MustCompile(`[^@\s]+@[^@\s]+\.[^@\s]+|\+\d{8,15}`)

func (c *call) checkOrderID(r *row) {
	unproven, at := c.server.cfg.Unproven, field("order_id")
	if r.conv.OrderId == nil {
		if unproven.RefuseMissingOrderID {
			r.fail(fieldCode(adserrors.FieldErrorEnum_REQUIRED), "The required field was not present.", "", at)
		}
		return
	}
	id := r.conv.GetOrderId()
	switch n := len([]rune(id)); {
	case n == 0 || n == 1 && !unproven.AcceptShortOrderID:
		r.fail(lengthCode(adserrors.StringLengthErrorEnum_TOO_SHORT), "Too short.", id, at)
	case unproven.MaxOrderID > 0 && n > unproven.MaxOrderID:
		r.fail(lengthCode(adserrors.StringLengthErrorEnum_TOO_LONG), "Too long.", id, at)
	case personal.MatchString(id):
		r.fail(uploadCode(adserrors.ConversionUploadErrorEnum_ORDER_ID_CONTAINS_PII),
			"The order ID must not contain personally identifiable information.", "", at)
	}
}

func (c *call) checkConsent(r *row) {
	consent := r.conv.GetConsent()
	for _, status := range []enums.ConsentStatusEnum_ConsentStatus{consent.GetAdUserData(), consent.GetAdPersonalization()} {
		if _, known := enums.ConsentStatusEnum_ConsentStatus_name[int32(status)]; !known {
			r.fail(requestCode(adserrors.RequestErrorEnum_INVALID_ENUM_VALUE), "Invalid enum value.", "", field("consent"))
		}
	}
	if consent.GetAdUserData() != enums.ConsentStatusEnum_UNSPECIFIED {
		return
	}
	switch c.server.cfg.Unproven.ConsentUnset {
	case ConsentAccept:
	case ConsentDrop:
		r.dropped = true
	case ConsentRefuse:
		r.failUpload(adserrors.ConversionUploadErrorEnum_CONVERSION_NOT_COMPLIANT_WITH_ATT_POLICY,
			"The conversion is not compliant with policy: the end customer didn't consent.", field("consent"))
	}
}

// checkRestricted refuses what only allow-listed callers may send since 2 February 2026 (Google Ads developer blog,
// January 2026), and what this sandbox has no counterpart for.
func (c *call) checkRestricted(r *row) {
	if r.conv.UserIpAddress != nil {
		r.fail(notAllowlistedCode(), "User IP address is not available to this customer.", "", field("user_ip_address"))
	}
	if r.conv.GetSessionAttributes() != nil {
		r.fail(notAllowlistedCode(), "Session attributes are not available to this customer.", "", field("session_attributes"))
	}
	if r.conv.GetExternalAttributionData() != nil {
		r.failUpload(
			adserrors.ConversionUploadErrorEnum_EXTERNAL_ATTRIBUTION_DATA_SET_FOR_NON_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION,
			"The conversion action does not use an external attribution model.", field("external_attribution_data"))
	}
	for i := range r.conv.GetCustomVariables() {
		r.failUpload(adserrors.ConversionUploadErrorEnum_CUSTOM_VARIABLE_NOT_ENABLED,
			"The custom variable is not enabled.", step{"custom_variables", i})
	}
}
