package conversions

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// ClickKind names which of Google's click ids an id is. The zero value means
// that there is none.
type ClickKind string

// The kinds of click id an offline conversion can carry
// (ClickConversion.gclid, .gbraid, .wbraid, Google Ads API v25).
const (
	GCLID  ClickKind = "gclid"  // any auto-tagged click
	GBRAID ClickKind = "gbraid" // iOS click that leads into an app
	WBRAID ClickKind = "wbraid" // iOS click that leads to a web page
)

// Click is one click id, exactly as Google issued it: case-sensitive, opaque,
// never altered. The zero value is "no click". It identifies a person: it
// must never be written to the ledger, a log or an error.
type Click struct {
	Kind ClickKind `json:"kind"`
	ID   string    `json:"id"`
}

// IsZero reports whether there is no click id.
func (c Click) IsZero() bool { return c.ID == "" }

// Usable reports whether the click may be sent.
func (c FoundClick) Usable() bool { return !c.Unusable && !c.IsZero() }

// Place says where in a delivery a click id was found.
type Place string

// The places a click id is looked for, in the order in which they win.
const (
	PlacePerson  Place = "person"  // given by a person who resolved the outcome
	PlaceField   Place = "field"   // a field meant for a click id
	PlaceLanding Place = "landing" // the query of the landing page
)

// FoundClick is a click id found in a delivery, or the damage found instead
// of one.
type FoundClick struct {
	Click
	// Place is where it was found.
	Place Place `json:"place"`
	// Damage names what is, or was, wrong with the text; empty when nothing
	// was. See package gclid for the names.
	Damage string `json:"damage,omitempty"`
	// Unusable is true when the text must never be sent (a placeholder); ID
	// is then empty.
	Unusable bool `json:"unusable,omitempty"`
}

// Salt makes a commitment unguessable. It is stored beside the identifiers
// it protects and is erased with them.
type Salt []byte

// Commitment stands for a click id in the ledger: whoever holds the id and
// the salt can verify it, nobody can recover the id from it. Lower-case hex,
// 64 characters; empty when there is no click.
type Commitment string

// Commit returns HMAC-SHA256(salt, kind NUL id) in hex, or "" for no click.
func Commit(salt Salt, c Click) Commitment {
	if c.IsZero() {
		return ""
	}
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte(c.Kind))
	mac.Write([]byte{0})
	mac.Write([]byte(c.ID))
	return Commitment(hex.EncodeToString(mac.Sum(nil)))
}

// MatchRule says by which rule a click was found to belong to an outcome.
type MatchRule string

// The rules of matching, strongest first.
const (
	MatchPerson  MatchRule = "set_by_person" // a person gave it
	MatchOwn     MatchRule = "own_click"     // the outcome's own delivery carried it
	MatchCall    MatchRule = "same_call"     // another event of the same call carried it
	MatchLanding MatchRule = "landing_page"  // the landing page of the same call carried it
	MatchContact MatchRule = "same_contact"  // the newest click of the same contact, by Rules.MatchContact
)

// ClickRef points at a click id without holding it: the N-th click found in
// event Event. The id itself lives in that event's erasable side row.
type ClickRef struct {
	Event      int64      `json:"event"`
	N          int        `json:"n"`
	Kind       ClickKind  `json:"kind,omitempty"`
	Commitment Commitment `json:"commitment,omitempty"`
	Rule       MatchRule  `json:"rule,omitempty"`
	Damage     string     `json:"damage,omitempty"`
}

// IsZero reports whether the reference points at no click.
func (r ClickRef) IsZero() bool { return r.Kind == "" }

// Match is a Matcher's answer: the click that belongs to an outcome, and why.
// The zero value means that none was found.
type Match struct {
	Ref   ClickRef
	Click Click
	// Placeholder is the damage of the strongest unusable text when no usable
	// click was found; empty otherwise.
	Placeholder string
}

// ContactMatcher finds the click that brought the contact of a lead whose own
// events carry none. events and tag are as for a Matcher; contact are events of
// the same contact, of other leads or of none, in any order; lookBack is how
// old a click may be, 0 for MaxAge. It must be a pure function; gclid.OfContact
// is the one the program uses.
type ContactMatcher func(events []Event, tag int, contact []Event, lookBack time.Duration) Match

// ContactQuery selects events of one contact that carry a click id.
type ContactQuery struct {
	Account AccountID
	// Source is the source's key: contacts of two sources are not compared.
	Source string
	// Contact is Person.Contact; never empty.
	Contact string
	// From and To bound Event.Order, both inclusive.
	From, To time.Time
	// Limit is the most events, at least 1.
	Limit int
}

// Matcher finds the click that belongs to the outcome tagged by events[tag].
// events are one lead's, in fold order. It must be a pure function;
// gclid.Belonging is the one the program uses.
type Matcher func(events []Event, tag int) Match
