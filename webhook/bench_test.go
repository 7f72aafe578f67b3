package webhook_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/webhook"
	"closeloop/webhook/varda"
)

// sink stores nothing at all.
type sink struct{}

func (sink) Append(context.Context, conversions.Event) (conversions.Receipt, error) {
	return conversions.Receipt{Seq: 1}, nil
}

func (sink) Quarantine(context.Context, conversions.Quarantined) (conversions.Receipt, error) {
	return conversions.Receipt{Seq: 1}, nil
}

// nowhere is a response that goes nowhere.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header               { return n.header }
func (n *nowhere) Write(p []byte) (int, error)       { return len(p), nil }
func (n *nowhere) WriteString(s string) (int, error) { return len(s), nil }
func (n *nowhere) WriteHeader(int)                   {}

// bin is a log that is written and thrown away; slog would not even format a
// line for io.Discard.
type bin struct{}

func (*bin) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkHandler is a delivery without network and store, with and without
// its log line.
func BenchmarkHandler(b *testing.B) {
	for name, level := range map[string]slog.Level{"logging": slog.LevelInfo, "silent": slog.LevelError} {
		b.Run(name, func(b *testing.B) {
			source, err := varda.New(varda.Config{Secrets: []string{secret}, Region: "US"})
			if err != nil {
				b.Fatal(err)
			}
			handler, err := webhook.New(webhook.Config{
				Endpoints: []webhook.Endpoint{{Name: "main", Key: "src_main", Account: "acme", Source: source}},
				Log:       sink{},
				Now:       time.Now,
				Logger:    slog.New(slog.NewJSONHandler(&bin{}, &slog.HandlerOptions{Level: level})),
			})
			if err != nil {
				b.Fatal(err)
			}
			r := post(b.Context(), "/webhooks/main", sample)
			body := bytes.NewReader([]byte(sample))
			r.Body = io.NopCloser(body)
			w := &nowhere{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				body.Reset([]byte(sample))
				handler.ServeHTTP(w, r)
			}
		})
	}
}
