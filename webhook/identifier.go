package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// EmailHash returns the SHA-256 of an e-mail address in lower-case hex,
// normalised as Google asks: no white space, lower case, and for gmail.com
// and googlemail.com without dots and "+suffix" in the local part (Data
// Manager API, concepts/formatting, November 2026). It is empty for a text
// that is no address.
func EmailHash(address string) string {
	address = strings.ToLower(strings.Map(dropSpace, address))
	local, domain, ok := strings.Cut(address, "@")
	if !ok || strings.Contains(domain, "@") || !strings.Contains(strings.Trim(domain, "."), ".") {
		return ""
	}
	if domain == "gmail.com" || domain == "googlemail.com" {
		local, _, _ = strings.Cut(local, "+")
		local = strings.ReplaceAll(local, ".", "")
	}
	if local == "" {
		return ""
	}
	return hash(local + "@" + domain)
}

// PhoneHash returns the SHA-256 of a phone number in E.164 in lower-case hex
// (Data Manager API, concepts/formatting, November 2026). region is the ISO
// 3166-1 country of numbers written without a country code; with "" only
// international numbers are taken. It is empty for a text that is no
// possible number.
func PhoneHash(number, region string) string {
	if plainNANP(number) {
		return hash(number)
	}
	if region == "" {
		region = phonenumbers.UNKNOWN_REGION
	}
	parsed, err := phonenumbers.Parse(number, region)
	if err != nil || !phonenumbers.IsPossibleNumber(parsed) {
		return ""
	}
	return hash(phonenumbers.Format(parsed, phonenumbers.E164))
}

// plainNANP reports whether the number is North American and in E.164
// already: then parsing, which costs about as much as all the rest of a
// delivery (12 µs), would change nothing. Other countries' numbers may hold a
// trunk prefix that has to go, so they are parsed.
func plainNANP(number string) bool {
	const length = len("+18005550100")
	if len(number) != length || number[0] != '+' || number[1] != '1' || number[2] < '2' {
		return false
	}
	for i := 2; i < length; i++ {
		if number[i] < '0' || number[i] > '9' {
			return false
		}
	}
	return true
}

func dropSpace(r rune) rune {
	if unicode.IsSpace(r) {
		return -1
	}
	return r
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
