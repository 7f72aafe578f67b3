package googleads

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/shenzhencenter/google-ads-pb/enums"
	"github.com/shenzhencenter/google-ads-pb/resources"
	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/grpc"

	"closeloop/conversions"
)

// Inspection is what Google says of an account's settings, as far as they matter for uploads.
type Inspection struct {
	// Customer is the account asked about. Name may be empty.
	Customer string
	Name     string
	// Currency is ISO 4217, Zone an IANA name.
	Currency string
	Zone     string
	// AutoTagging: without it clicks carry no gclid.
	AutoTagging bool
	// Manager and TestAccount are kinds of account; a manager has no clicks of its own.
	Manager     bool
	TestAccount bool
	// ConversionCustomer is the account to upload to, ten digits; another than Customer when a manager owns conversions
	// (ConversionTrackingSetting.google_ads_conversion_customer, Google Ads API v25). Empty when Google gave none.
	ConversionCustomer string
	// Tracking is who manages conversions, such as CONVERSION_TRACKING_MANAGED_BY_SELF.
	Tracking string
	// TermsAccepted and EnhancedLeads are about customer data terms and enhanced conversions for leads.
	TermsAccepted bool
	EnhancedLeads bool
	// Actions are all conversion actions the account can use, in Google's order.
	Actions []Action
}

// Action is one conversion action. Type, Status and Category are the names of Google's enums, or numbers for new ones.
type Action struct {
	// ID is the number that stands in the configuration.
	ID       string
	Name     string
	Status   string
	Type     string
	Category string
	// Owner is the customer id of the owning account; may be empty.
	Owner string
	// LookBack is the click-through look-back window; zero when Google gave none.
	LookBack time.Duration
	// OnePerClick counts one conversion per click, which rules out gbraid and wbraid.
	OnePerClick bool
	// Primary is true when bidding uses the action.
	Primary bool
	// AlwaysDefault ignores the values that are sent.
	AlwaysDefault bool
	// DefaultValue is in major units of DefaultCurrency, for rows without a value.
	DefaultValue    float64
	DefaultCurrency string
}

// Action returns the conversion action with that number.
func (i Inspection) Action(id string) (Action, bool) {
	for _, a := range i.Actions {
		if a.ID == id {
			return a, true
		}
	}
	return Action{}, false
}

const (
	queryCustomer = "SELECT customer.id, customer.descriptive_name, customer.currency_code, customer.time_zone, " +
		"customer.auto_tagging_enabled, customer.manager, customer.test_account, " +
		"customer.conversion_tracking_setting.google_ads_conversion_customer, " +
		"customer.conversion_tracking_setting.conversion_tracking_status, " +
		"customer.conversion_tracking_setting.accepted_customer_data_terms, " +
		"customer.conversion_tracking_setting.enhanced_conversions_for_leads_enabled FROM customer"
	// queryActions has no condition, so that an action of the wrong kind or state can be named as such.
	queryActions = "SELECT conversion_action.id, conversion_action.name, conversion_action.status, conversion_action.type, " +
		"conversion_action.category, conversion_action.primary_for_goal, " +
		"conversion_action.click_through_lookback_window_days, conversion_action.counting_type, " +
		"conversion_action.owner_customer, conversion_action.value_settings.default_value, " +
		"conversion_action.value_settings.default_currency_code, " +
		"conversion_action.value_settings.always_use_default_value FROM conversion_action"
	// maxPages ends a search whose pages do not.
	maxPages = 100
)

// Inspect asks Google for the settings of an account. customer is ten digits, with or without dashes. Both queries
// together last at most the configured timeout. Errors: [ErrConfig], or a [*CallError].
func (c *Client) Inspect(ctx context.Context, customer string) (Inspection, error) {
	id, err := customerID(customer)
	if err != nil {
		return Inspection{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	found := Inspection{Customer: id}
	err = c.search(ctx, id, queryCustomer, func(row *services.GoogleAdsRow) { found.readCustomer(row.GetCustomer()) })
	if err != nil {
		return Inspection{}, err
	}
	err = c.search(ctx, id, queryActions, func(row *services.GoogleAdsRow) {
		found.Actions = append(found.Actions, readAction(row.GetConversionAction()))
	})
	if err != nil {
		return Inspection{}, err
	}
	return found, nil
}

func (c *Client) search(ctx context.Context, customer, query string, each func(*services.GoogleAdsRow)) error {
	req := &services.SearchGoogleAdsRequest{CustomerId: customer, Query: query}
	for range maxPages {
		var page *services.SearchGoogleAdsResponse
		_, failed := c.call(ctx, customer, func(ctx context.Context, opts ...grpc.CallOption) (err error) {
			page, err = c.queries.Search(ctx, req, opts...)
			return err //nolint:wrapcheck // classified by its status, never shown
		})
		if failed != nil {
			failed.Unknown = false // A query changes nothing.
			return failed
		}
		for _, row := range page.GetResults() {
			each(row)
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			return nil
		}
	}
	return &CallError{Answer: conversions.Answer{
		Verdict: conversions.Retry, Code: "Closeloop.ENDLESS_RESULT", Sentence: "Google's list of settings did not end.",
	}}
}

func (i *Inspection) readCustomer(c *resources.Customer) {
	setting := c.GetConversionTrackingSetting()
	i.Name, i.Currency, i.Zone = c.GetDescriptiveName(), c.GetCurrencyCode(), c.GetTimeZone()
	i.AutoTagging, i.Manager, i.TestAccount = c.GetAutoTaggingEnabled(), c.GetManager(), c.GetTestAccount()
	i.ConversionCustomer = lastSegment(setting.GetGoogleAdsConversionCustomer())
	i.Tracking = setting.GetConversionTrackingStatus().String()
	i.TermsAccepted = setting.GetAcceptedCustomerDataTerms()
	i.EnhancedLeads = setting.GetEnhancedConversionsForLeadsEnabled()
}

func readAction(a *resources.ConversionAction) Action {
	value := a.GetValueSettings()
	return Action{
		ID:              strconv.FormatInt(a.GetId(), 10),
		Name:            a.GetName(),
		Status:          a.GetStatus().String(),
		Type:            a.GetType().String(),
		Category:        a.GetCategory().String(),
		Owner:           lastSegment(a.GetOwnerCustomer()),
		LookBack:        time.Duration(a.GetClickThroughLookbackWindowDays()) * aDay,
		OnePerClick:     a.GetCountingType() == enums.ConversionActionCountingTypeEnum_ONE_PER_CLICK,
		Primary:         a.GetPrimaryForGoal(),
		AlwaysDefault:   value.GetAlwaysUseDefaultValue(),
		DefaultValue:    value.GetDefaultValue(),
		DefaultCurrency: value.GetDefaultCurrencyCode(),
	}
}

// lastSegment returns the id at the end of a resource name.
func lastSegment(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
