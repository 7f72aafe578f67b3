package scheduler_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/sandbox"
	"closeloop/scheduler"
)

// zoned are accounts, each in a zone and with a customer of its own.
type zoned struct {
	*rig
	box      *sandbox.Server
	accounts []scheduler.Account
}

// zoneNames are the zones of the accounts, in their order.
func zoneNames() []string {
	return []string{"America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"}
}

func accountIn(i int) conversions.AccountID { return conversions.AccountID(zoneNames()[i]) }

func customerOf(i int) string { return fmt.Sprintf("100000000%d", i) }

// newZoned begins at an instant.
func newZoned(t *testing.T, at time.Time) *zoned {
	t.Helper()
	z := &zoned{rig: newRig(t)}
	z.clock.micros.Store(at.UnixMicro())
	box, client := z.google(func(c *sandbox.Config) {
		actions := c.Customers[0].Actions
		c.Customers = nil
		for i, name := range zoneNames() {
			c.Customers = append(c.Customers, sandbox.Customer{
				ID: customerOf(i), Name: name, Currency: "USD", Zone: name, Allowlisted: true, Actions: actions,
			})
		}
	})
	z.box = box
	for i, name := range zoneNames() {
		rules := rules()
		rules.Account, rules.Target.Customer = accountIn(i), customerOf(i)
		z.accounts = append(z.accounts, scheduler.Account{
			Rules: rules, Zone: zone(t, name), Destinations: googleAds(client), Schedule: schedule(t, "0 0 1 1 *", time.UTC),
		})
	}
	return z
}

// run runs every account.
func (z *zoned) run() {
	z.t.Helper()
	cfg := z.config(nil)
	cfg.Accounts = z.accounts
	s := scheduler.New(cfg)
	for _, a := range z.accounts {
		if _, err := s.RunNow(z.t.Context(), a.Rules.Account, false); err != nil {
			z.t.Fatalf("run %s: %v", a.Rules.Account, err)
		}
	}
}

// tell stores an event for every account, each of a lead of its own name.
func (z *zoned) tell(lead string, outcome conversions.Outcome, changes ...change) {
	z.t.Helper()
	for i := range z.accounts {
		e := z.event(conversions.LeadID(lead), outcome, changes...)
		e.Account, e.Source = accountIn(i), "src_"+zoneNames()[i]
		z.append(e)
	}
}

// sentTimes are the conversion times as sent, by customer, in order of time.
func (z *zoned) sentTimes() [][]string {
	all := make([][]string, len(z.accounts))
	held := z.box.Conversions()
	slices.SortStableFunc(held, func(a, b sandbox.Conversion) int { return a.Time.Compare(b.Time) })
	for i := range all {
		for _, c := range held {
			if c.Customer == customerOf(i) {
				all[i] = append(all[i], c.DateTime)
			}
		}
	}
	return all
}

// in shows an instant of an event in another zone than any account's: what an
// event's zone is must not matter.
func in(t *testing.T, text string) time.Time {
	t.Helper()
	return instant(t, text).In(time.FixedZone("", -8*60*60))
}

