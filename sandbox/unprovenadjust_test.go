package sandbox_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/sandbox"
)

// TestUnprovenAdjust turns each switch; TestAdjustRowChecks and TestAdjustHistory have the other setting.
func TestUnprovenAdjust(t *testing.T) {
	t.Parallel()
	const family = " ConversionAdjustmentUploadError."
	later := adjustedAt("2026-11-23 08:30:00+00:00")
	tests := []struct {
		name     string
		unproven sandbox.Unproven
		rows     []*adjustment // of one request each
		want     []string      // of the last
		count    int           // adjustments of order-1 that took effect
	}{
		{"fresh, refused", sandbox.Unproven{RecentConversion: sandbox.RecentRefuse}, []*adjustment{restate()}, below(0, []string{family + "TOO_RECENT_CONVERSION"}), 0},
		{"fresh, hidden", sandbox.Unproven{RecentConversion: sandbox.RecentHidden}, []*adjustment{restate()}, below(0, []string{family + "CONVERSION_NOT_FOUND"}), 0},
		{"retraction ignored", sandbox.Unproven{IgnoreRetracted: true}, []*adjustment{retract(), restate(later)}, nil, 1},
		{"retraction repeated", sandbox.Unproven{IgnoreRetracted: true}, []*adjustment{retract(), retract()}, nil, 1},
		{"repeated, ignored", sandbox.Unproven{IgnoreRepeated: true}, []*adjustment{restate(), restate(worth(5))}, nil, 1},
		{"repeated after a retraction", sandbox.Unproven{IgnoreRepeated: true}, []*adjustment{retract(), restate(later)}, below(0, []string{family + "CONVERSION_ALREADY_RETRACTED"}), 1},
		{"future", sandbox.Unproven{AcceptFutureAdjustment: true}, []*adjustment{restate(adjustedAt("2026-11-23 09:00:01+00:00"))}, nil, 1},
		{"wbraid", sandbox.Unproven{AdjustWBRAID: true}, []*adjustment{restate(ofOrder("wbraid"))}, nil, 0},
		{"as many as allowed", sandbox.Unproven{MaxAdjustments: 2}, []*adjustment{restate(), restate(later)}, nil, 2},
		{"too many", sandbox.Unproven{MaxAdjustments: 1}, []*adjustment{restate(), retract(later)}, below(0, []string{family + "TOO_MANY_ADJUSTMENTS"}), 1},
		{"short order id", sandbox.Unproven{AcceptShortOrderID: true}, []*adjustment{restate(ofOrder("x"))}, below(0, []string{".order_id StringLengthError.TOO_SHORT"}), 0},
		{"long order id", sandbox.Unproven{MaxOrderID: 7}, []*adjustment{restate(ofOrder("order-1-")), restate(ofOrder("order-1-"))}, below(0, []string{".order_id StringLengthError.TOO_LONG"}), 0},
		{"negative value", sandbox.Unproven{AcceptNegativeValue: true}, []*adjustment{restate(worth(-1))}, nil, 1},
		{"one code for the whole call, another occurs", sandbox.Unproven{WholeAdjustRequest: []int32{5}}, []*adjustment{restate(ofAction(99))}, below(0, []string{".conversion_action" + family + "NO_CONVERSION_ACTION_FOUND"}), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig()
			cfg.Unproven = tt.unproven
			r := start(t, cfg)
			if got := failures(t, r.send(t, good(), good(withOrder("wbraid"), onlyBraids("", knownWB)))); got != nil {
				t.Fatalf("upload: %v", got)
			}
			var got []string
			for _, row := range tt.rows {
				got = failures(t, r.amend(t, row))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			if got := r.server.Conversions()[0]; len(got.Adjustments) != tt.count {
				t.Errorf("%d adjustments took effect, want %d: %+v", len(got.Adjustments), tt.count, got)
			}
		})
	}
}

