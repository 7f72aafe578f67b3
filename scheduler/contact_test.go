package scheduler_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/gclid"
	"closeloop/scheduler"
	"closeloop/store/sqlite"
)

// asking counts how often the clicks of contacts are asked for.
type asking struct {
	*sqlite.Store
	asked atomic.Int64
}

// ContactClicks implements scheduler.Contacts.
func (c *asking) ContactClicks(ctx context.Context, q conversions.ContactQuery) ([]conversions.Event, error) {
	c.asked.Add(1)
	return c.Store.ContactClicks(ctx, q)
}

// contacts is a rig whose account takes clicks of the same contact.
type contacts struct {
	*rig
	asked *asking
}

func newContacts(t *testing.T) *contacts {
	t.Helper()
	r := newRig(t)
	r.rules.MatchContact = true
	s, err := sqlite.Open(t.Context(), r.path, sqlite.Options{Contacts: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r.store = s
	return &contacts{rig: r, asked: &asking{Store: s}}
}

func (c *contacts) on(d scheduler.Destination) *scheduler.Scheduler {
	cfg := c.config(d)
	cfg.Contacts, cfg.MatchContact = c.asked, gclid.OfContact
	return scheduler.New(cfg)
}

func of(contact string) change { return func(e *conversions.Event) { e.Person.Contact = contact } }

func through(channel string) change { return func(e *conversions.Event) { e.Channel = channel } }

func from(source string) change { return func(e *conversions.Event) { e.Source = source } }

func TestAnOutcomeTakesTheClickOfItsContact(t *testing.T) {
	t.Parallel()
	visit := []change{of("c1"), click(clickID(1))}
	for name, tt := range map[string]struct {
		rule  func(*conversions.Rules)
		visit []change
		tag   []change
		state string
		by    conversions.MatchRule
		asked int64
	}{
		"of the same contact":     {state: "done 100.00", by: conversions.MatchContact, asked: 1},
		"of Google Ads":           {tag: []change{through("google_ads/cpc")}, state: "done 100.00", by: conversions.MatchContact, asked: 1},
		"of another channel":      {tag: []change{through("facebook/social")}, state: "waiting waiting_for_click_id", asked: 1},
		"of another contact":      {visit: []change{of("c2"), click(clickID(1))}, state: "waiting waiting_for_click_id", asked: 1},
		"of another source":       {visit: append(visit, from("src_2")), state: "waiting waiting_for_click_id", asked: 1},
		"without a contact":       {tag: []change{of("")}, state: "waiting waiting_for_click_id"},
		"with a click of its own": {tag: []change{click(clickID(2))}, state: "done 100.00", by: conversions.MatchOwn},
		"with the rule off":       {rule: func(r *conversions.Rules) { r.MatchContact = false }, state: "waiting waiting_for_click_id"},
		"before the look-back": {
			rule: func(r *conversions.Rules) {
				r.Stages[conversions.StageBooked] = conversions.StageRules{Action: booked, Share: conversions.Whole, LookBack: 3 * day}
			},
			state: "waiting waiting_for_click_id", asked: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newContacts(t)
			if tt.rule != nil {
				tt.rule(&c.rules)
			}
			if tt.visit == nil {
				tt.visit = visit
			}
			c.happens("visit", "", append([]change{c.ago(4 * day)}, tt.visit...)...)
			c.happens("call", conversions.OutcomeBooked, append([]change{c.ago(8 * time.Hour), of("c1"), worth(100_00)}, tt.tag...)...)
			google := c.script(done)
			c.runOn(c.on(google))
			if got := c.states()["call booked"]; got != tt.state {
				t.Errorf("state: got %q, want %q", got, tt.state)
			}
			ref := c.rows()["call booked"].Want.Click
			if ref.Rule != tt.by {
				t.Errorf("rule: got %q, want %q", ref.Rule, tt.by)
			}
			if got := c.asked.asked.Load(); got != tt.asked {
				t.Errorf("the store was asked %d times, want %d", got, tt.asked)
			}
			if tt.by == conversions.MatchContact && (ref.Event != 1 || google.made()[0].batch.Items[0].ClickID != clickID(1)) {
				t.Errorf("got %+v of event %d, want the click of event 1", google.made()[0].batch.Items[0].Click, ref.Event)
			}
		})
	}
}

// visitTold is an event of a contact with a click id, from so long ago, that is
// delivered now.
func (c *contacts) visitTold(contact string, ago time.Duration, n int) {
	c.t.Helper()
	visit := c.event("", "", of(contact), click(clickID(n)))
	visit.At = c.clock.now().Add(-ago)
	c.append(visit)
}

func TestAClickOfTheContactThatCameLate(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		tag   []change
		after time.Duration // between the tag and the click's delivery
		told  string        // the contact that the click is of
		ago   time.Duration // how long before the tag the click was
		first string        // before the click came
		want  string
		by    conversions.MatchRule
	}{
		"while it waits":               {after: 2 * day, told: "c1", ago: day, first: "waiting waiting_for_click_id", want: "done 100.00", by: conversions.MatchContact},
		"after it was skipped":         {after: 8 * day, told: "c1", ago: day, first: "skipped no_click_id", want: "done 100.00", by: conversions.MatchContact},
		"instead of a placeholder":     {tag: []change{broken}, after: 2 * day, told: "c1", ago: day, first: "skipped placeholder_click_id", want: "done 100.00", by: conversions.MatchContact},
		"of another contact":           {after: 8 * day, told: "c2", ago: day, first: "skipped no_click_id", want: "skipped no_click_id"},
		"after the tag":                {after: 8 * day, told: "c1", ago: -time.Hour, first: "skipped no_click_id", want: "skipped no_click_id"},
		"though of another channel":    {tag: []change{through("facebook/social")}, after: 8 * day, told: "c1", ago: day, first: "skipped no_click_id", want: "skipped no_click_id"},
		"waiting, of another channel":  {tag: []change{through("google/organic")}, after: 2 * day, told: "c1", ago: day, first: "waiting waiting_for_click_id", want: "waiting waiting_for_click_id"},
		"though it has one of its own": {tag: []change{click(clickID(2))}, after: 2 * day, told: "c1", ago: day, first: "done 100.00", want: "done 100.00", by: conversions.MatchOwn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newContacts(t)
			c.happens("call", conversions.OutcomeBooked, append([]change{c.ago(8 * time.Hour), of("c1"), worth(100_00)}, tt.tag...)...)
			google := c.script(done)
			tagged := c.clock.now().Add(-8 * time.Hour)
			c.runOn(c.on(google))
			c.clock.advance(tt.after)
			c.runOn(c.on(google))
			if got := c.states()["call booked"]; got != tt.first {
				t.Fatalf("before the click: got %q, want %q", got, tt.first)
			}
			c.visitTold(tt.told, c.clock.now().Sub(tagged)+tt.ago, 1)
			c.runOn(c.on(google))
			if got := c.states()["call booked"]; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := c.rows()["call booked"].Want.Click.Rule; got != tt.by {
				t.Errorf("rule: got %q, want %q", got, tt.by)
			}
		})
	}
}

