package conversions

import (
	"slices"
	"time"
)

// AccountID is the configured, immutable name of one Google Ads account. It
// leads every storage key.
type AccountID string

// LeadID names what outcomes are about within a source: one call session.
// Empty for events that are about no call.
type LeadID string

// EventKind is the kind of an event as the delivery's body names it, such as
// "call.outcome_tagged". Unknown kinds are stored and change nothing.
type EventKind string

// Outcome is the tag an agent put on a lead. Unknown tags are kept and change
// nothing; the empty Outcome is an event that is no tag.
type Outcome string

// The outcomes that mean something to the fold.
const (
	OutcomeBooked        Outcome = "booked"
	OutcomeQuoted        Outcome = "quoted"
	OutcomeFollowUp      Outcome = "follow_up"
	OutcomeNotInterested Outcome = "not_interested"
	OutcomeNoAnswer      Outcome = "no_answer"
	OutcomeSpam          Outcome = "spam"
	OutcomeWrongNumber   Outcome = "wrong_number"
	OutcomeOther         Outcome = "other"
)

// Consent is what is known of the person's consent to their data being used
// for advertising (Consent.ad_user_data, Google Ads API v25).
type Consent string

// The consents. The zero value is unspecified.
const (
	ConsentUnspecified Consent = ""
	ConsentGranted     Consent = "granted"
	ConsentDenied      Consent = "denied"
)

// Flag marks something about an event that a person may want to know and
// that changed nothing.
type Flag string

// The flags of an event.
const (
	// FlagFuture: the event's time lay more than five minutes ahead of its
	// receipt.
	FlagFuture Flag = "future_time"
	// FlagReusedDelivery: an earlier event of the lead had the same delivery
	// id and another body. The id is not signed.
	FlagReusedDelivery Flag = "reused_delivery_id"
)

// KindClickSet is the kind of the event that stands for a click id given by a
// person; no source sends it.
const KindClickSet EventKind = "closeloop.click_set"

// FutureTolerance is how far ahead of its receipt an event's time may lie
// before it is flagged.
const FutureTolerance = 5 * time.Minute

// Event is one verified webhook delivery reduced to the facts that matter.
// Events are immutable and never deleted while their lead lives.
type Event struct {
	// Seq is the position in the store's log, counted from 1; 0 before the
	// event is stored.
	Seq int64 `json:"seq,omitempty"`
	// Account is the account the source was bound to at receipt.
	Account AccountID `json:"account"`
	// Source is the immutable key of the source, not its name in the URL.
	Source string `json:"source"`
	// Delivery is the sender's delivery id, which is not signed; may be empty.
	Delivery string `json:"delivery,omitempty"`
	// Body is the first half of SHA-256 over the raw body: with Source it is
	// the identity of the event.
	Body [16]byte `json:"body"`
	// Kind comes from the body.
	Kind EventKind `json:"kind"`
	// Lead is empty for events that are about no call.
	Lead LeadID `json:"lead,omitempty"`
	// At is the event's own time; the zero time when it has none.
	At time.Time `json:"at"`
	// Received is when the delivery came.
	Received time.Time `json:"received"`
	// CallStart is when the call began, if the event says so.
	CallStart time.Time `json:"call_start,omitzero"`
	// Outcome is empty unless the event is a tag.
	Outcome Outcome `json:"outcome,omitempty"`
	// OutcomeID is the sender's id of the tag's record.
	OutcomeID string `json:"outcome_id,omitempty"`
	// Amounts are the tag's amounts.
	Amounts Amounts `json:"amounts,omitzero"`
	// Channel is the attribution's source and medium, e.g. "google_ads/cpc".
	Channel string `json:"channel,omitempty"`
	// Landing is host and path of the landing page, never its query.
	Landing string `json:"landing,omitempty"`
	// Consent is what this delivery says of consent.
	Consent Consent `json:"consent,omitempty"`
	// By and Note say who gave a click id and why; only with KindClickSet.
	By   string `json:"by,omitempty"`
	Note string `json:"note,omitempty"`
	// Flags are informational.
	Flags []Flag `json:"flags,omitempty"`
	// Person holds all that could identify somebody; stored apart and
	// erasable. Never logged.
	Person Person `json:"-"`
}

