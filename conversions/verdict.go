package conversions

import (
	"strconv"
	"time"
)

// Verdict is what an answer means for a row. Whether to try again is decided
// once, by a destination's table of codes, and is this.
type Verdict int

// The verdicts. The zero value is Retry: what nobody understood is tried
// again, never lost.
const (
	// Retry: a passing fault; try again with back-off.
	Retry Verdict = iota
	// Done: Google accepted the row.
	Done
	// AlreadyThere: Google has this conversion already; see Answer.By.
	AlreadyThere
	// Later: not yet; try again after Answer.Wait.
	Later
	// Refused: final for this row.
	Refused
	// FixBatch: the request was at fault, not the row: split or strip and
	// send again in the same run.
	FixBatch
	// Pause: the account or the conversion action is at fault; rows stay
	// queued until a person has mended it. See Answer.Scope.
	Pause
	// Submitted: the vendor took the row for processing and says later what
	// became of it: ask with the request's id.
	Submitted
	// Unclear: some rows of the request failed, and the vendor does not say
	// which; or it never said anything.
	Unclear
)

// String returns the verdict's word, as it stands in the ledger and on
// screens.
func (v Verdict) String() string {
	switch v {
	case Retry:
		return "retry"
	case Done:
		return "done"
	case AlreadyThere:
		return "already there"
	case Later:
		return "later"
	case Refused:
		return "refused"
	case FixBatch:
		return "fix the batch"
	case Pause:
		return "pause"
	case Submitted:
		return "submitted"
	case Unclear:
		return "unclear"
	default:
		return "verdict " + strconv.Itoa(int(v))
	}
}

// Identity says by what Google recognised a conversion that is already there.
type Identity string

// The ways Google recognises a conversion.
const (
	ByOrderID   Identity = "order_id"
	ByClickTime Identity = "click_and_time"
	// ByAdjustment: this very adjustment, recognised by its time, is there.
	ByAdjustment Identity = "adjustment_time"
	// ByNewerAdjustment: an adjustment with a later time is there, not ours.
	ByNewerAdjustment Identity = "newer_adjustment"
	// ByRetraction: the conversion is retracted, whoever did it.
	ByRetraction Identity = "retraction"
)

// Scope says what a Pause verdict pauses.
type Scope string

// The scopes of a pause.
const (
	ScopeAccount Scope = "account" // credentials, permissions, API access
	ScopeAction  Scope = "action"  // one conversion action
)

// Evidence says how a row's fate was established when the vendor told it later
// than its answer to the request. The zero value is the answer itself.
type Evidence string

// The kinds of evidence.
const (
	// EvidenceWhole: the vendor said one thing of the whole request.
	EvidenceWhole Evidence = "whole_request"
	// EvidenceIndex: the vendor named the row by its place in the request.
	EvidenceIndex Evidence = "row_index"
	// EvidenceCounts: the vendor only counted failures, of all or some rows.
	EvidenceCounts Evidence = "counts"
	// EvidenceSilence: the vendor said nothing in time.
	EvidenceSilence Evidence = "silence"
)

// Answer is what became of one row of one request.
type Answer struct {
	Verdict Verdict `json:"verdict"`
	// Code is the vendor's error as FAMILY.NAME, such as
	// "ConversionUploadError.TOO_RECENT_EVENT"; a code this program has no
	// name for is FAMILY.number. Empty when the row was accepted.
	Code string `json:"code,omitempty"`
	// Others are further codes the vendor gave for the same row.
	Others []string `json:"others,omitempty"`
	// Wait is how long to wait before trying again; zero leaves it to the
	// back-off. Used with Later, Retry and Pause.
	Wait time.Duration `json:"wait,omitempty"`
	// Sentence says what happened so that a marketer understands it; Hint
	// what to do. Neither quotes the row.
	Sentence string `json:"sentence,omitempty"`
	Hint     string `json:"hint,omitempty"`
	// Counts is true when a Retry counts against the row: a row-level unknown
	// or internal error. A call that failed never counts.
	Counts bool `json:"counts,omitempty"`
	// Unmatched is true when Refused means that no click was found: another
	// click id may revive the row.
	Unmatched bool `json:"unmatched,omitempty"`
	// Suspect is true when the answer says "wrong account" or "before the
	// click": said of most rows, the account or its zone is configured wrong.
	Suspect bool `json:"suspect,omitempty"`
	// NotFound is true when Google knows no such conversion to adjust: it may
	// not be processed yet, or never have been there.
	NotFound bool `json:"not_found,omitempty"`
	// By says how Google recognised the row; set with AlreadyThere.
	By Identity `json:"by,omitempty"`
	// Scope is set with Pause.
	Scope Scope `json:"scope,omitempty"`
	// Evidence is set when the answer came from a later status.
	Evidence Evidence `json:"evidence,omitempty"`
	// Failed and Of say with Unclear that Failed of Of rows failed; both are 0
	// when nothing was said.
	Failed int `json:"failed,omitempty"`
	Of     int `json:"of,omitempty"`
}

// Reply is a destination's answer to a batch.
type Reply struct {
	// Answers has exactly one answer per item, in the items' order, whatever
	// happened to the call.
	Answers []Answer
	// Call is the answer to the call as a whole when it failed; nil when the
	// call itself went through.
	Call *Answer
	// Named is true when the vendor refused the whole request and said because
	// of which rows: nothing was done, those have their own answers, and the
	// others, all FixBatch, may go again together.
	Named bool
	// Unknown is true when the vendor may have done the work although no
	// answer came (a deadline, a lost connection): the batch must be sent
	// again exactly as it was.
	Unknown bool
	// RequestID is the vendor's id of the request, for its support; may be
	// empty.
	RequestID string
	// JobID is the job id the vendor confirmed; 0 when it gave none.
	JobID int64
}
