package sandbox

import (
	"fmt"
	"slices"
)

// The enums reachable from IngestEventsRequest, with the words of the discovery document of the Data Manager API v1
// (revision 20261007). A test holds them against that document.

// wordError is a word that its enum does not have.
type wordError struct{ enum string }

func (e *wordError) Error() string { return "no word of " + e.enum }

// readWord takes text as one of the words of an enum.
func readWord[W interface {
	~string
	words() []string
}](to *W, text []byte) error {
	if !slices.Contains((*to).words(), string(text)) {
		return &wordError{enum: fmt.Sprintf("%T", *to)}
	}
	*to = W(text)
	return nil
}

type encodingWord string

func (encodingWord) words() []string {
	return []string{"ENCODING_UNSPECIFIED", "HEX", "BASE64"}
}

func (w *encodingWord) UnmarshalText(text []byte) error { return readWord(w, text) }

type consentWord string

func (consentWord) words() []string {
	return []string{"CONSENT_STATUS_UNSPECIFIED", "CONSENT_GRANTED", "CONSENT_DENIED"}
}

func (w *consentWord) UnmarshalText(text []byte) error { return readWord(w, text) }

type accountTypeWord string

func (accountTypeWord) words() []string {
	return []string{"ACCOUNT_TYPE_UNSPECIFIED", "GOOGLE_ADS", "DISPLAY_VIDEO_PARTNER", "DISPLAY_VIDEO_ADVERTISER", "DATA_PARTNER", "GOOGLE_ANALYTICS_PROPERTY", "GOOGLE_AD_MANAGER_AUDIENCE_LINK", "FLOODLIGHT_CONFIG", "GOOGLE_AD_MANAGER"}
}

func (w *accountTypeWord) UnmarshalText(text []byte) error { return readWord(w, text) }

type productWord string

func (productWord) words() []string {
	return []string{"PRODUCT_UNSPECIFIED", "GOOGLE_ADS", "DISPLAY_VIDEO_PARTNER", "DISPLAY_VIDEO_ADVERTISER", "DATA_PARTNER"}
}

func (w *productWord) UnmarshalText(text []byte) error { return readWord(w, text) }

type keyTypeWord string

func (keyTypeWord) words() []string {
	return []string{"KEY_TYPE_UNSPECIFIED", "XCHACHA20_POLY1305"}
}

func (w *keyTypeWord) UnmarshalText(text []byte) error { return readWord(w, text) }

type eventSourceWord string

func (eventSourceWord) words() []string {
	return []string{"EVENT_SOURCE_UNSPECIFIED", "WEB", "APP", "IN_STORE", "PHONE", "MESSAGE", "OTHER"}
}

func (w *eventSourceWord) UnmarshalText(text []byte) error { return readWord(w, text) }

type entityTypeWord string

func (entityTypeWord) words() []string {
	return []string{"ENCRYPTION_ENTITY_TYPE_UNSPECIFIED", "CAMPAIGN_MANAGER_ACCOUNT", "CAMPAIGN_MANAGER_ADVERTISER", "DISPLAY_VIDEO_PARTNER", "DISPLAY_VIDEO_ADVERTISER", "GOOGLE_ADS_CUSTOMER", "GOOGLE_AD_MANAGER_NETWORK_CODE"}
}

func (w *entityTypeWord) UnmarshalText(text []byte) error { return readWord(w, text) }

type encryptionSourceWord string

func (encryptionSourceWord) words() []string {
	return []string{"ENCRYPTION_SOURCE_UNSPECIFIED", "AD_SERVING", "DATA_TRANSFER"}
}

func (w *encryptionSourceWord) UnmarshalText(text []byte) error { return readWord(w, text) }

type customerTypeWord string

func (customerTypeWord) words() []string {
	return []string{"CUSTOMER_TYPE_UNSPECIFIED", "NEW", "RETURNING", "REENGAGED"}
}

func (w *customerTypeWord) UnmarshalText(text []byte) error { return readWord(w, text) }

type valueBucketWord string

func (valueBucketWord) words() []string {
	return []string{"CUSTOMER_VALUE_BUCKET_UNSPECIFIED", "LOW", "MEDIUM", "HIGH"}
}

func (w *valueBucketWord) UnmarshalText(text []byte) error { return readWord(w, text) }
