package sandbox

import (
	"slices"
	"time"

	"github.com/shenzhencenter/google-ads-pb/enums"
	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"github.com/shenzhencenter/google-ads-pb/services"
)

const (
	// adjustable is how long ago a conversion may have occurred
	// (ConversionAdjustmentUploadError.CONVERSION_EXPIRED, Google Ads API v25).
	adjustable = 54 * day
	// pending is how long a conversion may be too fresh (ConversionAdjustmentUploadError.TOO_RECENT_CONVERSION, Google
	// Ads API v25; Google Ads developer blog, August 2024).
	pending = day
)

// adjustment is one row on its way through the checks.
type adjustment struct {
	findings
	sent   *services.ConversionAdjustment
	action *Action   // nil when unknown
	when   time.Time // zero when unreadable
	order  orderKey  // order is "" when the conversion is named by its click
	click  clickKey  // click is zero when the conversion is named by its order id
}

func (r *adjustment) failAdjust(
	code adserrors.ConversionAdjustmentUploadErrorEnum_ConversionAdjustmentUploadError, message string, path ...step,
) {
	r.fail(adjustCode(code), message, "", path...)
}

func (r *adjustment) is(t enums.ConversionAdjustmentTypeEnum_ConversionAdjustmentType) bool {
	return r.sent.GetAdjustmentType() == t
}

func (c *call) checkAdjustment(r *adjustment) {
	if c.fault.befalls(r.index) {
		r.failOnRequest(&c.fault)
		return
	}
	if c.adjustBlocked() {
		r.fail(notAllowlistedCode(), notAllowlistedText, "")
		return
	}
	r.checkType()
	c.checkAdjustAction(r)
	future := c.server.cfg.Unproven.AcceptFutureAdjustment
	r.when = r.pastDateTime(r.sent.AdjustmentDateTime, c.record.Time, future, field("adjustment_date_time"))
	c.checkKey(r)
	c.checkRestatementValue(r)
	r.checkEnhancementFields()
}

func (r *adjustment) checkType() {
	switch r.sent.GetAdjustmentType() {
	case enums.ConversionAdjustmentTypeEnum_RETRACTION, enums.ConversionAdjustmentTypeEnum_RESTATEMENT,
		enums.ConversionAdjustmentTypeEnum_ENHANCEMENT:
	case enums.ConversionAdjustmentTypeEnum_UNSPECIFIED:
		r.required(field("adjustment_type"))
	case enums.ConversionAdjustmentTypeEnum_UNKNOWN:
		fallthrough
	default:
		r.fail(requestCode(adserrors.RequestErrorEnum_INVALID_ENUM_VALUE), "Invalid enum value.", "", field("adjustment_type"))
	}
}

func (c *call) checkAdjustAction(r *adjustment) {
	name, at := r.sent.GetConversionAction(), field("conversion_action")
	a, named := c.namedAction(&r.findings, name)
	enhancement := r.is(enums.ConversionAdjustmentTypeEnum_ENHANCEMENT)
	switch {
	case !named: // said by namedAction
	case a == nil:
		r.fail(adjustCode(adserrors.ConversionAdjustmentUploadErrorEnum_NO_CONVERSION_ACTION_FOUND),
			"The conversion action specified in the adjustment request cannot be found.", name, at)
	case a.Type != Webpage && (enhancement || a.Type != UploadClicks):
		r.fail(adjustCode(adserrors.ConversionAdjustmentUploadErrorEnum_INVALID_CONVERSION_ACTION_TYPE),
			"The type of the conversion action isn't supported for this type of adjustment.", name, at)
	case enhancement: // of a web page's action; the sandbox has no page whose conversions could be enhanced
		r.fail(adjustCode(adserrors.ConversionAdjustmentUploadErrorEnum_CONVERSION_ACTION_NOT_ELIGIBLE_FOR_ENHANCEMENT),
			"Can't use enhanced conversions with the specified conversion action.", name, at)
	case c.record.Time.Sub(a.Created) < freshness:
		r.fail(adjustCode(adserrors.ConversionAdjustmentUploadErrorEnum_TOO_RECENT_CONVERSION_ACTION),
			"The conversion action was just created. Retry after 6 hours have passed.", name, at)
	case a.AlwaysUseDefault && r.is(enums.ConversionAdjustmentTypeEnum_RESTATEMENT):
		r.fail(adjustCode(adserrors.
			ConversionAdjustmentUploadErrorEnum_CANNOT_RESTATE_CONVERSION_ACTION_THAT_ALWAYS_USES_DEFAULT_CONVERSION_VALUE),
			"Can't make an adjustment to a conversion that is set up to use the default value.", name, at)
	default:
		r.action = a
	}
}

