package conversions_test

import (
	"encoding/json"
	"math"
	"testing"

	"closeloop/conversions"
)

func TestCentsString(t *testing.T) {
	t.Parallel()
	for c, want := range map[conversions.Cents]string{
		0: "0.00", 1: "0.01", 99: "0.99", 100: "1.00", 250000: "2500.00", 250005: "2500.05",
		-1: "-0.01", -100: "-1.00", -250005: "-2500.05",
		conversions.MaxCents: "100000000000.00",
		math.MaxInt64:        "92233720368547758.07",
		math.MinInt64:        "-92233720368547758.08",
	} {
		if got := c.String(); got != want {
			t.Errorf("Cents(%d).String() = %q, want %q", int64(c), got, want)
		}
	}
}

func TestShareRoundsHalfUp(t *testing.T) {
	t.Parallel()
	tests := []struct {
		share conversions.BasisPoints
		cents conversions.Cents
		want  conversions.Cents
	}{
		{conversions.Whole, 250000, 250000},
		{conversions.Whole, 0, 0},
		{0, 250000, 0},
		{2000, 250000, 50000},
		{5000, 1, 1}, // 0.5
		{5000, 3, 2}, // 1.5
		{5000, 5, 3}, // 2.5: up, not to even
		{4999, 1, 0}, // 0.4999
		{1, 4999, 0}, // 0.4999
		{1, 5000, 1}, // 0.5
		{1, 14999, 1},
		{1, 15000, 2},
		{3333, 100, 33},
		{6667, 100, 67},
		{2000, 2, 0}, // 0.4
		{2000, 3, 1}, // 0.6
		{15000, 1, 2},
		{conversions.MaxShare, 1, 10},
		{conversions.Whole, conversions.MaxCents, conversions.MaxCents},
		{conversions.MaxShare, conversions.MaxCents, 10 * conversions.MaxCents},
		{conversions.MaxShare - 1, conversions.MaxCents - 1, 99_998_999_999_990},
		{1, conversions.MaxCents, 1_000_000_000},
		{conversions.Whole, math.MaxInt64, math.MaxInt64},
		{9999, math.MaxInt64, 9222449699651090329},
	}
	for _, tt := range tests {
		if got := tt.share.Of(tt.cents); got != tt.want {
			t.Errorf("%s of %d = %d, want %d", tt.share, int64(tt.cents), int64(got), int64(tt.want))
		}
	}
}

func TestShareString(t *testing.T) {
	t.Parallel()
	for b, want := range map[conversions.BasisPoints]string{
		0: "0 %", 1: "0.01 %", 10: "0.1 %", 100: "1 %", 2000: "20 %", 2050: "20.5 %", 3333: "33.33 %",
		conversions.Whole: "100 %", conversions.MaxShare: "1000 %",
	} {
		if got := b.String(); got != want {
			t.Errorf("BasisPoints(%d).String() = %q, want %q", int64(b), got, want)
		}
	}
}

func TestAmountString(t *testing.T) {
	t.Parallel()
	for a, want := range map[conversions.Amount]string{
		{}: "default", {Cents: 5}: "default",
		conversions.AmountOf(0): "0.00", conversions.AmountOf(250000): "2500.00",
	} {
		if got := a.String(); got != want {
			t.Errorf("%+v.String() = %q, want %q", struct {
				C int64
				K bool
			}{int64(a.Cents), a.Known}, got, want)
		}
	}
}

func TestAmountsAreIntegersInJSON(t *testing.T) {
	t.Parallel()
	// 2^53+1 is the first integer that a float would lose.
	const big conversions.Cents = 1<<53 + 1
	text, err := json.Marshal(conversions.AmountOf(big))
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	if got, want := string(text), `{"cents":9007199254740993,"known":true}`; got != want {
		t.Errorf("JSON = %s, want %s", got, want)
	}
	var back conversions.Amount
	if err := json.Unmarshal(text, &back); err != nil || back != conversions.AmountOf(big) {
		t.Errorf("back = %+v, %v, want %d", back, err, int64(big))
	}
}
