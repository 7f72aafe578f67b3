package sandbox

import (
	"time"

	"github.com/shenzhencenter/google-ads-pb/enums"
	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"github.com/shenzhencenter/google-ads-pb/services"
)

const (
	// freshness is how old a click or a conversion action must be (ConversionUploadError.TOO_RECENT_EVENT and
	// TOO_RECENT_CONVERSION_ACTION, Google Ads API v25).
	freshness = 6 * time.Hour
	// oldest is how long after a click Google takes its conversions (Google Ads Help, answer 7012522).
	oldest = 90 * day
)

// row is one conversion on its way through the checks.
type row struct {
	findings
	conv   *services.ClickConversion
	action *Action   // nil when unknown
	when   time.Time // zero when unreadable
	id     clickID   // the identifier that decides; zero when there is none
	found  *Click    // nil when unknown
	order  orderKey  // order is "" when absent
	click  clickKey  // click is zero when absent
	// dropped is accepted and not counted.
	dropped bool
}

func (r *row) failUpload(code adserrors.ConversionUploadErrorEnum_ConversionUploadError, message string, path ...step) {
	r.fail(uploadCode(code), message, "", path...)
}

// checkRows checks every row by itself, then against the others, then against what is held.
func (c *call) checkRows(convs []*services.ClickConversion) []row {
	rows := make([]row, len(convs))
	for i, conv := range convs {
		rows[i] = row{findings: findings{list: "conversions", index: i}, conv: conv}
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

func (c *call) checkAction(r *row) {
	name, at := r.conv.GetConversionAction(), field("conversion_action")
	a, named := c.namedAction(&r.findings, name)
	switch {
	case !named: // said by namedAction
	case a == nil:
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

func (c *call) checkDateTime(r *row) {
	future := c.server.cfg.Unproven.AcceptFuture
	r.when = r.pastDateTime(r.conv.ConversionDateTime, c.record.Time, future, field("conversion_date_time"))
}

func (c *call) checkValue(r *row) {
	r.amount(r.conv.GetConversionValue(), c.server.cfg.Unproven.AcceptNegativeValue, field("conversion_value"))
	r.currency(r.conv.CurrencyCode, field("currency_code"))
}

func (c *call) checkOrderID(r *row) {
	unproven := c.server.cfg.Unproven
	if r.conv.OrderId == nil {
		if unproven.RefuseMissingOrderID {
			r.required(field("order_id"))
		}
		return
	}
	shortest := shortestOrderID
	if unproven.AcceptShortOrderID {
		shortest = 1
	}
	r.orderID(r.conv.GetOrderId(), shortest, unproven.MaxOrderID,
		uploadCode(adserrors.ConversionUploadErrorEnum_ORDER_ID_CONTAINS_PII))
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
