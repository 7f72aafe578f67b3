// Package store is the storage contract in words; store/sqlite keeps it on one
// host, and store/storetest is the suite that every implementation passes.
//
// The contract in short. Nothing is answered before it is durable. Events and
// the ledger are append-only. What identifies a person lives in side rows that
// can be erased without touching either. Rows change only by ledger entries
// (conversions.Row.Apply), in one transaction with them, so the ledger alone
// rebuilds them. Everything done for an account is done under its lease, whose
// token guards every write. A batch's manifest is stored before it is sent.
//
// The package knows nothing of HTTP or Google. Start reading at Store.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"closeloop/conversions"
)

// Store is everything a storage does. Consumers declare the few methods they
// need; this is for implementations, their suite and the wiring. All methods
// are safe for concurrent use, also by several processes on one database, and
// keep no durable state in memory. Errors name what was being done and never
// quote stored data.
type Store interface {
	Ingest
	Leases
	Folding
	Sending
	Reports
	Copying
	// Ready returns nil when the database can be reached and its schema is one
	// that this program works with; else *SchemaOlderError, *SchemaNewerError or
	// what keeps it from the database. It changes nothing and does not wait for
	// writers.
	Ready(ctx context.Context) error
	Close() error
}

// Ingest takes deliveries.
type Ingest interface {
	// Append stores an event once, with its side row, and returns when it is
	// durable. The same source and body as an earlier delivery, quarantined
	// or not, is a duplicate: nothing is stored. The event's Seq is ignored;
	// a Salt is chosen if Person is not zero. An event about a lead leaves a
	// notice in the inbox of its account if it has an Outcome or another event
	// of the lead has: a lead that was never tagged has nothing to fold
	// (conversions.Fold), and its first tag leaves a notice for the whole of
	// it. In a store that was opened to keep the clicks of contacts an event
	// with a contact and a click id that may be sent also leaves notices for
	// other leads that the contact's events of the same account and source
	// name: for those with a row of which Google holds nothing, and for those
	// with a tag and no row; for as many as a person has calls, not for any
	// number.
	// Concurrent calls share a commit; none waits for others to come.
	Append(ctx context.Context, e conversions.Event) (conversions.Receipt, error)
	// Quarantine stores an unreadable delivery in the same way. ID and Decided
	// are ignored.
	Quarantine(ctx context.Context, q conversions.Quarantined) (conversions.Receipt, error)
	// ResolveQuarantine records what a person decided about a quarantined
	// delivery: marks it as decided, appends a ledger entry of d's kind, time, By
	// and Note with Row 0, the delivery's account and Quarantine id, and with
	// conversions.EntryRetried stores the event e as Append does, with side row
	// and notice, although its delivery stands in quarantine; all in one
	// transaction. Account, source and body of e must be those of the delivery.
	// e is nil with conversions.EntryGivenUp; no other kind is a decision. The
	// Event of d is ignored. No delivery of that id is conversions.ErrNotFound,
	// one that was decided already conversions.ErrDecided; nothing is written
	// then, nor after any other error. It needs no lease: no row changes. The
	// delivery stays a duplicate of itself.
	ResolveQuarantine(ctx context.Context, id int64, d conversions.QuarantineDecision, e *conversions.Event) error
}

// Leases gives one process at a time the right to work for an account.
type Leases interface {
	// Acquire takes the account's lease for conversions.LeaseTTL if it is
	// free or expired at now, with the next token; otherwise
	// conversions.ErrHeld.
	Acquire(ctx context.Context, a conversions.AccountID, holder string, now time.Time) (conversions.Lease, error)
	// Renew extends a lease that is still held, or gives
	// conversions.ErrLeaseLost: also when its time is over at now and nobody
	// has taken it yet.
	Renew(ctx context.Context, l conversions.Lease, now time.Time) (conversions.Lease, error)
	// Release ends a lease; one that was lost already is no error.
	Release(ctx context.Context, l conversions.Lease) error
	// Plan returns the account's stored schedule; the zero Plan if none.
	Plan(ctx context.Context, a conversions.AccountID) (conversions.Plan, error)
	// Advance replaces the stored schedule old by next if it is still the
	// stored one, and reports whether it was. Who advances, runs.
	Advance(ctx context.Context, old, next conversions.Plan) (bool, error)
}

