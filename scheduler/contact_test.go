package scheduler_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

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

func TestAClickOfTheContactThatCameLate(t *testing.T) {
	t.Parallel()
	c := newContacts(t)
	c.happens("late", conversions.OutcomeQuoted, c.ago(2*time.Hour), of("c1"), worth(100_00))
	c.happens("late", conversions.OutcomeBooked, c.ago(time.Hour), of("c1"), worth(100_00))
	google := c.script(done)
	c.runOn(c.on(google))
	visit := c.event("", "", of("c1"), click(clickID(1)))
	visit.At = c.clock.now().Add(-5 * time.Hour)
	c.clock.advance(6 * day)
	visit.Received = c.clock.now()
	c.append(visit)
	c.happens("none", conversions.OutcomeBooked, c.ago(5*day), of("c2"), worth(100_00))
	c.runOn(c.on(google))
	if got := c.states()["late booked"]; got != "waiting waiting_for_click_id" || len(google.made()) != 0 {
		t.Fatalf("while it waits: got %q and %d calls", got, len(google.made()))
	}
	c.clock.advance(day)
	dry, err := c.on(google).RunNow(t.Context(), acme, true)
	if err != nil || dry.Rows != 2 {
		t.Errorf("dry run: got %d rows, %v, want 2", dry.Rows, err)
	}
	report := c.runOn(c.on(google))
	if report.Rows != 2 || report.Closed != 0 {
		t.Errorf("got %d rows and %d closed, want 2 and 0", report.Rows, report.Closed)
	}
	c.clock.advance(day)
	if report := c.runOn(c.on(google)); report.Rows != 0 || report.Closed != 1 {
		t.Errorf("without a click: got %d rows and %d closed, want 0 and 1", report.Rows, report.Closed)
	}
	decided := map[conversions.RowID]int{}
	for _, e := range c.ledger() {
		if e.Kind == conversions.EntryDecided {
			decided[e.Row]++
		}
	}
	for name, row := range c.rows() {
		if n := decided[row.ID]; n > 2 {
			t.Errorf("%s was decided %d times, want at most when it was tagged and when its wait was over", name, n)
		}
	}
	want := map[string]string{"late booked": "done 100.00", "late quoted": "done 20.00", "none booked": "skipped no_click_id"}
	for name, state := range c.states() {
		if state != want[name] {
			t.Errorf("%s: got %q, want %q", name, state, want[name])
		}
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
