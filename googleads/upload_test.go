package googleads_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/googleads"
	"closeloop/sandbox"
)

func TestUpload(t *testing.T) {
	t.Parallel()
	s := start(t, sandboxConfig())
	b := batch(t, 3)
	b.Items[1].Value = conversions.Amount{}
	b.Items[2].Consent = conversions.ConsentUnspecified
	r := connect(t, s).Upload(t.Context(), b, false)
	if r.Call != nil || r.Unknown {
		t.Fatalf("call = %+v, unknown = %t", r.Call, r.Unknown)
	}
	diff(t, r.Answers, slices.Repeat([]conversions.Answer{{Verdict: conversions.Done}}, 3))
	held := s.Conversions()
	if len(held) != 3 {
		t.Fatalf("sandbox holds %d conversions, want 3", len(held))
	}
	if r.RequestID == "" || r.RequestID != held[0].RequestID {
		t.Errorf("request id = %q, sandbox says %q", r.RequestID, held[0].RequestID)
	}
	if r.JobID != int64(b.ID.JobID()) || held[0].JobID != r.JobID {
		t.Errorf("job id = %d, sandbox says %d, want %d", r.JobID, held[0].JobID, b.ID.JobID())
	}
	got := held[0]
	got.JobID, got.RequestID, got.Uploaded = 0, "", time.Time{}
	want := sandbox.Conversion{
		Customer: customer, Action: 11, Kind: sandbox.GCLID, ClickID: clickID(0), Time: got.Time,
		DateTime: "2026-11-22 04:00:00-05:00", Value: 2500, Currency: "USD", OrderID: b.Items[0].OrderID, Consent: "GRANTED",
	}
	diff(t, got, want)
	if !held[1].ValueDefaulted || held[2].Consent != "UNSPECIFIED" {
		t.Errorf("value defaulted = %t, consent = %s", held[1].ValueDefaulted, held[2].Consent)
	}
}

func TestUploadFullBatch(t *testing.T) {
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, sandboxConfig())
			r := connect(t, s).Upload(t.Context(), k.batch(t, s, conversions.MaxItems), false)
			if r.Call != nil || len(r.Answers) != conversions.MaxItems {
				t.Fatalf("call = %+v, %d answers", r.Call, len(r.Answers))
			}
			if i := slices.IndexFunc(r.Answers, func(a conversions.Answer) bool { return a.Verdict != conversions.Done }); i >= 0 {
				t.Errorf("row %d = %+v", i, r.Answers[i])
			}
			if got := len(s.Conversions()); got != conversions.MaxItems {
				t.Errorf("sandbox holds %d conversions", got)
			}
		})
	}
}