// Folding turns events into rows. All writes need the lease and give
// conversions.ErrLeaseLost, writing nothing, when its token is not the
// account's current one.
type Folding interface {
	// Unfolded returns up to limit leads with notices in the account's inbox,
	// oldest notice first, each whole.
	Unfolded(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.LeadWork, error)
	// Decide writes decisions: appends their entries, creates or changes the
	// rows by Apply, and takes their notices off the inbox, all in one
	// transaction. An entry with a Key creates the row (an id is chosen). A row
	// that has become wanted after it was retracted, since what was decided was
	// read, leaves a new notice for its lead, as in Settle.
	Decide(ctx context.Context, l conversions.Lease, ds []conversions.Decision) error
	// Leads returns the leads a replay selects, each whole, without notices.
	Leads(ctx context.Context, a conversions.AccountID, q conversions.ReplayQuery) ([]conversions.LeadWork, error)
	// ContactClicks returns events of a contact with a click id that may be
	// sent, of any lead or of none, with their side rows: latest Order first,
	// then highest Seq. It is complete only in a store that was opened to keep
	// them.
	ContactClicks(ctx context.Context, q conversions.ContactQuery) ([]conversions.Event, error)
	// Refold puts a notice in the inbox for every lead with a row that was
	// never sent, or whose Reason is conversions.ReasonTestMode, if fingerprint
	// is not the one stored for the account, and stores it. A row in a batch without an answer counts as sent, and so does
	// one that the vendor is processing. It returns how many leads.
	Refold(ctx context.Context, l conversions.Lease, fingerprint string) (int, error)
}

// Sending claims rows, keeps manifests and settles answers.
type Sending interface {
	// Due returns the rows a claim selects: booked before quoted, the nearest
	// deadline first. Rows in a batch without an answer are left out.
	Due(ctx context.Context, a conversions.AccountID, c conversions.Claim) ([]conversions.Row, error)
	// Uploaded counts the uploads that Google accepted, or had already, in
	// batches settled since a time: also those of which it said so later
	// (EntryProcessed).
	Uploaded(ctx context.Context, a conversions.AccountID, since time.Time) (int, error)
	// LastAnswers returns the account's latest limit answers to uploads, newest
	// first: EntryAnswered and EntryProcessed whose verdict is neither Submitted
	// nor Unclear.
	LastAnswers(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.Entry, error)
	// Facts returns what was last read of the account's actions; SaveFacts
	// replaces it.
	Facts(ctx context.Context, a conversions.AccountID) (conversions.Facts, error)
	SaveFacts(ctx context.Context, l conversions.Lease, f conversions.Facts) error
	// Begin stores a batch's manifest and an EntrySent, before it is sent,
	// with Attempts 1 and SentAt = Created. Uploads whose action, click and
	// second another row of the account holds are moved by whole seconds
	// until they are apart; a row keeps the second it once had. It returns
	// the batch as stored, with every item's ClickID filled in from the side
	// row (empty if erased).
	Begin(ctx context.Context, l conversions.Lease, b conversions.Batch) (conversions.Batch, error)
	// Fill returns the items with their ClickID read from the side rows, for a
	// request that is only validated and has no manifest.
	Fill(ctx context.Context, a conversions.AccountID, items []conversions.Item) ([]conversions.Item, error)
	// Unanswered returns the account's batches without an answer, oldest
	// first, items with ClickID.
	Unanswered(ctx context.Context, a conversions.AccountID) ([]conversions.Batch, error)
	// Again records that a batch without an answer is about to be sent once
	// more: Attempts grows, SentAt is now. It returns the batch.
	Again(ctx context.Context, l conversions.Lease, id conversions.BatchID, now time.Time) (conversions.Batch, error)
	// Rows returns the rows with the given ids, in any order; unknown ids are
	// left out.
	Rows(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) ([]conversions.Row, error)
	// Settle ends a batch: appends the entries and applies them to the rows
	// as they are now, in one transaction guarded by the lease's token. Rows
	// of the manifest without an entry are as if they had not been sent.
	// Settling a settled batch is conversions.ErrNotFound. A row that becomes
	// retracted although it is wanted leaves a notice of its lead in the
	// inbox, so that its next generation is decided. With a PollAt the batch's
	// status is asked for from then on.
	Settle(ctx context.Context, l conversions.Lease, s conversions.Settlement) error
	// Polls returns the account's settled batches whose status is due at or
	// before now, oldest PollAt first, of equal ones the batch that was begun
	// first, at most limit, items with ClickID, and RequestID, AnsweredAt, Polls
	// filled in.
	Polls(ctx context.Context, a conversions.AccountID, now time.Time, limit int) ([]conversions.Batch, error)
	// NextPoll returns when the earliest status of the account is due; the zero
	// time if none is.
	NextPoll(ctx context.Context, a conversions.AccountID) (time.Time, error)
	// Polled records what came of asking for a batch's status: appends the
	// entries and applies them to the rows as they are now (as Settle does,
	// also its notice for a row that becomes retracted though wanted), and sets
	// when to ask again, or ends the asking when PollAt is zero; Polls grows by
	// one; one transaction guarded by the lease's token. Rows without an entry
	// stay as they are. A batch that is not being asked for is
	// conversions.ErrNotFound.
	Polled(ctx context.Context, l conversions.Lease, p conversions.Polled) error
	// Record appends entries that belong to no batch and applies them.
	Record(ctx context.Context, l conversions.Lease, es []conversions.Entry) error
	// Pauses returns the account's pauses.
	Pauses(ctx context.Context, a conversions.AccountID) ([]conversions.Paused, error)
	// Pause stores or replaces a pause and appends an EntryPaused the first
	// time.
	Pause(ctx context.Context, l conversions.Lease, p conversions.Paused) error
	// Resume deletes a pause and appends an EntryResumed; none is no error.
	Resume(ctx context.Context, l conversions.Lease, action string, at time.Time) error
}

