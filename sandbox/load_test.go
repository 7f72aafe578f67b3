package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

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

// TestConcurrentIngest sends the same events from many callers at once, who look and upload between: each counts once.
func TestConcurrentIngest(t *testing.T) {
	t.Parallel()
	r, clock := startTimed(t, func(c *sandbox.Config) { c.OAuth.TokenLifetime = testDay })
	var senders sync.WaitGroup
	for range 8 {
		ads := r.authorized(t)
		senders.Go(func() {
			for i := range 10 {
				one := event(fmt.Sprintf("number-%d", i), at(fmt.Sprintf("2026-11-22T10:00:%02dZ", i)))
				two := event(fmt.Sprintf("number-%d", i+100), at(fmt.Sprintf("2026-11-22T10:01:%02dZ", i)))
				r.look(t, r.take(t, one, two))
				if _, err := r.upload.UploadClickConversions(ads, request(numbered(i))); err != nil {
					t.Errorf("UploadClickConversions: %v", err)
				}
				clock.add(time.Minute)
			}
		})
	}
	senders.Wait()
	clock.add(time.Hour)
	if got := len(r.server.Conversions()); got != 20 {
		t.Errorf("held %d conversions, want 20: %v", got, held(r))
	}
}

// BenchmarkIngest2000 is one full request of new events, each with its own click.
func BenchmarkIngest2000(b *testing.B) {
	const n = 2000
	cfg := testConfig()
	cfg.DataManager = sandbox.DataManagerConfig{Processing: -1, PerMinute: -1, PerDay: -1}
	events := make([]object, n)
	for i := range n {
		cfg.Clicks = append(cfg.Clicks, click(sandbox.GCLID, benchID(i), account, 2*testDay))
		events[i] = event(fmt.Sprintf("number-%d", i), ofClick("gclid", benchID(i)))
	}
	s, err := sandbox.Start(b.Context(), cfg)
	if err != nil {
		b.Fatalf("Start: %v", err)
	}
	defer s.Close()
	body, err := json.Marshal(ingestion(events...))
	if err != nil {
		b.Fatalf("Marshal: %v", err)
	}
	token := s.Token()
	for b.Loop() {
		req := httptest.NewRequest(http.MethodPost, ingestPath, bytes.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		if s.Handler().ServeHTTP(w, req); w.Code != http.StatusOK {
			b.Fatalf("answer = %d %s", w.Code, w.Body)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
