package gclid

import (
	"strings"
	"time"

	"closeloop/conversions"
)

var _ conversions.ContactMatcher = OfContact

// OfContact finds the click that brought the contact of an outcome whose own
// call carries none. It satisfies conversions.ContactMatcher and is to be asked
// only when Belonging found nothing: contact are events of the same contact of
// the same source, of other leads or of none, in any order; lookBack is how old
// the click may be, 0 for conversions.MaxAge. It is pure.
//
// What counts is the newest event that carries a usable click id, in the order
// of conversions.InOrder, between the first tag that said the same as
// events[tag] less lookBack, and that first tag, both inclusive: a click between
// a tag and its repetition brought nothing, and a repetition changes no match.
// Within the event gclid beats gbraid beats wbraid. There is none
//
//   - when that event carries two different ids of that kind, or says that
//     consent is denied: an older click is not taken in its place;
//   - when the outcome names another channel: see below.
//
// The channel is the tag's Channel, "source/medium", or if it has none, that of
// any event of the call. Google Ads are the sources google, google_ads, google-ads,
// googleads and adwords, in any case, unless the medium is organic or referral.
// Every other source is another channel, also "direct" and "(other)"; one that is
// empty names none, unless the medium is organic or referral.
func OfContact(events []conversions.Event, tag int, contact []conversions.Event, lookBack time.Duration) conversions.Match {
	if tag < 0 || tag >= len(events) || otherChannel(events, tag) {
		return conversions.Match{}
	}
	if lookBack <= 0 {
		lookBack = conversions.MaxAge
	}
	until := firstSaid(events, tag)
	newest := newestClick(contact, until.Add(-lookBack), until)
	if newest == nil || newest.Consent == conversions.ConsentDenied {
		return conversions.Match{}
	}
	return single(newest)
}

// firstSaid is when the outcome of events[tag] was first said of the lead.
func firstSaid(events []conversions.Event, tag int) time.Time {
	first := events[tag].Order()
	for _, e := range events {
		if e.Outcome == events[tag].Outcome && e.Order().Before(first) {
			first = e.Order()
		}
	}
	return first
}

// newestClick is the newest event with a usable click id within the bounds.
func newestClick(contact []conversions.Event, from, until time.Time) *conversions.Event {
	sorted := conversions.InOrder(contact)
	for i := len(sorted) - 1; i >= 0; i-- {
		e := &sorted[i]
		if carriesClick(e) && !e.Order().After(until) && !e.Order().Before(from) {
			return e
		}
	}
	return nil
}

func carriesClick(e *conversions.Event) bool {
	for _, c := range e.Person.Clicks {
		if c.Usable() {
			return true
		}
	}
	return false
}

// single is the event's usable click of the strongest kind, unless it has two
// different ones.
func single(e *conversions.Event) conversions.Match {
	best := candidate{}
	for n, c := range e.Person.Clicks {
		switch {
		case !c.Usable():
		case best.event == nil || rank(c.Kind) < rank(best.click.Kind):
			best = candidate{event: e, n: n, click: c, rule: conversions.MatchContact}
		case c.Kind == best.click.Kind && c.ID != best.click.ID:
			best.rule = "" // kept to compare kinds
		}
	}
	if best.rule == "" {
		return conversions.Match{}
	}
	return best.match()
}

// otherChannel reports whether the outcome names a channel that is not Google
// Ads.
func otherChannel(events []conversions.Event, tag int) bool {
	if channel := events[tag].Channel; named(channel) {
		return !googleAds(channel)
	}
	for _, e := range events {
		if named(e.Channel) && !googleAds(e.Channel) {
			return true
		}
	}
	return false
}

func named(channel string) bool {
	source, medium, _ := strings.Cut(channel, "/")
	return source != "" || unpaid(medium)
}

func googleAds(channel string) bool {
	source, medium, _ := strings.Cut(strings.ToLower(channel), "/")
	switch source {
	case "google", "google_ads", "google-ads", "googleads", "adwords":
		return !unpaid(medium)
	default:
		return false
	}
}

func unpaid(medium string) bool {
	return strings.EqualFold(medium, "organic") || strings.EqualFold(medium, "referral")
}
