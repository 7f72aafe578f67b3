package conversions

import (
	"fmt"
	"math/bits"
	"strings"
)

// Cents is an amount in hundredths of a major currency unit, whatever the
// currency: 250000 is 2500.00, also for currencies without a minor unit,
// because the sources count so.
type Cents int64

// MaxCents is the largest amount taken from a source: a hundred billion
// major units. More is surely a mistake, and every product with a share
// still fits 64 bits.
const MaxCents Cents = 10_000_000_000_000

// String renders the amount in major units with two decimals, exactly.
func (c Cents) String() string {
	sign, n := "", uint64(c) //nolint:gosec // the sign is handled below; two's complement keeps the magnitude
	if c < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}

// BasisPoints is a share in hundredths of a percent: 10000 is the whole.
type BasisPoints int64

// Whole is 100 %.
const Whole BasisPoints = 10_000

// MaxShare is the largest share a rule may name: 1000 %.
const MaxShare BasisPoints = 100_000

// String renders the share as a percentage without needless decimals.
func (b BasisPoints) String() string {
	return strings.TrimSuffix(strings.TrimRight(Cents(b).String(), "0"), ".") + " %"
}

// Of returns the share of c, rounded half up to a whole hundredth. Both must
// be non-negative and within MaxCents and MaxShare; the product is computed
// in 128 bits, so it cannot overflow before it is divided.
func (b BasisPoints) Of(c Cents) Cents {
	hi, lo := bits.Mul64(uint64(c), uint64(b)) //nolint:gosec // both are non-negative by contract
	lo, carry := bits.Add64(lo, uint64(Whole/2), 0)
	q, _ := bits.Div64(hi+carry, lo, uint64(Whole))
	return Cents(q) //nolint:gosec // at most MaxCents * MaxShare / Whole
}

// Amount is a value to send, which may be absent: then Google books the
// action's default value. The zero value is "no value"; an amount of zero is
// {0, true}.
type Amount struct {
	Cents Cents `json:"cents"`
	Known bool  `json:"known"`
}

// AmountOf returns the amount c.
func AmountOf(c Cents) Amount { return Amount{Cents: c, Known: true} }

// String renders the amount, or "default" when it is left to Google.
func (a Amount) String() string {
	if !a.Known {
		return "default"
	}
	return a.Cents.String()
}

// ValueField names which of a source's amounts was used.
type ValueField string

// The amounts a source sends.
const (
	FieldActual    ValueField = "actual"
	FieldRevenue   ValueField = "revenue"
	FieldEstimated ValueField = "estimated"
)

// Amounts are the amounts of one tag. A nil pointer is a field that was not
// sent; amounts are never negative (such a delivery is quarantined).
type Amounts struct {
	Actual    *Cents `json:"actual,omitempty"`
	Revenue   *Cents `json:"revenue,omitempty"`
	Estimated *Cents `json:"estimated,omitempty"`
}

// Pick returns the first amount greater than zero in the given order and the
// field it came from; ok is false when there is none.
func (a Amounts) Pick(order []ValueField) (c Cents, field ValueField, ok bool) {
	for _, f := range order {
		if p := a.field(f); p != nil && *p > 0 {
			return *p, f, true
		}
	}
	return 0, "", false
}

func (a Amounts) field(f ValueField) *Cents {
	switch f {
	case FieldActual:
		return a.Actual
	case FieldRevenue:
		return a.Revenue
	case FieldEstimated:
		return a.Estimated
	default:
		return nil
	}
}