// One instant, four accounts: each sends it by its own clocks, with the offset
// that is in force then, whatever it was when the row was decided or sent.
func TestConversionTimesInTheZonesOfAccounts(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, at, newYork, berlin, kolkata, howe string }{
		{
			"before New York goes forward", "2026-03-08T06:59:59Z",
			"2026-03-08 01:59:59-05:00", "2026-03-08 07:59:59+01:00", "2026-03-08 12:29:59+05:30", "2026-03-08 17:59:59+11:00",
		},
		{
			"New York goes forward", "2026-03-08T07:00:00Z",
			"2026-03-08 03:00:00-04:00", "2026-03-08 08:00:00+01:00", "2026-03-08 12:30:00+05:30", "2026-03-08 18:00:00+11:00",
		},
		{
			"Berlin goes forward", "2026-03-29T01:00:00Z",
			"2026-03-28 21:00:00-04:00", "2026-03-29 03:00:00+02:00", "2026-03-29 06:30:00+05:30", "2026-03-29 12:00:00+11:00",
		},
		{
			"before Lord Howe goes back by half an hour", "2026-04-04T14:45:00Z",
			"2026-04-04 10:45:00-04:00", "2026-04-04 16:45:00+02:00", "2026-04-04 20:15:00+05:30", "2026-04-05 01:45:00+11:00",
		},
		{
			"after Lord Howe went back", "2026-04-04T15:15:00Z",
			"2026-04-04 11:15:00-04:00", "2026-04-04 17:15:00+02:00", "2026-04-04 20:45:00+05:30", "2026-04-05 01:45:00+10:30",
		},
		{
			"Lord Howe goes forward", "2026-10-03T15:30:00Z",
			"2026-10-03 11:30:00-04:00", "2026-10-03 17:30:00+02:00", "2026-10-03 21:00:00+05:30", "2026-10-04 02:30:00+11:00",
		},
		{
			"the first half past two in Berlin", "2026-10-25T00:30:00Z",
			"2026-10-24 20:30:00-04:00", "2026-10-25 02:30:00+02:00", "2026-10-25 06:00:00+05:30", "2026-10-25 11:30:00+11:00",
		},
		{
			"the second half past two in Berlin", "2026-10-25T01:30:00Z",
			"2026-10-24 21:30:00-04:00", "2026-10-25 02:30:00+01:00", "2026-10-25 07:00:00+05:30", "2026-10-25 12:30:00+11:00",
		},
		{
			"the first half past one in New York", "2026-11-01T05:30:00Z",
			"2026-11-01 01:30:00-04:00", "2026-11-01 06:30:00+01:00", "2026-11-01 11:00:00+05:30", "2026-11-01 16:30:00+11:00",
		},
		{
			"the second half past one in New York", "2026-11-01T06:30:00Z",
			"2026-11-01 01:30:00-05:00", "2026-11-01 07:30:00+01:00", "2026-11-01 12:00:00+05:30", "2026-11-01 17:30:00+11:00",
		},
		{
			"a leap day begins in Kolkata", "2028-02-28T18:30:00Z",
			"2028-02-28 13:30:00-05:00", "2028-02-28 19:30:00+01:00", "2028-02-29 00:00:00+05:30", "2028-02-29 05:30:00+11:00",
		},
		{
			"a leap day ends in Berlin", "2028-02-29T22:59:59Z",
			"2028-02-29 17:59:59-05:00", "2028-02-29 23:59:59+01:00", "2028-03-01 04:29:59+05:30", "2028-03-01 09:59:59+11:00",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			when := in(t, tt.at)
			z := newZoned(t, when.Add(time.Second))
			z.tell("call", conversions.OutcomeBooked, at(when), click(clickID(1)), worth(100_00))
			z.clock.advance(conversions.DefaultHold - 2*time.Second)
			z.run()
			if n := len(z.box.Conversions()); n != 0 {
				t.Fatalf("a second before it is due %d were sent", n)
			}
			z.clock.advance(time.Second)
			z.run()
			if diff := cmp.Diff([][]string{{tt.newYork}, {tt.berlin}, {tt.kolkata}, {tt.howe}}, z.sentTimes()); diff != "" {
				t.Errorf("on the wire (-want +got):\n%s", diff)
			}
		})
	}
}

// What clocks show twice are two times; equal seconds are moved apart also
// there.
func TestSecondsThatClocksShowTwice(t *testing.T) {
	t.Parallel()
	first, second := in(t, "2026-11-01T05:30:00Z"), in(t, "2026-11-01T06:30:00Z")
	z := newZoned(t, second.Add(time.Second))
	for i, when := range []time.Time{second, first, first, second} {
		z.tell(fmt.Sprint("call-", i), conversions.OutcomeBooked, at(when), click(clickID(1)), worth(100_00))
	}
	z.clock.advance(7 * time.Hour)
	z.run()
	want := [][]string{
		{"2026-11-01 01:30:00-04:00", "2026-11-01 01:30:01-04:00", "2026-11-01 01:30:00-05:00", "2026-11-01 01:30:01-05:00"},
		{"2026-11-01 06:30:00+01:00", "2026-11-01 06:30:01+01:00", "2026-11-01 07:30:00+01:00", "2026-11-01 07:30:01+01:00"},
		{"2026-11-01 11:00:00+05:30", "2026-11-01 11:00:01+05:30", "2026-11-01 12:00:00+05:30", "2026-11-01 12:00:01+05:30"},
		{"2026-11-01 16:30:00+11:00", "2026-11-01 16:30:01+11:00", "2026-11-01 17:30:00+11:00", "2026-11-01 17:30:01+11:00"},
	}
	if diff := cmp.Diff(want, z.sentTimes()); diff != "" {
		t.Errorf("on the wire (-want +got):\n%s", diff)
	}
}