func TestUploadBadRows(t *testing.T) {
	t.Parallel()
	cfg := sandboxConfig()
	cfg.Clicks = append(cfg.Clicks,
		sandbox.Click{Kind: sandbox.GCLID, ID: "CjwKCAjwFreshClickOfTheAccountLongEnough", Customer: customer, Time: now().Add(-5 * time.Hour)},
		sandbox.Click{Kind: sandbox.WBRAID, ID: "CkAKCQjwKnownWbraidOfTheAccount", Customer: customer, Time: now().Add(-50 * time.Hour)},
	)
	s := start(t, cfg)
	bad := map[int]struct {
		spoil func(*conversions.Item)
		want  conversions.Answer
	}{
		0: {func(it *conversions.Item) { it.ClickID = "no click id" }, answer("ConversionUploadError.UNPARSEABLE_GCLID", conversions.Refused)},
		7: {func(it *conversions.Item) { it.ClickID = "CjwKCAjwNobodyKnowsThisClickLongEnough" }, unmatched("ConversionUploadError.EVENT_NOT_FOUND")},
		13: {func(it *conversions.Item) {
			it.ClickID, it.At = "CjwKCAjwFreshClickOfTheAccountLongEnough", now().Add(-time.Hour)
		}, later("ConversionUploadError.TOO_RECENT_EVENT", 6*time.Hour)},
		21: {func(it *conversions.Item) { it.At = now().Add(-60 * time.Hour) }, conversions.Answer{
			Code: "ConversionUploadError.CONVERSION_PRECEDES_EVENT", Verdict: conversions.Refused, Suspect: true,
		}},
		34: {func(it *conversions.Item) { it.Action = "404" }, paused("ConversionUploadError.NO_CONVERSION_ACTION_FOUND", conversions.ScopeAction)},
		55: {func(it *conversions.Item) { it.Action = "13" }, paused("ConversionUploadError.INVALID_CONVERSION_ACTION_TYPE", conversions.ScopeAction)},
		89: {func(it *conversions.Item) { it.Currency = "XQZ" }, paused("CurrencyCodeError.UNSUPPORTED", conversions.ScopeAccount)},
		95: {func(it *conversions.Item) { it.Action = "15" }, later("ConversionUploadError.TOO_RECENT_CONVERSION_ACTION", 6*time.Hour)},
		98: {func(it *conversions.Item) {
			it.Action, it.Click.Kind, it.ClickID = "16", conversions.WBRAID, "CkAKCQjwKnownWbraidOfTheAccount"
		}, later("ConversionUploadError.ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID", 24*time.Hour)},
		99: {func(it *conversions.Item) { it.ClickID = "" }, answer("FieldError.REQUIRED", conversions.Refused)},
	}
	b := batch(t, 100)
	for i, row := range bad {
		row.spoil(&b.Items[i])
	}
	r := connect(t, s).Upload(t.Context(), b, false)
	if r.Call != nil {
		t.Fatalf("call = %+v", r.Call)
	}
	for i, got := range r.Answers {
		want := conversions.Answer{Verdict: conversions.Done}
		if row, ok := bad[i]; ok {
			want = row.want
		}
		if (got.Sentence == "") != (want.Code == "") {
			t.Errorf("row %d: sentence %q", i, got.Sentence)
		}
		got.Sentence, got.Hint = "", ""
		diff(t, got, want)
	}
	if got, want := len(s.Conversions()), 100-len(bad); got != want {
		t.Errorf("sandbox holds %d conversions, want %d", got, want)
	}
}

func answer(code string, v conversions.Verdict) conversions.Answer {
	return conversions.Answer{Code: code, Verdict: v}
}

func unmatched(code string) conversions.Answer {
	return conversions.Answer{Code: code, Verdict: conversions.Refused, Unmatched: true}
}

func later(code string, wait time.Duration) conversions.Answer {
	return conversions.Answer{Code: code, Verdict: conversions.Later, Wait: wait}
}

func paused(code string, scope conversions.Scope) conversions.Answer {
	return conversions.Answer{Code: code, Verdict: conversions.Pause, Scope: scope}
}

func TestUploadSeveralErrorsInOneRow(t *testing.T) {
	t.Parallel()
	s := start(t, sandboxConfig())
	b := batch(t, 3)
	b.Items[1].Action, b.Items[1].ClickID = "404", "no click id"
	r := connect(t, s).Upload(t.Context(), b, false)
	got := r.Answers[1]
	got.Sentence, got.Hint = "", ""
	want := paused("ConversionUploadError.NO_CONVERSION_ACTION_FOUND", conversions.ScopeAction)
	want.Others = []string{"ConversionUploadError.UNPARSEABLE_GCLID"}
	diff(t, got, want)
	diff(t, verdicts(r), []conversions.Verdict{conversions.Done, conversions.Pause, conversions.Done})
}

func TestUploadRowFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault sandbox.Fault
		want  conversions.Answer // of row 1 of 3
	}{
		{
			"internal error",
			sandbox.Fault{Kind: sandbox.FaultRowInternal, Rows: []int{1}},
			conversions.Answer{Code: "InternalError.INTERNAL_ERROR", Verdict: conversions.Retry, Counts: true},
		},
		{
			"unknown code",
			sandbox.Fault{Kind: sandbox.FaultRowError, Rows: []int{1}, Family: "conversion_upload_error", Number: 77},
			conversions.Answer{Code: "ConversionUploadError.77", Verdict: conversions.Retry, Counts: true},
		},
		{
			"without index",
			sandbox.Fault{
				Kind: sandbox.FaultRowError, Rows: []int{1}, Family: "conversion_upload_error", Number: 3, NoIndex: true,
			},
			conversions.Answer{Code: "ConversionUploadError.UNPARSEABLE_GCLID", Verdict: conversions.Retry, Counts: true},
		},
		{
			"pause without index",
			sandbox.Fault{
				Kind: sandbox.FaultRowError, Rows: []int{1}, Family: "not_allowlisted_error", Number: 2, NoIndex: true,
			},
			paused("NotAllowlistedError.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE", conversions.ScopeAccount),
		},
		{
			"another API version",
			sandbox.Fault{
				Kind: sandbox.FaultRowError, Rows: []int{1}, Family: "conversion_upload_error", Number: 3, FailureVersion: "v26",
			},
			conversions.Answer{
				Code: "ConversionUploadError.UNPARSEABLE_GCLID", Verdict: conversions.Refused, Others: []string{"API version v26"},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, k := range kinds() {
				t.Run(k.name, func(t *testing.T) {
					t.Parallel()
					s := start(t, sandboxConfig())
					b, f := k.batch(t, s, 3), tt.fault
					f.On = k.place
					fault(t, s, f)
					r := connect(t, s).Upload(t.Context(), b, false)
					diff(t, verdicts(r), []conversions.Verdict{conversions.Done, tt.want.Verdict, conversions.Done})
					got := r.Answers[1]
					got.Sentence, got.Hint = "", ""
					diff(t, got, tt.want)
				})
			}
		})
	}
}

