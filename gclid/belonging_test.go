package gclid_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/gclid"
)

// event makes the seq-th event of a lead, at the given minute, with clicks.
func event(seq int64, minute int, clicks ...conversions.FoundClick) conversions.Event {
	at := time.Date(2026, 3, 25, 18, minute, 0, 0, time.UTC)
	return conversions.Event{
		Seq: seq, At: at, Received: at.Add(time.Hour), Body: [16]byte{byte(seq * 37)}, Lead: "42",
		Person: conversions.Person{Salt: conversions.Salt{byte(seq)}, Clicks: clicks},
	}
}

func own(kind conversions.ClickKind, id string) conversions.FoundClick {
	return conversions.FoundClick{Click: conversions.Click{Kind: kind, ID: id}, Place: conversions.PlaceField}
}

func onPage(kind conversions.ClickKind, id string) conversions.FoundClick {
	c := own(kind, id)
	c.Place = conversions.PlaceLanding
	return c
}

func bad(d gclid.Damage) conversions.FoundClick {
	return conversions.FoundClick{
		Click: conversions.Click{Kind: conversions.GCLID}, Place: conversions.PlaceField, Damage: string(d), Unusable: true,
	}
}

func damaged(id string, d gclid.Damage) conversions.FoundClick {
	c := own(conversions.GCLID, id)
	c.Damage = string(d)
	return c
}

