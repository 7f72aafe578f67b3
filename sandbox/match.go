package sandbox

import (
	"github.com/shenzhencenter/google-ads-pb/common"
	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
)

const (
	// maxIdentifiers is the most user identifiers of one conversion (ClickConversion.user_identifiers, API v25).
	maxIdentifiers = 5
	// oldestHash is how long after a click an e-mail address or phone number still matches it (Google Ads Help,
	// answer 7012522).
	oldestHash = 63 * day
	// shortestClickID is what AnyClick takes for a whole id; the shortest gclid ever documented has 26 characters.
	shortestClickID = 20
)

func (c *call) checkUserIdentifiers(r *row) {
	ids := r.conv.GetUserIdentifiers()
	if len(ids) == 0 {
		return
	}
	if len(ids) > maxIdentifiers {
		r.fail(sizeCode(adserrors.CollectionSizeErrorEnum_TOO_MANY), "Too many.", "", field("user_identifiers"))
	}
	if !c.customer.AcceptedTerms {
		r.failUpload(adserrors.ConversionUploadErrorEnum_CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS,
			"The customer has not accepted the customer data terms in the conversion settings page.", field("user_identifiers"))
	}
	if !c.customer.EnhancedConversionsForLeads {
		r.failUpload(adserrors.ConversionUploadErrorEnum_CUSTOMER_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS,
			"Enhanced conversions for leads is not turned on.", field("user_identifiers"))
	}
	for i, id := range ids {
		r.checkHash(i, id)
	}
}

func (r *row) checkHash(i int, id *common.UserIdentifier) {
	at := step{"user_identifiers", i}
	hash, name := hashOf(id)
	switch {
	case name == "":
		r.failUpload(adserrors.ConversionUploadErrorEnum_UNSUPPORTED_USER_IDENTIFIER,
			"Only hashed e-mail addresses and phone numbers are supported.", at)
	case !isHash(hash):
		r.failUpload(adserrors.ConversionUploadErrorEnum_INVALID_USER_IDENTIFIER,
			"The user identifier isn't hashed correctly.", at, field(name))
	}
}

func hashOf(id *common.UserIdentifier) (hash, name string) {
	switch v := id.GetIdentifier().(type) {
	case *common.UserIdentifier_HashedEmail:
		return v.HashedEmail, "hashed_email"
	case *common.UserIdentifier_HashedPhoneNumber:
		return v.HashedPhoneNumber, "hashed_phone_number"
	}
	return "", ""
}

// isHash says whether s is SHA-256 in lower-case hex.
func isHash(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == 64
}

// checkClick finds the click of the row and checks its owner and its time.
func (c *call) checkClick(r *row) {
	if !c.checkCombination(r) {
		return
	}
	switch {
	case r.id.id != "":
		c.findByID(r)
	case len(r.conv.GetUserIdentifiers()) > 0:
		c.findByHash(r)
	}
	if r.found != nil && c.checkOwner(r) {
		c.checkClickTime(r)
	}
}

// checkCombination checks which identifiers stand together, and picks the deciding one: gclid, else gbraid, else wbraid.
func (c *call) checkCombination(r *row) bool {
	gclid, gbraid, wbraid := r.conv.GetGclid(), r.conv.GetGbraid(), r.conv.GetWbraid()
	before := len(r.errs)
	switch {
	case gbraid != "" && wbraid != "":
		r.failUpload(adserrors.ConversionUploadErrorEnum_GBRAID_WBRAID_BOTH_SET, "Use either a gbraid or a wbraid, not both.")
	case gclid != "" && wbraid != "" && !c.server.cfg.Unproven.AcceptGCLIDWithWBRAID:
		r.unwanted(field("wbraid"))
	case gclid != "":
		r.id = clickID{GCLID, gclid}
	case gbraid != "":
		r.id = clickID{GBRAID, gbraid}
	case wbraid != "":
		r.id = clickID{WBRAID, wbraid}
	case len(r.conv.GetUserIdentifiers()) == 0:
		c.failWithoutIdentifier(r)
	}
	if (gbraid != "" || wbraid != "") && r.action != nil && r.action.OnePerClick {
		r.failUpload(adserrors.ConversionUploadErrorEnum_ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID,
			"A conversion action that counts one per click can't be used with a gbraid or wbraid.", field("conversion_action"))
	}
	return len(r.errs) == before
}

func (c *call) failWithoutIdentifier(r *row) {
	if c.server.cfg.Unproven.NoIdentifierIsNotFound {
		r.failUpload(adserrors.ConversionUploadErrorEnum_EVENT_NOT_FOUND, notFoundText)
		return
	}
	r.required(field("gclid"))
}

