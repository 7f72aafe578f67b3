package sandbox

import (
	"strconv"

	"github.com/shenzhencenter/google-ads-pb/enums"
	"github.com/shenzhencenter/google-ads-pb/resources"
	"github.com/shenzhencenter/google-ads-pb/services"
)

func (c *call) customerRows() []*services.GoogleAdsRow {
	return []*services.GoogleAdsRow{{Customer: c.customerResource()}}
}

func (c *call) customerResource() *resources.Customer {
	cu := c.customer
	id, _ := strconv.ParseInt(cu.ID, 10, 64) // ten digits
	return &resources.Customer{
		ResourceName:       "customers/" + cu.ID,
		Id:                 new(id),
		DescriptiveName:    new(cu.Name),
		CurrencyCode:       new(cu.Currency),
		TimeZone:           new(cu.Zone),
		AutoTaggingEnabled: new(!cu.AutoTaggingOff),
		Manager:            new(cu.Manager),
		TestAccount:        new(cu.TestAccount),
		Status:             enums.CustomerStatusEnum_ENABLED,
		ConversionTrackingSetting: &resources.ConversionTrackingSetting{
			ConversionTrackingId:               new(id),
			AcceptedCustomerDataTerms:          cu.AcceptedTerms,
			ConversionTrackingStatus:           trackingStatus(cu, c.record.LoginCustomer),
			EnhancedConversionsForLeadsEnabled: cu.EnhancedConversionsForLeads,
			GoogleAdsConversionCustomer:        "customers/" + cu.owner(),
		},
	}
}

func trackingStatus(c *Customer, login string) enums.ConversionTrackingStatusEnum_ConversionTrackingStatus {
	switch c.owner() {
	case c.ID:
		return enums.ConversionTrackingStatusEnum_CONVERSION_TRACKING_MANAGED_BY_SELF
	case login:
		return enums.ConversionTrackingStatusEnum_CONVERSION_TRACKING_MANAGED_BY_THIS_MANAGER
	}
	return enums.ConversionTrackingStatusEnum_CONVERSION_TRACKING_MANAGED_BY_ANOTHER_MANAGER
}

// actionRows are the customer's own conversion actions and those of the account that owns its conversions.
func (c *call) actionRows() []*services.GoogleAdsRow {
	cu := c.customer
	rows := rowsOf(cu, cu, c.customerResource())
	if owner := c.server.customers[cu.owner()]; owner != nil && owner != cu {
		rows = append(rows, rowsOf(cu, owner, c.customerResource())...)
	}
	return rows
}

func rowsOf(seenFrom, owner *Customer, customer *resources.Customer) []*services.GoogleAdsRow {
	rows := make([]*services.GoogleAdsRow, len(owner.Actions))
	for i := range owner.Actions {
		rows[i] = &services.GoogleAdsRow{Customer: customer, ConversionAction: owner.Actions[i].resource(seenFrom, owner)}
	}
	return rows
}

func (a *Action) resource(seenFrom, owner *Customer) *resources.ConversionAction {
	return &resources.ConversionAction{
		ResourceName:                   "customers/" + seenFrom.ID + "/conversionActions/" + strconv.FormatInt(a.ID, 10),
		Id:                             new(a.ID),
		Name:                           new(a.Name),
		Status:                         a.Status.proto(),
		Type:                           a.Type.proto(),
		Origin:                         enums.ConversionOriginEnum_WEBSITE,
		PrimaryForGoal:                 new(true),
		Category:                       enums.ConversionActionCategoryEnum_CONVERTED_LEAD,
		OwnerCustomer:                  new("customers/" + owner.ID),
		IncludeInConversionsMetric:     new(true),
		ClickThroughLookbackWindowDays: new(int64(a.lookback() / day)),
		CountingType:                   countingType(a.OnePerClick),
		ValueSettings: &resources.ConversionAction_ValueSettings{
			DefaultValue:          new(a.DefaultValue),
			DefaultCurrencyCode:   new(a.currency(owner)),
			AlwaysUseDefaultValue: new(a.AlwaysUseDefault),
		},
		AttributionModelSettings: &resources.ConversionAction_AttributionModelSettings{
			AttributionModel: enums.AttributionModelEnum_GOOGLE_SEARCH_ATTRIBUTION_DATA_DRIVEN,
		},
	}
}

func countingType(onePerClick bool) enums.ConversionActionCountingTypeEnum_ConversionActionCountingType {
	if onePerClick {
		return enums.ConversionActionCountingTypeEnum_ONE_PER_CLICK
	}
	return enums.ConversionActionCountingTypeEnum_MANY_PER_CLICK
}

func (s ActionStatus) proto() enums.ConversionActionStatusEnum_ConversionActionStatus {
	if s == Enabled {
		return enums.ConversionActionStatusEnum_ENABLED
	}
	return enums.ConversionActionStatusEnum_ConversionActionStatus(enums.ConversionActionStatusEnum_ConversionActionStatus_value[string(s)])
}

func (t ActionType) proto() enums.ConversionActionTypeEnum_ConversionActionType {
	if t == UploadClicks {
		return enums.ConversionActionTypeEnum_UPLOAD_CLICKS
	}
	return enums.ConversionActionTypeEnum_ConversionActionType(enums.ConversionActionTypeEnum_ConversionActionType_value[string(t)])
}