// checkKey checks by what the row names its conversion: the order id, or the gclid and the time of one without.
func (c *call) checkKey(r *adjustment) {
	pair := r.sent.GetGclidDateTimePair()
	switch {
	case pair != nil && r.sent.OrderId != nil && !r.is(enums.ConversionAdjustmentTypeEnum_ENHANCEMENT):
		r.failAdjust(adserrors.ConversionAdjustmentUploadErrorEnum_GCLID_DATE_TIME_PAIR_AND_ORDER_ID_BOTH_SET,
			"Cannot set both gclid_date_time_pair and order_id.")
	case r.sent.OrderId != nil:
		c.checkNamedOrder(r)
	case r.action != nil && r.action.Type == Webpage:
		r.failAdjust(adserrors.ConversionAdjustmentUploadErrorEnum_MISSING_ORDER_ID_FOR_WEBPAGE,
			"Adjustment for website conversion requires Order ID.", field("order_id"))
	case pair != nil:
		c.checkPair(r, pair)
	default:
		r.required(field("order_id"))
	}
}

// checkNamedOrder takes no order id of one character, whatever uploads take.
func (c *call) checkNamedOrder(r *adjustment) {
	r.orderID(r.sent.GetOrderId(), shortestOrderID, c.server.cfg.Unproven.MaxOrderID,
		adjustCode(adserrors.ConversionAdjustmentUploadErrorEnum_ORDER_ID_CONTAINS_PII))
	if r.action != nil {
		r.order = orderKey{customer: c.customer.ID, action: r.action.ID, order: r.sent.GetOrderId()}
	}
}

func (c *call) checkPair(r *adjustment, pair *services.GclidDateTimePair) {
	at := field("gclid_date_time_pair")
	if pair.GetGclid() == "" {
		r.required(at, field("gclid"))
	}
	when := r.dateTime(pair.ConversionDateTime, at, field("conversion_date_time"))
	if r.action != nil && pair.GetGclid() != "" && !when.IsZero() {
		r.click = clickKey{
			customer: c.customer.ID, action: r.action.ID, click: clickID{GCLID, pair.GetGclid()}, second: when.Unix(),
		}
	}
}

// checkRestatementValue wants a value in a restatement and none in a retraction
// (ConversionAdjustment.restatement_value, Google Ads API v25).
func (c *call) checkRestatementValue(r *adjustment) {
	v, at := r.sent.GetRestatementValue(), field("restatement_value")
	switch restatement := r.is(enums.ConversionAdjustmentTypeEnum_RESTATEMENT); {
	case !restatement && v != nil:
		r.unwanted(at)
	case !restatement:
	case v == nil:
		r.required(at)
	case v.AdjustedValue == nil:
		r.required(at, field("adjusted_value"))
	default:
		r.amount(v.GetAdjustedValue(), c.server.cfg.Unproven.AcceptNegativeValue, at, field("adjusted_value"))
		r.currency(v.CurrencyCode, at, field("currency_code"))
	}
}

// checkEnhancementFields refuses what only enhancements bring (ConversionAdjustment.user_identifiers and user_agent, Google
// Ads API v25).
func (r *adjustment) checkEnhancementFields() {
	if r.is(enums.ConversionAdjustmentTypeEnum_ENHANCEMENT) {
		return
	}
	if len(r.sent.GetUserIdentifiers()) > 0 {
		r.unwanted(field("user_identifiers"))
	}
	if r.sent.UserAgent != nil {
		r.unwanted(field("user_agent"))
	}
}