func broken(e *conversions.Event) {
	e.Person.Clicks = append(e.Person.Clicks, conversions.FoundClick{Place: conversions.PlaceField, Damage: string(gclid.Placeholder), Unusable: true})
}

// A click that comes for what was decided, but not sent yet, is heeded: the
// order of deliveries changes nothing.
func TestANewerClickOfTheContactBeforeItIsSent(t *testing.T) {
	t.Parallel()
	c := newContacts(t)
	c.happens("visit", "", c.ago(4*day), of("c1"), click(clickID(1)))
	c.happens("call", conversions.OutcomeBooked, c.ago(time.Hour), of("c1"), worth(100_00))
	google := c.script(done)
	c.runOn(c.on(google)) // not due yet
	c.visitTold("c1", 2*day, 2)
	c.clock.advance(day)
	c.runOn(c.on(google))
	calls := google.made()
	if len(calls) != 1 || calls[0].batch.Items[0].ClickID != clickID(2) {
		t.Errorf("got %d calls, want one with the newest click before the tag", len(calls))
	}
}

// A contact that a sender uses for everybody: a delivery wakes a hundred leads,
// the others are asked once more before they are closed.
func TestAClickOfAContactOfVeryMany(t *testing.T) {
	t.Parallel()
	const many = 103
	c := newContacts(t)
	for i := range many {
		c.happens(lead(i), conversions.OutcomeBooked, c.ago(2*time.Hour), of("c1"), worth(100_00))
	}
	google := c.script(done)
	c.runOn(c.on(google))
	c.clock.advance(6 * day)
	c.visitTold("c1", 7*day, 1)
	c.happens("none", conversions.OutcomeBooked, c.ago(6*day), of("c2"), worth(100_00))
	c.runOn(c.on(google))
	if diff := cmp.Diff(map[string]int{"done": 100, "waiting waiting_for_click_id": 4}, c.tally()); diff != "" {
		t.Fatalf("when the click came (-want +got):\n%s", diff)
	}
	c.clock.advance(day)
	dry, err := c.on(google).RunNow(t.Context(), acme, true)
	if err != nil || dry.Rows != 3 {
		t.Errorf("dry run: got %d rows, %v, want 3", dry.Rows, err)
	}
	if report := c.runOn(c.on(google)); report.Rows != 3 || report.Closed != 1 {
		t.Errorf("got %d rows and %d closed, want 3 and 1", report.Rows, report.Closed)
	}
	if diff := cmp.Diff(map[string]int{"done": many, "skipped no_click_id": 1}, c.tally()); diff != "" {
		t.Errorf("when the wait was over (-want +got):\n%s", diff)
	}
}