const notFoundText = "The imported event could not be attributed to a click. " +
	"This may be because the event did not come from a Google Ads campaign."

func (c *call) findByID(r *row) {
	clicks, unproven := &c.server.clicks, c.server.cfg.Unproven
	at := field(string(r.id.kind))
	if r.found = clicks.byID[r.id]; r.found != nil {
		return
	}
	damaged := clicks.damaged(r.id) && !unproven.DamagedIsNotFound
	switch {
	case unproven.MaxClickID > 0 && len(r.id.id) > unproven.MaxClickID:
		r.fail(lengthCode(adserrors.StringLengthErrorEnum_TOO_LONG), "Too long.", r.id.id, at)
	case !wellFormed(r.id.id) || damaged:
		r.fail(uploadCode(unparseable(r.id.kind)), "The imported "+string(r.id.kind)+" could not be decoded.", r.id.id, at)
	case c.server.cfg.AnyClick && len(r.id.id) >= shortestClickID:
		r.found = &Click{Kind: r.id.kind, ID: r.id.id, Customer: c.customer.ID, Time: r.when.Add(-c.server.cfg.AnyClickAge)}
	case unproven.UnknownIsClickNotFound:
		r.fail(uploadCode(adserrors.ConversionUploadErrorEnum_CLICK_NOT_FOUND), "The click was not found.", r.id.id, at)
	default:
		r.fail(uploadCode(adserrors.ConversionUploadErrorEnum_EVENT_NOT_FOUND), notFoundText, r.id.id, at)
	}
}

func unparseable(kind ClickKind) adserrors.ConversionUploadErrorEnum_ConversionUploadError {
	switch kind {
	case GBRAID:
		return adserrors.ConversionUploadErrorEnum_UNPARSEABLE_GBRAID
	case WBRAID:
		return adserrors.ConversionUploadErrorEnum_UNPARSEABLE_WBRAID
	case GCLID:
	}
	return adserrors.ConversionUploadErrorEnum_UNPARSEABLE_GCLID
}

// findByHash matches a row that has nothing but user identifiers to the newest click of one of them.
func (c *call) findByHash(r *row) {
	for _, id := range r.conv.GetUserIdentifiers() {
		hash, _ := hashOf(id)
		click := c.server.clicks.byHash[hash]
		if click != nil && r.when.Sub(click.Time) <= oldestHash {
			r.found = click
			return
		}
	}
	r.failUpload(adserrors.ConversionUploadErrorEnum_CLICK_NOT_FOUND,
		"The email address or phone number for this event can't be matched to a click.", field("user_identifiers"))
}

// checkOwner checks that the customer of the call is the one that owns the conversions of the clicked account.
func (c *call) checkOwner(r *row) bool {
	clicked := c.server.customers[r.found.Customer]
	if clicked == nil {
		r.failUpload(adserrors.ConversionUploadErrorEnum_UNAUTHORIZED_CUSTOMER,
			"The click is associated with an account you cannot access.", field(string(r.id.kind)))
		return false
	}
	if clicked.owner() != c.customer.ID {
		r.failUpload(adserrors.ConversionUploadErrorEnum_INVALID_CUSTOMER_FOR_CLICK,
			"The click belongs to another customer. Upload to its Google Ads conversion customer.", field(string(r.id.kind)))
		return false
	}
	return true
}

// owner is the customer to upload conversions of c to.
func (c *Customer) owner() string {
	if c.ConversionCustomer != "" {
		return c.ConversionCustomer
	}
	return c.ID
}

func (c *call) checkClickTime(r *row) {
	if r.when.IsZero() {
		return // said by checkDateTime
	}
	now, clicked, at := c.record.Time, r.found.Time, field("conversion_date_time")
	if now.Sub(clicked) < freshness {
		r.failUpload(adserrors.ConversionUploadErrorEnum_TOO_RECENT_EVENT,
			"The click occurred less than 6 hours ago. Retry after 6 hours have passed.", at)
	}
	switch {
	case !r.when.After(clicked):
		r.failUpload(adserrors.ConversionUploadErrorEnum_CONVERSION_PRECEDES_EVENT,
			"The imported event has a conversion_date_time that precedes the click.", at)
	case r.action != nil && r.when.Sub(clicked) > r.action.lookback(), now.Sub(clicked) > oldest:
		r.failUpload(adserrors.ConversionUploadErrorEnum_EXPIRED_EVENT,
			"The click occurred before this conversion's click-through window.", at)
	}
}
