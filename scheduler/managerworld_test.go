package scheduler_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"closeloop/conversions"
	"closeloop/datamanager"
	"closeloop/sandbox"
)

// managerWorld is the sandbox's Data Manager API and a client of it over real
// HTTP.
type managerWorld struct {
	*datamanager.Client
	box      *sandbox.Server
	unproven sandbox.DataManagerUnproven
	crowd    bool
	rejected map[string]bool // order ids
}

// newManagerWorld draws how the Data Manager API behaves where no document
// says, and how long it takes.
func newManagerWorld(tb testing.TB, rt *rapid.T, now func() time.Time, crowd bool) world {
	tb.Helper()
	w := &managerWorld{crowd: crowd, unproven: managerSetting(rt), rejected: map[string]bool{}}
	pace := sandbox.DataManagerConfig{PerMinute: -1, PerDay: -1}
	pace.Processing = rapid.SampledFrom([]time.Duration{-1, 10 * time.Minute, 0, 3 * time.Hour, 9 * time.Hour}).Draw(rt, "processing")
	if !crowd && rapid.Bool().Draw(rt, "a quota") {
		pace.PerDay = 40
	}
	damaged := rapid.Bool().Draw(rt, "damaged is not found")
	w.box, _ = google(tb, now, func(cfg *sandbox.Config) {
		cfg.AnyClick, cfg.DataManager = false, pace
		cfg.Unproven.DataManager, cfg.Unproven.DamagedIsNotFound = w.unproven, damaged
	})
	w.Client = managed(tb, w.box)
	return w
}

// managerSetting are the sandbox's unproven behaviours of the Data Manager API,
// switched either way.
func managerSetting(rt *rapid.T) sandbox.DataManagerUnproven {
	toss := func(name string) bool { return rapid.Bool().Draw(rt, name) }
	return sandbox.DataManagerUnproven{
		AcceptNumericTransactionID: toss("numeric ids"), AcceptSeveralClickIDs: toss("several clicks"),
		Violations: rapid.SampledFrom([]sandbox.ViolationsPolicy{
			sandbox.ViolationsAll, sandbox.ViolationsFirst, sandbox.ViolationsNone,
		}).Draw(rt, "violations"),
		ShortPaths: toss("short paths"), OldEventRefused: toss("old refused"), QuotaRetryInfo: toss("retry info"),
		OutOfOrder:          toss("out of order"),
		StatusUnknownFor:    rapid.SampledFrom([]time.Duration{0, 0, 45 * time.Minute, 5 * time.Hour}).Draw(rt, "status unknown for"),
		FreshStatusNotFound: toss("fresh status not found"),
		StatusStuck:         rapid.IntRange(0, 7).Draw(rt, "stuck") == 7,
		NoErrorCounts:       rapid.IntRange(0, 3).Draw(rt, "no counts") == 3,
		RecordIndices: rapid.SampledFrom([]sandbox.IndicesPolicy{
			sandbox.IndicesAsNumbers, sandbox.IndicesAsText, sandbox.IndicesAbsent,
		}).Draw(rt, "indices"),
		IndicesPerDestination: toss("indices per destination"),
		Repeated: rapid.SampledFrom([]sandbox.RepeatedPolicy{
			sandbox.RepeatedOverwrite, sandbox.RepeatedOverwrite, sandbox.RepeatedRefuse, sandbox.RepeatedRefuseSame,
		}).Draw(rt, "repeated"),
		SeparateTransactionIDs: toss("separate ids"), AdjustAcross: toss("adjust across"),
		ExpiredIsTooOld: toss("expired is too old"), ForeignIsMismatch: toss("foreign is mismatch"),
	}
}

func (*managerWorld) ways() ways {
	return ways{api: conversions.APIDataManager, hold: conversions.DefaultHoldDataManager, slow: true}
}

func (w *managerWorld) knows(click string, since time.Time) error {
	return w.box.AddClick(sandbox.Click{Kind: sandbox.GCLID, ID: click, Customer: customer, Time: since})
}

// Upload gives up a request that is never answered soon.
func (w *managerWorld) Upload(ctx context.Context, b conversions.Batch, validateOnly bool) conversions.Reply {
	ctx, cancel := w.patience(ctx, sandbox.OnIngest)
	defer cancel()
	return w.Client.Upload(ctx, b, validateOnly)
}

// Status gives up a question that is never answered soon.
func (w *managerWorld) Status(ctx context.Context, b conversions.Batch) conversions.Reply {
	ctx, cancel := w.patience(ctx, sandbox.OnStatus)
	defer cancel()
	return w.Client.Status(ctx, b)
}

