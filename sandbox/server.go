package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

const (
	day = 24 * time.Hour
	// maxMessage is Google's documented limit for messages.
	maxMessage = 64 << 20
	// keptRequests bounds the memory of a sandbox that is left running.
	keptRequests = 10_000
)

// Server is a running sandbox. Its methods are safe for concurrent use.
type Server struct {
	cfg       Config
	customers map[string]*Customer
	conns     connections
	grpc      *grpc.Server
	grpcAddr  string
	http      *http.Server
	httpAddr  string
	serving   sync.WaitGroup

	mu         sync.Mutex // guards everything below
	clicks     clickIndex
	book       book
	tokens     map[string]grant
	accounts   map[string]serviceAccount
	faults     []Fault
	requests   []Request
	calls      int64
	operations dailyCount
	paces      map[paceKey]*pace
	batches    map[string]*batch // by request id
	waiting    []*batch          // by the time they are due
	processed  []string          // request ids, oldest first
	rejected   map[string]string // reasons by transaction id; replaced, never changed
}

// Start listens on both addresses and serves until [Server.Close]. ctx covers the start only. Errors: [ErrConfig],
// [ErrNotLoopback], or that of the listener.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := newServer(cfg)
	rpc, err := listen(ctx, cfg.GRPCAddr)
	if err != nil {
		return nil, err
	}
	web, err := listen(ctx, cfg.HTTPAddr)
	if err != nil {
		return nil, errors.Join(err, rpc.Close())
	}
	s.grpcAddr, s.httpAddr = rpc.Addr().String(), web.Addr().String()
	// Serve ends with an error only after Close or when the listener breaks, which callers see as refused connections.
	s.serving.Go(func() { _ = s.grpc.Serve(s.conns.track(rpc)) })
	s.serving.Go(func() { _ = s.http.Serve(web) })
	return s, nil
}

func newServer(cfg Config) *Server {
	s := &Server{
		cfg:       cfg,
		customers: make(map[string]*Customer, len(cfg.Customers)),
		book:      newBook(),
		tokens:    map[string]grant{},
		accounts:  map[string]serviceAccount{},
		paces:     map[paceKey]*pace{},
		batches:   map[string]*batch{},
		rejected:  map[string]string{},
	}
	for i := range cfg.Customers {
		c := cfg.Customers[i]
		s.customers[c.ID] = &c
	}
	s.clicks.add(cfg.Clicks...)
	s.grpc = grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxSendMsgSize(maxMessage),
		grpc.WaitForHandlers(true),
		// grpc's own limit of one ping in five minutes would cut clients that keep an idle connection alive.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	)
	services.RegisterConversionUploadServiceServer(s.grpc, &uploadService{server: s})
	services.RegisterConversionAdjustmentUploadServiceServer(s.grpc, &adjustService{server: s})
	services.RegisterGoogleAdsServiceServer(s.grpc, &searchService{server: s})
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	return s
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}

// Close ends both listeners and every call in progress, and waits for the gRPC calls among them.
func (s *Server) Close() error {
	s.grpc.Stop()
	err := s.http.Close()
	s.serving.Wait()
	if err != nil {
		return fmt.Errorf("close http listener: %w", err)
	}
	return nil
}

// GRPCAddr is host:port of the Google Ads API, plain text.
func (s *Server) GRPCAddr() string { return s.grpcAddr }

// TokenURL is the OAuth 2.0 token endpoint.
func (s *Server) TokenURL() string { return s.URL() + "/token" }

// DataManagerURL is the base of the Data Manager API, "http://127.0.0.1:port", plain text.
func (s *Server) DataManagerURL() string { return s.URL() }

// URL is the base of the HTTP listener: the Data Manager API, the token endpoint and the control endpoint.
func (s *Server) URL() string { return "http://" + s.httpAddr }

// AddClick makes further clicks known. A click with the kind and id of a known one replaces it.
// The error is [ErrConfig] for an incomplete click; then none is added.
func (s *Server) AddClick(clicks ...Click) error {
	for _, c := range clicks {
		if err := c.validate(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clicks.add(clicks...)
	return nil
}

// Conversions are what Google now holds, oldest first, with the values that count now. Retracted ones stay among them.
// What the Data Manager API took is among them once it is processed.
func (s *Server) Conversions() []Conversion {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	held := make([]Conversion, len(s.book.held))
	for i := range held {
		held[i] = s.book.held[i].clone()
	}
	return held
}

// Request is one call the sandbox answered, or left unanswered.
type Request struct {
	// ID is the request-id of the answer.
	ID string `json:"id"`
	// API is the one that was called.
	API API `json:"api"`
	// Method is the full gRPC method name.
	Method string `json:"method"`
	// Customer and LoginCustomer are as sent; of a Data Manager request the operating and the login account of its first
	// destination, of a look at a status the operating account of that request.
	Customer      string `json:"customer"`
	LoginCustomer string `json:"login_customer"`
	// QuotaProject is the x-goog-user-project header of a Data Manager call.
	QuotaProject string `json:"quota_project,omitempty"`
	// Rows is the number of conversions, adjustments or events sent.
	Rows         int  `json:"rows"`
	ValidateOnly bool `json:"validate_only"`
	// JobID is the job id of the answer: the caller's or a generated one.
	JobID int64 `json:"job_id"`
	// Accepted and Refused count rows; both are zero when the call was refused as a whole. The Data Manager API refuses
	// only whole calls; what it accepts, it may still fail to process.
	Accepted int `json:"accepted"`
	Refused  int `json:"refused"`
	// Outcome is "OK", the name of the error code ("AuthenticationError.OAUTH_TOKEN_EXPIRED"), a gRPC code name, or for the
	// Data Manager API status and first reason ("INVALID_ARGUMENT.REQUIRED_FIELD_MISSING") or "CUT". It is what was
	// answered, which after a fault is not what was done.
	Outcome string `json:"outcome"`
	// Fault is the fault that befell the call, "" for none.
	Fault FaultKind `json:"fault,omitempty"`
	Time  time.Time `json:"time"`
}

// Requests are the calls so far, oldest first; of more than 10,000 the latest 10,000.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}
