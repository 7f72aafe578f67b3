package sandbox

import (
	"fmt"
	"slices"
	"time"
)

// FaultKind says what goes wrong.
type FaultKind string

// The faults. Unless said otherwise they befall the call as a whole, before any work is done, or after it when
// Fault.AfterWork is set: then everything is accepted and only the answer is lost.
const (
	// FaultUnavailable answers UNAVAILABLE; at the token endpoint, status 503.
	FaultUnavailable FaultKind = "unavailable"
	// FaultCut closes the connection without an answer.
	FaultCut FaultKind = "cut"
	// FaultInternal answers INTERNAL with InternalError.INTERNAL_ERROR; at the token endpoint, status 500.
	FaultInternal FaultKind = "internal"
	// FaultQuota answers RESOURCE_EXHAUSTED with QuotaError.RESOURCE_EXHAUSTED and Fault.RetryDelay.
	FaultQuota FaultKind = "quota"
	// FaultTokenExpired answers OAUTH_TOKEN_EXPIRED and makes the access token of the call worthless.
	FaultTokenExpired FaultKind = "token_expired"
	// FaultError answers the error code Fault.Family and Fault.Number; from the Data Manager API the reason Fault.Reason
	// with the status Fault.Status.
	FaultError FaultKind = "error"
	// FaultRowInternal fails the rows Fault.Rows with InternalError.INTERNAL_ERROR, the others proceed.
	FaultRowInternal FaultKind = "row_internal"
	// FaultRowError fails the rows Fault.Rows with the error code Fault.Family and Fault.Number. From the Data Manager API
	// it is Fault.Reason: one that begins PROCESSING_ERROR_ fails the rows when they are processed, any other refuses
	// the request for them.
	FaultRowError FaultKind = "row_error"
	// FaultStall never answers; it ends with the caller's patience.
	FaultStall FaultKind = "stall"
	// FaultLate only lets the processing of a Data Manager request take Fault.Processing longer.
	FaultLate FaultKind = "late"
	// FaultSlow only takes Fault.Delay.
	FaultSlow FaultKind = "slow"
	// FaultShape only changes the shape of error answers: Fault.NoIndex, Fault.FailureVersion; on a status of the Data
	// Manager API it shows Fault.Reason ("REQUEST_STATUS_UNKNOWN") as the status of every destination.
	FaultShape FaultKind = "shape"
	// FaultInvalidGrant answers invalid_grant at the token endpoint, as for a refresh token that was revoked.
	FaultInvalidGrant FaultKind = "invalid_grant"
)

// FaultPlace is the kind of call a fault is meant for.
type FaultPlace string

// Places of a fault. The zero value is the upload of conversions; OnAdjust is that of adjustments; OnIngest and OnStatus are
// the two methods of the Data Manager API.
const (
	OnUpload FaultPlace = ""
	OnAdjust FaultPlace = "adjust"
	OnSearch FaultPlace = "search"
	OnToken  FaultPlace = "token"
	OnIngest FaultPlace = "ingest"
	OnStatus FaultPlace = "status"
)

// Always as Fault.Times makes a fault a rule that holds until [Server.ClearFaults].
const Always = -1

