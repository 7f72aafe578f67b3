package sandbox

import (
	"cmp"
	"slices"
	"time"
)

// API is one of Google's two APIs for conversions.
type API string

// The APIs: the Google Ads API v25, the zero value, which JSON shows as "google_ads"; the Data Manager API v1.
const (
	APIGoogleAds   API = ""
	APIDataManager API = "data_manager"
)

const googleAdsText = "google_ads"

// MarshalText implements encoding.TextMarshaler.
func (a API) MarshalText() ([]byte, error) { return []byte(cmp.Or(string(a), googleAdsText)), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *API) UnmarshalText(text []byte) error {
	if *a = API(text); *a == googleAdsText {
		*a = APIGoogleAds
	}
	return nil
}

// Conversion is one conversion Google holds. One truth for both APIs.
type Conversion struct {
	// API is the one that brought it.
	API      API    `json:"api"`
	Customer string `json:"customer"`
	// Action is the id of the conversion action.
	Action int64 `json:"action"`
	// Kind and ClickID name the click the conversion was matched by; both are "" when a hash matched it.
	Kind    ClickKind `json:"kind,omitempty"`
	ClickID string    `json:"click_id,omitempty"`
	// GBRAID is the second identifier of a row that brought a gclid and a gbraid.
	GBRAID string `json:"gbraid,omitempty"`
	// Time is the conversion_date_time or the eventTimestamp as an instant, DateTime as sent or, for the latter, in
	// RFC 3339.
	Time     time.Time `json:"time"`
	DateTime string    `json:"date_time"`
	// Value is what counts, in major units: the very float64 received, or the action's default when ValueDefaulted.
	// A restatement replaces it, a retraction makes it 0.
	Value          float64 `json:"value"`
	ValueDefaulted bool    `json:"value_defaulted"`
	// Currency is ISO 4217: as sent, else the action's, else the account's. A restatement replaces it too.
	Currency string `json:"currency"`
	// OrderID is the order_id or the transactionId; "" for a row without one.
	OrderID string `json:"order_id,omitempty"`
	// Consent is the name of the ConsentStatus for ad user data, in the words of the Google Ads API; "UNSPECIFIED" when
	// not sent.
	Consent string `json:"consent"`
	// Identifiers counts the user identifiers that came along.
	Identifiers int `json:"identifiers,omitempty"`
	// JobID and RequestID are those of the call that brought it. The Data Manager API has no job ids.
	JobID     int64  `json:"job_id"`
	RequestID string `json:"request_id"`
	// Uploaded is when it was accepted.
	Uploaded time.Time `json:"uploaded"`
	// Retracted says that the conversion counts no more. It stays so, and its order id stays in use.
	Retracted bool `json:"retracted"`
	// OriginalValue is the Value before the first adjustment; zero while there is none.
	OriginalValue float64 `json:"original_value,omitzero"`
	// AdjustedAt is the Time of the latest of Adjustments, which are those that took effect, in their order; zero while
	// there is none.
	AdjustedAt  time.Time    `json:"adjusted_at,omitzero"`
	Adjustments []Adjustment `json:"adjustments,omitempty"`
}

// AdjustmentType is what an adjustment does (ConversionAdjustmentTypeEnum, Google Ads API v25).
type AdjustmentType string

// Kinds of adjustment that uploaded clicks take.
const (
	Restatement AdjustmentType = "RESTATEMENT"
	Retraction  AdjustmentType = "RETRACTION"
)

// Adjustment is one change of a conversion that took effect.
type Adjustment struct {
	Type AdjustmentType `json:"type"`
	// Time is the adjustment_date_time as an instant.
	Time time.Time `json:"time"`
	// Value is the new total in major units, 0 for a retraction. Currency is ISO 4217: as sent, else the action's, else
	// the account's; "" for a retraction.
	Value    float64 `json:"value"`
	Currency string  `json:"currency,omitempty"`
	// RequestID is that of the call that brought it.
	RequestID string `json:"request_id"`
	// Uploaded is when it was accepted.
	Uploaded time.Time `json:"uploaded"`
}

// Counted says that the conversion still counts; its value may be 0.
func (c *Conversion) Counted() bool { return !c.Retracted }

func (c *Conversion) clone() Conversion {
	out := *c
	out.Adjustments = slices.Clone(c.Adjustments)
	return out
}

// space keeps the names that one API gave apart from those of the other, "" where they are the same.
type space string

type orderKey struct {
	space    space
	customer string
	action   int64
	order    string
}

type clickKey struct {
	space    space
	customer string
	action   int64
	click    clickID
	second   int64
}

// book holds the accepted conversions and finds them by what names them; the maps lead to places in held.
type book struct {
	held   []Conversion
	orders map[orderKey]int
	clicks map[clickKey]int
}

func newBook() book { return book{orders: map[orderKey]int{}, clicks: map[clickKey]int{}} }

func (b *book) add(order orderKey, click clickKey, c *Conversion) {
	if order.order != "" {
		b.orders[order] = len(b.held)
	}
	if click.click.id != "" {
		b.clicks[click] = len(b.held)
	}
	b.held = append(b.held, *c)
}
