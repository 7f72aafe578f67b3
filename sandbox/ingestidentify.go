package sandbox

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

// clicks are the click ids of an event, in the order in which they count.
func (e *eventSent) clicks() []clickID {
	var out []clickID
	if a := e.AdIdentifiers; a != nil {
		for _, id := range []clickID{{GCLID, a.Gclid}, {GBRAID, a.Gbraid}, {WBRAID, a.Wbraid}} {
			if id.id != "" {
				out = append(out, id)
			}
		}
	}
	return out
}

// hashes are the user identifiers of an event as lower-case hex; what cannot be decoded is left out.
func (e *eventSent) hashes(encoding encodingWord) []string {
	var out []string
	if e.UserData == nil {
		return nil
	}
	for _, id := range e.UserData.UserIdentifiers {
		if hash, reason := decodeHash(id.EmailAddress+id.PhoneNumber, encoding); reason == "" {
			out = append(out, hash)
		}
	}
	return out
}

func (r *eventCheck) checkIdentifiers(e *eventSent) {
	clicks := e.clicks()
	longest := r.call.server.cfg.Unproven.MaxClickID
	for _, id := range clicks {
		r.checkLength(id.id, longest, "ad_identifiers."+string(id.kind))
	}
	if len(clicks) > 1 && !r.call.server.cfg.Unproven.DataManager.AcceptSeveralClickIDs {
		r.fail("ad_identifiers", "INVALID_EVENT", "Set one of gclid, gbraid and wbraid.")
	}
	if len(clicks) == 0 && !e.identified() {
		r.fail("", "NO_IDENTIFIERS_PROVIDED", "No identifiers were provided.")
	}
	if e.UserData != nil {
		r.checkUserData(e.UserData)
	}
}

// identified says whether an event without click ids has another identifier.
func (e *eventSent) identified() bool {
	a := e.AdIdentifiers
	return e.UserData != nil && len(e.UserData.UserIdentifiers) > 0 ||
		a != nil && (a.SessionAttributes != "" || a.LandingPageDeviceInfo != nil && a.LandingPageDeviceInfo.IPAddress != "") ||
		e.EventDeviceInfo != nil && e.EventDeviceInfo.IPAddress != ""
}

func (r *eventCheck) checkUserData(u *userData) {
	if len(u.UserIdentifiers) > maxEventIdentifiers {
		r.fail("user_data.user_identifiers", "TOO_MANY_USER_IDENTIFIERS", "Maximum number of user identifiers allowed is 10.")
	}
	encoding := r.req.Encoding
	if encoding == "" || encoding == "ENCODING_UNSPECIFIED" {
		r.missingEncoding()
		return
	}
	for i := range u.UserIdentifiers {
		r.checkIdentifier(&u.UserIdentifiers[i], encoding, "user_data.user_identifiers["+strconv.Itoa(i)+"]")
	}
	for _, t := range r.targets {
		switch {
		case t.customer == nil:
		case !t.customer.AcceptedTerms:
			r.fail("user_data", "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED",
				"The destination account has not accepted the terms of enhanced conversions.")
		case !t.customer.EnhancedConversionsForLeads:
			r.fail("user_data", "DESTINATION_ACCOUNT_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS",
				"The destination account has not enabled enhanced conversions for leads.")
		}
	}
}

// missingEncoding is said once for the request.
func (r *eventCheck) missingEncoding() {
	for _, v := range r.violations {
		if v.Field == "encoding" {
			return
		}
	}
	r.inspection.missing("encoding")
}

func (r *eventCheck) checkIdentifier(id *userIdentifier, encoding encodingWord, path string) {
	given := map[string]string{"email_address": id.EmailAddress, "phone_number": id.PhoneNumber}
	if a := id.Address; a != nil {
		given["address.given_name"], given["address.family_name"] = a.GivenName, a.FamilyName
		if a.GivenName == "" || a.FamilyName == "" || a.RegionCode == "" || a.PostalCode == "" {
			r.missing(path + ".address")
		}
	}
	if id.Address == nil && id.EmailAddress == "" && id.PhoneNumber == "" {
		r.missing(path)
	}
	for _, name := range []string{"email_address", "phone_number", "address.given_name", "address.family_name"} {
		if given[name] == "" {
			continue
		}
		if _, reason := decodeHash(given[name], encoding); reason != "" {
			r.fail(path+"."+name, reason, "The value is malformed.")
		}
	}
}

// decodeHash turns an encoded SHA-256 hash into lower-case hex, or gives the reason why it is none.
func decodeHash(value string, encoding encodingWord) (hash, reason string) {
	var raw []byte
	var err error
	if encoding == "BASE64" {
		if raw, err = base64.StdEncoding.DecodeString(value); err != nil {
			return "", "INVALID_BASE64_ENCODING"
		}
	} else if raw, err = hex.DecodeString(value); err != nil {
		return "", "INVALID_HEX_ENCODING"
	}
	if len(raw) != 32 {
		return "", "INVALID_SHA256_FORMAT"
	}
	return strings.ToLower(hex.EncodeToString(raw)), ""
}
