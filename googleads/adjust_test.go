package googleads_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shenzhencenter/google-ads-pb/enums"
	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"closeloop/conversions"
	"closeloop/googleads"
	"closeloop/sandbox"
)

func TestBuildAdjustments(t *testing.T) {
	t.Parallel()
	base := &services.ConversionAdjustment{
		OrderId:            new("cl000000000000000000000000000000"),
		ConversionAction:   new("customers/1234567890/conversionActions/11"),
		AdjustmentType:     enums.ConversionAdjustmentTypeEnum_RESTATEMENT,
		AdjustmentDateTime: new("2026-11-23 03:00:00-05:00"),
		RestatementValue:   &services.RestatementValue{AdjustedValue: proto.Float64(2501), CurrencyCode: new("USD")},
	}
	tests := []struct {
		name string
		item func(*conversions.Item)
		want func(*services.ConversionAdjustment)
	}{
		{"restatement", func(*conversions.Item) {}, func(*services.ConversionAdjustment) {}},
		{
			"restatement to zero", func(it *conversions.Item) { it.Value = conversions.AmountOf(0) },
			func(a *services.ConversionAdjustment) { a.RestatementValue.AdjustedValue = proto.Float64(0) },
		},
		{
			"restatement without a currency", func(it *conversions.Item) { it.Currency = "" },
			func(a *services.ConversionAdjustment) { a.RestatementValue.CurrencyCode = nil },
		},
		{
			"retraction", func(it *conversions.Item) { it.Op = conversions.OpRetract }, // its value stays behind
			func(a *services.ConversionAdjustment) {
				a.AdjustmentType, a.RestatementValue = enums.ConversionAdjustmentTypeEnum_RETRACTION, nil
			},
		},
		{
			"click id erased", func(it *conversions.Item) { it.ClickID = "" },
			func(*services.ConversionAdjustment) {},
		},
		{
			"another action", func(it *conversions.Item) { it.Action = "12" },
			func(a *services.ConversionAdjustment) {
				a.ConversionAction = new("customers/1234567890/conversionActions/12")
			},
		},
		{
			"in summer", func(it *conversions.Item) { it.AdjustAt = it.AdjustAt.AddDate(0, -5, 0) },
			func(a *services.ConversionAdjustment) { a.AdjustmentDateTime = new("2026-06-23 03:00:00-04:00") },
		},
		{
			"UTC", func(it *conversions.Item) { it.AdjustAt = it.AdjustAt.UTC() },
			func(a *services.ConversionAdjustment) { a.AdjustmentDateTime = new("2026-11-23 08:00:00+00:00") },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := adjusted(t, batch(t, 1))
			tt.item(&b.Items[0])
			row, ok := proto.Clone(base).(*services.ConversionAdjustment)
			if !ok {
				t.Fatal("a clone of another type")
			}
			tt.want(row)
			want := &services.UploadConversionAdjustmentsRequest{
				CustomerId: customer, PartialFailure: true, ValidateOnly: true, JobId: new(b.ID.JobID()),
				ConversionAdjustments: []*services.ConversionAdjustment{row},
			}
			if d := cmp.Diff(want, googleads.BuildAdjustments(b, true), protocmp.Transform()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestBuildAdjustedValueIsExact: see TestBuildValueIsExact.
func TestBuildAdjustedValueIsExact(t *testing.T) {
	t.Parallel()
	b := adjusted(t, batch(t, 1))
	b.Items[0].Value = conversions.AmountOf(100000001)
	got := googleads.BuildAdjustments(b, false).GetConversionAdjustments()[0].GetRestatementValue().GetAdjustedValue()
	if math.Float64bits(got) != math.Float64bits(1000000.01) {
		t.Errorf("sent as %v", got)
	}
}

// adjustmentResult is what an adjustment that was accepted gets.
func adjustmentResult(it conversions.Item) *services.ConversionAdjustmentResult {
	r := &services.ConversionAdjustmentResult{
		OrderId:            it.OrderID,
		ConversionAction:   new("customers/" + customer + "/conversionActions/" + it.Action),
		AdjustmentDateTime: new(it.AdjustAt.Format("2006-01-02 15:04:05-07:00")),
		AdjustmentType:     enums.ConversionAdjustmentTypeEnum_RESTATEMENT,
	}
	if it.Op == conversions.OpRetract {
		r.AdjustmentType = enums.ConversionAdjustmentTypeEnum_RETRACTION
	}
	return r
}

func adjustment(number int32, path ...*adserrors.ErrorLocation_FieldPathElement) *adserrors.GoogleAdsError {
	return &adserrors.GoogleAdsError{
		ErrorCode: &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_ConversionAdjustmentUploadError{
			ConversionAdjustmentUploadError: adserrors.ConversionAdjustmentUploadErrorEnum_ConversionAdjustmentUploadError(number),
		}},
		Location: &adserrors.ErrorLocation{FieldPathElements: path},
	}
}

func TestReadAdjustments(t *testing.T) {
	t.Parallel()
	items := adjusted(t, batch(t, 3)).Items
	all := []*services.ConversionAdjustmentResult{adjustmentResult(items[0]), adjustmentResult(items[1]), adjustmentResult(items[2])}
	other := adjustmentResult(items[1])
	other.AdjustmentDateTime = new("2026-11-23 03:00:01-05:00")
	restated := adjustmentResult(items[1])
	restated.AdjustmentType = enums.ConversionAdjustmentTypeEnum_RESTATEMENT
	const field = "conversion_adjustments"
	tests := []struct {
		name     string
		response *services.UploadConversionAdjustmentsResponse
		validate bool
		want     [3]conversions.Verdict
		by       conversions.Identity // of row 1
		other    int                  // the number of other codes of row 1
	}{
		{name: "nothing at all", response: &services.UploadConversionAdjustmentsResponse{}},
		{
			name: "results", response: &services.UploadConversionAdjustmentsResponse{Results: all},
			want: [3]conversions.Verdict{conversions.Done, conversions.Done, conversions.Done},
		},
		{
			name:     "shorter results",
			response: &services.UploadConversionAdjustmentsResponse{Results: []*services.ConversionAdjustmentResult{all[2], all[0]}},
			want:     [3]conversions.Verdict{conversions.Done, conversions.Retry, conversions.Done},
		},
		{
			name:     "the result of a retraction",
			response: &services.UploadConversionAdjustmentsResponse{Results: all[1:2]},
			want:     [3]conversions.Verdict{conversions.Retry, conversions.Done, conversions.Retry},
		},
		{
			name:     "shorter results of another time",
			response: &services.UploadConversionAdjustmentsResponse{Results: []*services.ConversionAdjustmentResult{all[0], other}},
			want:     [3]conversions.Verdict{conversions.Done, conversions.Retry, conversions.Retry},
		},
		{
			name:     "shorter results of another operation",
			response: &services.UploadConversionAdjustmentsResponse{Results: []*services.ConversionAdjustmentResult{all[0], restated}},
			want:     [3]conversions.Verdict{conversions.Done, conversions.Retry, conversions.Retry},
		},
		{
			name: "index zero",
			response: &services.UploadConversionAdjustmentsResponse{
				Results:             []*services.ConversionAdjustmentResult{{}, all[1], all[2]},
				PartialFailureError: failed(t, adjustment(6, at(field, 0))),
			},
			want: [3]conversions.Verdict{conversions.Refused, conversions.Done, conversions.Done},
		},
		{
			name: "two codes in one row: the newer correction counts",
			response: &services.UploadConversionAdjustmentsResponse{
				Results:             []*services.ConversionAdjustmentResult{all[0], {}, all[2]},
				PartialFailureError: failed(t, adjustment(13, at(field, 1)), adjustment(8, at(field, 1))),
			},
			want: [3]conversions.Verdict{conversions.Done, conversions.AlreadyThere, conversions.Done},
			by:   conversions.ByNewerAdjustment, other: 1,
		},
		{
			name: "two codes in one row: the retraction counts",
			response: &services.UploadConversionAdjustmentsResponse{
				Results:             []*services.ConversionAdjustmentResult{all[0], {}, all[2]},
				PartialFailureError: failed(t, adjustment(4, at(field, 1)), adjustment(8, at(field, 1))),
			},
			want: [3]conversions.Verdict{conversions.Done, conversions.AlreadyThere, conversions.Done},
			by:   conversions.ByRetraction, other: 1,
		},
		{
			name: "not found without an index", // may be any row's
			response: &services.UploadConversionAdjustmentsResponse{
				Results: []*services.ConversionAdjustmentResult{all[0], {}, all[2]}, PartialFailureError: failed(t, adjustment(5)),
			},
			want: [3]conversions.Verdict{conversions.Done, conversions.Retry, conversions.Done},
		},
		{
			name: "check without errors", validate: true, response: &services.UploadConversionAdjustmentsResponse{},
			want: [3]conversions.Verdict{conversions.Done, conversions.Done, conversions.Done},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := googleads.ReadAdjustments(items, tt.response, tt.validate)
			diff(t, verdicts(conversions.Reply{Answers: got}), tt.want[:])
			if got[1].By != tt.by || len(got[1].Others) != tt.other || got[1].NotFound {
				t.Errorf("row 1: %+v", got[1])
			}
		})
	}
}

func TestAdjust(t *testing.T) {
	t.Parallel()
	s := start(t, sandboxConfig())
	b := uploaded(t, s, 3)
	r := connect(t, s).Upload(t.Context(), b, false)
	if r.Call != nil || r.Unknown || r.JobID != int64(b.ID.JobID()) {
		t.Fatalf("call = %+v, unknown = %t, job id = %d", r.Call, r.Unknown, r.JobID)
	}
	diff(t, verdicts(r), []conversions.Verdict{conversions.Done, conversions.Done, conversions.Done})
	held := s.Conversions()
	for i, want := range []struct {
		kind      sandbox.AdjustmentType
		value     float64
		retracted bool
	}{{sandbox.Restatement, 2501, false}, {sandbox.Retraction, 0, true}, {sandbox.Restatement, 2501.02, false}} {
		c := held[i]
		if math.Abs(c.Value-want.value) > 0 || c.Retracted != want.retracted || c.Currency != "USD" || len(c.Adjustments) != 1 {
			t.Fatalf("row %d: %+v, want %+v", i, c, want)
		}
		if a := c.Adjustments[0]; a.Type != want.kind || !a.Time.Equal(now().Add(-time.Hour)) || a.RequestID != r.RequestID {
			t.Errorf("row %d: %+v; request id %q", i, a, r.RequestID)
		}
	}
	for _, sent := range s.Requests() {
		if sent.Customer != customer {
			t.Errorf("sent to %s", sent.Customer)
		}
	}
}

// TestAdjustAnswers: what the server says of rows that meet its rules.
func TestAdjustAnswers(t *testing.T) {
	t.Parallel()
	const family = "ConversionAdjustmentUploadError."
	there := func(code string, by conversions.Identity) conversions.Answer {
		return conversions.Answer{Code: code, Verdict: conversions.AlreadyThere, By: by}
	}
	notFound := later(family+"CONVERSION_NOT_FOUND", 24*time.Hour)
	notFound.NotFound = true
	tests := []struct {
		name     string
		unproven sandbox.Unproven
		before   func(*conversions.Item) // sent first, when set
		spoil    func(*conversions.Item)
		want     conversions.Answer
	}{
		{
			name: "same restatement again", before: func(*conversions.Item) {},
			want: there(family+"RESTATEMENT_ALREADY_EXISTS", conversions.ByAdjustment),
		},
		{
			name: "later restatement was sent", before: func(it *conversions.Item) { it.AdjustAt = it.AdjustAt.Add(time.Second) },
			want: there(family+"MORE_RECENT_RESTATEMENT_FOUND", conversions.ByNewerAdjustment),
		},
		{
			name:   "retraction after a restatement",
			before: func(it *conversions.Item) { it.AdjustAt = it.AdjustAt.Add(-time.Second) },
			spoil:  func(it *conversions.Item) { it.Op = conversions.OpRetract },
			want:   conversions.Answer{Verdict: conversions.Done},
		},
		{
			name: "retracted", before: func(it *conversions.Item) { it.Op = conversions.OpRetract },
			want: there(family+"CONVERSION_ALREADY_RETRACTED", conversions.ByRetraction),
		},
		{
			name: "retracted twice", before: func(it *conversions.Item) { it.Op = conversions.OpRetract },
			spoil: func(it *conversions.Item) { it.Op, it.AdjustAt = conversions.OpRetract, it.AdjustAt.Add(time.Second) },
			want:  there(family+"CONVERSION_ALREADY_RETRACTED", conversions.ByRetraction),
		},
		{name: "never uploaded", spoil: func(it *conversions.Item) { it.OrderID = "clnobody" }, want: notFound},
		{name: "another action", spoil: func(it *conversions.Item) { it.Action = "12" }, want: notFound},
		{
			name: "not processed yet", unproven: sandbox.Unproven{RecentConversion: sandbox.RecentHidden}, want: notFound,
		},
		{
			name: "too recent", unproven: sandbox.Unproven{RecentConversion: sandbox.RecentRefuse},
			want: later(family+"TOO_RECENT_CONVERSION", 24*time.Hour),
		},
		{
			name: "expired", spoil: func(it *conversions.Item) { it.OrderID = oldOrder },
			want: answer(family+"CONVERSION_EXPIRED", conversions.Refused),
		},
		{
			name: "before the conversion", spoil: func(it *conversions.Item) { it.AdjustAt = it.At },
			want: answer(family+"ADJUSTMENT_PRECEDES_CONVERSION", conversions.Refused),
		},
		{
			name: "in the future", spoil: func(it *conversions.Item) { it.AdjustAt = now().Add(time.Hour) },
			want: later("DateError.LATER_THAN_MAXIMUM_DATE", time.Hour),
		},
		{
			name: "once too often", unproven: sandbox.Unproven{MaxAdjustments: 1},
			before: func(it *conversions.Item) { it.AdjustAt = it.AdjustAt.Add(-time.Second) },
			want:   answer(family+"TOO_MANY_ADJUSTMENTS", conversions.Refused),
		},
		{
			name: "no such action", spoil: func(it *conversions.Item) { it.Action = "404" },
			want: paused(family+"NO_CONVERSION_ACTION_FOUND", conversions.ScopeAction),
		},
		{
			name: "action of another type", spoil: func(it *conversions.Item) { it.Action = "17" },
			want: paused(family+"INVALID_CONVERSION_ACTION_TYPE", conversions.ScopeAction),
		},
		{
			name: "action with a fixed value", spoil: func(it *conversions.Item) { it.Action = "18" },
			want: paused(family+"CANNOT_RESTATE_CONVERSION_ACTION_THAT_ALWAYS_USES_DEFAULT_CONVERSION_VALUE", conversions.ScopeAction),
		},
		{
			name: "new action", spoil: func(it *conversions.Item) { it.Action = "15" },
			want: later(family+"TOO_RECENT_CONVERSION_ACTION", 6*time.Hour),
		},
		{
			name: "currency", spoil: func(it *conversions.Item) { it.Currency = "XQZ" },
			want: paused("CurrencyCodeError.UNSUPPORTED", conversions.ScopeAccount),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, adjustable(tt.unproven))
			c, b := connect(t, s), withOld(t, s, uploaded(t, s, 3))
			if tt.before != nil {
				first := b
				first.Items = []conversions.Item{b.Items[2]}
				tt.before(&first.Items[0])
				diff(t, verdicts(c.Upload(t.Context(), first, false)), []conversions.Verdict{conversions.Done})
			}
			if tt.spoil != nil {
				tt.spoil(&b.Items[2])
			}
			got := c.Upload(t.Context(), b, false).Answers[2]
			if (got.Sentence == "") != (got.Verdict == conversions.Done) {
				t.Errorf("sentence %q", got.Sentence)
			}
			got.Sentence, got.Hint = "", ""
			diff(t, got, tt.want)
		})
	}
}