// Reports reads for people. None of it needs a lease; all of it works beside
// a running server.
type Reports interface {
	// List returns rows newest conversion time first, then highest id. Rows
	// in a batch without an answer have State sending; Filter.State sees it. It
	// holds all that it returns: who wants more than some thousands reads pages,
	// with Limit and After. Pages hold a row whose conversion time does not
	// change meanwhile exactly once. Those of one account are cheapest: for one
	// of all accounts a page of each is read.
	List(ctx context.Context, f conversions.Filter) ([]conversions.Row, error)
	// Totals sums the rows a filter selects by account, stage, state, reason
	// and currency; After and Limit do not count.
	Totals(ctx context.Context, f conversions.Filter) ([]conversions.Total, error)
	// Listed returns an account's rows with the given ids as List shows them, in
	// any order; unknown ids are left out.
	Listed(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) ([]conversions.Row, error)
	// Persons returns, for an account's rows with the given ids, the side rows of
	// all events of their leads: what tells whether two leads are of one person
	// (conversions.PairTwins). A row is left out if it is unknown, or nobody is
	// known of its lead or not any more.
	Persons(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) (map[conversions.RowID][]conversions.Person, error)
	// Received counts stored events by account, source, kind and outcome. Of
	// the filter only Account and Lead count, and From and To as times of
	// receipt.
	Received(ctx context.Context, f conversions.Filter) ([]conversions.Received, error)
	// History returns all that is recorded of a row, events with their side
	// rows, entries in ledger order; conversions.ErrNotFound if there is none.
	History(ctx context.Context, a conversions.AccountID, id conversions.RowID) (conversions.History, error)
	// Ledger returns up to limit entries of the account after sequence number
	// after, in order.
	Ledger(ctx context.Context, a conversions.AccountID, after int64, limit int) ([]conversions.Entry, error)
	// Quarantined lists an account's quarantined deliveries, or for "" those of
	// all, open and decided, newest first; limit 0 lists all.
	Quarantined(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.Quarantined, error)
	// QuarantinedByID returns one, or conversions.ErrNotFound.
	QuarantinedByID(ctx context.Context, id int64) (conversions.Quarantined, error)
	// PurgeQuarantine deletes what was quarantined before a time, open or
	// decided, and returns how many. What was read after all stays an event.
	PurgeQuarantine(ctx context.Context, before time.Time) (int, error)
	// Forget erases every side row of a lead: click ids, hashes, contact ids;
	// also where another lead's row took a click id of it.
	// Events, rows and the ledger stay. It returns how many side rows went.
	Forget(ctx context.Context, a conversions.AccountID, source string, lead conversions.LeadID) (int, error)
	// Accounts returns every account the store has events or rows of.
	Accounts(ctx context.Context) ([]conversions.AccountID, error)
}

// ErrSchemaNewer is matched by SchemaNewerError.
var ErrSchemaNewer = errors.New("database schema is newer than this program")

// SchemaNewerError says that a database was written by a newer program.
type SchemaNewerError struct {
	// Have is the database's schema version, Want the newest this program
	// knows.
	Have, Want int
}

// Error names both versions.
func (e *SchemaNewerError) Error() string {
	return fmt.Sprintf("database has schema version %d, this program knows versions up to %d", e.Have, e.Want)
}

// Unwrap makes the error match ErrSchemaNewer.
func (e *SchemaNewerError) Unwrap() error { return ErrSchemaNewer }

// ErrSchemaOlder is matched by SchemaOlderError.
var ErrSchemaOlder = errors.New("database schema is older than this program")

// SchemaOlderError says that a database must be migrated before this program
// can use it.
type SchemaOlderError struct {
	// Have is the database's schema version, 0 if it has none; Want the one
	// this program needs.
	Have, Want int
}

// Error names both versions and the command that helps.
func (e *SchemaOlderError) Error() string {
	return fmt.Sprintf("database has schema version %d, this program needs version %d: run closeloop migrate", e.Have, e.Want)
}

// Unwrap makes the error match ErrSchemaOlder.
func (e *SchemaOlderError) Unwrap() error { return ErrSchemaOlder }
