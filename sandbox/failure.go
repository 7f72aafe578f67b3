package sandbox

import (
	"errors"
	"fmt"
	"strings"
	"time"

	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// apiVersion is the version of the Google Ads API the protos belong to.
const apiVersion = "v25"

// refusedError refuses a call as a whole.
type refusedError struct {
	code    *adserrors.ErrorCode
	message string
	// path names the field of the request, "" for none.
	path string
	// retryDelay goes into QuotaErrorDetails when above zero.
	retryDelay time.Duration
}

func (e *refusedError) Error() string { return codeName(e.code) + ": " + e.message }

func refuse(code *adserrors.ErrorCode, message string) error {
	return &refusedError{code: code, message: message}
}

func (e *refusedError) proto() *adserrors.GoogleAdsError {
	out := &adserrors.GoogleAdsError{ErrorCode: e.code, Message: e.message}
	if e.path != "" {
		out.Location = &adserrors.ErrorLocation{FieldPathElements: []*adserrors.ErrorLocation_FieldPathElement{{FieldName: e.path}}}
	}
	if e.retryDelay > 0 {
		out.Details = &adserrors.ErrorDetails{QuotaErrorDetails: &adserrors.QuotaErrorDetails{
			RateScope:  adserrors.QuotaErrorDetails_DEVELOPER,
			RateName:   "Operations per day",
			RetryDelay: durationpb.New(e.retryDelay),
		}}
	}
	return out
}

// asStatus is the gRPC error a refused call is answered with, the failure in it, and the outcome to remember. Errors of
// other origin (faults, cancelled contexts) carry their own status and no failure.
func asStatus(err error, requestID, version string) (failure *adserrors.GoogleAdsFailure, outcome string, answer error) {
	var refused *refusedError
	if !errors.As(err, &refused) {
		st := status.Convert(err)
		return nil, st.Code().String(), st.Err()
	}
	failure = &adserrors.GoogleAdsFailure{Errors: []*adserrors.GoogleAdsError{refused.proto()}, RequestId: requestID}
	detail, err := packFailure(failure, version)
	if err != nil {
		return nil, codes.Internal.String(), status.Error(codes.Internal, err.Error())
	}
	st := status.FromProto(&rpcstatus.Status{
		Code:    int32(statusOf(refused.code)), //nolint:gosec // gRPC codes end at 16
		Message: refused.message,
		Details: []*anypb.Any{detail},
	})
	return failure, codeName(refused.code), st.Err()
}

// partialFailure is the partial_failure_error of an upload: one failure for all rows, with the message describing the
// first (UploadClickConversionsResponse.partial_failure_error, Google Ads API v25).
func partialFailure(errs []*adserrors.GoogleAdsError, requestID string, shape Fault) (*rpcstatus.Status, error) {
	if len(errs) == 0 {
		return nil, nil //nolint:nilnil // no error is an absent field
	}
	message := errs[0].GetMessage() + locationText(errs[0].GetLocation())
	if len(errs) > 1 {
		message = "Multiple errors in 'details'. First error: " + message
	}
	if shape.NoIndex {
		dropIndexes(errs)
	}
	detail, err := packFailure(&adserrors.GoogleAdsFailure{Errors: errs, RequestId: requestID}, shape.FailureVersion)
	if err != nil {
		return nil, err
	}
	return &rpcstatus.Status{Code: int32(codes.InvalidArgument), Message: message, Details: []*anypb.Any{detail}}, nil
}

func packFailure(f *adserrors.GoogleAdsFailure, version string) (*anypb.Any, error) {
	detail, err := anypb.New(f)
	if err != nil {
		return nil, fmt.Errorf("pack failure: %w", err)
	}
	if version != "" {
		detail.TypeUrl = strings.Replace(detail.GetTypeUrl(), "."+apiVersion+".", "."+version+".", 1)
	}
	return detail, nil
}

func dropIndexes(errs []*adserrors.GoogleAdsError) {
	for _, e := range errs {
		for _, el := range e.GetLocation().GetFieldPathElements() {
			el.Index = nil
		}
	}
}

func locationText(l *adserrors.ErrorLocation) string {
	var b strings.Builder
	for i, el := range l.GetFieldPathElements() {
		b.WriteString(map[bool]string{true: ", at ", false: "."}[i == 0])
		b.WriteString(el.GetFieldName())
		if el.Index != nil {
			fmt.Fprintf(&b, "[%d]", el.GetIndex())
		}
	}
	return b.String()
}

// step is one element of a field path below a row.
type step struct {
	name  string
	index int // -1 for a field that is not repeated
}

func field(name string) step { return step{name: name, index: -1} }

func element(name string, index int) *adserrors.ErrorLocation_FieldPathElement {
	el := &adserrors.ErrorLocation_FieldPathElement{FieldName: name}
	if index >= 0 {
		el.Index = new(int32(index)) //nolint:gosec // an index below 2001, or one a test chose
	}
	return el
}

// codeName is "ConversionUploadError.EXPIRED_EVENT", with the number for a value the protos do not know.
func codeName(c *adserrors.ErrorCode) string {
	m := c.ProtoReflect()
	f := m.WhichOneof(m.Descriptor().Oneofs().ByName("error_code"))
	if f == nil {
		return "unset"
	}
	n := m.Get(f).Enum()
	name := fmt.Sprint(n)
	if v := f.Enum().Values().ByNumber(n); v != nil {
		name = string(v.Name())
	}
	return string(f.Enum().Name()) + "." + name
}

// codeOf builds the error code number of a family named as in ErrorCode: "authorization_error". The number need not be
// one the protos know.
func codeOf(family string, number int32) (*adserrors.ErrorCode, error) {
	c := &adserrors.ErrorCode{}
	f := c.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(family))
	if f == nil {
		return nil, fmt.Errorf("%w: no error family %q", ErrConfig, family)
	}
	c.ProtoReflect().Set(f, protoreflect.ValueOfEnum(protoreflect.EnumNumber(number)))
	return c, nil
}

// statusOf is the gRPC code Google answers a failure of this family with.
func statusOf(c *adserrors.ErrorCode) codes.Code {
	switch c.GetErrorCode().(type) {
	case *adserrors.ErrorCode_AuthenticationError:
		return codes.Unauthenticated
	case *adserrors.ErrorCode_AuthorizationError, *adserrors.ErrorCode_NotAllowlistedError:
		return codes.PermissionDenied
	case *adserrors.ErrorCode_QuotaError:
		return codes.ResourceExhausted
	case *adserrors.ErrorCode_InternalError:
		return codes.Internal
	default:
		return codes.InvalidArgument
	}
}
