package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"

	"closeloop/conversions"
)

// uploadMethod and the field numbers below are those of Google Ads API v25
// (google/ads/googleads/v25/services/conversion_upload_service.proto). They
// are written out because nothing here may cost what the client's own types
// cost.
const uploadMethod = "/google.ads.googleads.v25.services.ConversionUploadService/UploadClickConversions"

// Fields of UploadClickConversionsRequest, of its ClickConversion, of
// UploadClickConversionsResponse and of its ClickConversionResult.
const (
	requestCustomer, requestRows, requestPartial, requestJob = 1, 2, 3, 6

	rowGCLID, rowAction, rowTime, rowValue, rowCurrency, rowOrder, rowConsent = 9, 10, 11, 12, 13, 14, 23

	responseResults = 2

	resultGCLID, resultAction, resultTime = 4, 5, 6
)

// frame is a message as its bytes.
type frame []byte

// frames passes messages through as bytes.
type frames struct{}

var _ encoding.CodecV2 = frames{}

// Marshal implements encoding.CodecV2 for *frame.
func (frames) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*frame)
	if !ok {
		return nil, fmt.Errorf("%T is no frame", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*f)}, nil
}

// Unmarshal implements encoding.CodecV2 for *frame.
func (frames) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return fmt.Errorf("%T is no frame", v)
	}
	*f = data.Materialize()
	return nil
}

// Name implements encoding.CodecV2: what the real codec is called on the wire.
func (frames) Name() string { return "proto" }

// sinkRole takes every upload at once: its answers were made before.
func sinkRole(ctx context.Context, _ []byte, stdin io.Reader, out *json.Encoder) error {
	uploads, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	tokens, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), uploads.Close())
	}
	api := grpc.NewServer(grpc.ForceServerCodecV2(frames{}), grpc.MaxRecvMsgSize(64<<20),
		grpc.UnknownServiceHandler(newSink().answer))
	oauth := &http.Server{Handler: http.HandlerFunc(giveToken), ReadHeaderTimeout: time.Second}
	done := make(chan error, 2)
	go func() { done <- api.Serve(uploads) }()
	go func() { done <- oauth.Serve(tokens) }()
	err = out.Encode(ready{Address: uploads.Addr().String(), TokenURL: "http://" + tokens.Addr().String()})
	if err == nil {
		untilEOF(ctx, stdin)
	}
	api.Stop()
	err = errors.Join(err, oauth.Close())
	for range cap(done) {
		if ended := <-done; ended != nil && !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
	}
	return err
}

func giveToken(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"access_token":"bench","token_type":"Bearer","expires_in":3600}`)
}

// sink holds the answer to the largest request. All results have one length,
// so the answer to a smaller one is its beginning.
type sink struct {
	results frame
	each    int
}

func newSink() *sink {
	var result []byte
	result = appendText(result, resultGCLID, strings.Repeat("x", 91))
	result = appendText(result, resultAction, actionName)
	result = appendText(result, resultTime, "2026-11-21 12:00:00+00:00")
	var one []byte
	one = protowire.AppendTag(one, responseResults, protowire.BytesType)
	one = protowire.AppendBytes(one, result)
	s := &sink{each: len(one)}
	for range conversions.MaxItems {
		s.results = append(s.results, one...)
	}
	return s
}

const actionName = "customers/" + customer + "/conversionActions/" + actionID

func appendText(b []byte, field protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), text)
}

func (s *sink) answer(_ any, stream grpc.ServerStream) error {
	var in frame
	if err := stream.RecvMsg(&in); err != nil {
		return err //nolint:wrapcheck // gRPC's own
	}
	rows, err := occurrences(in, requestRows)
	if err != nil {
		return err
	}
	stream.SetTrailer(metadata.Pairs("request-id", "bench"))
	out := s.results[:min(rows*s.each, len(s.results))]
	return stream.SendMsg(&out) //nolint:wrapcheck // gRPC's own
}

// occurrences counts a field of a message.
func occurrences(message []byte, field protowire.Number) (int, error) {
	n := 0
	for len(message) > 0 {
		number, _, length := protowire.ConsumeField(message)
		if length < 0 {
			return 0, fmt.Errorf("count fields: %w", protowire.ParseError(length))
		}
		if number == field {
			n++
		}
		message = message[length:]
	}
	return n, nil
}
