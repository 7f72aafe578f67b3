package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// Copying moves all that a database holds to another one, of the same engine or
// not. Leases are left behind, and what a storage makes of other records for
// itself: look-up indexes, sums, which seconds are taken.
type Copying interface {
	// Export yields every record of one instant: first Numbers, then all events,
	// quarantined deliveries, entries, rows, batches, and the rest. Memory is
	// bounded. An error ends it.
	Export(ctx context.Context) iter.Seq2[Record, error]
	// Import fills an empty database with what Export yields, and keeps every
	// number. A database that is not empty is ErrNotEmpty. Until Import has
	// ended well the database is ErrUnfinished to whoever opens it, for ever if it
	// was cut short: empty it then.
	Import(ctx context.Context, records iter.Seq2[Record, error]) error
	// Leased returns the accounts that somebody is working for at now.
	Leased(ctx context.Context, now time.Time) ([]conversions.AccountID, error)
}

var (
	// ErrNotEmpty says that a database holds something already.
	ErrNotEmpty = errors.New("database is not empty")
	// ErrUnfinished says that a copy into the database did not come to its end.
	ErrUnfinished = errors.New("database holds a copy that is not finished")
)

// Record is one thing that a database holds: exactly one field is set, and
// ClickID with Row.
type Record struct {
	Numbers *Numbers
	// Event comes with Seq and side row, salt included.
	Event       *conversions.Event
	Quarantined *conversions.Quarantined
	// Entry comes with Seq, without ClickID.
	Entry *conversions.Entry
	Row   *conversions.Row
	// ClickID is the click id that is wanted for Row now; empty if there is none
	// or it was erased.
	ClickID string
	Batch   *Batch
	Notice  *Notice
	Plan    *conversions.Plan
	Facts   *conversions.Facts
	Account *Account
	Paused  *conversions.Paused
}

// Numbers are the last numbers given out, where what has them may be deleted.
type Numbers struct {
	Quarantine int64
}

// Batch is a batch with all that became of it: items with ClickID where it was
// not erased, RequestID, Polls, and AnsweredAt, zero while it is unanswered.
type Batch struct {
	conversions.Batch

	// Seq is its place in the order in which batches began.
	Seq int64
	// Uploaded is how many uploads the vendor took or had already.
	Uploaded int
	JobID    int64
	// PollAt is when its status is asked for next; zero when it is not.
	PollAt time.Time
	Call   *conversions.Answer
}

// Notice says that a lead is to be folded.
type Notice struct {
	Account conversions.AccountID
	Number  int64
	Source  string
	Lead    conversions.LeadID
}

// Account is what is kept of an account's rules: their fingerprint, and the
// last odd notice given out.
type Account struct {
	Account     conversions.AccountID
	Fingerprint string
	Refolded    int64
}

// Digest is what a database holds in short, the same on every engine.
type Digest struct {
	// Counts is the number of records of each kind.
	Counts map[string]int
	sums   map[string]*sum
}

// Kinds names the kinds of records in the order in which they are exported.
func Kinds() []string {
	return []string{"numbers", "events", "side rows", "quarantined", "ledger", "rows", "batches", "notices", "plans", "facts", "accounts", "pauses"}
}

// Hash returns the hash of all records of a kind, in hex: two databases that
// hold the same have the same. It does not depend on the order, which engines
// choose: the SHA-256 of each record are added.
func (d Digest) Hash(kind string) string {
	if d.sums[kind] == nil {
		return (&sum{}).String()
	}
	return d.sums[kind].String()
}

// Equal reports whether two databases hold the same.
func (d Digest) Equal(o Digest) bool {
	for _, kind := range Kinds() {
		if d.Counts[kind] != o.Counts[kind] || d.Hash(kind) != o.Hash(kind) {
			return false
		}
	}
	return true
}

// sum is a sum of hashes, in four parts that overflow.
type sum [4]uint64

func (s *sum) add(text []byte) {
	h := sha256.Sum256(text)
	for i := range s {
		s[i] += binary.BigEndian.Uint64(h[8*i:])
	}
}

func (s *sum) String() string {
	var b []byte
	for _, part := range s {
		b = binary.BigEndian.AppendUint64(b, part)
	}
	return hex.EncodeToString(b)
}

