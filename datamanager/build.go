package datamanager

import (
	"encoding/json"
	"fmt"
	"time"

	dm "google.golang.org/api/datamanager/v1"

	"closeloop/conversions"
)

// layout is how the items of a batch stand in a request. It follows from the batch alone, so that it is the same when the
// status is asked for: every item is an event, in the items' order, and every action a destination, in the order in which
// the items first name it.
type layout struct {
	actions []string
	of      []int // the destination of each item
}

func layOut(items []conversions.Item) layout {
	l := layout{of: make([]int, len(items))}
	places := map[string]int{}
	for i := range items {
		place, ok := places[items[i].Action]
		if !ok {
			place = len(l.actions)
			places[items[i].Action] = place
			l.actions = append(l.actions, items[i].Action)
		}
		l.of[i] = place
	}
	return l
}

// rows returns the items of a destination.
func (l layout) rows(destination int) []int {
	var rows []int
	for i, d := range l.of {
		if d == destination {
			rows = append(rows, i)
		}
	}
	return rows
}

// reference names a destination within a request. It begins with a letter, because digits alone are refused elsewhere.
func reference(action string) string { return "a" + action }

// slab is one row with everything it points to, so that a request's rows are one piece of memory.
type slab struct {
	event   dm.Event
	click   dm.AdIdentifiers
	consent dm.Consent
}

// build makes the body of a batch's request. The same batch always makes the same body.
func (c *Client) build(b *conversions.Batch, validateOnly bool) ([]byte, error) {
	l := layOut(b.Items)
	req := dm.IngestEventsRequest{
		Destinations: make([]*dm.Destination, len(l.actions)),
		Events:       make([]*dm.Event, len(b.Items)),
		ValidateOnly: validateOnly,
	}
	references := make([]string, len(l.actions))
	for i, action := range l.actions {
		references[i] = reference(action)
		req.Destinations[i] = c.destination(b.Target.Customer, action)
	}
	slabs := make([]slab, len(b.Items))
	for i := range b.Items {
		d := l.of[i]
		req.Events[i] = slabs[i].fill(&b.Items[i], c.config.EventSource, references[d:d+1:d+1])
	}
	body, err := json.Marshal(&req)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return body, nil
}

// destination is one conversion action of the account that owns it (Destination, Data Manager API v1).
func (c *Client) destination(customer, action string) *dm.Destination {
	d := &dm.Destination{
		Reference:            reference(action),
		OperatingAccount:     googleAds(customer),
		ProductDestinationId: action,
	}
	if login := c.config.LoginCustomerID; login != "" && login != customer {
		d.LoginAccount = googleAds(login)
	}
	return d
}

func googleAds(customer string) *dm.ProductAccount {
	return &dm.ProductAccount{AccountType: "GOOGLE_ADS", AccountId: customer}
}

// fill makes the event of an item (Event, Data Manager API v1). A retraction is a value of nothing: the API has no other.
func (s *slab) fill(it *conversions.Item, source string, references []string) *dm.Event {
	e := &s.event
	e.DestinationReferences = references
	e.TransactionId = it.OrderID
	e.EventTimestamp = it.At.Format(time.RFC3339)
	e.EventSource = source
	e.AdIdentifiers = &s.click
	switch it.Click.Kind {
	case conversions.GCLID:
		s.click.Gclid = it.ClickID
	case conversions.GBRAID:
		s.click.Gbraid = it.ClickID
	case conversions.WBRAID:
		s.click.Wbraid = it.ClickID
	}
	if value := valueOf(it); value.Known {
		e.ConversionValue, e.Currency = major(value), it.Currency
		if e.ConversionValue == 0 {
			e.ForceSendFields = zeroValue
		}
	}
	if word := consentWord(it.Consent); word != "" {
		s.consent.AdUserData = word
		e.Consent = &s.consent
	}
	return e
}

// zeroValue has a value of 0 sent, which would be left out.
//
//nolint:gochecknoglobals // a constant list
var zeroValue = []string{"ConversionValue"}

// valueOf is the value that an item is to have at Google.
func valueOf(it *conversions.Item) conversions.Amount {
	if it.Op == conversions.OpRetract {
		return conversions.AmountOf(0)
	}
	return it.Value
}

// major returns the amount in major units: the nearest float to the decimal amount.
func major(a conversions.Amount) float64 { return float64(a.Cents) / 100 }

// consentWord is the word of ConsentStatus, Data Manager API v1; empty for none.
func consentWord(c conversions.Consent) string {
	switch c {
	case conversions.ConsentGranted:
		return "CONSENT_GRANTED"
	case conversions.ConsentDenied:
		return "CONSENT_DENIED"
	default:
		return ""
	}
}