func fault(t *testing.T, s *sandbox.Server, f ...sandbox.Fault) {
	t.Helper()
	if err := s.Fault(f...); err != nil {
		t.Fatal(err)
	}
}

func TestUploadFailedCall(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		fault   sandbox.Fault
		want    conversions.Answer
		unknown bool
	}{
		{"unavailable", sandbox.Fault{Kind: sandbox.FaultUnavailable}, answer("gRPC.UNAVAILABLE", conversions.Retry), true},
		{"cut", sandbox.Fault{Kind: sandbox.FaultCut}, answer("gRPC.UNAVAILABLE", conversions.Retry), true},
		{"internal", sandbox.Fault{Kind: sandbox.FaultInternal}, answer("InternalError.INTERNAL_ERROR", conversions.Retry), true},
		{
			"quota with delay",
			sandbox.Fault{Kind: sandbox.FaultQuota, RetryDelay: sandbox.Duration(90 * time.Second)},
			later("QuotaError.RESOURCE_EXHAUSTED", 90*time.Second), false,
		},
		{"quota", sandbox.Fault{Kind: sandbox.FaultQuota}, later("QuotaError.RESOURCE_EXHAUSTED", time.Hour), false},
		{
			"sent too fast",
			sandbox.Fault{Kind: sandbox.FaultError, Family: "quota_error", Number: 4, RetryDelay: sandbox.Duration(time.Minute)},
			conversions.Answer{Code: "QuotaError.RESOURCE_TEMPORARILY_EXHAUSTED", Verdict: conversions.Retry, Wait: time.Minute},
			false,
		},
		{
			"no permission",
			sandbox.Fault{Kind: sandbox.FaultError, Family: "authorization_error", Number: 2},
			paused("AuthorizationError.USER_PERMISSION_DENIED", conversions.ScopeAccount), false,
		},
		{
			"code younger than the table",
			sandbox.Fault{Kind: sandbox.FaultError, Family: "authorization_error", Number: 33},
			paused("AuthorizationError.33", conversions.ScopeAccount), false,
		},
		{
			"one row's code",
			sandbox.Fault{Kind: sandbox.FaultError, Family: "conversion_upload_error", Number: 3},
			answer("ConversionUploadError.UNPARSEABLE_GCLID", conversions.FixBatch), false,
		},
		{
			"one row's wait",
			sandbox.Fault{Kind: sandbox.FaultError, Family: "conversion_upload_error", Number: 44},
			answer("ConversionUploadError.TOO_RECENT_EVENT", conversions.FixBatch), false,
		},
		{
			"one row's conversion is not found",
			sandbox.Fault{Kind: sandbox.FaultError, Family: "conversion_adjustment_upload_error", Number: 5},
			answer("ConversionAdjustmentUploadError.CONVERSION_NOT_FOUND", conversions.FixBatch), false,
		},
		{
			"a new action",
			sandbox.Fault{Kind: sandbox.FaultError, Family: "conversion_upload_error", Number: 10},
			later("ConversionUploadError.TOO_RECENT_CONVERSION_ACTION", 6*time.Hour), false,
		},
		{
			"another API version",
			sandbox.Fault{
				Kind: sandbox.FaultError, Family: "request_error", Number: 38, FailureVersion: "v26",
			},
			conversions.Answer{
				Code: "RequestError.UNSUPPORTED_VERSION", Verdict: conversions.Pause, Scope: conversions.ScopeAccount,
				Others: []string{"API version v26"},
			},
			false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, k := range kinds() {
				t.Run(k.name, func(t *testing.T) {
					t.Parallel()
					s := start(t, sandboxConfig())
					b, f := k.batch(t, s, 3), tt.fault
					f.On = k.place
					fault(t, s, f)
					before := len(s.Requests())
					r := connect(t, s).Upload(t.Context(), b, false)
					if r.Call == nil || len(r.Answers) != 3 {
						t.Fatalf("call = %+v, %d answers", r.Call, len(r.Answers))
					}
					if r.Unknown != tt.unknown {
						t.Errorf("unknown = %t, want %t", r.Unknown, tt.unknown)
					}
					diff(t, r.Answers, slices.Repeat([]conversions.Answer{*r.Call}, 3))
					got := *r.Call
					got.Sentence, got.Hint = "", ""
					diff(t, got, tt.want)
					if n := len(s.Requests()) - before; n > 1 {
						t.Errorf("the call was made %d times", n)
					}
				})
			}
		})
	}
}

