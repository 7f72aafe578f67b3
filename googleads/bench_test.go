package googleads_test

import (
	"testing"

	"github.com/shenzhencenter/google-ads-pb/common"
	"github.com/shenzhencenter/google-ads-pb/enums"
	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/googleads"
)

// BenchmarkBuild measures what a full request costs before it is sent, hash of the batch's name and marshalling included:
// by the client's own path, and by rows in one slab that are filled without a look at them. A row of the client's must not
// take more than 8 allocations.
func BenchmarkBuild(b *testing.B) {
	full := batch(b, conversions.MaxItems)
	perRow := measureBuild(b, "closeloop", func() *services.UploadClickConversionsRequest { return googleads.Build(full, false) })
	if perRow > 8 {
		b.Errorf("%.1f allocations a row", perRow)
	}
	measureBuild(b, "slabs", func() *services.UploadClickConversionsRequest { return slabs(&full) })
}

// measureBuild times the making and marshalling of a request, and returns how many allocations a row takes.
func measureBuild(b *testing.B, name string, build func() *services.UploadClickConversionsRequest) (perRow float64) {
	b.Helper()
	var buf []byte
	once := func() (err error) {
		buf, err = proto.MarshalOptions{}.MarshalAppend(buf[:0], build())
		return err
	}
	if err := once(); err != nil {
		b.Fatal(err)
	}
	perRow = testing.AllocsPerRun(3, func() { _ = once() }) / conversions.MaxItems
	b.Run(name, func(b *testing.B) {
		for b.Loop() {
			if err := once(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(perRow, "allocs/row")
		b.ReportMetric(conversions.MaxItems*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	return perRow
}

// bareSlab is a row and what it points to.
type bareSlab struct {
	row                                services.ClickConversion
	consent                            common.Consent
	gclid, action, at, currency, order string
	value                              float64
}

// slabs is the least that makes the request of a batch of uploads for GCLIDs: every field of every row set, none asked for.
func slabs(b *conversions.Batch) *services.UploadClickConversionsRequest {
	action := "customers/" + b.Target.Customer + "/conversionActions/" + b.Items[0].Action
	all := make([]bareSlab, len(b.Items))
	rows := make([]*services.ClickConversion, len(b.Items))
	for i := range b.Items {
		it, s := &b.Items[i], &all[i]
		s.gclid, s.action, s.currency, s.order = it.ClickID, action, it.Currency, it.OrderID
		s.at, s.value = it.At.Format("2006-01-02 15:04:05-07:00"), float64(it.Value.Cents)/100
		s.consent.AdUserData = enums.ConsentStatusEnum_GRANTED
		s.row.Gclid, s.row.ConversionAction, s.row.ConversionDateTime = &s.gclid, &s.action, &s.at
		s.row.ConversionValue, s.row.CurrencyCode, s.row.OrderId, s.row.Consent = &s.value, &s.currency, &s.order, &s.consent
		rows[i] = &s.row
	}
	job := b.ID.JobID()
	return &services.UploadClickConversionsRequest{CustomerId: b.Target.Customer, Conversions: rows, PartialFailure: true, JobId: &job}
}

// TestSlabs: both sides of the benchmark make the same request.
func TestSlabs(t *testing.T) {
	t.Parallel()
	b := batch(t, 3)
	if d := cmp.Diff(slabs(&b), googleads.Build(b, false), protocmp.Transform()); d != "" {
		t.Errorf("(-slabs +closeloop):\n%s", d)
	}
}
