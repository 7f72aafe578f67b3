package datamanager_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dm "google.golang.org/api/datamanager/v1"

	"closeloop/conversions"
)

// BenchmarkBuild measures what a full request costs before it is sent, marshalling included: by the client's own path, and
// by rows in one slab that are filled without a look at them.
func BenchmarkBuild(b *testing.B) {
	c, full := offline(b), batch(b, conversions.MaxItems)
	measureBuild(b, "closeloop", func() ([]byte, error) { return c.Build(full, false) })
	measureBuild(b, "slabs", func() ([]byte, error) { return json.Marshal(slabs(&full)) })
}

func measureBuild(b *testing.B, name string, build func() ([]byte, error)) {
	b.Helper()
	perRow := testing.AllocsPerRun(3, func() { _, _ = build() }) / conversions.MaxItems
	b.Run(name, func(b *testing.B) {
		for b.Loop() {
			if _, err := build(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(perRow, "allocs/row")
		b.ReportMetric(conversions.MaxItems*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}

// slabs is the least that makes the request of a batch for GCLIDs of one action: every field of every row set, none asked
// for.
func slabs(b *conversions.Batch) *dm.IngestEventsRequest {
	type slab struct {
		event   dm.Event
		click   dm.AdIdentifiers
		consent dm.Consent
	}
	action := b.Items[0].Action
	references := []string{"a" + action}
	all := make([]slab, len(b.Items))
	rows := make([]*dm.Event, len(b.Items))
	for i := range b.Items {
		it, s := &b.Items[i], &all[i]
		s.click.Gclid, s.consent.AdUserData = it.ClickID, "CONSENT_GRANTED"
		e := &s.event
		e.DestinationReferences, e.AdIdentifiers, e.Consent = references, &s.click, &s.consent
		e.TransactionId, e.EventTimestamp, e.EventSource = it.OrderID, it.At.Format(time.RFC3339), "PHONE"
		e.ConversionValue, e.Currency = float64(it.Value.Cents)/100, it.Currency
		rows[i] = e
	}
	return &dm.IngestEventsRequest{
		Destinations: []*dm.Destination{{
			Reference: references[0], OperatingAccount: &dm.ProductAccount{AccountType: "GOOGLE_ADS", AccountId: b.Target.Customer},
			ProductDestinationId: action,
		}},
		Events: rows,
	}
}

// TestSlabs: both sides of the benchmark make the same request.
func TestSlabs(t *testing.T) {
	t.Parallel()
	b := batch(t, 3)
	got, err := offline(t).Build(b, false)
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(slabs(&b))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("(-slabs +closeloop):\n%s", d)
	}
}
