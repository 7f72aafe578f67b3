package scheduler_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"closeloop/conversions"
	"closeloop/googleads"
	"closeloop/sandbox"
	"closeloop/scheduler"
)

// world is a vendor's stand-in with a client of it: where a course of events
// takes place. What tells one vendor from another is here and nowhere else in
// the property.
type world interface {
	scheduler.Destination
	ways() ways
	// knows makes a click known to the vendor since the given time.
	knows(click string, since time.Time) error
	// fault draws something that goes wrong with a later call, or with a
	// conversion of one of these order ids; mend ends it all.
	fault(rt *rapid.T, ids []string) error
	mend()
	// holds is all that the vendor holds.
	holds() []holding
	// created reports whether an order id is held that was never worth anything.
	created(id string) bool
	// admits reports whether a stage may rest as its row says although that is
	// not what is wanted.
	admits(row conversions.Row, past []*attempt, stands chapter, wants string, living []string) bool
}

// ways are how vendors differ.
type ways struct {
	api  conversions.API
	hold time.Duration
	// final: what is retracted never counts again, and what is wanted again
	// needs an order id of its own. Otherwise a value of 0 stands for it, and
	// the same order id is given a value again.
	final bool
	// slow: what became of a row is told later, and only to who asks.
	slow bool
}

// holding is one conversion that a vendor holds.
type holding struct {
	id    string // order id
	worth string // "100.00 USD"
	gone  bool   // counts no more
}

// adsWorld is the sandbox and a client of it over real gRPC.
type adsWorld struct {
	*googleads.Client
	box *sandbox.Server
}

// newAdsWorld draws how Google behaves where no document says. A crowd needs
// a larger quota.
func newAdsWorld(tb testing.TB, rt *rapid.T, now func() time.Time, crowd bool) world {
	tb.Helper()
	unproven := setting(rt)
	if crowd {
		unproven.OperationsPerDay *= 5
	}
	w := &adsWorld{}
	w.box, w.Client = google(tb, now, func(cfg *sandbox.Config) { cfg.AnyClick, cfg.Unproven = false, unproven })
	return w
}

func (*adsWorld) ways() ways {
	return ways{api: conversions.APIGoogleAds, hold: conversions.DefaultHold, final: true}
}

func (w *adsWorld) knows(click string, since time.Time) error {
	return w.box.AddClick(sandbox.Click{Kind: sandbox.GCLID, ID: click, Customer: customer, Time: since})
}

func (w *adsWorld) mend() { w.box.ClearFaults() }

func (w *adsWorld) holds() []holding {
	var all []holding
	for _, c := range w.box.Conversions() {
		all = append(all, holding{c.OrderID, fmt.Sprintf("%.2f %s", c.Value, c.Currency), c.Retracted})
	}
	return all
}

func (*adsWorld) created(string) bool { return false }

func (*adsWorld) admits(conversions.Row, []*attempt, chapter, string, []string) bool { return false }

func (w *adsWorld) fault(rt *rapid.T, _ []string) error {
	if rapid.IntRange(0, 4).Draw(rt, "fault of an action") == 0 {
		return w.box.Fault(rapid.SampledFrom(actionFaults()).Draw(rt, "fault"))
	}
	f := rapid.SampledFrom(callFaults()).Draw(rt, "fault")
	f.On = rapid.SampledFrom([]sandbox.FaultPlace{sandbox.OnUpload, sandbox.OnAdjust}).Draw(rt, "on")
	return w.box.Fault(f)
}

func callFaults() []sandbox.Fault {
	return []sandbox.Fault{
		{Kind: sandbox.FaultCut},
		{Kind: sandbox.FaultCut, AfterWork: true},
		{Kind: sandbox.FaultUnavailable},
		{Kind: sandbox.FaultUnavailable, AfterWork: true},
		{Kind: sandbox.FaultInternal, AfterWork: true},
		{Kind: sandbox.FaultRowInternal, Rows: []int{0}},
		{Kind: sandbox.FaultQuota},
		{Kind: sandbox.FaultQuota, RetryDelay: sandbox.Duration(9 * time.Hour)},
		{Kind: sandbox.FaultError, Family: "authorization_error", Number: 2},
		{Kind: sandbox.FaultError, Family: "not_allowlisted_error", Number: 2},
		{Kind: sandbox.FaultRowError, Family: "not_allowlisted_error", Number: 2},
	}
}

// actionFaults speak of the conversion action: of the upload's or of the
// adjustment's.
func actionFaults() []sandbox.Fault {
	return []sandbox.Fault{
		{Kind: sandbox.FaultError, Family: "conversion_upload_error", Number: 53},
		{Kind: sandbox.FaultRowError, Rows: []int{0}, Family: "conversion_upload_error", Number: 53},
		{Kind: sandbox.FaultError, On: sandbox.OnAdjust, Family: "conversion_adjustment_upload_error", Number: 27},
		{Kind: sandbox.FaultRowError, On: sandbox.OnAdjust, Rows: []int{0}, Family: "conversion_adjustment_upload_error", Number: 27},
	}
}

// setting are the sandbox's unproven behaviours, switched either way.
func setting(rt *rapid.T) sandbox.Unproven {
	toss := func(name string) bool { return rapid.Bool().Draw(rt, name) }
	u := sandbox.Unproven{
		RecentConversion: rapid.SampledFrom([]sandbox.RecentPolicy{
			sandbox.RecentAccept, sandbox.RecentRefuse, sandbox.RecentHidden,
		}).Draw(rt, "recent conversion"),
		IgnoreRetracted: toss("ignore retracted"), IgnoreRepeated: toss("ignore repeated"),
		BothDuplicateErrors: toss("both duplicate errors"), OCIBlockPerRow: toss("block per row"),
		OCIBlockAdjustments: toss("block adjustments"), UnknownIsClickNotFound: toss("unknown is click not found"),
		DamagedIsNotFound: toss("damaged is not found"),
	}
	if toss("duplicates fail the request") {
		u.WholeRequest = []int32{15, 23} // ORDER_ID_ALREADY_IN_USE, CLICK_CONVERSION_ALREADY_EXISTS
	}
	if toss("repeated adjustments fail the request") {
		u.WholeAdjustRequest = []int32{4, 5, 8, 9, 13} // every code that judges one conversion
	}
	if toss("a quota") {
		u.OperationsPerDay, u.OperationsPerRow = 25, toss("of rows") // enough for a batch and its halves
	}
	return u
}