const oldOrder = "clold"

// adjustable is a sandbox with actions that cannot be adjusted and a click old enough for a conversion that cannot.
func adjustable(u sandbox.Unproven) sandbox.Config {
	cfg := sandboxConfig()
	cfg.Unproven = u
	cfg.Customers[0].Actions = append(cfg.Customers[0].Actions,
		sandbox.Action{ID: 17, Name: "calls", Type: sandbox.UploadCalls},
		sandbox.Action{ID: 18, Name: "fixed", DefaultValue: 1, AlwaysUseDefault: true},
	)
	cfg.Clicks = append(cfg.Clicks, sandbox.Click{
		Kind: sandbox.GCLID, ID: clickID(9999), Customer: customer, Time: now().Add(-56 * 24 * time.Hour),
	})
	return cfg
}

// withOld uploads a conversion of 55 days ago and returns b.
func withOld(t *testing.T, s *sandbox.Server, b conversions.Batch) conversions.Batch {
	t.Helper()
	old := batch(t, 1)
	old.Items[0].OrderID, old.Items[0].ClickID = oldOrder, clickID(9999)
	old.Items[0].At = now().Add(-55 * 24 * time.Hour)
	diff(t, verdicts(connect(t, s).Upload(t.Context(), old, false)), []conversions.Verdict{conversions.Done})
	return b
}

