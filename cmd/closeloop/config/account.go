package config

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/currency"

	"closeloop/conversions"
	"closeloop/scheduler"
)

func (c *checker) account(path string, a Account) {
	c.customers(path, a)
	c.oneOf(path+".api", string(a.API), string(conversions.APIDataManager), string(conversions.APIGoogleAds))
	c.oneOf(path+".mode", string(a.Mode), string(conversions.ModeTest), string(conversions.ModeLive))
	c.schedule(path, a)
	c.currency(path+".currency", a.Currency)
	c.oneOf(path+".consent", string(a.Consent), string(conversions.ConsentRuleGranted), string(conversions.ConsentRuleDenied),
		string(conversions.ConsentRuleUnspecified), string(conversions.ConsentRuleEvent))
	c.clocks(path, a)
	if a.OnBooked != "" {
		c.oneOf(path+".on_booked", string(a.OnBooked), string(conversions.KeepQuote), string(conversions.RetractQuote))
	}
	c.stages(path+".stages", a.Stages)
	c.credentials(path+".credentials", a.Credentials)
	c.endpoints(path, a)
	c.dataManager(path, a)
}

func (c *checker) customers(path string, a Account) {
	const hint = "write the ten digits that Google Ads shows at the top right"
	if c.given(path+".customer", a.Customer != "", hint) && !isCustomer(a.Customer) {
		c.refuse(path+".customer", a.Customer, "is not a customer id", hint)
	}
	if a.LoginCustomer != "" && !isCustomer(a.LoginCustomer) {
		c.refuse(path+".login_customer", a.LoginCustomer, "is not a customer id", "write the ten digits of the manager account")
	}
}

// schedule checks zone and schedule; the schedule is read in UTC where there
// is no zone, to find its own mistakes.
func (c *checker) schedule(path string, a Account) {
	zone := a.Zone
	if c.given(path+".zone", zone != nil, "write the IANA name of the zone set in Google Ads, as in America/New_York") && zone.String() == "Local" {
		c.reject(path+".zone", "the zone of this machine is not the account's", "name the zone set in Google Ads, as in America/New_York")
		zone = nil
	}
	if zone == nil {
		zone = time.UTC
	}
	const hint = "write five fields, minute hour day month weekday, as in */15 * * * * for every quarter of an hour"
	at := path + ".schedule"
	if !c.given(at, a.Schedule != "", hint) {
		return
	}
	_, err := scheduler.ParseSchedule(a.Schedule, zone)
	if err == nil {
		return
	}
	what := "is not a schedule"
	var fault *scheduler.ScheduleError
	if _, expanded := c.raw[at]; !expanded && errors.As(err, &fault) {
		what += ": " + fault.Reason
	}
	c.refuse(at, a.Schedule, what, hint)
}

func (c *checker) currency(path, code string) {
	const hint = "write the currency set in Google Ads as its ISO 4217 code in capitals, as in USD"
	if c.given(path, code != "", hint) && !isCurrency(code) {
		c.refuse(path, code, "is not a currency", hint)
	}
}