// Fault is one thing to go wrong. Faults wait in a queue; each call takes the first that fits it. Delay, NoIndex and
// FailureVersion go with any kind.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// On is the kind of call. Zero is the upload.
	On FaultPlace `json:"on"`
	// Customer restricts the fault to calls for this customer id; "" is any.
	Customer string `json:"customer"`
	// Times is how many calls it befalls; 0 is one, [Always] is every one.
	Times int `json:"times"`
	// AfterWork lets the work be done first.
	AfterWork bool `json:"after_work"`
	// Delay passes first, before or after the work.
	Delay Duration `json:"delay"`
	// RetryDelay goes into QuotaErrorDetails. Zero leaves the details out.
	RetryDelay Duration `json:"retry_delay"`
	// Rows are the indexes a row fault befalls; empty is every row.
	Rows []int `json:"rows"`
	// Family and Number are an error code: the field of ErrorCode ("authorization_error") and the enum number, which may
	// be one that API v25 does not have.
	Family string `json:"family"`
	Number int32  `json:"number"`
	// Reason is a reason of the Data Manager API, which may be one that it does not have yet: of ErrorReason
	// ("INVALID_CURRENCY_CODE") or of ProcessingErrorReason ("PROCESSING_ERROR_REASON_INVALID_CLICK"). Status is the HTTP
	// status of a FaultError; 0 is 400.
	Reason string `json:"reason"`
	Status int    `json:"status"`
	// Field makes Reason that of a violation of this field, "destinations[0]"; "" makes it that of the whole request.
	Field string `json:"field"`
	// Processing is how much longer the processing of a request takes; it goes with any kind.
	Processing Duration `json:"processing"`
	// NoIndex leaves every index out of the field paths of partial_failure_error; from the Data Manager API, the field
	// violations.
	NoIndex bool `json:"no_index"`
	// FailureVersion claims another API version ("v26") in the type URL of the failure and in its trailing metadata key.
	// "" is the true one.
	FailureVersion string `json:"failure_version"`
}

// Duration is a time.Duration that reads and writes JSON as "1m30s".
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("parse duration: %w", err)
	}
	*d = Duration(v)
	return nil
}

func (f *Fault) validate() error {
	switch f.Kind {
	case FaultUnavailable, FaultCut, FaultStall, FaultInternal, FaultQuota, FaultTokenExpired, FaultRowInternal, FaultSlow,
		FaultLate, FaultShape:
	case FaultInvalidGrant:
		if f.On != OnToken {
			return fmt.Errorf("%w: fault %s is for the token endpoint", ErrConfig, f.Kind)
		}
	case FaultError, FaultRowError:
		if err := f.validateError(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%w: fault kind %q", ErrConfig, f.Kind)
	}
	switch f.On {
	case OnUpload, OnAdjust, OnSearch, OnToken, OnIngest, OnStatus:
	default:
		return fmt.Errorf("%w: fault place %q", ErrConfig, f.On)
	}
	if f.Times < Always {
		return fmt.Errorf("%w: fault %s for %d times", ErrConfig, f.Kind, f.Times)
	}
	return nil
}

func (f *Fault) validateError() error {
	if f.On != OnIngest && f.On != OnStatus {
		_, err := codeOf(f.Family, f.Number)
		return err
	}
	if f.Reason == "" || f.Status != 0 && statusWord(f.Status) == "" {
		return fmt.Errorf("%w: fault %s with reason %q and status %d", ErrConfig, f.Kind, f.Reason, f.Status)
	}
	return nil
}

// Fault adds faults to the end of the queue. The error is [ErrConfig] for an unknown kind, place or error family; then
// none is added.
func (s *Server) Fault(faults ...Fault) error {
	for _, f := range faults {
		if err := f.validate(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		s.faults = append(s.faults, f)
	}
	return nil
}

// Faults are those that wait, first the next.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.faults)
}

// ClearFaults forgets all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault is the fault for one call, the zero Fault for none.
func (s *Server) takeFault(place FaultPlace, customer string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.faults, func(f Fault) bool {
		return f.On == place && (f.Customer == "" || f.Customer == customer)
	})
	if i < 0 {
		return Fault{}
	}
	f := s.faults[i]
	if f.Times == Always {
		return f
	}
	if s.faults[i].Times--; s.faults[i].Times == 0 {
		s.faults = slices.Delete(s.faults, i, i+1)
	}
	return f
}

// refusal is the error of FaultError.
func (f *Fault) refusal() error {
	code, err := codeOf(f.Family, f.Number)
	if err != nil {
		return err
	}
	return &refusedError{code: code, message: "The sandbox was asked for this error.", retryDelay: time.Duration(f.RetryDelay)}
}

// befalls says whether the fault fails the row at index.
func (f *Fault) befalls(index int) bool {
	rowFault := f.Kind == FaultRowInternal || f.Kind == FaultRowError
	return rowFault && (len(f.Rows) == 0 || slices.Contains(f.Rows, index))
}