func TestBelonging(t *testing.T) {
	t.Parallel()
	const g, w = conversions.GCLID, conversions.WBRAID
	tests := []struct {
		name        string
		events      []conversions.Event
		tag         int
		id          string
		event       int64
		n           int
		rule        conversions.MatchRule
		placeholder gclid.Damage
	}{
		{name: "no event"},
		{name: "tag out of range", events: []conversions.Event{event(1, 0, own(g, "x"))}, tag: 1},
		{name: "no click", events: []conversions.Event{event(1, 0), event(2, 1)}, tag: 1},
		{
			name: "own", events: []conversions.Event{event(1, 0, own(g, "call")), event(2, 1, own(g, "own"))}, tag: 1,
			id: "own", event: 2, rule: conversions.MatchOwn,
		},
		{
			name: "own gbraid beats the call's gclid", events: []conversions.Event{event(1, 0, own(g, "call")), event(2, 1, own(w, "own"))}, tag: 1,
			id: "own", event: 2, rule: conversions.MatchOwn,
		},
		{
			name: "own gclid beats own braid", events: []conversions.Event{event(1, 0, own(w, "braid"), own(g, "click"))},
			id: "click", event: 1, n: 1, rule: conversions.MatchOwn,
		},
		{
			name: "call before", events: []conversions.Event{event(1, 0, own(g, "call")), event(2, 1)}, tag: 1,
			id: "call", event: 1, rule: conversions.MatchCall,
		},
		{
			name: "call after", events: []conversions.Event{event(1, 0), event(2, 1, own(g, "late"))},
			id: "late", event: 2, rule: conversions.MatchCall,
		},
		{
			name: "newest before beats earliest after",
			events: []conversions.Event{
				event(1, 0, own(g, "oldest")), event(2, 10, own(g, "newest")), event(3, 20), event(4, 21, own(g, "after")),
			},
			tag: 2, id: "newest", event: 2, rule: conversions.MatchCall,
		},
		{
			name: "earliest after", events: []conversions.Event{event(1, 0), event(2, 10, own(g, "soon")), event(3, 20, own(g, "late"))},
			id: "soon", event: 2, rule: conversions.MatchCall,
		},
		{
			name: "the same minute counts as before", events: []conversions.Event{event(1, 0, own(g, "old")), event(2, 5), event(3, 5, own(g, "same"))}, tag: 1,
			id: "same", event: 3, rule: conversions.MatchCall,
		},
		{
			name: "a call's gclid beats a nearer braid", events: []conversions.Event{event(1, 0, own(g, "click")), event(2, 5, own(w, "braid")), event(3, 6)}, tag: 2,
			id: "click", event: 1, rule: conversions.MatchCall,
		},
		{
			name: "the call's field beats the tag's landing page",
			events: []conversions.Event{
				event(1, 0, own(g, "call")), event(2, 1, onPage(g, "page")),
			},
			tag: 1, id: "call", event: 1, rule: conversions.MatchCall,
		},
		{
			name: "the tag's landing page", events: []conversions.Event{event(1, 0, onPage(g, "old")), event(2, 1, onPage(g, "page"))}, tag: 1,
			id: "page", event: 2, rule: conversions.MatchLanding,
		},
		{
			name: "the call's landing page", events: []conversions.Event{event(1, 0, onPage(g, "page")), event(2, 1)}, tag: 1,
			id: "page", event: 1, rule: conversions.MatchLanding,
		},
		{
			name: "own placeholder does not hide the call's id",
			events: []conversions.Event{
				event(1, 0, bad(gclid.Placeholder), onPage(g, "page")), event(2, 1, bad(gclid.Placeholder)),
			},
			tag: 1, id: "page", event: 1, n: 1, rule: conversions.MatchLanding,
		},
		{
			name: "the strongest unusable is named", events: []conversions.Event{event(1, 0, bad(gclid.TooLong)), event(2, 1, bad(gclid.Placeholder))}, tag: 1,
			placeholder: gclid.Placeholder,
		},
		{
			name: "undamaged first at one time",
			events: []conversions.Event{
				event(1, 0), event(2, 1, damaged("cut", gclid.Truncated)), event(3, 1, own(g, "whole")),
			},
			id: "whole", event: 3, rule: conversions.MatchCall,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := conversions.Match{Placeholder: string(tt.placeholder)}
			if tt.event != 0 {
				c := tt.events[indexOf(tt.events, tt.event)].Person.Clicks[tt.n]
				want.Click = conversions.Click{Kind: c.Kind, ID: tt.id}
				want.Ref = conversions.ClickRef{
					Event: tt.event, N: tt.n, Kind: c.Kind, Rule: tt.rule, Damage: c.Damage,
					Commitment: conversions.Commit(conversions.Salt{byte(tt.event)}, want.Click),
				}
			}
			if diff := cmp.Diff(want, gclid.Belonging(tt.events, tt.tag)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func indexOf(events []conversions.Event, seq int64) int {
	for i, e := range events {
		if e.Seq == seq {
			return i
		}
	}
	return -1
}

func TestBelongingIgnoresArrival(t *testing.T) {
	t.Parallel()
	events := []conversions.Event{
		event(1, 5), event(2, 5, own(conversions.GCLID, "a")), event(3, 5, own(conversions.GCLID, "b")),
		event(4, 5, damaged("c", gclid.Encoded)), event(5, 9, own(conversions.GCLID, "d")),
	}
	want := gclid.Belonging(events, 0).Click
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		if got := gclid.Belonging(events, indexOf(events, 1)).Click; got != want {
			t.Fatalf("another order gives %q, want %q", got.ID, want.ID)
		}
	}
}

func TestBelongingTakesAPersonsLastWord(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 25, 12, 0, 0, 0, time.UTC)
	give := func(seq int64, after time.Duration, place conversions.Place, id string) conversions.Event {
		return conversions.Event{
			Seq: seq, At: at.Add(after), Received: at.Add(after),
			Person: conversions.Person{Clicks: []conversions.FoundClick{{
				Click: conversions.Click{Kind: conversions.GCLID, ID: id}, Place: place,
			}}},
		}
	}
	events := []conversions.Event{
		give(1, 0, conversions.PlaceField, "own"),
		give(2, time.Hour, conversions.PlacePerson, "first"),
		give(3, 2*time.Hour, conversions.PlacePerson, "second"),
	}
	got := gclid.Belonging(events, 0)
	if got.Click.ID != "second" || got.Ref.Rule != conversions.MatchPerson {
		t.Errorf("the tag's click is %q by %s, want the last that a person gave", got.Click.ID, got.Ref.Rule)
	}
}
