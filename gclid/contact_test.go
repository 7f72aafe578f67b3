package gclid_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/gclid"
)

// tagged is an event that tags its lead as booked, on a channel.
func tagged(seq int64, minute int, channel string) conversions.Event {
	e := event(seq, minute)
	e.Outcome, e.Channel = conversions.OutcomeBooked, channel
	return e
}

// withDenied is the event, saying that consent is denied.
func withDenied(e conversions.Event) conversions.Event {
	e.Consent = conversions.ConsentDenied
	return e
}

func TestOfContact(t *testing.T) {
	t.Parallel()
	const g, b, w = conversions.GCLID, conversions.GBRAID, conversions.WBRAID
	booked := []conversions.Event{tagged(10, 30, "")}
	quotedFirst := tagged(10, 10, "")
	quotedFirst.Outcome = conversions.OutcomeQuoted
	tests := []struct {
		name     string
		events   []conversions.Event // nil for one tag at minute 30
		tag      int
		contact  []conversions.Event
		lookBack time.Duration
		event    int64 // 0 for none
		n        int
	}{
		{name: "nothing of the contact"},
		{name: "tag out of range", tag: 1, contact: []conversions.Event{event(1, 0, own(g, "x"))}},
		{name: "one click", contact: []conversions.Event{event(1, 0, own(g, "x"))}, event: 1},
		{name: "of a landing page", contact: []conversions.Event{event(1, 0, onPage(g, "x"))}, event: 1},
		{name: "the newest", contact: []conversions.Event{event(2, 20, own(g, "new")), event(1, 10, own(g, "old"))}, event: 2},
		{name: "the newest, though only a braid", contact: []conversions.Event{event(1, 10, own(g, "old")), event(2, 20, own(w, "new"))}, event: 2},
		{name: "gclid in an event", contact: []conversions.Event{event(1, 0, own(w, "w"), own(b, "b"), own(g, "g"))}, event: 1, n: 2},
		{name: "gbraid in an event", contact: []conversions.Event{event(1, 0, own(w, "w"), own(b, "b"))}, event: 1, n: 1},
		{name: "what cannot be sent is no click", contact: []conversions.Event{event(1, 0, own(g, "x")), event(2, 5, bad(gclid.Placeholder))}, event: 1},
		{name: "a usable one beside it", contact: []conversions.Event{event(1, 0, bad(gclid.Placeholder), own(g, "x"))}, event: 1, n: 1},
		{name: "damaged", contact: []conversions.Event{event(1, 0, damaged("x", gclid.Truncated))}, event: 1},
		{name: "two of one event", contact: []conversions.Event{event(1, 0, own(g, "old")), event(2, 5, own(g, "x"), own(g, "y"))}},
		{name: "two of one event, then another", contact: []conversions.Event{event(2, 5, own(g, "x"), own(g, "y"), own(g, "x"))}},
		{name: "twice the same", contact: []conversions.Event{event(2, 5, own(g, "x"), onPage(g, "x"))}, event: 2},
		{name: "two braids beside a gclid", contact: []conversions.Event{event(2, 5, own(w, "x"), own(w, "y"), own(g, "z"))}, event: 2, n: 2},
		{name: "at the tag", contact: []conversions.Event{event(1, 30, own(g, "x"))}, event: 1},
		{name: "after the tag", contact: []conversions.Event{event(1, 31, own(g, "x"))}},
		{name: "the newest before the tag", contact: []conversions.Event{event(1, 10, own(g, "x")), event(2, 31, own(g, "y"))}, event: 1},
		{name: "at the look-back", contact: []conversions.Event{event(1, 20, own(g, "x"))}, lookBack: 10 * time.Minute, event: 1},
		{name: "before the look-back", contact: []conversions.Event{event(1, 19, own(g, "x"))}, lookBack: 10 * time.Minute},
		{name: "90 days by default", contact: []conversions.Event{event(1, 30-90*24*60, own(g, "x"))}, event: 1},
		{name: "older than that", contact: []conversions.Event{event(1, 29-90*24*60, own(g, "x"))}},
		{name: "consent denied with it", contact: []conversions.Event{event(1, 0, own(g, "x")), withDenied(event(2, 5, own(g, "y")))}},
		{
			name: "between the tag and its repetition", events: []conversions.Event{tagged(10, 30, ""), tagged(11, 50, "")}, tag: 1,
			contact: []conversions.Event{event(1, 10, own(g, "x")), event(2, 40, own(g, "y"))}, event: 1,
		},
		{
			name: "after a tag that said otherwise", events: []conversions.Event{quotedFirst, tagged(11, 30, "")}, tag: 1,
			contact: []conversions.Event{event(1, 20, own(g, "x"))}, event: 1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.events == nil {
				tt.events = booked
			}
			want := conversions.Match{}
			if tt.event != 0 {
				e := tt.contact[indexOf(tt.contact, tt.event)]
				c := e.Person.Clicks[tt.n]
				want.Click = c.Click
				want.Ref = conversions.ClickRef{
					Event: tt.event, N: tt.n, Kind: c.Kind, Rule: conversions.MatchContact, Damage: c.Damage,
					Commitment: conversions.Commit(e.Person.Salt, c.Click),
				}
			}
			got := gclid.OfContact(tt.events, tt.tag, tt.contact, tt.lookBack)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("OfContact: -want +got\n%s", diff)
			}
		})
	}
}

func TestOfContactHeedsTheChannel(t *testing.T) {
	t.Parallel()
	contact := []conversions.Event{event(1, 0, own(conversions.GCLID, "x"))}
	for _, tt := range []struct {
		call, tag string
		matched   bool
	}{
		{"", "", true},
		{"", "/cpc", true},
		{"", "google_ads/cpc", true},
		{"", "google/cpc", true},
		{"", "Google/", true},
		{"", "adwords", true},
		{"", "google_ads/offline", true},
		{"google_ads/cpc", "", true},
		{"facebook/social", "google_ads/cpc", true},
		{"", "google/organic", false},
		{"", "Google/Referral", false},
		{"", "/organic", false},
		{"", "facebook/cpc", false},
		{"", "bing", false},
		{"", "direct/", false},
		{"", "(other)/cpc", false},
		{"", "google_maps/cpc", false},
		{"google_ads/cpc", "facebook/social", false},
		{"facebook/social", "", false},
	} {
		t.Run("call "+tt.call+" tag "+tt.tag, func(t *testing.T) {
			t.Parallel()
			call := event(9, 20)
			call.Channel = tt.call
			got := gclid.OfContact([]conversions.Event{call, tagged(10, 30, tt.tag)}, 1, contact, 0)
			if matched := !got.Ref.IsZero(); matched != tt.matched {
				t.Errorf("matched: got %v, want %v", matched, tt.matched)
			}
		})
	}
}
