package datamanager_test

import (
	"sync/atomic"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/datamanager"
	"closeloop/googleauth"
	"closeloop/sandbox"
	"closeloop/scheduler/uploadtest"
)

// The client keeps every promise of a destination, also where Google's behaviour is a guess.
func TestConformance(t *testing.T) {
	t.Parallel()
	unknownClick := func(it *conversions.Item) { it.ClickID = "CjwKCAjwNobodyKnowsThisClickLongEnough" }
	variants := []struct {
		name   string
		spoil  func(*conversions.Item)
		change func(*sandbox.DataManagerUnproven)
	}{
		{"as documented", unknownClick, func(*sandbox.DataManagerUnproven) {}},
		{"indices are texts", unknownClick, func(u *sandbox.DataManagerUnproven) { u.RecordIndices = sandbox.IndicesAsText }},
		{"indices count within the destination", unknownClick, func(u *sandbox.DataManagerUnproven) { u.IndicesPerDestination = true }},
		{"repeated ids are duplicates", unknownClick, func(u *sandbox.DataManagerUnproven) { u.Repeated = sandbox.RepeatedRefuse }},
		{"refused at once", future, func(*sandbox.DataManagerUnproven) {}},
		{"refused at once, short paths", future, func(u *sandbox.DataManagerUnproven) { u.ShortPaths = true }},
		{"refused at once, first row named", future, func(u *sandbox.DataManagerUnproven) { u.Violations = sandbox.ViolationsFirst }},
		{"refused at once, nobody named", future, func(u *sandbox.DataManagerUnproven) { u.Violations = sandbox.ViolationsNone }},
	}
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			uploadtest.Run(t, func(t *testing.T) uploadtest.World {
				t.Helper()
				var u sandbox.DataManagerUnproven
				v.change(&u)
				w := world(t, u)
				w.Spoil, w.Overwrites = v.spoil, u.Repeated == sandbox.RepeatedOverwrite
				return w
			})
		})
	}
}

// future dates the conversion so that a check finds it.
func future(it *conversions.Item) { it.At = it.At.Add(30 * 24 * time.Hour) }

func world(t *testing.T, unproven sandbox.DataManagerUnproven) uploadtest.World {
	t.Helper()
	var passed atomic.Int64
	s := start(t, func(c *sandbox.Config) {
		c.Now = func() time.Time { return now().Add(time.Duration(passed.Load())) }
		c.Unproven.DataManager = unproven
	})
	fault := func(f sandbox.Fault) func() {
		return func() {
			f.On = sandbox.OnIngest
			if err := s.Fault(f); err != nil {
				t.Fatalf("fault: %v", err)
			}
		}
	}
	process := func() { passed.Add(int64(31 * time.Minute)) }
	client := at(t, s)
	return uploadtest.World{
		Destination:  client,
		Batch:        func(n int) conversions.Batch { return mixed(t, n) },
		SpoilVisibly: future,
		Settle: func(b conversions.Batch) conversions.Reply {
			process()
			return client.Status(t.Context(), b)
		},
		Count: func() map[string]int {
			process()
			counted := map[string]int{}
			for _, c := range s.Conversions() {
				counted[c.OrderID]++
			}
			return counted
		},
		LoseAnswer: fault(sandbox.Fault{Kind: sandbox.FaultCut, AfterWork: true}),
		Stall:      fault(sandbox.Fault{Kind: sandbox.FaultSlow, AfterWork: true, Delay: sandbox.Duration(time.Hour)}),
		FailBefore: fault(sandbox.Fault{Kind: sandbox.FaultQuota}),
	}
}

// start starts Google's stand-in with two actions and the clicks of 2,000 rows.
func start(t *testing.T, change func(*sandbox.Config)) *sandbox.Server {
	t.Helper()
	cfg := sandbox.Config{
		Now: now,
		Customers: []sandbox.Customer{{
			ID: customer, Name: "Kitchens", Currency: "USD", Zone: "America/New_York",
			Actions: []sandbox.Action{{ID: 11, Name: "booked", LookbackDays: 90}, {ID: 12, Name: "quoted", LookbackDays: 90}},
		}},
		OAuth: sandbox.OAuth{
			ClientID: "client", ClientSecret: "client-secret-value", RefreshToken: "1//refresh-token-value", Now: time.Now,
		},
	}
	for i := range conversions.MaxItems {
		cfg.Clicks = append(cfg.Clicks, sandbox.Click{
			Kind: sandbox.GCLID, ID: clickID(i), Customer: customer, Time: now().Add(-72 * time.Hour),
		})
	}
	change(&cfg)
	s, err := sandbox.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// at is a client of the stand-in.
func at(t *testing.T, s *sandbox.Server) *datamanager.Client {
	t.Helper()
	return connect(t, s.DataManagerURL(), s.TokenURL())
}

// A refresh token that was minted for the Google Ads API alone is told how to mint another.
func TestScopeOfTheOtherAPI(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *sandbox.Config) { c.OAuth.Scopes = []string{googleauth.ScopeGoogleAds} })
	r := at(t, s).Upload(t.Context(), batch(t, 1), false)
	if r.Call == nil || r.Unknown || r.Call.Code != "ErrorReason.ACCESS_TOKEN_SCOPE_INSUFFICIENT" || r.Call.Hint != googleauth.HintScopes {
		t.Errorf("call = %+v, unknown %t", r.Call, r.Unknown)
	}
}

// What changes after the upload overwrites: a restated value, and nothing for a retraction, which Google goes on counting.
func TestRestateAndRetract(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *sandbox.Config) { c.DataManager.Processing = -1 })
	c := at(t, s)
	b := batch(t, 2)
	c.Upload(t.Context(), b, false)
	b.Items[0].Op, b.Items[0].Value = conversions.OpRestate, conversions.AmountOf(1234)
	b.Items[1].Op, b.Items[1].Value = conversions.OpRetract, conversions.Amount{}
	r := c.Upload(t.Context(), b, false)
	b.RequestID = r.RequestID
	diff(t, verdicts(c.Status(t.Context(), b)), []conversions.Verdict{conversions.Done, conversions.Done})
	var values []float64
	for _, held := range s.Conversions() {
		values = append(values, held.Value)
	}
	diff(t, values, []float64{12.34, 0})
}
