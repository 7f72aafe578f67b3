package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// failureTrailer is the trailing metadata key Google repeats the GoogleAdsFailure of a refused call in; version "" is the
// true one.
func failureTrailer(version string) string {
	return "google.ads.googleads." + cmp.Or(version, apiVersion) + ".errors.googleadsfailure-bin"
}

// call is one gRPC call from its arrival to its answer.
type call struct {
	server   *Server
	sequence int64 // from 1
	place    FaultPlace
	customer *Customer // set once access is granted
	token    string
	fault    Fault
	record   Request
}

func (s *Server) newCall(method string, place FaultPlace, customer string) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return &call{server: s, sequence: s.calls, place: place, record: Request{
		ID:       fmt.Sprintf("sandbox-%08d", s.calls),
		API:      APIGoogleAds,
		Method:   method,
		Customer: customer,
		Time:     s.cfg.Now(),
	}}
}

// serve checks access, lets the fault befall the call, works, and answers.
func serve[R any](ctx context.Context, c *call, work func() (R, error)) (R, error) {
	res, err := attempt(ctx, c, work)
	if err = c.answer(ctx, err); err != nil {
		var none R
		return none, err
	}
	return res, nil
}

func attempt[R any](ctx context.Context, c *call, work func() (R, error)) (res R, err error) {
	if err := c.admit(ctx); err != nil {
		return res, err
	}
	c.fault = c.server.takeFault(c.place, c.record.Customer)
	c.record.Fault = c.fault.Kind
	if !c.fault.AfterWork {
		if err := c.disturb(ctx); err != nil {
			return res, err
		}
	}
	if res, err = work(); err != nil {
		return res, err
	}
	if c.fault.AfterWork {
		return res, c.disturb(ctx)
	}
	return res, nil
}

// disturb lets the call's fault happen.
func (c *call) disturb(ctx context.Context) error {
	if c.fault.Delay > 0 {
		if err := c.server.cfg.Sleep(ctx, time.Duration(c.fault.Delay)); err != nil {
			return status.FromContextError(ctx.Err()).Err()
		}
	}
	switch c.fault.Kind {
	case FaultUnavailable:
		return status.Error(codes.Unavailable, "The service is currently unavailable.")
	case FaultCut:
		c.server.conns.cut(ctx)
		return status.Error(codes.Unavailable, "connection cut")
	case FaultInternal:
		return refuse(internalCode(), "An internal error has occurred.")
	case FaultQuota:
		return quotaRefusal(time.Duration(c.fault.RetryDelay))
	case FaultTokenExpired:
		c.server.expireToken(c.token)
		return expiredRefusal()
	case FaultError:
		return c.fault.refusal()
	case FaultStall:
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	case FaultLate, FaultSlow, FaultShape, FaultRowInternal, FaultRowError, FaultInvalidGrant, "":
	}
	return nil
}

func quotaRefusal(retryAfter time.Duration) error {
	return &refusedError{
		code:       quotaCode(adserrors.QuotaErrorEnum_RESOURCE_EXHAUSTED),
		message:    "Too many requests. Retry later.",
		retryDelay: retryAfter,
	}
}

// answer turns err into what goes over the wire, sets the trailers, and remembers the call.
func (c *call) answer(ctx context.Context, err error) error {
	trailer := metadata.Pairs("request-id", c.record.ID)
	c.record.Outcome = codes.OK.String()
	if err != nil {
		var failure *adserrors.GoogleAdsFailure
		failure, c.record.Outcome, err = asStatus(err, c.record.ID, c.fault.FailureVersion)
		if raw, merr := proto.Marshal(failure); failure != nil && merr == nil {
			trailer.Set(failureTrailer(c.fault.FailureVersion), string(raw))
		}
	}
	// The only failure is a stream that has already ended; then nobody reads the trailer.
	_ = grpc.SetTrailer(ctx, trailer)
	c.server.remember(ctx, c.record)
	return err
}

func (s *Server) remember(ctx context.Context, r Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r)
	if len(s.requests) > 2*keptRequests {
		s.requests = append([]Request(nil), s.requests[keptRequests:]...)
	}
	s.mu.Unlock()
	s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "call", slog.String("request_id", r.ID), slog.String("method", r.Method),
		slog.String("customer", r.Customer), slog.Int("rows", r.Rows), slog.Int("accepted", r.Accepted),
		slog.Int("refused", r.Refused), slog.Bool("validate_only", r.ValidateOnly), slog.String("outcome", r.Outcome),
		slog.String("fault", string(r.Fault)))
}
