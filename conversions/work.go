package conversions

import (
	"errors"
	"time"
)

// Errors that a store gives and its callers branch on.
var (
	// ErrNotFound: nothing by that id.
	ErrNotFound = errors.New("not found")
	// ErrHeld: another process holds the account's lease.
	ErrHeld = errors.New("lease held by another process")
	// ErrLeaseLost: the lease expired and may have been taken over; nothing
	// was written.
	ErrLeaseLost = errors.New("lease lost")
	// ErrDecided: a person decided about it already.
	ErrDecided = errors.New("decided already")
)

// Lease is the right to decide and send for one account until a time. Every
// write made under it names Token; a holder that lost the lease cannot write
// over its successor.
type Lease struct {
	Account AccountID
	Holder  string
	// Token grows by one with every acquisition of the account's lease.
	Token int64
	Until time.Time
}

// LeadWork is a lead with events that have not been folded yet: all its
// events, with their side rows, and its rows of every stage and generation.
type LeadWork struct {
	Source string
	Lead   LeadID
	Events []Event
	Rows   []Row
	// Inbox names the notices that this work answers; given back with the
	// Decision so that an event that arrives meanwhile is not lost.
	Inbox []int64
}

// Decision is what folding a lead came to. No entries means that nothing
// changed; the notices are taken off the inbox all the same.
type Decision struct {
	Source  string
	Lead    LeadID
	Entries []Entry
	Inbox   []int64
}

// Settlement is the answer to a batch as it goes to the store: the entries of
// the rows that were answered, written in one transaction with the batch's
// end.
type Settlement struct {
	Batch     BatchID
	At        time.Time
	RequestID string
	JobID     int64
	Entries   []Entry
	// Call is the answer to the call as a whole if it failed.
	Call *Answer
	// PollAt is when the vendor is first asked what became of the rows that it
	// took for processing; zero if it took none so.
	PollAt time.Time
}

// Polled is what came of asking the vendor for the status of a batch, as it
// goes to the store: the entries of the rows whose fate is now established.
type Polled struct {
	Batch BatchID
	At    time.Time
	// PollAt is when to ask again; zero when there is nothing left to ask.
	PollAt  time.Time
	Entries []Entry
}

// Paused is a stop of sending to an account or to one of its conversion
// actions. Rows stay queued; deliveries are taken as before.
type Paused struct {
	Account AccountID `json:"account"`
	// Action is the conversion action's id, or empty for the whole account.
	Action string    `json:"action,omitempty"`
	Since  time.Time `json:"since"`
	// ProbeAt is when one row may be tried; any answer but another pause
	// resumes sending.
	ProbeAt time.Time `json:"probe_at"`
	Answer  Answer    `json:"answer"`
}

// ProbeEvery is the slow clock on which a paused account or action is probed.
const ProbeEvery = time.Hour

// Claim says which due rows a run asks for.
type Claim struct {
	// Now: rows whose Due is not after it.
	Now time.Time
	// Limit is the most rows, at least 1.
	Limit int
	// Without are conversion actions to leave out.
	Without []string
	// Only restricts the claim to one operation; OpNone claims all, also rows
	// whose time may have run out.
	Only Operation
}

// Facts are what Google says of an account's conversion actions, as last read.
type Facts struct {
	Account AccountID
	// ReadAt is when they were read; zero if never.
	ReadAt time.Time
	// LookBacks are the click-through look-back windows by action id.
	LookBacks map[string]time.Duration
}

// Guard of mass withdrawals: a run that would retract more than the larger of
// MassWithdrawals and MassShare of the uploads of the last MassWindow holds
// the retractions for a person.
const (
	MassWithdrawals             = 10
	MassShare       BasisPoints = 2_000
	MassWindow                  = 30 * 24 * time.Hour
)

// Guard of mass refusals: when at least SuspectShare of the last
// SuspectAnswers answers say "wrong account" or "before the click", sending is
// paused and the refusals are taken back.
const (
	SuspectAnswers             = 20
	SuspectShare   BasisPoints = 8_000
)

// ReplayQuery selects leads to fold again.
type ReplayQuery struct {
	// Source restricts to one source's key; empty for all of the account's.
	Source string
	// Lead restricts to one lead of Source, which must be given with it.
	Lead LeadID
	// From and To bound the receipt of the leads' events: a lead is selected
	// if any of them lies within. From inclusive, To exclusive; zero is open.
	From, To time.Time
	// After continues: leads follow this one in order of source and lead.
	AfterSource string
	AfterLead   LeadID
	Limit       int
}

// Plan is the schedule of one account as stored: Next is when it runs, by the
// schedule written as Spec. The zero value means that none was stored.
type Plan struct {
	Account AccountID
	Spec    string
	Next    time.Time
	// Owed is when a run began that has not ended yet; zero if the last one
	// did. Its process may have died with it: then another makes it.
	Owed time.Time
}

// Filter selects rows for reports. The zero value selects all.
type Filter struct {
	Account AccountID
	State   State
	Stage   Stage
	// From and To bound the conversion time: From inclusive, To exclusive.
	From, To time.Time
	Lead     LeadID
	// ClickID selects rows by the click id wanted for them.
	ClickID string
	OrderID string
	// After continues a list: rows follow the given row in listing order,
	// newest conversion time first.
	After *Row
	// Limit is the most rows to list; 0 means no limit.
	Limit int
}

// Total is one line of a summary: how many rows stand in a state for a
// reason, and their value.
type Total struct {
	Account  AccountID `json:"account"`
	Stage    Stage     `json:"stage"`
	State    State     `json:"state"`
	Reason   Reason    `json:"reason,omitempty"`
	Currency string    `json:"currency"`
	Rows     int       `json:"rows"`
	// Wanted is the sum of what is wanted, Known of what Google is known to
	// hold.
	Wanted Cents `json:"wanted"`
	Known  Cents `json:"known"`
}

// Received is one line of the count of deliveries.
type Received struct {
	Account AccountID `json:"account"`
	Source  string    `json:"source"`
	Kind    EventKind `json:"kind"`
	Outcome Outcome   `json:"outcome,omitempty"`
	Events  int       `json:"events"`
}

// History is all that is recorded of one row.
type History struct {
	Row     Row
	Events  []Event
	Entries []Entry
	Batches []BatchRecord
}

// BatchRecord is a batch without its items, as it stands in the store.
type BatchRecord struct {
	ID        BatchID   `json:"id"`
	Account   AccountID `json:"account"`
	Run       string    `json:"run"`
	Target    Target    `json:"target"`
	Created   time.Time `json:"created"`
	SentAt    time.Time `json:"sent_at"`
	Attempts  int       `json:"attempts"`
	Rows      int       `json:"rows"`
	JobID     int64     `json:"job_id"`
	RequestID string    `json:"request_id,omitempty"`
	// Settled is when the answer was recorded; zero while unanswered.
	Settled time.Time `json:"settled,omitzero"`
	// Call is the answer to the whole call if it failed.
	Call *Answer `json:"call,omitempty"`
	// PollAt is when the vendor is next asked for the status of the batch,
	// zero if it is not; Polls how often it was.
	PollAt time.Time `json:"poll_at,omitzero"`
	Polls  int       `json:"polls,omitempty"`
}
