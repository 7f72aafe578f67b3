package sandbox_test

import (
	"fmt"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/shenzhencenter/google-ads-pb/services"

	"closeloop/sandbox"
)

// TestConcurrentUploads sends the same rows from many callers at once: each is counted once.
func TestConcurrentUploads(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	var senders sync.WaitGroup
	for range 8 {
		ctx := r.authorized(t)
		senders.Go(func() {
			for i := range 10 {
				if _, err := r.upload.UploadClickConversions(ctx, request(numbered(i), numbered(i+100))); err != nil {
					t.Errorf("UploadClickConversions: %v", err)
				}
				r.server.Conversions()
			}
		})
	}
	senders.Wait()
	if got := len(r.server.Conversions()); got != 20 {
		t.Errorf("held %d conversions, want 20", got)
	}
	jobs := map[int64]bool{}
	for _, q := range r.server.Requests() {
		jobs[q.JobID] = true
	}
	if len(jobs) != 80 {
		t.Errorf("%d job ids for 80 calls", len(jobs))
	}
}

// BenchmarkUpload2000 is one full request of new rows, each with its own click.
func BenchmarkUpload2000(b *testing.B) {
	const n = 2000
	cfg := testConfig()
	for i := range n {
		cfg.Clicks = append(cfg.Clicks, click(sandbox.GCLID, benchID(i), account, 2*testDay))
	}
	s, err := sandbox.Start(b.Context(), cfg)
	if err != nil {
		b.Fatalf("Start: %v", err)
	}
	defer s.Close()
	conn, err := grpc.NewClient(s.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatalf("NewClient: %v", err)
	}
	defer conn.Close()
	client := services.NewConversionUploadServiceClient(conn)
	ctx := metadata.AppendToOutgoingContext(b.Context(), "authorization", "Bearer "+s.Token())
	round := 0
	for b.Loop() {
		round++
		rows := make([]*services.ClickConversion, n)
		for i := range rows {
			rows[i] = numbered(round) // another second in each round
			rows[i].Gclid = new(benchID(i))
			rows[i].OrderId = new(fmt.Sprintf("round-%d-%d", round, i))
		}
		resp, err := client.UploadClickConversions(ctx, request(rows...))
		if err != nil || resp.GetPartialFailureError() != nil {
			b.Fatalf("UploadClickConversions: %v, %v", err, resp.GetPartialFailureError().GetMessage())
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "rows/s")
}

func benchID(i int) string { return fmt.Sprintf("CjwKCAjwBenchmarkClickNumber%060d", i) }
