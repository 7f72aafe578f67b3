package varda

import (
	"errors"
	"net/http"

	"closeloop/conversions"
	"closeloop/webhook"
)

// The documented kinds (docs.tryvarda.com/webhooks/events). Those that are
// about a call get a lead.
const (
	conversationCreated  = "conversation.created"
	conversationResolved = "conversation.resolved"
	conversationClosed   = "conversation.closed"
	messageCreated       = "message.created"
	callStarted          = "call.started"
	callEnded            = "call.ended"
	callOutcomeTagged    = "call.outcome_tagged"
	contactCreated       = "contact.created"
	contactUpdated       = "contact.updated"
)

func documented(kind word) bool {
	switch kind {
	case conversationCreated, conversationResolved, conversationClosed, messageCreated,
		callStarted, callEnded, callOutcomeTagged, contactCreated, contactUpdated:
		return true
	default:
		return false
	}
}

// envelope is what every delivery has.
type envelope struct {
	Event     word    `json:"event"`
	Timestamp instant `json:"timestamp"`
}

// payload names all that is ever read; everything else is ignored.
type payload struct {
	Event     word    `json:"event"`
	Timestamp instant `json:"timestamp"`
	Data      struct {
		ID          ident       `json:"id"`
		CallSession ident       `json:"call_session_id"`
		Outcome     word        `json:"outcome_type"`
		StartedAt   instant     `json:"started_at"`
		Actual      cents       `json:"actual_value_cents"`
		Revenue     cents       `json:"revenue_cents"`
		Estimated   cents       `json:"estimated_value_cents"`
		Contact     contact     `json:"contact"`
		Attribution attribution `json:"attribution"`
	} `json:"data"`
}

// contact is whose call it is. Only its id and hashes leave Read.
type contact struct {
	ID    ident    `json:"id"`
	Email optional `json:"email"`
	Phone optional `json:"phone"`
}

// attribution is optional, and so is each of its members.
type attribution struct {
	Source  string `json:"source"`
	Medium  string `json:"medium"`
	Landing string `json:"landing_page"`
	GCLID   string `json:"gclid"`
	GBRAID  string `json:"gbraid"`
	WBRAID  string `json:"wbraid"`
}

// Read implements webhook.Source. The kind comes from the body, not from
// X-Varda-Event, because only the body is signed. Of a kind that is not
// documented only kind and time have to be readable.
func (s *Source) Read(header http.Header, body []byte) (conversions.Event, error) {
	event, err := s.read(header, body)
	if err == nil {
		return event, nil
	}
	if bad, ok := errors.AsType[*webhook.MalformedError](err); ok {
		var e envelope
		if webhook.DecodeJSON(header, body, &e) == nil && !documented(e.Event) && required(e) == nil {
			return conversions.Event{Kind: conversions.EventKind(e.Event), At: e.Timestamp.Time}, nil
		}
		bad.Shape = webhook.Shape(body, shown)
	}
	return conversions.Event{}, err
}

func (s *Source) read(header http.Header, body []byte) (conversions.Event, error) {
	var p payload
	if err := webhook.DecodeJSON(header, body, &p); err != nil {
		return conversions.Event{}, err //nolint:wrapcheck // a *webhook.MalformedError as it must be
	}
	if err := required(envelope{p.Event, p.Timestamp}); err != nil {
		return conversions.Event{}, err
	}
	event := conversions.Event{
		Kind:    conversions.EventKind(p.Event),
		At:      p.Timestamp.Time,
		Channel: channel(p.Data.Attribution),
	}
	if err := p.call(&event); err != nil {
		return conversions.Event{}, err
	}
	s.person(&p, &event)
	return event, nil
}

func required(e envelope) error {
	switch {
	case e.Event == "":
		return missing("/event")
	case e.Timestamp.IsZero():
		return missing("/timestamp")
	default:
		return nil
	}
}

func missing(where string) error {
	return &webhook.MalformedError{Reason: webhook.ReasonMissing, Detail: where}
}

// call fills in what only events about a call have. data.id is the call
// session's id in call.started and call.ended, but the tag's record in
// call.outcome_tagged.
func (p *payload) call(e *conversions.Event) error {
	d := &p.Data
	switch p.Event {
	case callStarted, callEnded:
		if d.ID == "" {
			return missing("/data/id")
		}
		e.Lead = conversions.LeadID(d.ID)
	case callOutcomeTagged:
		if d.CallSession == "" {
			return missing("/data/call_session_id")
		}
		if d.Outcome == "" {
			return missing("/data/outcome_type")
		}
		e.Lead, e.OutcomeID = conversions.LeadID(d.CallSession), string(d.ID)
		e.Outcome = conversions.Outcome(d.Outcome)
		e.Amounts = conversions.Amounts{
			Actual: d.Actual.pointer(), Revenue: d.Revenue.pointer(), Estimated: d.Estimated.pointer(),
		}
	default:
		return nil
	}
	e.CallStart = d.StartedAt.Time
	return nil
}

// channel is "source/medium". Both come from the visited address, where
// anything may stand; what is no word is not kept.
func channel(a attribution) string {
	if a.Source == "" && a.Medium == "" {
		return ""
	}
	return channelWord(a.Source) + "/" + channelWord(a.Medium)
}

func channelWord(s string) string {
	if s == "" || isWord(s) {
		return s
	}
	return "(other)"
}

// shown lists the places that a quarantined delivery may show. data.id is
// none of them: in contact.* it is the contact's.
func shown(place string) bool {
	switch place {
	case "event", "timestamp",
		"data.call_session_id", "data.conversation_id", "data.outcome_type", "data.started_at", "data.ended_at",
		"data.estimated_value_cents", "data.actual_value_cents", "data.revenue_cents":
		return true
	default:
		return false
	}
}
