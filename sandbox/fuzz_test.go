package sandbox_test

import (
	"testing"
	"unicode/utf8"

	"github.com/shenzhencenter/google-ads-pb/enums"
	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"closeloop/sandbox"
)

// dial starts a sandbox for a fuzz target; its context carries a token.
func dial(f *testing.F) (*sandbox.Server, *grpc.ClientConn, metadata.MD) {
	f.Helper()
	s, err := sandbox.Start(f.Context(), testConfig())
	if err != nil {
		f.Fatalf("Start: %v", err)
	}
	conn, err := grpc.NewClient(s.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		f.Fatalf("NewClient: %v", err)
	}
	f.Cleanup(func() {
		_ = conn.Close()
		_ = s.Close()
	})
	return s, conn, metadata.Pairs("authorization", "Bearer "+s.Token())
}

// FuzzRow: whatever a row says, it is either counted or refused at its own index, never both and never neither.
func FuzzRow(f *testing.F) {
	_, conn, md := dial(f)
	client := services.NewConversionUploadServiceClient(conn)
	f.Add(knownID, "", "", action, "2026-11-22 14:05:09-05:00", "order-1", "USD", 2500.0)
	f.Add("CjwKCAjw...", knownGB, knownWB, "customers/1/conversionActions/99999999999999999999", "2026-02-30 25:61:61+99:99", "", "usd", -1.0)
	f.Add("", "", "", "", "", "", "", 0.0)
	f.Fuzz(func(t *testing.T, gclid, gbraid, wbraid, action, when, order, currency string, value float64) {
		for _, s := range []string{gclid, gbraid, wbraid, action, when, order, currency} {
			if !utf8.ValidString(s) {
				return // not representable in a proto string
			}
		}
		row := &services.ClickConversion{
			Gclid: &gclid, Gbraid: gbraid, Wbraid: wbraid, ConversionAction: &action, ConversionDateTime: &when,
			OrderId: &order, CurrencyCode: &currency, ConversionValue: &value,
		}
		req := request(row)
		req.ValidateOnly = len(order)%2 == 0
		resp, err := client.UploadClickConversions(metadata.NewOutgoingContext(t.Context(), md), req)
		if err != nil {
			t.Fatalf("the call was refused: %v", err)
		}
		refused := failures(t, resp)
		if req.GetValidateOnly() {
			return
		}
		if counted := resp.GetResults()[0].GetConversionAction() != ""; counted == (len(refused) > 0) {
			t.Errorf("counted = %t and refused with %v", counted, refused)
		}
	})
}

// FuzzAdjustment: whatever an adjustment says, it is either taken or refused at its own index, never both and never neither.
func FuzzAdjustment(f *testing.F) {
	s, conn, md := dial(f)
	upload := request(good(), good(func(c *conversion) { c.OrderId = nil }, withTime("2026-11-22 12:00:00+00:00")))
	if _, err := services.NewConversionUploadServiceClient(conn).UploadClickConversions(metadata.NewOutgoingContext(f.Context(), md), upload); err != nil {
		f.Fatalf("upload: %v", err)
	}
	client := services.NewConversionAdjustmentUploadServiceClient(conn)
	f.Add(int32(3), "order-1", "", "", action, "2026-11-23 08:00:00+00:00", "USD", 1.5, uint8(1))
	f.Add(int32(2), "", knownID, "2026-11-22 12:00:00+00:00", action, "2026-11-23 08:00:00+00:00", "", 0.0, uint8(2))
	f.Add(int32(9), "x", "x", "2026-02-30 25:61:61+99:99", "customers/1/conversionActions/99999999999999999999", "", "usd", -1.0, uint8(7))
	f.Fuzz(func(t *testing.T, kind int32, order, gclid, converted, action, when, currency string, value float64, has uint8) {
		for _, s := range []string{order, gclid, converted, action, when, currency} {
			if !utf8.ValidString(s) {
				return // not representable in a proto string
			}
		}
		row := &adjustment{
			AdjustmentType: enums.ConversionAdjustmentTypeEnum_ConversionAdjustmentType(kind), ConversionAction: &action, AdjustmentDateTime: &when,
		}
		if has&1 != 0 {
			row.OrderId = &order
		}
		if has&2 != 0 {
			row.GclidDateTimePair = &services.GclidDateTimePair{Gclid: &gclid, ConversionDateTime: &converted}
		}
		if has&4 != 0 || kind == int32(restatement) {
			row.RestatementValue = &services.RestatementValue{AdjustedValue: &value, CurrencyCode: &currency}
		}
		resp, err := client.UploadConversionAdjustments(metadata.NewOutgoingContext(t.Context(), md), adjustRequest(row))
		if err != nil {
			t.Fatalf("the call was refused: %v", err)
		}
		refused := failures(t, resp)
		if taken := resp.GetResults()[0].GetConversionAction() != ""; taken == (len(refused) > 0) {
			t.Errorf("taken = %t and refused with %v", taken, refused)
		}
		for _, c := range s.Conversions() {
			if c.Retracted && c.Value != 0 || len(c.Adjustments) > 0 && c.Value != c.Adjustments[len(c.Adjustments)-1].Value {
				t.Errorf("held %+v, which does not follow from its adjustments", c)
			}
		}
	})
}

// FuzzQuery: a query is answered or refused as a bad query, nothing else.
func FuzzQuery(f *testing.F) {
	_, conn, md := dial(f)
	client := services.NewGoogleAdsServiceClient(conn)
	f.Add(customerQuery)
	f.Add(actionQuery)
	f.Add("SELECT customer.id FROM customer WHERE customer.id NOT IN ('1', \"2\", 3) LIMIT 1")
	f.Add("SELECT a.b FROM '")
	f.Fuzz(func(t *testing.T, query string) {
		if !utf8.ValidString(query) {
			return // not representable in a proto string
		}
		ctx := metadata.NewOutgoingContext(t.Context(), md)
		_, err := client.Search(ctx, &services.SearchGoogleAdsRequest{CustomerId: account, Query: query})
		if code := status.Code(err); code != codes.OK && code != codes.InvalidArgument {
			t.Errorf("answer = %v, want OK or InvalidArgument", code)
		}
	})
}