// The adjustments of a conversion get strictly later, also while a clock goes
// back from 01:59:59 to 01:00:00, and also two within a second.
func TestAdjustmentTimesWhileClocksGoBack(t *testing.T) {
	t.Parallel()
	z := newZoned(t, in(t, "2026-10-31T20:00:00Z"))
	for i := range z.accounts {
		z.accounts[i].Rules.Settle, z.accounts[i].Rules.WithdrawWait = 0, 0
	}
	z.tell("call", conversions.OutcomeBooked, click(clickID(1)), worth(100_00))
	z.clock.micros.Store(instant(t, "2026-11-01T05:59:58.500Z").UnixMicro())
	z.run()
	for i, cents := range []conversions.Cents{200_00, 300_00, 400_00} {
		z.clock.advance(time.Second)
		z.tell("call", conversions.OutcomeBooked, worth(cents))
		z.run()
		if i == 0 {
			z.tell("call", conversions.OutcomeBooked, worth(cents+1)) // within the same second: it waits for the next
			z.run()
		}
	}
	z.clock.advance(time.Hour)
	z.tell("call", conversions.OutcomeSpam)
	z.run()
	utc := []string{"2026-11-01T05:59:59Z 200", "2026-11-01T06:00:00Z 300", "2026-11-01T06:00:01Z 400", "2026-11-01T07:00:01Z 0"}
	wire := map[conversions.AccountID][]string{
		accountIn(0): {"2026-11-01 01:59:59-04:00", "2026-11-01 01:00:00-05:00", "2026-11-01 01:00:01-05:00", "2026-11-01 02:00:01-05:00"},
		accountIn(1): {"2026-11-01 06:59:59+01:00", "2026-11-01 07:00:00+01:00", "2026-11-01 07:00:01+01:00", "2026-11-01 08:00:01+01:00"},
		accountIn(2): {"2026-11-01 11:29:59+05:30", "2026-11-01 11:30:00+05:30", "2026-11-01 11:30:01+05:30", "2026-11-01 12:30:01+05:30"},
		accountIn(3): {"2026-11-01 16:59:59+11:00", "2026-11-01 17:00:00+11:00", "2026-11-01 17:00:01+11:00", "2026-11-01 18:00:01+11:00"},
	}
	for _, c := range z.box.Conversions() {
		var got []string
		for _, a := range c.Adjustments {
			got = append(got, a.Time.UTC().Format(time.RFC3339)+" "+fmt.Sprint(a.Value))
		}
		if diff := cmp.Diff(utc, got); diff != "" {
			t.Errorf("adjustments at customer %s (-want +got):\n%s", c.Customer, diff)
		}
	}
	for account, want := range wire {
		if diff := cmp.Diff(want, z.adjustmentTimes(account)); diff != "" {
			t.Errorf("adjustment times of %s (-want +got):\n%s", account, diff)
		}
	}
}

// adjustmentTimes are those of the account's answered adjustments, by its
// clocks.
func (z *zoned) adjustmentTimes(a conversions.AccountID) []string {
	z.t.Helper()
	entries, err := z.store.Ledger(z.t.Context(), a, 0, 1000)
	if err != nil {
		z.t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if e.Kind == conversions.EntryAnswered && !e.Item.AdjustAt.IsZero() {
			all = append(all, e.Item.AdjustAt.Format("2006-01-02 15:04:05-07:00"))
		}
	}
	return all
}