func (w *managerWorld) patience(ctx context.Context, on sandbox.FaultPlace) (context.Context, context.CancelFunc) {
	waiting := w.box.Faults()
	if i := slices.IndexFunc(waiting, func(f sandbox.Fault) bool { return f.On == on }); i >= 0 && waiting[i].Kind == sandbox.FaultStall {
		return context.WithTimeout(ctx, 200*time.Millisecond)
	}
	return context.WithCancel(ctx)
}

// holds is all conversions; one of value 0 counts for nothing.
func (w *managerWorld) holds() []holding {
	var all []holding
	for _, c := range w.box.Conversions() {
		all = append(all, holding{c.OrderID, fmt.Sprintf("%.2f %s", c.Value, c.Currency), c.Value == 0})
	}
	return all
}

// created reports whether a conversion came to be with a value of 0.
func (w *managerWorld) created(id string) bool {
	return slices.ContainsFunc(w.box.Conversions(), func(c sandbox.Conversion) bool {
		return c.OrderID == id && c.Value == 0 && len(c.Adjustments) == 0
	})
}

func (w *managerWorld) fault(rt *rapid.T, ids []string) error {
	switch rapid.IntRange(0, 5).Draw(rt, "fault of") {
	case 0, 1:
		f := rapid.SampledFrom(statusFaults()).Draw(rt, "fault")
		f.On = sandbox.OnStatus
		return w.box.Fault(f)
	case 2:
		return w.reject(rt, ids)
	default:
		f := rapid.SampledFrom(w.ingestFaults()).Draw(rt, "fault")
		f.On = sandbox.OnIngest
		return w.box.Fault(f)
	}
}

// reject makes a conversion fail wherever it comes, or lets it pass again.
func (w *managerWorld) reject(rt *rapid.T, ids []string) error {
	r := sandbox.Rejection{TransactionID: rapid.SampledFrom(ids).Draw(rt, "rejected")}
	if !w.rejected[r.TransactionID] {
		r.Reason = rapid.SampledFrom([]string{
			"INVALID_EVENT", "INVALID_NUMBER_FORMAT", "INVALID_CURRENCY_CODE", "INVALID_ARGUMENT", "A_REASON_OF_TOMORROW",
			"PROCESSING_ERROR_REASON_INVALID_CLICK", "PROCESSING_ERROR_REASON_INVALID_GCLID", "PROCESSING_ERROR_REASON_INTERNAL_ERROR",
			"PROCESSING_ERROR_REASON_DESTINATION_TOO_RECENTLY_CREATED", "PROCESSING_ERROR_REASON_NO_CONSENT",
			"PROCESSING_ERROR_REASON_ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID",
			"PROCESSING_ERROR_REASON_OF_TOMORROW",
		}).Draw(rt, "reason")
	}
	w.rejected[r.TransactionID] = r.Reason != ""
	return w.box.Reject(r)
}

// ingestFaults are those of requests. What is processed late does not change
// places with later requests: what a lost request does days later, nobody can
// foresee.
func (w *managerWorld) ingestFaults() []sandbox.Fault {
	all := []sandbox.Fault{
		{Kind: sandbox.FaultCut},
		{Kind: sandbox.FaultCut, AfterWork: true},
		{Kind: sandbox.FaultCut, AfterWork: true, Times: 2},
		{Kind: sandbox.FaultUnavailable},
		{Kind: sandbox.FaultUnavailable, AfterWork: true},
		{Kind: sandbox.FaultInternal},
		{Kind: sandbox.FaultInternal, AfterWork: true},
		{Kind: sandbox.FaultStall, AfterWork: true},
		{Kind: sandbox.FaultQuota},
		{Kind: sandbox.FaultQuota, RetryDelay: sandbox.Duration(9 * time.Hour)},
		{Kind: sandbox.FaultTokenExpired},
		{Kind: sandbox.FaultError, Reason: "PERMISSION_DENIED", Status: 403},
		{Kind: sandbox.FaultError, Reason: "ACCESS_TOKEN_TYPE_UNSUPPORTED", Status: 401},
		{Kind: sandbox.FaultError, Reason: "INVALID_CONVERSION_ACTION_ID", Field: "destinations[0]"},
		{Kind: sandbox.FaultError, Reason: "CONVERSION_ACTION_TOO_RECENTLY_CREATED"},
		{Kind: sandbox.FaultRowInternal, Rows: []int{0}},
		{Kind: sandbox.FaultRowInternal},
		{Kind: sandbox.FaultRowError, Rows: []int{0}, Reason: "INVALID_EVENT"},
		{Kind: sandbox.FaultRowError, Rows: []int{1}, Reason: "PROCESSING_ERROR_REASON_INVALID_CLICK"},
		{Kind: sandbox.FaultRowError, Reason: "PROCESSING_ERROR_REASON_UNKNOWN_CONSENT"},
		{Kind: sandbox.FaultRowError, Rows: []int{0}, Reason: "INVALID_EVENT", NoIndex: true},
	}
	if !w.unproven.OutOfOrder {
		all = append(all,
			sandbox.Fault{Kind: sandbox.FaultLate, Processing: sandbox.Duration(9 * time.Hour)},
			sandbox.Fault{Kind: sandbox.FaultLate, Processing: sandbox.Duration(40 * time.Hour)},
			sandbox.Fault{Kind: sandbox.FaultCut, AfterWork: true, Processing: sandbox.Duration(30 * time.Hour)},
		)
	}
	return all
}

