package sandbox

import (
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/text/currency"
)

const (
	// maxDestinations is the most destinations of a request (ErrorReason.TOO_MANY_DESTINATIONS, Data Manager API v1).
	maxDestinations = 10
	// maxEventIdentifiers is the most user identifiers of an event (developers.google.com/data-manager/api/limits).
	maxEventIdentifiers = 10
)

// inspection is the check of one request before it is taken. One violation refuses the whole request.
type inspection struct {
	call       *webCall
	req        *ingestRequest
	targets    []target
	references map[string]bool
	rejected   map[string]string // reasons by transaction id
	violations []violation
	denied     bool // an account is out of reach
}

func (in *inspection) fail(path, reason, description string) {
	in.violations = append(in.violations, violation{path, description, reason})
}

func (in *inspection) missing(path string) {
	in.fail(path, "REQUIRED_FIELD_MISSING", "Required field is missing.")
}

// checkIngest checks everything Google checks before it takes a request, and finds the destinations.
func (c *webCall) checkIngest(req *ingestRequest) ([]target, error) {
	in := &inspection{call: c, req: req, references: map[string]bool{}, rejected: c.server.rejections()}
	in.checkLists()
	in.checkDestinations()
	if in.denied {
		return nil, &apiError{
			code: http.StatusForbidden, status: "PERMISSION_DENIED",
			message: "The user does not have permission or the resource is not found.",
			reason:  "PERMISSION_DENIED", domain: ingestDomain,
		}
	}
	if len(req.Events) <= maxRows {
		for i := range req.Events {
			in.checkEvent(i)
		}
	}
	if len(in.violations) > 0 {
		return nil, c.refusal(in.violations)
	}
	return in.targets, nil
}

// refusal names as many violations as it is configured to.
func (c *webCall) refusal(all []violation) error {
	policy := c.server.cfg.Unproven.DataManager.Violations
	if c.fault.NoIndex {
		policy = ViolationsNone
	}
	switch policy {
	case ViolationsNone:
		all = nil
	case ViolationsFirst:
		all = all[:1]
	case ViolationsAll:
	}
	return badRequest(all...)
}

func (in *inspection) checkLists() {
	switch n := len(in.req.Destinations); {
	case n == 0:
		in.missing("destinations")
	case n > maxDestinations:
		in.fail("destinations", "TOO_MANY_DESTINATIONS", "Maximum number of destinations allowed per request is 10.")
	}
	switch n := len(in.req.Events); {
	case n == 0:
		in.missing("events")
	case n > maxRows:
		in.fail("events", "TOO_MANY_EVENTS", "Maximum number of events allowed per request is 2000.")
	}
	if in.req.EncryptionInfo != nil {
		in.fail("encryption_info", "INVALID_ARGUMENT", "The sandbox takes no encrypted data.")
	}
}

func (in *inspection) checkDestinations() {
	in.targets = make([]target, len(in.req.Destinations))
	for i := range in.req.Destinations {
		d := &in.req.Destinations[i]
		path := "destinations[" + strconv.Itoa(i) + "]"
		if d.Reference != "" && in.references[d.Reference] {
			in.fail(path+".reference", "DUPLICATE_DESTINATION_REFERENCE", "The destination reference is not unique.")
		}
		in.references[d.Reference] = true
		in.targets[i] = target{sent: *d}
		if customer := in.checkAccounts(d, path); customer != nil {
			in.targets[i].customer = customer
			in.targets[i].action = in.checkProduct(customer, d.ProductDestinationID, path+".product_destination_id")
		}
	}
}

// checkAccounts is the operating account of a destination, nil when it is out of reach.
func (in *inspection) checkAccounts(d *destination, path string) *Customer {
	if d.LinkedAccount != nil {
		in.fail(path+".linked_account", "LINKED_ACCOUNT_ONLY_ALLOWED_WITH_DATA_PARTNER_LOGIN_ACCOUNT",
			"A linked account is only allowed with a data partner as login account.")
	}
	operating := in.checkAccount(d.OperatingAccount, path+".operating_account", true)
	login := in.checkAccount(d.LoginAccount, path+".login_account", false)
	if operating == "" || d.LoginAccount != nil && login == "" {
		return nil
	}
	cu := in.call.server.customers[operating]
	switch {
	case cu == nil, cu.Disabled, login == "" && cu.LoginCustomer != "":
		in.denied = true
		return nil
	case login != "" && login != cu.LoginCustomer && (login != cu.ID || cu.LoginCustomer != ""):
		in.fail(path+".login_account", "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH",
			"The login account does not have access to the operating account.")
		return nil
	}
	return cu
}

// checkAccount is the id of a Google Ads account, "" for none or a bad one.
func (in *inspection) checkAccount(a *productAccount, path string, required bool) string {
	switch {
	case a == nil:
		if required {
			in.missing(path)
		}
	case a.AccountType != "GOOGLE_ADS" && (a.AccountType != "" || a.Product != "GOOGLE_ADS"):
		if a.AccountType == "" || a.AccountType == "ACCOUNT_TYPE_UNSPECIFIED" {
			in.missing(path + ".account_type")
			return ""
		}
		in.fail(path+".account_type", "INVALID_DESTINATION", "This destination is not valid.")
	case a.AccountID == "":
		in.missing(path + ".account_id")
	case !customerIDForm.MatchString(a.AccountID):
		in.fail(path+".account_id", "INVALID_NUMBER_FORMAT", "Invalid number format.")
	default:
		return a.AccountID
	}
	return ""
}

