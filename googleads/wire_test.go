package googleads_test

import (
	"context"
	"net"
	"slices"
	"testing"

	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"closeloop/conversions"
	"closeloop/googleads"
	"closeloop/sandbox"
)

// oddServer answers every upload with one function: for answers the sandbox, which is strict, never gives.
type oddServer struct {
	services.UnimplementedConversionUploadServiceServer
	answer func(context.Context, *services.UploadClickConversionsRequest) (*services.UploadClickConversionsResponse, error)
}

// UploadClickConversions implements the method of the Google Ads API v25.
func (s *oddServer) UploadClickConversions(
	ctx context.Context, req *services.UploadClickConversionsRequest,
) (*services.UploadClickConversionsResponse, error) {
	return s.answer(ctx, req)
}

// odd is a client of an oddServer, with tokens from a sandbox.
func odd(t *testing.T, cfg googleads.Config, answer func(context.Context, *services.UploadClickConversionsRequest) (*services.UploadClickConversionsResponse, error)) *googleads.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	services.RegisterConversionUploadServiceServer(server, &oddServer{answer: answer})
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	cfg.Endpoint, cfg.Plaintext = l.Addr().String(), true
	return dial(t, cfg, tokens(t, app(start(t, sandbox.Config{
		Now: now, OAuth: sandboxConfig().OAuth,
	}))))
}

func TestUploadMetadata(t *testing.T) {
	t.Parallel()
	var got metadata.MD
	c := odd(t, googleads.Config{DeveloperToken: "dev", LoginCustomerID: "999-999-9999", UserAgent: "closeloop/1"},
		func(ctx context.Context, _ *services.UploadClickConversionsRequest) (*services.UploadClickConversionsResponse, error) {
			got, _ = metadata.FromIncomingContext(ctx)
			if err := grpc.SetHeader(ctx, metadata.Pairs("request-id", "in the header")); err != nil {
				return nil, err
			}
			return &services.UploadClickConversionsResponse{}, nil
		})
	r := c.Upload(t.Context(), batch(t, 1), false)
	if r.RequestID != "in the header" {
		t.Errorf("request id = %q", r.RequestID)
	}
	for key, want := range map[string]string{
		"developer-token": "dev", "login-customer-id": "9999999999", "x-goog-request-params": "customer_id=" + customer,
		"user-agent": "closeloop/1 grpc-go/" + grpc.Version,
	} {
		diff(t, got.Get(key), []string{want})
	}
	if auth := got.Get("authorization"); len(auth) != 1 || auth[0][:12] != "Bearer ya29." {
		t.Errorf("authorization has %d values of an unexpected form", len(auth))
	}
}

func TestUploadLeavesOptionalMetadataOut(t *testing.T) {
	t.Parallel()
	var got metadata.MD
	c := odd(t, googleads.Config{}, func(ctx context.Context, _ *services.UploadClickConversionsRequest) (*services.UploadClickConversionsResponse, error) {
		got, _ = metadata.FromIncomingContext(ctx)
		return &services.UploadClickConversionsResponse{}, nil
	})
	c.Upload(t.Context(), batch(t, 1), false)
	for _, key := range []string{"developer-token", "login-customer-id"} {
		if values := got.Get(key); len(values) != 0 {
			t.Errorf("%s has %d values", key, len(values))
		}
	}
}

func TestUploadFailureInTrailer(t *testing.T) {
	t.Parallel()
	c := odd(t, googleads.Config{}, func(ctx context.Context, _ *services.UploadClickConversionsRequest) (*services.UploadClickConversionsResponse, error) {
		raw, err := proto.Marshal(&adserrors.GoogleAdsFailure{
			RequestId: "in the failure",
			Errors: []*adserrors.GoogleAdsError{
				{ErrorCode: &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_InternalError{InternalError: 4}}},
				{ErrorCode: &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_AuthorizationError{AuthorizationError: 9}}},
			},
		})
		if err != nil {
			return nil, err
		}
		trailer := metadata.Pairs("google.ads.googleads.v25.errors.googleadsfailure-bin", string(raw))
		if err := grpc.SetTrailer(ctx, trailer); err != nil {
			return nil, err
		}
		return nil, status.Error(codes.PermissionDenied, "quoted row")
	})
	r := c.Upload(t.Context(), batch(t, 2), false)
	if r.Call == nil || r.RequestID != "in the failure" || r.Unknown {
		t.Fatalf("call = %+v, request id = %q, unknown = %t", r.Call, r.RequestID, r.Unknown)
	}
	want := paused("AuthorizationError.MISSING_TOS", conversions.ScopeAccount)
	want.Others = []string{"InternalError.TRANSIENT_ERROR"}
	got := *r.Call
	got.Sentence, got.Hint = "", ""
	diff(t, got, want)
}

// TestUploadBareStatus: what a status without an error code of Google's says about the work.
func TestUploadBareStatus(t *testing.T) {
	t.Parallel()
	certain := []codes.Code{
		codes.InvalidArgument, codes.NotFound, codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented,
		codes.FailedPrecondition, codes.OutOfRange,
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			calls := 0
			c := odd(t, googleads.Config{}, func(context.Context, *services.UploadClickConversionsRequest) (*services.UploadClickConversionsResponse, error) {
				calls++
				return nil, status.Error(code, "")
			})
			r := c.Upload(t.Context(), batch(t, 2), false)
			if want := !slices.Contains(certain, code); r.Unknown != want || r.Call == nil || len(r.Answers) != 2 {
				t.Errorf("unknown = %t, want %t; call = %+v", r.Unknown, want, r.Call)
			}
			if want := map[bool]int{true: 2, false: 1}[code == codes.Unauthenticated]; calls != want {
				t.Errorf("%d calls, want %d", calls, want)
			}
		})
	}
}
