package googleads_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shenzhencenter/google-ads-pb/common"
	"github.com/shenzhencenter/google-ads-pb/enums"
	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"closeloop/conversions"
	"closeloop/googleads"
)

func TestBuild(t *testing.T) {
	t.Parallel()
	base := &services.ClickConversion{
		Gclid:              new(clickID(0)),
		ConversionAction:   new("customers/1234567890/conversionActions/11"),
		ConversionDateTime: new("2026-11-22 04:00:00-05:00"),
		ConversionValue:    proto.Float64(2500),
		CurrencyCode:       new("USD"),
		OrderId:            new("cl000000000000000000000000000000"),
		Consent:            &common.Consent{AdUserData: enums.ConsentStatusEnum_GRANTED},
	}
	tests := []struct {
		name string
		item func(*conversions.Item)
		want func(*services.ClickConversion)
	}{
		{"everything", func(*conversions.Item) {}, func(*services.ClickConversion) {}},
		{
			"gbraid", func(it *conversions.Item) { it.Click.Kind, it.ClickID = conversions.GBRAID, "g" },
			func(c *services.ClickConversion) { c.Gclid, c.Gbraid = nil, "g" },
		},
		{
			"wbraid", func(it *conversions.Item) { it.Click.Kind, it.ClickID = conversions.WBRAID, "w" },
			func(c *services.ClickConversion) { c.Gclid, c.Wbraid = nil, "w" },
		},
		{
			"no value", func(it *conversions.Item) { it.Value = conversions.Amount{Cents: 5} },
			func(c *services.ClickConversion) { c.ConversionValue = nil },
		},
		{
			"zero value", func(it *conversions.Item) { it.Value = conversions.AmountOf(0) },
			func(c *services.ClickConversion) { c.ConversionValue = proto.Float64(0) },
		},
		{"no order id", func(it *conversions.Item) { it.OrderID = "" }, func(c *services.ClickConversion) { c.OrderId = nil }},
		{"no currency", func(it *conversions.Item) { it.Currency = "" }, func(c *services.ClickConversion) { c.CurrencyCode = nil }},
		{
			"denied", func(it *conversions.Item) { it.Consent = conversions.ConsentDenied },
			func(c *services.ClickConversion) { c.Consent.AdUserData = enums.ConsentStatusEnum_DENIED },
		},
		{
			"unspecified", func(it *conversions.Item) { it.Consent = conversions.ConsentUnspecified },
			func(c *services.ClickConversion) { c.Consent = nil },
		},
		{
			"another action", func(it *conversions.Item) { it.Action = "12" },
			func(c *services.ClickConversion) {
				c.ConversionAction = new("customers/1234567890/conversionActions/12")
			},
		},
		{
			"UTC", func(it *conversions.Item) { it.At = it.At.UTC() },
			func(c *services.ClickConversion) { c.ConversionDateTime = new("2026-11-22 09:00:00+00:00") },
		},
		{
			"half an hour east", func(it *conversions.Item) { it.At = it.At.In(time.FixedZone("", 5*3600+1800)) },
			func(c *services.ClickConversion) { c.ConversionDateTime = new("2026-11-22 14:30:00+05:30") },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := batch(t, 1)
			tt.item(&b.Items[0])
			row, ok := proto.Clone(base).(*services.ClickConversion)
			if !ok {
				t.Fatal("a clone of another type")
			}
			tt.want(row)
			want := &services.UploadClickConversionsRequest{
				CustomerId: customer, PartialFailure: true, JobId: new(b.ID.JobID()),
				Conversions: []*services.ClickConversion{row},
			}
			if d := cmp.Diff(want, googleads.Build(b, false), protocmp.Transform()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestBuildValueIsExact: the amount on the wire is the float nearest to the decimal amount, so that it prints as that.
func TestBuildValueIsExact(t *testing.T) {
	t.Parallel()
	for cents, want := range map[conversions.Cents]float64{
		1: 0.01, 7: 0.07, 10: 0.1, 2999: 29.99, 250000: 2500, 100000001: 1000000.01, conversions.MaxCents - 1: 99999999999.99,
	} {
		b := batch(t, 1)
		b.Items[0].Value = conversions.AmountOf(cents)
		if got := googleads.Build(b, false).GetConversions()[0].GetConversionValue(); math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%s is sent as %v, want %v", cents, got, want)
		}
	}
}