func TestTheSameClickOfTheContactRevivesNothing(t *testing.T) {
	t.Parallel()
	c := newContacts(t)
	c.happens("visit", "", c.ago(10*time.Hour), of("c1"), click(clickID(1)))
	c.happens("call", conversions.OutcomeBooked, c.ago(8*time.Hour), of("c1"), worth(100_00))
	google := c.script(func(_ int, b conversions.Batch) conversions.Reply {
		return all(b, conversions.Answer{Verdict: conversions.Refused, Code: "CLICK_NOT_FOUND"})
	})
	c.runOn(c.on(google))
	again := func(changes ...change) {
		t.Helper()
		c.clock.advance(3 * time.Hour)
		c.happens("call", conversions.OutcomeBooked, append(changes, of("c1"), worth(100_00))...)
		c.clock.advance(3 * time.Hour)
		c.runOn(c.on(google))
		if got := c.rows()["call booked"].State; got != conversions.StateRefused || len(google.made()) != 1 {
			t.Fatalf("got %s after %d calls, want it refused after 1", got, len(google.made()))
		}
	}
	again()
	again(click(clickID(1))) // now its own, and the same
	c.happens("call", conversions.OutcomeBooked, of("c1"), click(clickID(2)), worth(100_00))
	c.clock.advance(3 * time.Hour)
	c.runOn(c.on(google))
	calls := google.made()
	if len(calls) != 2 || calls[1].batch.Items[0].ClickID != clickID(2) || c.rows()["call booked"].Want.Click.Rule != conversions.MatchOwn {
		t.Errorf("%d calls, want a second one for another click of its own", len(calls))
	}
}

func TestReplayUnderTheRuleOfTheContact(t *testing.T) {
	t.Parallel()
	c := newContacts(t)
	c.rules.MatchContact = false
	c.happens("visit", "", c.ago(10*time.Hour), of("c1"), click(clickID(1)))
	c.happens("call", conversions.OutcomeBooked, c.ago(8*time.Hour), of("c1"), worth(100_00))
	google := c.script(done)
	c.runOn(c.on(google))
	c.rules.MatchContact = true
	report, err := c.on(google).Replay(t.Context(), acme, conversions.ReplayQuery{}, false)
	if err != nil || report.Changed != 1 || report.Operations["upload"] != 1 {
		t.Errorf("replay: got %+v, %v, want one upload", report, err)
	}
	c.runOn(c.on(google)) // the rules have changed, and the row was never sent
	if got := c.states()["call booked"]; got != "done 100.00" {
		t.Errorf("got %q, want it done", got)
	}
}
