package sandbox

import "time"

// Conversion is one conversion Google holds.
type Conversion struct {
	Customer string `json:"customer"`
	// Action is the id of the conversion action.
	Action int64 `json:"action"`
	// Kind and ClickID name the click the conversion was matched by; both are "" when a hash matched it.
	Kind    ClickKind `json:"kind,omitempty"`
	ClickID string    `json:"click_id,omitempty"`
	// GBRAID is the second identifier of a row that brought a gclid and a gbraid.
	GBRAID string `json:"gbraid,omitempty"`
	// Time is the conversion_date_time as an instant, DateTime as sent.
	Time     time.Time `json:"time"`
	DateTime string    `json:"date_time"`
	// Value is what counts, in major units: the very float64 received, or the action's default when ValueDefaulted.
	Value          float64 `json:"value"`
	ValueDefaulted bool    `json:"value_defaulted"`
	// Currency is ISO 4217: as sent, else the action's, else the account's.
	Currency string `json:"currency"`
	// OrderID is "" for a row without one.
	OrderID string `json:"order_id,omitempty"`
	// Consent is the name of the ConsentStatus for ad user data; "UNSPECIFIED" when not sent.
	Consent string `json:"consent"`
	// Identifiers counts the user identifiers that came along.
	Identifiers int `json:"identifiers,omitempty"`
	// JobID and RequestID are those of the call that brought it.
	JobID     int64  `json:"job_id"`
	RequestID string `json:"request_id"`
	// Uploaded is when it was accepted.
	Uploaded time.Time `json:"uploaded"`
}

type orderKey struct {
	customer string
	action   int64
	order    string
}

type clickKey struct {
	customer string
	action   int64
	click    clickID
	second   int64
}

// book holds the accepted conversions and finds duplicates of them.
type book struct {
	held   []Conversion
	orders map[orderKey]bool
	clicks map[clickKey]bool
}

func newBook() book { return book{orders: map[orderKey]bool{}, clicks: map[clickKey]bool{}} }

func (b *book) add(r *row, c *Conversion) {
	b.held = append(b.held, *c)
	if r.order.order != "" {
		b.orders[r.order] = true
	}
	if r.click.click.id != "" {
		b.clicks[r.click] = true
	}
}