func (in *inspection) checkProduct(cu *Customer, id, path string) *Action {
	if id == "" {
		in.missing(path)
		return nil
	}
	number, err := strconv.ParseInt(id, 10, 64)
	a := cu.action(number)
	switch {
	case err != nil || a == nil || a.Status != Enabled:
		in.fail(path, "INVALID_CONVERSION_ACTION_ID", "Conversion action ID is not valid.")
		return nil
	case a.Type != UploadClicks:
		in.fail(path, "INVALID_CONVERSION_ACTION_TYPE", "Conversion action type is not valid.")
		return nil
	}
	return a
}

// digits finds transaction ids of digits alone.
var digits = regexp.MustCompile(`^\d+$`)

func (in *inspection) checkEvent(i int) {
	e, unproven := &in.req.Events[i], &in.call.server.cfg.Unproven
	row := &eventCheck{inspection: in, index: i}
	if f := &in.call.fault; f.befalls(i) && f.Kind == FaultRowError && !awaitsProcessing(f.Reason) {
		row.fail("", f.Reason, askedText)
	}
	if reason := in.rejected[e.TransactionID]; reason != "" && !awaitsProcessing(reason) {
		row.fail("", reason, askedText)
	}
	row.checkRequired(e)
	row.checkTime(e)
	row.checkIdentifiers(e)
	row.checkValue(e)
	for j, ref := range e.DestinationReferences {
		if !in.references[ref] {
			row.fail("destination_references["+strconv.Itoa(j)+"]", "INVALID_DESTINATION", "No destination has this reference.")
		}
	}
	if digits.MatchString(e.TransactionID) && !in.req.ValidateOnly && !unproven.DataManager.AcceptNumericTransactionID {
		row.fail("transaction_id", "INVALID_FORMAT", "Format is invalid.")
	}
	row.checkLength(e.TransactionID, unproven.MaxOrderID, "transaction_id")
	if e.CartData != nil && e.CartData.MerchantID != "" && !digits.MatchString(e.CartData.MerchantID) {
		row.fail("cart_data.merchant_id", "INVALID_MERCHANT_ID", "Merchant ID is not valid.")
	}
	for j := range e.CustomVariables {
		row.fail("custom_variables["+strconv.Itoa(j)+"].variable", "CUSTOM_VARIABLE_NOT_FOUND", "The custom variable was not found.")
	}
}

// eventCheck names the fields of one event.
type eventCheck struct {
	*inspection
	index int
}

func (r *eventCheck) fail(name, reason, description string) {
	path := "events[" + strconv.Itoa(r.index) + "]"
	if !r.call.server.cfg.Unproven.DataManager.ShortPaths {
		path = strings.TrimSuffix("events."+path+"."+name, ".")
	}
	r.inspection.fail(path, reason, description)
}

func (r *eventCheck) missing(name string) {
	r.fail(name, "REQUIRED_FIELD_MISSING", "Required field is missing.")
}

func (r *eventCheck) checkRequired(e *eventSent) {
	if e.EventTimestamp == nil {
		r.missing("event_timestamp")
	}
	// The document calls the source optional; ingest refuses events without one (googleapis/google-cloud-php issue 9201).
	if e.EventSource == "" || e.EventSource == "EVENT_SOURCE_UNSPECIFIED" {
		r.missing("event_source")
	}
}

func (r *eventCheck) checkTime(e *eventSent) {
	if e.EventTimestamp == nil {
		return
	}
	unproven, now := &r.call.server.cfg.Unproven, r.call.record.Time
	future := e.EventTimestamp.After(now) && !unproven.AcceptFuture
	if future || unproven.DataManager.OldEventRefused && now.Sub(*e.EventTimestamp) > oldest {
		r.fail("event_timestamp", "EVENT_TIME_INVALID", "The event time is outside of the allowed window.")
	}
}

func (r *eventCheck) checkValue(e *eventSent) {
	if v := e.ConversionValue; v != nil && (math.IsInf(*v, 0) || *v < 0 && !r.call.server.cfg.Unproven.AcceptNegativeValue) {
		r.fail("conversion_value", "INVALID_NUMBER_FORMAT", "Invalid number format.")
	}
	if e.Currency == "" {
		return
	}
	if _, err := currency.ParseISO(e.Currency); err != nil || strings.ToUpper(e.Currency) != e.Currency {
		r.fail("currency", "INVALID_CURRENCY_CODE", "Currency code is not valid.")
	}
}

func (r *eventCheck) checkLength(value string, longest int, name string) {
	if longest > 0 && len([]rune(value)) > longest {
		r.fail(name, "FIELD_VALUE_TOO_LONG", "The field value is too long.")
	}
}