// Digested passes records on and adds each to d.
func Digested(records iter.Seq2[Record, error], d *Digest) iter.Seq2[Record, error] {
	d.Counts, d.sums = map[string]int{}, map[string]*sum{}
	return func(yield func(Record, error) bool) {
		var buf []byte
		for r, err := range records {
			if err == nil {
				buf, err = d.add(buf, r)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// DigestOf reads all records to the end.
func DigestOf(records iter.Seq2[Record, error]) (Digest, error) {
	var d Digest
	for _, err := range Digested(records, &d) {
		if err != nil {
			return Digest{}, err
		}
	}
	return d, nil
}

func (d *Digest) count(kind string, text []byte) {
	d.Counts[kind]++
	if d.sums[kind] == nil {
		d.sums[kind] = &sum{}
	}
	d.sums[kind].add(text)
}

// add writes a record in the one form that does not depend on the engine, and
// counts it. It returns the memory it used.
func (d *Digest) add(buf []byte, r Record) ([]byte, error) {
	buf = buf[:0]
	switch {
	case r.Event != nil:
		return d.addEvent(buf, r.Event), nil
	case r.Entry != nil:
		e := r.Entry
		buf = head(buf, e.Account, e.Seq, int64(e.Row), e.At.UnixMicro())
		buf = compact.AppendEntry(append(append(buf, e.Kind...), 0), e)
		d.count("ledger", buf)
	case r.Row != nil:
		buf = compact.AppendRow(append(append(buf, r.ClickID...), 0), r.Row)
		d.count("rows", buf)
	case r.Batch != nil:
		return d.addBatch(buf, r.Batch)
	default:
		return buf, d.addRare(r)
	}
	return buf, nil
}

func (d *Digest) addEvent(buf []byte, e *conversions.Event) []byte {
	buf = head(buf, e.Account, e.Seq, e.Received.UnixMicro())
	for _, text := range []string{e.Source, string(e.Body[:]), string(e.Lead), string(e.Kind), string(e.Outcome)} {
		buf = append(append(buf, text...), 0)
	}
	buf = compact.AppendEvent(buf, e)
	d.count("events", buf)
	if e.Person.IsZero() {
		return buf
	}
	buf = compact.AppendPerson(head(buf[:0], e.Account, e.Seq), &e.Person)
	d.count("side rows", buf)
	return buf
}

func (d *Digest) addBatch(buf []byte, b *Batch) ([]byte, error) {
	buf = head(buf, b.Account, b.Seq, micros(b.Created), micros(b.SentAt), micros(b.AnsweredAt), micros(b.PollAt),
		int64(b.Attempts), int64(b.Polls), int64(b.Uploaded), b.JobID)
	for _, text := range []string{string(b.ID), b.Run, string(b.Target.API), b.Target.Customer, b.RequestID} {
		buf = append(append(buf, text...), 0)
	}
	call, err := json.Marshal(b.Call)
	if err != nil {
		return buf, fmt.Errorf("digest batch: %w", err)
	}
	buf = compact.AppendItems(append(buf, call...), b.Items)
	d.count("batches", buf)
	return buf, nil
}

// addRare counts a record of those that there are few of.
func (d *Digest) addRare(r Record) error {
	kind := ""
	switch {
	case r.Numbers != nil:
		kind = "numbers"
	case r.Quarantined != nil:
		kind = "quarantined"
	case r.Notice != nil:
		kind = "notices"
	case r.Plan != nil:
		kind = "plans"
	case r.Facts != nil:
		kind = "facts"
	case r.Account != nil:
		kind = "accounts"
	case r.Paused != nil:
		kind = "pauses"
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("digest %s: %w", kind, err)
	}
	if r.Quarantined != nil {
		text = append(text, r.Quarantined.Body[:]...) // which JSON leaves out
	}
	d.count(kind, text)
	return nil
}

// head begins the form of a record.
func head(buf []byte, account conversions.AccountID, numbers ...int64) []byte {
	buf = append(append(buf, account...), 0)
	for _, n := range numbers {
		buf = binary.BigEndian.AppendUint64(buf, uint64(n)) //nolint:gosec // only has to be the same
	}
	return buf
}

// micros is a time as storages keep it; 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
