package googleads

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"closeloop/conversions"
	"closeloop/googleauth"
)

const (
	// maxReceive is the largest answer Google sends (Google Ads API, response size limit).
	maxReceive = 64 << 20
	// pingAfter is the least gRPC servers put up with; pingTimeout also bounds how long sent data may stay unacknowledged.
	pingAfter   = 5 * time.Minute
	pingTimeout = 20 * time.Second
	// idleAfter closes a connection before the firewalls between forget it: the next call would run into the void, and
	// nobody would know whether it was done.
	idleAfter = 4 * time.Minute
)

// Client is the connection of one account. Safe for concurrent use.
type Client struct {
	config      Config
	tokens      *googleauth.Tokens
	conn        *grpc.ClientConn
	uploads     sender
	adjustments sender
	queries     services.GoogleAdsServiceClient
}

// Dial returns a client. It does not connect yet: that an endpoint cannot be reached shows with the first call.
// Errors: [ErrConfig], [googleauth.ErrPlaintext].
func Dial(cfg Config, tokens *googleauth.Tokens) (*Client, error) {
	cfg, err := cfg.normalised()
	if err != nil {
		return nil, err
	}
	security := credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	if cfg.Plaintext {
		security = insecure.NewCredentials()
	}
	conn, err := grpc.NewClient("dns:///"+cfg.Endpoint,
		grpc.WithTransportCredentials(security),
		grpc.WithUserAgent(cfg.UserAgent),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReceive)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTimeout}),
		grpc.WithIdleTimeout(idleAfter),
		grpc.WithDisableRetry(), // Repeating a call is the caller's, by verdict.
		grpc.WithDisableServiceConfig(),
	)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", cfg.Endpoint, err)
	}
	return &Client{
		config:  cfg,
		tokens:  tokens,
		conn:    conn,
		uploads: method(buildUploads, services.NewConversionUploadServiceClient(conn).UploadClickConversions, echoOfUpload),
		adjustments: method(buildAdjustments,
			services.NewConversionAdjustmentUploadServiceClient(conn).UploadConversionAdjustments, echoOfAdjustment),
		queries: services.NewGoogleAdsServiceClient(conn),
	}, nil
}

// Close ends the connection and every call on it.
func (c *Client) Close() error {
	if err := c.conn.Close(); err != nil {
		return fmt.Errorf("close the connection to %s: %w", c.config.Endpoint, err)
	}
	return nil
}

// CallError is a call that failed as a whole.
type CallError struct {
	// Answer is what that means: verdict, sentence and hint.
	Answer conversions.Answer
	// Unknown is true when the server may have done the work all the same.
	Unknown bool
	// RequestID is Google's id of the request; may be empty.
	RequestID string
	// staleToken is true when another access token may help.
	staleToken bool
	cause      error
}

// Error names the code and says the sentence. It quotes nothing of the request or of the server's text.
func (e *CallError) Error() string {
	return "call the Google Ads API: " + e.Answer.Code + ": " + strings.TrimSuffix(e.Answer.Sentence, ".")
}

// Unwrap returns the context's or the token's error, if that was the cause.
func (e *CallError) Unwrap() error { return e.cause }

// rpc is one method of the API, made ready to be called.
type rpc func(ctx context.Context, opts ...grpc.CallOption) error

// call calls the method, once more with a new access token when the server rejects the first, and returns the request
// id. customer is the account the call is about.
func (c *Client) call(ctx context.Context, customer string, method rpc) (string, *CallError) {
	token, err := c.tokens.Token(ctx)
	if err != nil {
		return "", tokenFailed(err)
	}
	id, failed := c.once(ctx, customer, token, method)
	if failed == nil || !failed.staleToken {
		return id, failed
	}
	if token, err = c.tokens.Refresh(ctx, token); err != nil {
		return "", tokenFailed(err)
	}
	return c.once(ctx, customer, token, method)
}

func (c *Client) once(ctx context.Context, customer, token string, method rpc) (string, *CallError) {
	var header, trailer metadata.MD
	var server peer.Peer
	ctx = metadata.NewOutgoingContext(ctx, c.metadata(customer, token))
	err := method(ctx, grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&server))
	id := requestID(trailer, header)
	if err == nil {
		return id, nil
	}
	// gRPC names the server once it has begun to send to it, so without one nothing has left.
	return id, callFailed(err, trailer, id, server.Addr != nil)
}

func (c *Client) metadata(customer, token string) metadata.MD {
	md := metadata.Pairs(
		"authorization", "Bearer "+token,
		"x-goog-request-params", "customer_id="+customer,
		"x-goog-api-client", "gl-go/"+strings.TrimPrefix(runtime.Version(), "go")+" grpc/"+grpc.Version,
	)
	if c.config.LoginCustomerID != "" {
		md.Set("login-customer-id", c.config.LoginCustomerID)
	}
	if c.config.DeveloperToken != "" {
		md.Set("developer-token", c.config.DeveloperToken)
	}
	return md
}

func requestID(sets ...metadata.MD) string {
	for _, md := range sets {
		for _, id := range md.Get("request-id") {
			if id != "" {
				return id
			}
		}
	}
	return ""
}

// tokenFailed is a call that was not made for want of an access token.
func tokenFailed(err error) *CallError {
	var te *googleauth.TokenError
	if !errors.As(err, &te) {
		te = &googleauth.TokenError{Err: err}
	}
	return &CallError{Answer: te.Answer(), cause: err}
}

func callFailed(err error, trailer metadata.MD, id string, sent bool) *CallError {
	st := status.Convert(err)
	f := readStatus(st.Proto())
	if len(f.errors) == 0 {
		f.readTrailer(trailer)
	}
	if id == "" {
		id = f.requestID
	}
	failed := &CallError{RequestID: id, cause: contextError(st.Code())}
	if len(f.errors) == 0 {
		failed.Answer = ClassifyStatus(st.Code())
		failed.Unknown = sent && uncertain(st.Code())
		failed.staleToken = st.Code() == codes.Unauthenticated
		return failed
	}
	failed.Answer = wholeCall(f, st.Code())
	failed.Unknown = sent && maybeDone(failed.Answer, f)
	failed.staleToken = rejectsToken(f)
	return failed
}

func contextError(c codes.Code) error {
	switch c {
	case codes.Canceled:
		return context.Canceled
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// wholeCall is the answer to a call that failed with error codes. A code without a row in the table leaves the verdict
// to the gRPC status.
func wholeCall(f failure, c codes.Code) conversions.Answer {
	var whole conversions.Answer
	for i, e := range f.errors {
		a := e.answer()
		if !known(e.code) {
			name := a.Code
			a = ClassifyStatus(c)
			a.Code = name
		}
		if i > 0 {
			a = whole.Merge(a)
		}
		whole = a
	}
	whole.Counts = false
	return whole
}

// maybeDone: an error code means that nothing was done, unless it speaks of a fault on the way.
func maybeDone(a conversions.Answer, f failure) bool {
	for _, e := range f.errors {
		if e.code.Family == "QuotaError" {
			return false
		}
	}
	return a.Verdict == conversions.Retry
}

// rejectsToken reports whether every error is about the access token itself (AuthenticationError, Google Ads API v25).
func rejectsToken(f failure) bool {
	for _, e := range f.errors {
		switch e.code {
		case Code{Family: "AuthenticationError", Number: 15}, Code{Family: "AuthenticationError", Number: 16}:
		default:
			return false
		}
	}
	return true
}