func TestUploadOneRowKeepsItsRefusal(t *testing.T) {
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, sandboxConfig())
			b := k.batch(t, s, 1)
			fault(t, s, sandbox.Fault{Kind: sandbox.FaultError, On: k.place, Family: "conversion_upload_error", Number: 3})
			diff(t, verdicts(connect(t, s).Upload(t.Context(), b, false)), []conversions.Verdict{conversions.Refused})
		})
	}
}

// TestUploadBlockedForNewAdopters: Google's announcement names only uploads, so for adjustments the code may come or not.
func TestUploadBlockedForNewAdopters(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name               string
		adjustment, perRow bool
	}{{"upload, call", false, false}, {"upload, row", false, true}, {"adjustment, call", true, false}, {"adjustment, row", true, true}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := sandboxConfig()
			cfg.Unproven.OCIBlockAdjustments, cfg.Unproven.OCIBlockPerRow = true, tt.perRow
			b := batch(t, 2)
			if tt.adjustment {
				b = adjusted(t, b)
			}
			b.Target.Customer = "5555555555"
			r := connect(t, start(t, cfg)).Upload(t.Context(), b, false)
			if (r.Call == nil) != tt.perRow || r.Unknown {
				t.Errorf("call = %+v, unknown = %t", r.Call, r.Unknown)
			}
			for _, a := range r.Answers {
				a.Sentence, a.Hint = "", ""
				diff(t, a, paused("NotAllowlistedError.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE", conversions.ScopeAccount))
			}
		})
	}
}

func TestUploadLoginCustomer(t *testing.T) {
	t.Parallel()
	s := start(t, sandboxConfig())
	b := batch(t, 1)
	b.Target.Customer = "4444444444"
	r := connect(t, s).Upload(t.Context(), b, false)
	if r.Call == nil || r.Call.Verdict != conversions.Pause || r.Call.Scope != conversions.ScopeAccount {
		t.Errorf("without the manager: call = %+v", r.Call)
	}
	managed := dial(t, googleads.Config{Endpoint: "http://" + s.GRPCAddr(), LoginCustomerID: "999-999-9999"}, tokens(t, app(s)))
	if r = managed.Upload(t.Context(), b, false); r.Call != nil {
		t.Errorf("with the manager: call = %+v", r.Call)
	}
}

func TestUploadLostAnswerIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, broken := range []sandbox.FaultKind{sandbox.FaultUnavailable, sandbox.FaultCut, sandbox.FaultInternal} {
		t.Run(string(broken), func(t *testing.T) {
			t.Parallel()
			for _, k := range kinds() {
				t.Run(k.name, func(t *testing.T) {
					t.Parallel()
					s := start(t, sandboxConfig())
					c, b := connect(t, s), k.batch(t, s, 3)
					fault(t, s, sandbox.Fault{Kind: broken, On: k.place, AfterWork: true})
					if r := c.Upload(t.Context(), b, false); !r.Unknown || r.Call == nil {
						t.Fatalf("unknown = %t, call = %+v", r.Unknown, r.Call)
					}
					held := s.Conversions()
					for i, a := range c.Upload(t.Context(), b, false).Answers {
						if a.Verdict != conversions.AlreadyThere || a.By != k.again(i) {
							t.Errorf("row %d: answer = %+v", i, a)
						}
					}
					if len(held) != 3 {
						t.Errorf("sandbox holds %d conversions, want 3", len(held))
					}
					diff(t, s.Conversions(), held)
				})
			}
		})
	}
}

