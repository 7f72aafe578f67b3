package googleads_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"github.com/shenzhencenter/google-ads-pb/services"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"closeloop/conversions"
	"closeloop/googleads"
)

const failureType = "type.googleapis.com/google.ads.googleads.v25.errors.GoogleAdsFailure"

// result is what a row that was accepted gets.
func result(it conversions.Item) *services.ClickConversionResult {
	return &services.ClickConversionResult{
		Gclid:              new(it.ClickID),
		ConversionAction:   new("customers/" + customer + "/conversionActions/" + it.Action),
		ConversionDateTime: new(it.At.Format("2006-01-02 15:04:05-07:00")),
	}
}

// failed is a partial failure of errors with ConversionUploadError numbers, each at a path.
func failed(tb testing.TB, errs ...*adserrors.GoogleAdsError) *rpcstatus.Status {
	tb.Helper()
	raw, err := proto.Marshal(&adserrors.GoogleAdsFailure{Errors: errs})
	if err != nil {
		tb.Fatal(err)
	}
	return &rpcstatus.Status{Code: 3, Details: []*anypb.Any{{TypeUrl: failureType, Value: raw}}}
}

func upload(number int32, path ...*adserrors.ErrorLocation_FieldPathElement) *adserrors.GoogleAdsError {
	return &adserrors.GoogleAdsError{
		ErrorCode: &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_ConversionUploadError{
			ConversionUploadError: adserrors.ConversionUploadErrorEnum_ConversionUploadError(number),
		}},
		Location: &adserrors.ErrorLocation{FieldPathElements: path},
	}
}

func at(field string, index int32) *adserrors.ErrorLocation_FieldPathElement {
	return &adserrors.ErrorLocation_FieldPathElement{FieldName: field, Index: &index}
}

func TestReadOddAnswers(t *testing.T) {
	t.Parallel()
	items := batch(t, 3).Items
	all := []*services.ClickConversionResult{result(items[0]), result(items[1]), result(items[2])}
	none := []*services.ClickConversionResult{{}, {}, {}}
	foreign := &adserrors.GoogleAdsError{ErrorCode: &adserrors.ErrorCode{}, Location: upload(0, at("conversions", 1)).GetLocation()}
	unknownFamily := protowire.AppendVarint(protowire.AppendTag(nil, 999, protowire.VarintType), 7)
	foreign.GetErrorCode().ProtoReflect().SetUnknown(unknownFamily)
	tests := []struct {
		name     string
		response *services.UploadClickConversionsResponse
		validate bool
		want     [3]conversions.Verdict
		code     string // of row 1
		other    string // in the others of row 1
	}{
		{
			name: "nothing at all", response: &services.UploadClickConversionsResponse{},
			want: [3]conversions.Verdict{}, code: "Closeloop.NO_ANSWER",
		},
		{
			name: "empty results without errors", response: &services.UploadClickConversionsResponse{Results: none},
			want: [3]conversions.Verdict{}, code: "Closeloop.NO_ANSWER",
		},
		{
			name:     "shorter results",
			response: &services.UploadClickConversionsResponse{Results: []*services.ClickConversionResult{result(items[2]), result(items[0])}},
			want:     [3]conversions.Verdict{conversions.Done, conversions.Retry, conversions.Done}, code: "Closeloop.NO_ANSWER",
		},
		{
			name:     "longer results",
			response: &services.UploadClickConversionsResponse{Results: append([]*services.ClickConversionResult{{}}, all...)},
			want:     [3]conversions.Verdict{conversions.Done, conversions.Done, conversions.Done},
		},
		{
			name: "error and result for one row",
			response: &services.UploadClickConversionsResponse{
				Results: all, PartialFailureError: failed(t, upload(3, at("conversions", 1), at("gclid", 0))),
			},
			want: [3]conversions.Verdict{conversions.Done, conversions.Refused, conversions.Done}, code: "ConversionUploadError.UNPARSEABLE_GCLID",
		},
		{
			name: "index zero",
			response: &services.UploadClickConversionsResponse{
				Results:             []*services.ClickConversionResult{{}, all[1], all[2]},
				PartialFailureError: failed(t, upload(3, at("conversions", 0))),
			},
			want: [3]conversions.Verdict{conversions.Refused, conversions.Done, conversions.Done},
		},
		{
			name: "index of another list",
			response: &services.UploadClickConversionsResponse{
				Results:             []*services.ClickConversionResult{all[0], {}, all[2]},
				PartialFailureError: failed(t, upload(3, at("user_identifiers", 0))),
			},
			want: [3]conversions.Verdict{conversions.Done, conversions.Retry, conversions.Done}, code: "ConversionUploadError.UNPARSEABLE_GCLID",
		},
		{
			name: "index beyond the rows and below zero",
			response: &services.UploadClickConversionsResponse{
				Results:             []*services.ClickConversionResult{all[0], {}, all[2]},
				PartialFailureError: failed(t, upload(33, at("conversions", 3)), upload(3, at("conversions", -1))),
			},
			want: [3]conversions.Verdict{conversions.Done, conversions.Retry, conversions.Done},
			code: "ConversionUploadError.CLICK_NOT_FOUND", other: "ConversionUploadError.UNPARSEABLE_GCLID",
		},
		{
			name: "unreadable detail",
			response: &services.UploadClickConversionsResponse{
				Results: []*services.ClickConversionResult{all[0], {}, all[2]},
				PartialFailureError: &rpcstatus.Status{Code: 3, Details: []*anypb.Any{
					{TypeUrl: strings.Replace(failureType, "v25", "v26", 1), Value: []byte("\xff\xff\xff")},
				}},
			},
			want: [3]conversions.Verdict{conversions.Done, conversions.Retry, conversions.Done}, code: "Closeloop.NO_ANSWER",
			other: "unreadable failure detail",
		},
		{
			name: "family without a name",
			response: &services.UploadClickConversionsResponse{
				Results: []*services.ClickConversionResult{all[0], {}, all[2]}, PartialFailureError: failed(t, foreign),
			},
			want: [3]conversions.Verdict{conversions.Done, conversions.Retry, conversions.Done}, code: "ErrorCode999.7",
		},
		{
			name: "check without errors", validate: true, response: &services.UploadClickConversionsResponse{},
			want: [3]conversions.Verdict{conversions.Done, conversions.Done, conversions.Done},
		},
		{
			name: "check with an unreadable detail", validate: true,
			response: &services.UploadClickConversionsResponse{PartialFailureError: &rpcstatus.Status{Code: 3}},
			code:     "Closeloop.NO_ANSWER", other: "unreadable failure detail",
		},
		{
			name: "check with an error that names no row", validate: true,
			response: &services.UploadClickConversionsResponse{PartialFailureError: failed(t, upload(3))},
			code:     "ConversionUploadError.UNPARSEABLE_GCLID",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := googleads.Read(items, tt.response, tt.validate)
			diff(t, verdicts(conversions.Reply{Answers: got}), tt.want[:])
			if got[1].Code != tt.code {
				t.Errorf("code = %q, want %q", got[1].Code, tt.code)
			}
			if tt.other != "" && !slices.Contains(got[1].Others, tt.other) {
				t.Errorf("others = %q, want %q among them", got[1].Others, tt.other)
			}
			if got[1].Verdict == conversions.Retry && !got[1].Counts {
				t.Errorf("a row that is not explained does not count: %+v", got[1])
			}
		})
	}
}

