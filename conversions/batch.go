package conversions

import (
	"hash/fnv"
	"time"
)

// RowID identifies a row within its account. Ids are positive; 0 is a row
// that the store has not seen.
type RowID int64

// BatchID identifies a batch; unique in a store.
type BatchID string

// JobID returns the job id to send with the batch, derived from its id, so
// that a repeated request carries the same one. Always in 1..2147483647, the
// narrower of the two ranges that Google documents
// (UploadClickConversionsRequest.job_id, Google Ads API v25).
func (b BatchID) JobID() int32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(b))
	return int32(h.Sum32()&0x7fffffff) | 1
}

// API names the upload API a batch goes to.
type API string

// The upload APIs.
const (
	APIGoogleAds   API = "google_ads"
	APIDataManager API = "data_manager"
)

// Operation makes what Google holds match what we want.
type Operation string

// The operations. OpNone means that nothing is to be sent.
const (
	OpNone    Operation = ""
	OpUpload  Operation = "upload"
	OpRestate Operation = "restate"
	OpRetract Operation = "retract"
)

// Target is where a batch goes. Rows that were sent keep theirs, whatever the
// configuration says later.
type Target struct {
	API API `json:"api"`
	// Customer is the Google Ads customer id, ten digits without dashes.
	Customer string `json:"customer"`
}

// Item is one row of a batch exactly as it is sent: a resend is made from the
// item alone, so it is identical.
type Item struct {
	Row RowID `json:"row"`
	// Version is the row's version that is being sent.
	Version int64     `json:"version"`
	Op      Operation `json:"op"`
	OrderID string    `json:"order_id"`
	// Action is the numeric id of the conversion action.
	Action string `json:"action"`
	// Click points at the click id; ClickID is filled in by the store from the
	// side row whenever the item is read, and is never stored with it.
	Click   ClickRef `json:"click"`
	ClickID string   `json:"-"`
	// At is the conversion time, in whole seconds and in the account's zone.
	At       time.Time `json:"at"`
	Value    Amount    `json:"value"`
	Currency string    `json:"currency"`
	Consent  Consent   `json:"consent,omitempty"`
	// AdjustAt is the adjustment time of a restatement or retraction, in whole
	// seconds and in the account's zone: fixed here so that a resend is
	// recognised, and later than that of every earlier adjustment of the
	// conversion. Zero for an upload.
	AdjustAt time.Time `json:"adjust_at,omitzero"`
	// Bumped is true when At was moved by a second because somebody else had
	// uploaded the same click and time.
	Bumped bool `json:"bumped,omitempty"`
	// Isolated is true when the row is sent in a small request because an
	// earlier one failed in part and did not say where.
	Isolated bool `json:"isolated,omitempty"`
}

// Batch is one request and its manifest. The manifest is stored before the
// request is sent and never changes.
type Batch struct {
	ID      BatchID   `json:"id"`
	Account AccountID `json:"account"`
	Run     string    `json:"run"`
	Target  Target    `json:"target"`
	// Created is when the manifest was stored.
	Created time.Time `json:"created"`
	// SentAt is when the last attempt began; a batch without an answer is not
	// sent again before that attempt has surely ended.
	SentAt time.Time `json:"-"`
	// Attempts counts how often it was sent, the current time included.
	Attempts int    `json:"-"`
	Items    []Item `json:"items"`
	// RequestID, AnsweredAt and Polls are set on a batch that the vendor took
	// for processing: the id to ask its status with, when it was taken, and
	// how often its status was asked for.
	RequestID  string    `json:"-"`
	AnsweredAt time.Time `json:"-"`
	Polls      int       `json:"-"`
}

// Resent reports whether an earlier attempt of this very manifest went
// unanswered.
func (b Batch) Resent() bool { return b.Attempts > 1 }

// MaxItems is the most rows one request may carry
// (ConversionUploadError.TOO_MANY_CONVERSIONS_IN_REQUEST, Google Ads API v25;
// the Data Manager API has the same limit).
const MaxItems = 2000

// Call and lease times of one account. No call starts with less of the lease
// left than CallMargin, so a call that was given up is over before another
// replica can hold the lease.
const (
	CallTimeout = 30 * time.Second
	LeaseTTL    = 45 * time.Second
	LeaseRenew  = 10 * time.Second
	CallMargin  = 35 * time.Second
)