func TestUploadRecognisedByOrderIDAndByClick(t *testing.T) {
	t.Parallel()
	cfg := sandboxConfig()
	cfg.Unproven.BothDuplicateErrors = true
	c, b := connect(t, start(t, cfg)), batch(t, 2)
	c.Upload(t.Context(), b, false)
	b.Items[1].OrderID = "clanother"
	r := c.Upload(t.Context(), b, false)
	if a := r.Answers[0]; a.By != conversions.ByOrderID || !slices.Equal(a.Others, []string{"ConversionUploadError.CLICK_CONVERSION_ALREADY_EXISTS"}) {
		t.Errorf("same row: %+v", a)
	}
	if a := r.Answers[1]; a.Verdict != conversions.AlreadyThere || a.By != conversions.ByClickTime {
		t.Errorf("other order id: %+v", a)
	}
}

func TestUploadValidateOnly(t *testing.T) {
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, sandboxConfig())
			c, b := connect(t, s), k.batch(t, s, 3)
			held := s.Conversions()
			b.Items[1].ClickID, b.Items[1].AdjustAt = "no click id", b.Items[1].At
			r := c.Upload(t.Context(), b, true)
			diff(t, verdicts(r), []conversions.Verdict{conversions.Done, conversions.Refused, conversions.Done})
			diff(t, s.Conversions(), held)
			fault(t, s, sandbox.Fault{Kind: sandbox.FaultCut, On: k.place})
			if r = c.Upload(t.Context(), b, true); r.Unknown || r.Call == nil {
				t.Errorf("a check that got lost: call = %+v, unknown = %t", r.Call, r.Unknown)
			}
		})
	}
}

func TestUploadCancelled(t *testing.T) {
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, sandboxConfig())
			b := k.batch(t, s, 3)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			r := connect(t, s).Upload(ctx, b, false)
			if r.Call == nil || r.Call.Code != "OAuth.cancelled" || r.Unknown {
				t.Errorf("call = %+v, unknown = %t", r.Call, r.Unknown)
			}
			diff(t, verdicts(r), slices.Repeat([]conversions.Verdict{conversions.Retry}, 3))
		})
	}
}

func TestUploadCancelledAfterSending(t *testing.T) {
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			cfg := sandboxConfig()
			cfg.Sleep = func(inner context.Context, _ time.Duration) error { // The request is there: now the caller gives up.
				cancel()
				<-inner.Done()
				return inner.Err()
			}
			s := start(t, cfg)
			b := k.batch(t, s, 3)
			fault(t, s, sandbox.Fault{Kind: sandbox.FaultSlow, On: k.place, Delay: sandbox.Duration(time.Hour)})
			r := connect(t, s).Upload(ctx, b, false)
			if r.Call == nil || r.Call.Code != "gRPC.CANCELLED" || !r.Unknown || len(r.Answers) != 3 {
				t.Errorf("call = %+v, unknown = %t, %d answers", r.Call, r.Unknown, len(r.Answers))
			}
		})
	}
}

func TestUploadDeadline(t *testing.T) {
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, sandboxConfig())
			b := k.batch(t, s, 2)
			fault(t, s, sandbox.Fault{Kind: sandbox.FaultSlow, On: k.place, Delay: sandbox.Duration(time.Hour)})
			c := dial(t, googleads.Config{Endpoint: s.GRPCAddr(), Plaintext: true, Timeout: 300 * time.Millisecond}, tokens(t, app(s)))
			r := c.Upload(t.Context(), b, false)
			if r.Call == nil || r.Call.Code != "gRPC.DEADLINE_EXCEEDED" || !r.Unknown {
				t.Errorf("call = %+v, unknown = %t", r.Call, r.Unknown)
			}
		})
	}
}

func TestUploadNobodyThere(t *testing.T) {
	t.Parallel()
	s := start(t, sandboxConfig())
	c := dial(t, googleads.Config{Endpoint: "127.0.0.1:1", Plaintext: true}, tokens(t, app(s)))
	r := c.Upload(t.Context(), batch(t, 2), false)
	if r.Call == nil || r.Call.Code != "gRPC.UNAVAILABLE" || r.Unknown {
		t.Errorf("call = %+v, unknown = %t: nothing has left", r.Call, r.Unknown)
	}
}