// Hold, settle, waits and deadlines are hours, not days of a calendar: on no
// account do they last longer or shorter because clocks change meanwhile.
func TestClocksThatChangeLengthenNoWait(t *testing.T) {
	t.Parallel()
	for _, begin := range []string{"2026-03-08T01:00:00Z", "2026-10-24T20:00:00Z", "2026-11-01T01:00:00Z", "2026-04-04T10:00:00Z", "2028-02-28T20:00:00Z"} {
		t.Run(begin, func(t *testing.T) {
			t.Parallel()
			z := newZoned(t, in(t, begin))
			lead := z.clock.now()
			z.tell("call", conversions.OutcomeBooked, click(clickID(1)), worth(100_00))
			z.tell("none", conversions.OutcomeBooked, worth(100_00))
			z.run()
			z.expect("call", "queued", func(r conversions.Row) []time.Time { return []time.Time{r.Due, r.Deadline()} },
				lead.Add(6*time.Hour), lead.Add(90*24*time.Hour))
			z.expect("none", "waiting", func(r conversions.Row) []time.Time { return []time.Time{r.Want.WaitUntil} }, lead.Add(7*24*time.Hour))
			z.clock.advance(7 * time.Hour)
			tag := z.clock.now()
			z.run()
			z.expect("call", "done", func(r conversions.Row) []time.Time { return []time.Time{r.Known.At} }, lead)
			z.tell("call", conversions.OutcomeBooked, worth(200_00))
			z.run()
			z.expect("call", "change_due", func(r conversions.Row) []time.Time { return []time.Time{r.Due, r.Deadline()} },
				tag.Add(time.Hour), lead.Add(54*24*time.Hour))
			z.tell("call", conversions.OutcomeSpam)
			z.run()
			z.expect("call", "change_due", func(r conversions.Row) []time.Time { return []time.Time{r.Due} }, tag.Add(24*time.Hour))
			z.clock.micros.Store(lead.Add(7*24*time.Hour - time.Second).UnixMicro())
			z.run()
			z.expect("call", "retracted", func(conversions.Row) []time.Time { return nil })
			z.expect("none", "waiting", func(conversions.Row) []time.Time { return nil })
			z.clock.advance(time.Second)
			z.run()
			z.expect("none", "skipped", func(conversions.Row) []time.Time { return nil })
		})
	}
}

// expect compares the state and times of a lead's row in every account.
func (z *zoned) expect(lead conversions.LeadID, state conversions.State, times func(conversions.Row) []time.Time, want ...time.Time) {
	z.t.Helper()
	for _, a := range z.accounts {
		rows, err := z.store.List(z.t.Context(), conversions.Filter{Account: a.Rules.Account, Lead: lead})
		if err != nil || len(rows) != 1 {
			z.t.Fatalf("%s of %s: %d rows, %v", lead, a.Rules.Account, len(rows), err)
		}
		if rows[0].State != state {
			z.t.Errorf("%s of %s: got %s, want %s", lead, a.Rules.Account, rows[0].State, state)
		}
		if diff := cmp.Diff(want, times(rows[0])); diff != "" {
			z.t.Errorf("%s of %s (-want +got):\n%s", lead, a.Rules.Account, diff)
		}
	}
}

// upload_from is an instant: midnight of a day by the account's clocks, as the
// configuration reads it.
func TestUploadFromMidnightOfTheAccount(t *testing.T) {
	t.Parallel()
	z := newZoned(t, in(t, "2026-03-30T00:00:00Z"))
	for i := range z.accounts {
		z.accounts[i].Rules.UploadFrom = time.Date(2026, 3, 29, 0, 0, 0, 0, z.accounts[i].Zone)
	}
	for i, a := range z.accounts { // the last second of the day before, and midnight
		for name, when := range map[string]time.Time{"before": a.Rules.UploadFrom.Add(-time.Second), "from": a.Rules.UploadFrom} {
			e := z.event(conversions.LeadID(name), conversions.OutcomeBooked, at(when.UTC()), click(clickID(len(name))), worth(100_00))
			e.Account, e.Source = accountIn(i), "src_"+zoneNames()[i]
			z.append(e)
		}
	}
	z.clock.advance(7 * time.Hour)
	z.run()
	want := [][]string{{"2026-03-29 00:00:00-04:00"}, {"2026-03-29 00:00:00+01:00"}, {"2026-03-29 00:00:00+05:30"}, {"2026-03-29 00:00:00+11:00"}}
	if diff := cmp.Diff(want, z.sentTimes()); diff != "" {
		t.Errorf("on the wire (-want +got):\n%s", diff)
	}
	z.expect("before", "skipped", func(conversions.Row) []time.Time { return nil })
}