func statusFaults() []sandbox.Fault {
	return []sandbox.Fault{
		{Kind: sandbox.FaultCut},
		{Kind: sandbox.FaultUnavailable, Times: 3},
		{Kind: sandbox.FaultInternal},
		{Kind: sandbox.FaultStall},
		{Kind: sandbox.FaultQuota},
		{Kind: sandbox.FaultQuota, RetryDelay: sandbox.Duration(9 * time.Hour)},
		{Kind: sandbox.FaultTokenExpired},
		{Kind: sandbox.FaultError, Reason: "PERMISSION_DENIED", Status: 403},
		{Kind: sandbox.FaultError, Reason: "ACCESS_TOKEN_TYPE_UNSUPPORTED", Status: 401},
		{Kind: sandbox.FaultError, Reason: "INVALID_ARGUMENT"},
		{Kind: sandbox.FaultShape, Reason: "REQUEST_STATUS_UNKNOWN", Times: 2},
	}
}

// mend leaves no fault but what the vendor is like.
func (w *managerWorld) mend() {
	w.box.ClearFaults()
	for id := range w.rejected {
		_ = w.box.Reject(sandbox.Rejection{TransactionID: id}) // it has a transaction id
	}
}

// admits says where a stage may rest other than with what is wanted: only where
// the vendor does not let it be changed or does not tell, and the row says so.
// What the vendor counts is settled all the same, but for what was lost and
// taken back before anybody could know.
func (w *managerWorld) admits(row conversions.Row, past []*attempt, stands chapter, wants string, living []string) bool {
	refuses := w.unproven.Repeated == sandbox.RepeatedRefuse
	repeats := len(slices.DeleteFunc(slices.Clone(past), func(a *attempt) bool { return !a.mayHaveArrived() })) > 1
	settled := slices.Equal(living, []string{wants}) || (wants == "" && len(living) == 0)
	if refuses && repeats && len(living) == 1 { // the first value stays
		settled = settled || slices.ContainsFunc(past, func(a *attempt) bool { return a.mayHaveArrived() && living[0] == money(a.item.Value.Cents) })
	}
	switch {
	case row.State == conversions.StateDone && stands.place == idle: // left alone, when its withdrawal had gone without an answer
		lost := func(a *attempt) bool { return a.item.Op == conversions.OpRetract && a.mayHaveArrived() && !a.clear }
		return len(living) == 0 && row.Known.Status == conversions.KnownThereValue && slices.ContainsFunc(past, lost)
	case row.State == conversions.StateStuck && row.Reason == conversions.ReasonMayBeThere:
		lost := func(a *attempt) bool { return a.mayHaveArrived() && !a.clear && living[0] == money(a.item.Value.Cents) }
		known := slices.ContainsFunc(past, func(a *attempt) bool { return a.clear && a.isThere() })
		return stands.place != asked && !known && (len(living) == 0 || (len(living) == 1 && slices.ContainsFunc(past, lost)))
	case row.State == conversions.StateStuck && row.Reason == conversions.ReasonValueKept:
		return w.unproven.Repeated != sandbox.RepeatedOverwrite && repeats && settled
	case row.State == conversions.StateUnclear && row.Reason == conversions.ReasonNoStatus:
		return w.unproven.StatusStuck && settled
	case row.State == conversions.StateUnclear && row.Reason == conversions.ReasonUnclear:
		return settled && w.mute(repeats, wants == "" && stands.place == asked)
	default:
		return false
	}
}

// mute reports whether the vendor may leave it untold why a row fails for ever:
// because it is there already, or because its click is unknown.
func (w *managerWorld) mute(repeats, unknown bool) bool {
	fails := unknown || (repeats && w.unproven.Repeated != sandbox.RepeatedOverwrite)
	return fails && w.unproven.NoErrorCounts || w.crowd
}
