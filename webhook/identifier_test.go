package webhook_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"closeloop/webhook"
)

// hashOf is the SHA-256 of a normalised text, or "" for none.
func hashOf(text string) string {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestEmailHash(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"erika@example.com":             "erika@example.com",
		" Erika@Example.COM\n":          "erika@example.com",
		"eri ka@example.com":            "erika@example.com",
		"Erika.Example+NYC@Example.com": "erika.example+nyc@example.com",
		"Erika.Example+ads@Gmail.com":   "erikaexample@gmail.com",
		"e.r.i.k.a@googlemail.com":      "erika@googlemail.com",
		"erika+a+b@gmail.com":           "erika@gmail.com",
		"erika.example@gmail.com.au":    "erika.example@gmail.com.au",
		"+ads@gmail.com":                "",
		"...@gmail.com":                 "",
		"":                              "",
		"erika":                         "",
		"@example.com":                  "",
		"erika@":                        "",
		"erika@localhost":               "",
		"erika@example.":                "",
		"erika@@example.com":            "",
		"a@b.com, c@d.com":              "",
	} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			if got := webhook.EmailHash(address); got != hashOf(want) {
				t.Errorf("got %s, want the hash of %q", got, want)
			}
		})
	}
}

func TestPhoneHash(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ number, region, want string }{
		"plain":                   {"+18005550142", "", "+18005550142"},
		"plain, other region":     {"+18005550142", "DE", "+18005550142"},
		"written out":             {"(800) 555-0142", "US", "+18005550142"},
		"written out, no region":  {"(800) 555-0142", "", ""},
		"with country code":       {"1-800-555-0142", "US", "+18005550142"},
		"international":           {"+44 20 7946 0018", "US", "+442079460018"},
		"with a trunk zero":       {"+44 (0)20 7946 0018", "", "+442079460018"},
		"plain with a trunk zero": {"+4402079460018", "", "+442079460018"},
		"national in Germany":     {"030 23125 000", "DE", "+493023125000"},
		"00 prefix":               {"0044 20 7946 0018", "DE", "+442079460018"},
		"extension":               {"+1 800 555 0142 ext. 7", "", "+18005550142"},
		"trunk one after +1":      {"+118005550142", "US", "+18005550142"},
		"too short":               {"+1800555", "US", ""},
		"too long":                {"+18005550142000000", "US", ""},
		"letters in the middle":   {"+1800555x142", "US", ""},
		"words":                   {"ask reception", "US", ""},
		"withheld":                {"anonymous", "US", ""},
		"empty":                   {"", "US", ""},
		"huge":                    {strings.Repeat("8", 100_000), "US", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := webhook.PhoneHash(tt.number, tt.region); got != hashOf(tt.want) {
				t.Errorf("got %s, want the hash of %q", got, tt.want)
			}
		})
	}
}

// TestPhoneShortCut compares the path that parses nothing with the one that
// does: a space makes the difference.
func TestPhoneShortCut(t *testing.T) {
	t.Parallel()
	for area := 100; area < 1000; area += 7 {
		national := strconv.Itoa(area) + strconv.Itoa(1_000_000+area*7919)
		for _, region := range []string{"", "US", "DE"} {
			short, long := webhook.PhoneHash("+1"+national, region), webhook.PhoneHash("+1 "+national, region)
			if short != long || short == "" && area >= 200 {
				t.Errorf("+1%s in %q: got %s without parsing, %s with", national, region, short, long)
			}
		}
	}
}