// checkAdjustRepeats refuses every copy of an adjustment of one conversion that stands in the request twice with one time.
func checkAdjustRepeats(rows []adjustment) {
	type key struct {
		order  orderKey
		click  clickKey
		second int64
	}
	of := func(r *adjustment) key { return key{r.order, r.click, r.when.Unix()} }
	copies := make(map[key]int, len(rows))
	for i := range rows {
		copies[of(&rows[i])]++
	}
	for i := range rows {
		r := &rows[i]
		named := r.order.order != "" || r.click.click.id != ""
		if named && !r.when.IsZero() && copies[of(r)] > 1 {
			r.failAdjust(adserrors.ConversionAdjustmentUploadErrorEnum_DUPLICATE_ADJUSTMENT_IN_REQUEST,
				"The request contains more than one adjustment of this conversion with the same adjustment_date_time.")
		}
	}
}

// checkReach says whether held, nil for none, can be adjusted now and at the time of the row.
func (c *call) checkReach(r *adjustment, held *Conversion) bool {
	unproven, now := c.server.cfg.Unproven, c.record.Time
	hidden := held == nil || held.Kind == WBRAID && !unproven.AdjustWBRAID ||
		unproven.RecentConversion == RecentHidden && now.Sub(held.Uploaded) < pending
	switch {
	case hidden:
		r.failAdjust(adserrors.ConversionAdjustmentUploadErrorEnum_CONVERSION_NOT_FOUND,
			"The conversion for this conversion action and conversion identifier can't be found.")
	case unproven.RecentConversion == RecentRefuse && now.Sub(held.Time) < pending:
		r.failAdjust(adserrors.ConversionAdjustmentUploadErrorEnum_TOO_RECENT_CONVERSION,
			"Try adjusting a conversion that occurred at least 24 hours ago.")
	case now.Sub(held.Time) > adjustable:
		r.failAdjust(adserrors.ConversionAdjustmentUploadErrorEnum_CONVERSION_EXPIRED,
			"Adjustment can't be made to a conversion that occurred more than 54 days ago.")
	case !r.when.After(held.Time):
		r.failAdjust(adserrors.ConversionAdjustmentUploadErrorEnum_ADJUSTMENT_PRECEDES_CONVERSION,
			"The adjustment_date_time must be after the conversion.", field("adjustment_date_time"))
	default:
		return true
	}
	return false
}

// checkHistory says whether the row comes to count after the adjustments held has seen. Restatements and retractions are
// judged alike: no document says that a retraction may be older than a restatement or share its time.
func (c *call) checkHistory(r *adjustment, held *Conversion) bool {
	unproven, at := c.server.cfg.Unproven, field("adjustment_date_time")
	repeated := slices.ContainsFunc(held.Adjustments, func(a Adjustment) bool { return a.Time.Equal(r.when) })
	switch {
	case held.Retracted && unproven.IgnoreRetracted, repeated && unproven.IgnoreRepeated: // accepted without effect
	case held.Retracted:
		r.failAdjust(adserrors.ConversionAdjustmentUploadErrorEnum_CONVERSION_ALREADY_RETRACTED,
			"The conversion was already retracted. This adjustment was not processed.")
	case repeated:
		r.failAdjust(adserrors.ConversionAdjustmentUploadErrorEnum_RESTATEMENT_ALREADY_EXISTS,
			"The conversion has a prior restatement with the same adjustment_date_time.", at)
	case r.when.Before(held.AdjustedAt):
		r.failAdjust(adserrors.ConversionAdjustmentUploadErrorEnum_MORE_RECENT_RESTATEMENT_FOUND,
			"A more recent adjustment_date_time has already been reported for the associated conversion.", at)
	case unproven.MaxAdjustments > 0 && len(held.Adjustments) >= unproven.MaxAdjustments:
		r.failAdjust(adserrors.ConversionAdjustmentUploadErrorEnum_TOO_MANY_ADJUSTMENTS,
			"The conversion has already been adjusted the maximum number of times.")
	default:
		return true
	}
	return false
}