// Person is the part of an event that could identify somebody. It lives in a
// side row of its own. The zero value holds nothing.
type Person struct {
	// Salt is chosen by the store when the event is stored.
	Salt Salt `json:"salt,omitempty"`
	// Clicks are the click ids found, strongest place first.
	Clicks []FoundClick `json:"clicks,omitempty"`
	// Contact is the sender's id of the contact.
	Contact string `json:"contact,omitempty"`
	// EmailHash and PhoneHash are SHA-256 in lower-case hex, normalised as
	// Google asks (Data Manager API, concepts/formatting); empty when unknown.
	EmailHash string `json:"email_hash,omitempty"`
	PhoneHash string `json:"phone_hash,omitempty"`
}

// IsZero reports whether nothing identifying is known.
func (p Person) IsZero() bool {
	return len(p.Clicks) == 0 && p.Contact == "" && p.EmailHash == "" && p.PhoneHash == ""
}

// Order is the time at which the event takes its place among its lead's: its
// own time, but never later than its receipt, so that a sender's fast clock
// cannot put a tag ahead of everything that follows.
func (e Event) Order() time.Time {
	if e.At.IsZero() || e.At.After(e.Received) {
		return e.Received
	}
	return e.At
}

// InOrder returns the events in fold order: by Order, then receipt, then
// sequence. The argument is left as it is.
func InOrder(events []Event) []Event {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b Event) int {
		if c := a.Order().Compare(b.Order()); c != 0 {
			return c
		}
		if c := a.Received.Compare(b.Received); c != 0 {
			return c
		}
		return int(a.Seq - b.Seq)
	})
	return sorted
}

// Receipt is the store's answer to an appended delivery.
type Receipt struct {
	// Seq is the sequence number of the event or quarantine record; of the
	// first copy when Duplicate.
	Seq int64
	// Duplicate is true when the same source had sent the same body before;
	// then nothing was stored.
	Duplicate bool
}

// Quarantined is a genuine delivery that could not be read. It holds
// structure, sizes and allow-listed fields; every other string is masked.
type Quarantined struct {
	ID       int64     `json:"id"`
	Account  AccountID `json:"account"`
	Source   string    `json:"source"`
	Delivery string    `json:"delivery,omitempty"`
	Body     [16]byte  `json:"-"`
	Received time.Time `json:"received"`
	// Reason is a short word such as "bad_utf8"; Detail says where, without
	// quoting the payload.
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
	// Size is the body's length in bytes.
	Size int `json:"size"`
	// Shape is the masked structure as JSON text, or empty when the body has
	// none.
	Shape string `json:"shape,omitempty"`
	// Decided is what a person decided about the delivery; nil while it is
	// open. Set by the store.
	Decided *QuarantineDecision `json:"decided,omitempty"`
}

// QuarantineDecision is what a person decided about a quarantined delivery.
type QuarantineDecision struct {
	// Kind is EntryGivenUp, when nothing is to come of the delivery, or
	// EntryRetried, when it was read after all and is an event now.
	Kind EntryKind `json:"kind"`
	At   time.Time `json:"at"`
	// By is who decided, Note why; neither may name the person the delivery is
	// about.
	By   string `json:"by"`
	Note string `json:"note"`
	// Event is the sequence number of the event with EntryRetried; set by the
	// store.
	Event int64 `json:"event,omitempty"`
}

// FlagReused returns a lead's events with FlagReusedDelivery on every event
// whose delivery id an earlier event had with another body. The argument is
// left as it is.
func FlagReused(events []Event) []Event {
	flagged := slices.Clone(events)
	first := map[string][16]byte{}
	for i, e := range flagged {
		if e.Delivery == "" {
			continue
		}
		if body, seen := first[e.Source+" "+e.Delivery]; !seen {
			first[e.Source+" "+e.Delivery] = e.Body
		} else if body != e.Body {
			flagged[i].Flags = append(slices.Clone(e.Flags), FlagReusedDelivery)
		}
	}
	return flagged
}