// TestReadShorterResultsTellActionsApart: the same click at the same second may be sent for two actions.
func TestReadShorterResultsTellActionsApart(t *testing.T) {
	t.Parallel()
	items := []conversions.Item{item(t, 0), item(t, 0)}
	items[1].Action = "12"
	got := googleads.Read(items, &services.UploadClickConversionsResponse{
		Results: []*services.ClickConversionResult{result(items[1])},
	}, false)
	diff(t, verdicts(conversions.Reply{Answers: got}), []conversions.Verdict{conversions.Retry, conversions.Done})
}

// seedFailures adds failures of several shapes to the corpus; raw is a good one.
func seedFailures(f *testing.F, raw []byte) {
	f.Helper()
	f.Add(raw, failureType, int32(3), uint8(3), false)
	f.Add(raw, strings.Replace(failureType, "v25", "v99", 1), int32(3), uint8(2), true)
	f.Add([]byte("\xff"), failureType, int32(0), uint8(0), false)
	f.Add([]byte{}, "", int32(-1), uint8(4), true)
	f.Add([]byte{0x0a, 0x04, 0x0a, 0x02, 0xb8, 0x3e}, failureType, int32(3), uint8(1), false)
}

func failureOf(raw []byte, typeURL string, code int32) *rpcstatus.Status {
	return &rpcstatus.Status{Code: code, Details: []*anypb.Any{{TypeUrl: typeURL, Value: raw}}}
}

// checkRead holds the answers to rows, all without results, to what must be true whatever the server sent.
func checkRead(t *testing.T, got []conversions.Answer, rows int, validateOnly bool) {
	t.Helper()
	if len(got) != rows {
		t.Fatalf("%d answers for %d rows", len(got), rows)
	}
	for i, a := range got {
		if a.Verdict == conversions.Done && !validateOnly {
			t.Errorf("row %d is done without a result", i)
		}
		if a.Verdict != conversions.Done && (a.Code == "" || a.Sentence == "" || a.Hint == "") {
			t.Errorf("row %d: %+v", i, a)
		}
		if a.Wait < 0 || a.Wait > 7*24*time.Hour {
			t.Errorf("row %d waits %s", i, a.Wait)
		}
	}
}

func FuzzReadPartialFailure(f *testing.F) {
	seed := failed(f, upload(3, at("conversions", 1)), upload(44, at("conversions", 1)), upload(99))
	seedFailures(f, seed.GetDetails()[0].GetValue())
	items := batch(f, 3).Items
	f.Fuzz(func(t *testing.T, raw []byte, typeURL string, code int32, results uint8, validateOnly bool) {
		resp := &services.UploadClickConversionsResponse{PartialFailureError: failureOf(raw, typeURL, code)}
		for range results % 8 {
			resp.Results = append(resp.Results, &services.ClickConversionResult{})
		}
		checkRead(t, googleads.Read(items, resp, validateOnly), len(items), validateOnly)
	})
}