// TestUnprovenRecent moves the clock past the 24 hours in which a conversion is too recent.
func TestUnprovenRecent(t *testing.T) {
	t.Parallel()
	const family = "conversion_adjustments[0] ConversionAdjustmentUploadError."
	converted := time.Date(2026, 11, 22, 19, 5, 9, 0, time.UTC) // of good
	tests := []struct {
		name   string
		policy sandbox.RecentPolicy
		from   time.Time // what the 24 hours are counted from
		want   string
	}{
		{"refused from the conversion on", sandbox.RecentRefuse, converted, family + "TOO_RECENT_CONVERSION"},
		{"hidden from the upload on", sandbox.RecentHidden, testNow(), family + "CONVERSION_NOT_FOUND"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			now := make(chan time.Time, 1)
			now <- testNow()
			set := func(at time.Time) {
				<-now
				now <- at
			}
			cfg := testConfig()
			cfg.Unproven.RecentConversion = tt.policy
			cfg.OAuth.Now = testNow
			cfg.Now = func() time.Time {
				at := <-now
				now <- at
				return at
			}
			r := start(t, cfg)
			r.send(t, good())
			set(tt.from.Add(24*time.Hour - time.Second))
			if diff := cmp.Diff([]string{tt.want}, failures(t, r.amend(t, restate()))); diff != "" {
				t.Errorf("a second before (-want +got):\n%s", diff)
			}
			set(tt.from.Add(24 * time.Hour))
			if got := failures(t, r.amend(t, restate())); got != nil {
				t.Errorf("after 24 hours: %v, want none", got)
			}
		})
	}
}

func TestUnprovenAdjustWBRAID(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.Unproven.AdjustWBRAID = true
	r := start(t, cfg)
	r.send(t, good(onlyBraids("", knownWB)))
	r.amend(t, retract())
	if got := r.server.Conversions()[0]; !got.Retracted {
		t.Errorf("held %+v, want it retracted", got)
	}
}

func TestUnprovenWholeAdjustRequest(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.Unproven.WholeAdjustRequest = []int32{5} // CONVERSION_NOT_FOUND
	r := start(t, cfg)
	r.send(t, good())
	_, err := r.adjust.UploadConversionAdjustments(r.authorized(t), adjustRequest(restate(), restate(ofOrder("nobody"))))
	if got, want := refusal(t, err), "InvalidArgument ConversionAdjustmentUploadError.CONVERSION_NOT_FOUND"; got != want {
		t.Errorf("answer = %q, want %q", got, want)
	}
	if got := adjustedOf(r.server.Conversions()); got != nil {
		t.Errorf("adjusted %v, want nothing", got)
	}
}

func TestUnprovenBlockAdjustments(t *testing.T) {
	t.Parallel()
	const name = "NotAllowlistedError.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"
	cfg := testConfig()
	cfg.Unproven.OCIBlockAdjustments = true
	req := adjustRequest(restate(), restate(ofOrder("order-2")))
	req.CustomerId = blocked
	r := start(t, cfg)
	_, err := r.adjust.UploadConversionAdjustments(r.authorized(t), req)
	if got, want := refusal(t, err), "PermissionDenied "+name; got != want {
		t.Errorf("answer = %q, want %q", got, want)
	}
	cfg.Unproven.OCIBlockPerRow = true
	r = start(t, cfg)
	resp, err := r.adjust.UploadConversionAdjustments(r.authorized(t), req)
	if err != nil {
		t.Fatalf("UploadConversionAdjustments: %v", err)
	}
	if diff := cmp.Diff([]string{"conversion_adjustments[0] " + name, "conversion_adjustments[1] " + name}, failures(t, resp)); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

func TestUnprovenAdjustQuota(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.Unproven.OperationsPerDay, cfg.Unproven.OperationsPerRow = 3, true
	r := start(t, cfg)
	r.send(t, good(), numbered(1))
	_, err := r.adjust.UploadConversionAdjustments(r.authorized(t), adjustRequest(restate(), restate(ofOrder("number-1"))))
	if got, want := refusal(t, err), "ResourceExhausted QuotaError.RESOURCE_EXHAUSTED"; got != want {
		t.Errorf("answer = %q, want %q", got, want)
	}
}