// isCurrency reports whether code is an ISO 4217 code. Those younger than the
// table of golang.org/x/text (CLDR 32, 2017) are added from the amendments of
// ISO 4217 up to January 2026; the codes for testing and for no currency are
// left out.
func isCurrency(code string) bool {
	const capitals = 3
	if len(code) != capitals {
		return false
	}
	for _, c := range []byte(code) {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	if slices.Contains([]string{"MRU", "SLE", "UYW", "VED", "VES", "XCG", "ZWG"}, code) {
		return true
	}
	_, err := currency.ParseISO(code)
	return err == nil && code != "XXX" && code != "XTS"
}

func (c *checker) clocks(path string, a Account) {
	c.between(path+".hold", a.Hold, 0, maxHold)
	c.between(path+".settle", a.Settle, 0, maxHold)
	c.between(path+".click_wait", a.ClickWait, 0, conversions.MaxAge)
	c.between(path+".withdraw_wait", a.WithdrawWait, 0, maxWithdrawWait)
	if a.Hold >= 0 && a.Hold < conversions.DefaultHold {
		c.warn(path+".hold", "Google refuses clicks younger than "+short(conversions.DefaultHold),
			"rows sent earlier are refused and sent again later")
	}
	if !a.UploadFrom.IsZero() && (a.UploadFrom.Year() < 2000 || a.UploadFrom.Year() > 2100) {
		c.reject(path+".upload_from", "is not in this century", "write the day from which outcomes are to be uploaded; "+
			"none older than "+short(conversions.MaxAge)+" can be")
	}
}

func (c *checker) stages(path string, stages map[conversions.Stage]conversions.StageRules) {
	c.given(path, len(stages) > 0, "say under booked, quoted or both which conversion action they are uploaded to")
	for _, stage := range conversions.Stages() {
		if rules, ok := stages[stage]; ok {
			c.stage(path+"."+string(stage), rules)
			c.withdrawnBy(path+"."+string(stage)+".withdrawn_by", stage, rules.WithdrawnBy)
		}
	}
	for stage := range stages {
		if !slices.Contains(conversions.Stages(), stage) {
			c.refuse(path, string(stage), "is not a stage", "use booked and quoted")
		}
	}
	booked, quoted := stages[conversions.StageBooked], stages[conversions.StageQuoted]
	if booked.Action != "" && booked.Action == quoted.Action {
		c.refuse(path+".quoted.action", quoted.Action, "is the action of booked too",
			"give each its own conversion action, or a job would be counted twice in one column")
	}
}

func (c *checker) stage(path string, rules conversions.StageRules) {
	const actionHint = "write the number behind ctId= in the address of the conversion action's page in Google Ads"
	const longest = 18 // digits; the id is a 64-bit integer
	if c.given(path+".action", rules.Action != "", actionHint) &&
		(!isDigits(rules.Action) || rules.Action[0] == '0' || len(rules.Action) > longest) {
		c.refuse(path+".action", rules.Action, "is not the id of a conversion action", actionHint)
	}
	c.share(path+".share", rules.Share)
	if rules.Minimum < 0 || rules.Minimum > conversions.MaxCents {
		c.refuse(path+".minimum", rules.Minimum.String(), "is out of bounds", "choose an amount from 0 to "+conversions.MaxCents.String())
	}
	if rules.Missing != "" {
		c.oneOf(path+".missing_value", string(rules.Missing), string(conversions.MissingSkip), string(conversions.MissingDefault))
	}
	if rules.LookBack != 0 {
		c.between(path+".look_back", rules.LookBack, day, maxLookBack)
	}
	seen := map[string]string{}
	for i, field := range rules.ValueOrder {
		at := element(path+".value_order", i)
		c.oneOf(at, string(field), string(conversions.FieldActual), string(conversions.FieldRevenue), string(conversions.FieldEstimated))
		c.once(seen, at, string(field))
	}
}

// withdrawnBy checks the outcomes that take a stage back. A word that is not
// known is allowed, because sources may send outcomes of their own.
func (c *checker) withdrawnBy(path string, stage conversions.Stage, by []conversions.Outcome) {
	seen := map[string]string{}
	for i, outcome := range by {
		at := element(path, i)
		c.once(seen, at, string(outcome))
		switch {
		case string(outcome) == string(stage):
			c.refuse(at, string(outcome), "is the stage itself", "name the outcomes that take "+string(stage)+" back, or [] for none")
		case !slices.Contains(outcomes(), outcome):
			c.warn(at, quote(c.raw, at, string(outcome))+" is no outcome this version knows", unknownOutcomeHint(outcome))
		}
	}
}

// outcomes are the tags that the fold knows.
func outcomes() []conversions.Outcome {
	return []conversions.Outcome{
		conversions.OutcomeBooked, conversions.OutcomeQuoted, conversions.OutcomeFollowUp, conversions.OutcomeNotInterested,
		conversions.OutcomeNoAnswer, conversions.OutcomeSpam, conversions.OutcomeWrongNumber, conversions.OutcomeOther,
	}
}

func unknownOutcomeHint(outcome conversions.Outcome) string {
	known := outcomes()
	names := make([]string, len(known))
	for i, o := range known {
		names[i] = string(o)
	}
	if near, ok := nearest(string(outcome), names); ok {
		return "did you mean " + strconv.Quote(near) + "? A word of the source's own is taken as it is"
	}
	return "a word of the source's own is taken as it is; known are " + strings.Join(names, ", ")
}

func (c *checker) share(path string, share conversions.BasisPoints) {
	switch {
	case share == 0:
		c.reject(path, "is missing or zero", `say which part of the amount is sent, as in "20%" for quotes: quote and booking may not both count in full`)
	case share < 0 || share > conversions.MaxShare:
		c.refuse(path, share.String(), "is out of bounds", "choose from 0.01% to 1000%")
	}
}

func (c *checker) credentials(path string, k Credentials) {
	if k.TokenURL != "" {
		if fault := tokenURL(k.TokenURL); fault != nil {
			c.reject(path+".token_url", fault.what, fault.hint)
		}
	}
	if unprintable := func(r rune) bool { return r < ' ' || r > '~' }; strings.IndexFunc(k.DeveloperToken.Reveal(), unprintable) >= 0 {
		c.reject(path+".developer_token", "holds a character that cannot be sent", "copy it again; it is letters, digits, - and _")
	}
	switch k.Method {
	case RefreshToken:
		const hint = "it comes with the OAuth client and the consent of a Google user who may upload"
		c.given(path+".refresh_token.client_id", k.ClientID != "", hint)
		c.given(path+".refresh_token.client_secret", !k.ClientSecret.IsZero(), hint)
		c.given(path+".refresh_token.refresh_token", !k.RefreshToken.IsZero(), hint)
	case ServiceAccount:
		c.given(path+".service_account.key_file", k.KeyFile != "", "name the JSON key file of the service account")
	case ApplicationDefault:
	case "":
		c.reject(path, "nothing says how to prove who is uploading", waysHint)
	default:
		c.refuse(path, string(k.Method), "is not a way to prove who is uploading", waysHint)
	}
}