// TestAdjustEveryCode lets the server give a row each code there is: the others are done all the same.
func TestAdjustEveryCode(t *testing.T) {
	t.Parallel()
	s := start(t, sandboxConfig())
	c, uploads := connect(t, s), batch(t, 3)
	c.Upload(t.Context(), uploads, false)
	b := adjusted(t, uploads)
	b.Items[1].Op, b.Items[1].Value = conversions.OpRestate, conversions.AmountOf(1)
	values := adserrors.ConversionAdjustmentUploadErrorEnum_UNSPECIFIED.Descriptor().Values()
	for i := range values.Len() {
		number := int32(values.Get(i).Number())
		for j := range b.Items {
			b.Items[j].AdjustAt = b.Items[j].AdjustAt.Add(time.Second)
		}
		fault(t, s, sandbox.Fault{
			Kind: sandbox.FaultRowError, On: sandbox.OnAdjust, Rows: []int{1}, Family: "conversion_adjustment_upload_error", Number: number,
		})
		r := c.Upload(t.Context(), b, false)
		want := googleads.Classify(googleads.Code{Family: "ConversionAdjustmentUploadError", Number: number})
		diff(t, r.Answers, []conversions.Answer{{Verdict: conversions.Done}, want, {Verdict: conversions.Done}})
	}
}