func TestUploadNeverFallsBackToPlaintext(t *testing.T) {
	t.Parallel()
	s := start(t, sandboxConfig())
	c := dial(t, googleads.Config{Endpoint: s.GRPCAddr()}, tokens(t, app(s)))
	r := c.Upload(t.Context(), batch(t, 1), false)
	if r.Call == nil || r.Call.Verdict != conversions.Retry || r.Unknown || len(s.Requests()) != 0 {
		t.Errorf("call = %+v, unknown = %t, %d requests", r.Call, r.Unknown, len(s.Requests()))
	}
}

func TestUploadUnsendable(t *testing.T) {
	t.Parallel()
	s := start(t, sandboxConfig())
	c := connect(t, s)
	adjust := func(b *conversions.Batch) { *b = adjusted(t, *b) }
	tests := []struct {
		name  string
		spoil func(*conversions.Batch)
		want  string
	}{
		{"too many rows", func(b *conversions.Batch) { b.Items = slices.Repeat(b.Items, 1001) }, "Closeloop.TOO_MANY_ROWS"},
		{"a retraction among uploads", func(b *conversions.Batch) { b.Items[1].Op = conversions.OpRetract }, "Closeloop.WRONG_OPERATION"},
		{"an upload among adjustments", func(b *conversions.Batch) {
			adjust(b)
			b.Items[1].Op = conversions.OpUpload
		}, "Closeloop.WRONG_OPERATION"},
		{"nothing to do", func(b *conversions.Batch) { b.Items[0].Op = conversions.OpNone }, "Closeloop.WRONG_OPERATION"},
		{"restatement without a value", func(b *conversions.Batch) {
			adjust(b)
			b.Items[0].Value = conversions.Amount{Cents: 5}
		}, "Closeloop.INCOMPLETE_ADJUSTMENT"},
		{"adjustment without a time", func(b *conversions.Batch) {
			adjust(b)
			b.Items[1].AdjustAt = time.Time{}
		}, "Closeloop.INCOMPLETE_ADJUSTMENT"},
		{"adjustment without an order id", func(b *conversions.Batch) {
			adjust(b)
			b.Items[1].OrderID = ""
		}, "Closeloop.INCOMPLETE_ADJUSTMENT"},
		{"bad bytes in an adjustment", func(b *conversions.Batch) {
			adjust(b)
			b.Items[1].OrderID = "\xff"
		}, "Closeloop.UNSENDABLE_TEXT"},
		{"another API", func(b *conversions.Batch) { b.Target.API = conversions.APIDataManager }, "Closeloop.WRONG_TARGET"},
		{"no customer", func(b *conversions.Batch) { b.Target.Customer = "123-456-7890" }, "Closeloop.WRONG_TARGET"},
		{"bad bytes", func(b *conversions.Batch) { b.Items[0].ClickID = "\xff" }, "Closeloop.UNSENDABLE_TEXT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := batch(t, 2)
			tt.spoil(&b)
			r := c.Upload(t.Context(), b, false)
			if r.Call == nil || r.Call.Code != tt.want || r.Unknown || len(r.Answers) != len(b.Items) {
				t.Errorf("call = %+v, unknown = %t, %d answers", r.Call, r.Unknown, len(r.Answers))
			}
		})
	}
	t.Cleanup(func() {
		if n := len(s.Requests()); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
}

func TestUploadEmpty(t *testing.T) {
	t.Parallel()
	s := start(t, sandboxConfig())
	diff(t, connect(t, s).Upload(t.Context(), batch(t, 0), false), conversions.Reply{})
}

// A call that fails because of its only row has judged that row: the row waits or ends, and nothing else is paused for it.
func TestLoneRowsOwnAnswerIsNoFailedCall(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		number int32
		want   conversions.Verdict
	}{
		"refused":    {3, conversions.Refused},
		"too recent": {44, conversions.Later},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, sandboxConfig())
			if err := s.Fault(sandbox.Fault{Kind: sandbox.FaultError, Family: "conversion_upload_error", Number: tt.number}); err != nil {
				t.Fatal(err)
			}
			r := connect(t, s).Upload(t.Context(), batch(t, 1), false)
			if r.Call != nil || len(r.Answers) != 1 || r.Answers[0].Verdict != tt.want {
				t.Errorf("call %+v, answers %+v, want the row's own %s", r.Call, r.Answers, tt.want)
			}
		})
	}
}