func TestAdjustCopies(t *testing.T) {
	t.Parallel()
	s := start(t, sandboxConfig())
	b := uploaded(t, s, 3)
	b.Items[2].OrderID = b.Items[0].OrderID
	r := connect(t, s).Upload(t.Context(), b, false)
	diff(t, verdicts(r), []conversions.Verdict{conversions.FixBatch, conversions.Done, conversions.FixBatch})
}

// FuzzReadAdjustments holds the reading of adjustments to what FuzzReadPartialFailure holds that of uploads to.
func FuzzReadAdjustments(f *testing.F) {
	seed := failed(f, adjustment(5, at("conversion_adjustments", 1)), adjustment(8, at("conversion_adjustments", 1)), adjustment(99))
	seedFailures(f, seed.GetDetails()[0].GetValue())
	items := adjusted(f, batch(f, 3)).Items
	f.Fuzz(func(t *testing.T, raw []byte, typeURL string, code int32, results uint8, validateOnly bool) {
		resp := &services.UploadConversionAdjustmentsResponse{PartialFailureError: failureOf(raw, typeURL, code)}
		for range results % 8 {
			resp.Results = append(resp.Results, &services.ConversionAdjustmentResult{})
		}
		checkRead(t, googleads.ReadAdjustments(items, resp, validateOnly), len(items), validateOnly)
	})
}
