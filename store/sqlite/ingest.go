package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// groupSize is the most deliveries that share a commit.
const groupSize = 512

// saltSize is the size of a commitment's salt in bytes.
const saltSize = 16

var errClosed = errors.New("store is closed")

// ingest is the group commit. One goroutine takes a delivery, opens a
// transaction, takes whatever else has come meanwhile, writes it all, commits,
// and answers everybody. Nobody waits for others to come, so a lone delivery
// costs one commit and a hundred at once cost little more.
//
// Measured by BenchmarkAppend against BenchmarkBare (one table of 800 bytes
// with one index of duplicates, same group commit), two busy cores, in turns:
// 0.8 of its rate with one caller, 0.6 with 64, 0.5 with 256. The rest is
// processor time: five trees are written instead of two, and documents made.
// Leaving notices by a trigger and writing side rows singly cost 10 to 25 %
// more; the look-up in quarantine and secure_delete were within the noise.
type ingest struct {
	writes *writer
	queue  chan *delivery
	ended  chan struct{}
	// contacts also keeps which leads name a contact, and which events bring a
	// click of it.
	contacts bool

	mu      sync.RWMutex // guards closed against a delivery that is being queued
	closed  bool
	waiters sync.WaitGroup
}

// delivery is one waiting Append or Quarantine.
type delivery struct {
	record  storable
	taken   atomic.Bool // by the group that writes it, or by its caller, who gave up
	receipt conversions.Receipt
	err     error
	done    chan struct{} // closed when receipt and err are set
}

// storable is something to store once.
type storable interface {
	insert(ctx context.Context, t tx, f *followUp) (conversions.Receipt, error)
}

func startIngest(w *writer, contacts bool) *ingest {
	in := &ingest{writes: w, queue: make(chan *delivery, groupSize), ended: make(chan struct{}), contacts: contacts}
	go func() {
		defer close(in.ended)
		for first := range in.queue {
			in.commit(first)
		}
	}()
	return in
}

// close lets the deliveries that were taken end and refuses others.
func (in *ingest) close() {
	in.mu.Lock()
	in.closed = true
	in.mu.Unlock()
	in.waiters.Wait()
	close(in.queue)
	<-in.ended
}

func (in *ingest) enter() bool {
	in.mu.RLock()
	defer in.mu.RUnlock()
	if !in.closed {
		in.waiters.Add(1)
	}
	return !in.closed
}

// put stores a record durably. If ctx ends before its turn it is not stored;
// once its turn has come put waits for the outcome.
func (in *ingest) put(ctx context.Context, r storable) (conversions.Receipt, error) {
	if !in.enter() {
		return conversions.Receipt{}, errClosed
	}
	defer in.waiters.Done()
	d := &delivery{record: r, done: make(chan struct{})}
	select {
	case in.queue <- d:
	case <-ctx.Done():
		return conversions.Receipt{}, ctx.Err() //nolint:wrapcheck // Append and Quarantine say what they were doing
	}
	select {
	case <-d.done:
	case <-ctx.Done():
		if d.taken.CompareAndSwap(false, true) {
			return conversions.Receipt{}, ctx.Err() //nolint:wrapcheck // as above
		}
		<-d.done
	}
	return d.receipt, d.err
}

// commit writes one group. The group is gathered after the lock was taken, so
// whoever gave up while another process wrote is left out, and whoever came
// is in.
func (in *ingest) commit(first *delivery) {
	ctx := context.Background()
	group := make([]*delivery, 0, groupSize)
	err := in.writes.do(ctx, func(ctx context.Context, t tx) error {
		group = in.gather(group, first)
		return in.insertAll(ctx, t, group)
	})
	if len(group) == 0 && first.taken.CompareAndSwap(false, true) {
		group = append(group, first) // the transaction did not even begin
	}
	if len(group) > 1 && itsOwnFault(err) {
		in.oneByOne(ctx, group)
		return
	}
	for _, d := range group {
		d.answer(err)
	}
}

// oneByOne gives every delivery a transaction of its own after one of them
// failed, so that it fails alone. That is rare; a savepoint around each would
// cost every delivery two more statements.
func (in *ingest) oneByOne(ctx context.Context, group []*delivery) {
	for _, d := range group {
		d.answer(in.writes.do(ctx, func(ctx context.Context, t tx) error {
			return in.insertAll(ctx, t, []*delivery{d})
		}))
	}
}

func (in *ingest) gather(group []*delivery, first *delivery) []*delivery {
	if first.taken.CompareAndSwap(false, true) {
		group = append(group, first)
	}
	for len(group) < groupSize {
		select {
		case d := <-in.queue:
			if d != nil && d.taken.CompareAndSwap(false, true) {
				group = append(group, d)
			}
			if d == nil {
				return group // the queue was closed
			}
		default:
			return group
		}
	}
	return group
}

func (in *ingest) insertAll(ctx context.Context, t tx, group []*delivery) error {
	f := followUp{contacts: in.contacts}
	for _, d := range group {
		var err error
		if d.receipt, err = d.record.insert(ctx, t, &f); err != nil {
			return err
		}
	}
	return f.write(ctx, t)
}

// followUp is what a group's new events need beside them. It is written for
// the whole group at once: most of what a small row costs is its statement.
type followUp struct {
	first int64                  // seq of the group's first new event; 0 if there is none
	last  int64                  // seq of its last new event
	side  []any                  // seq and document of each side row
	kinds []conversions.Received // how many new events of each kind there are

	contacts bool           // whether contacts are kept
	named    []contactEvent // in the order of the log
}

func (f *followUp) add(seq int64, r *eventRecord) {
	if f.first == 0 {
		f.first = seq
	}
	f.last = seq
	f.count(&r.e)
	if r.person != nil {
		f.side = append(f.side, seq, r.person)
	}
	if f.contacts && namesContact(&r.e) {
		f.named = append(f.named, contactEvent{&r.e, seq})
	}
}

// count counts an event. A group has few kinds.
func (f *followUp) count(e *conversions.Event) {
	for i := range f.kinds {
		k := &f.kinds[i]
		if k.Kind == e.Kind && k.Outcome == e.Outcome && k.Source == e.Source && k.Account == e.Account {
			k.Events++
			return
		}
	}
	f.kinds = append(f.kinds, conversions.Received{Account: e.Account, Source: e.Source, Kind: e.Kind, Outcome: e.Outcome, Events: 1})
}

const leaveNotices = `INSERT INTO inbox (account, notice, source, lead)
	SELECT account, 2 * seq, source, lead FROM event AS e WHERE seq >= ? AND lead <> '' AND (outcome <> '' OR EXISTS (
		SELECT 1 FROM event AS t WHERE t.account = e.account AND t.source = e.source AND t.lead = e.lead AND t.outcome > ''))`

// write leaves the notices, counts and writes the side rows. Most leads are never
// tagged, and a notice costs a fold of its lead. Who looks for a tag cannot
// miss one that comes meanwhile: groups are written one after the other, events
// are never deleted, and the tag's own event leaves a notice. The look is one
// step into the index, however many events the lead has.
func (f *followUp) write(ctx context.Context, t tx) error {
	if f.first == 0 {
		return nil
	}
	_, err := t.exec(ctx, leaveNotices, f.first)
	if err != nil {
		return fmt.Errorf("leave notices: %w", err)
	}
	const one, eight = `INSERT INTO identity (seq, doc) VALUES (?, ?)`, `, (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?)`
	for len(f.side) > 0 {
		text, n := one, 2
		if len(f.side) >= 16 {
			text, n = one+eight, 16
		}
		if _, err := t.exec(ctx, text, f.side[:n]...); err != nil {
			return fmt.Errorf("insert side rows: %w", err)
		}
		f.side = f.side[n:]
	}
	if err := addReceived(ctx, t, f.kinds); err != nil {
		return err
	}
	return f.writeContacts(ctx, t)
}

func (d *delivery) answer(err error) {
	if d.err = err; err != nil {
		d.receipt = conversions.Receipt{}
	}
	close(d.done)
}

// Append implements store.Ingest.
func (s *Store) Append(ctx context.Context, e conversions.Event) (conversions.Receipt, error) {
	receipt, err := s.ingest.put(ctx, newEventRecord(e))
	if err != nil {
		return conversions.Receipt{}, fmt.Errorf("append event: %w", err)
	}
	return receipt, nil
}

// Quarantine implements store.Ingest.
func (s *Store) Quarantine(ctx context.Context, q conversions.Quarantined) (conversions.Receipt, error) {
	doc, err := encode(quarantineDoc{Quarantined: q})
	if err != nil {
		return conversions.Receipt{}, fmt.Errorf("quarantine delivery: %w", err)
	}
	receipt, err := s.ingest.put(ctx, quarantineRecord{q: q, doc: doc})
	if err != nil {
		return conversions.Receipt{}, fmt.Errorf("quarantine delivery: %w", err)
	}
	return receipt, nil
}

// eventRecord is an event ready to be written: the documents are made by the
// caller's goroutine, so that the one that writes does nothing else.
type eventRecord struct {
	e           conversions.Event
	doc, person []byte // person is nil when nothing identifying is known
}

func newEventRecord(e conversions.Event) eventRecord {
	e.At, e.CallStart = tidy(e.At), tidy(e.CallStart)
	r := eventRecord{e: e, doc: compact.AppendEvent(nil, &e)}
	if e.Person.IsZero() {
		return r
	}
	e.Person.Salt = make(conversions.Salt, saltSize)
	_, _ = rand.Read(e.Person.Salt) // never fails
	r.person = compact.AppendPerson(nil, &e.Person)
	return r
}

// insert writes the event, unless it is a duplicate.
func (r eventRecord) insert(ctx context.Context, t tx, f *followUp) (conversions.Receipt, error) {
	return r.write(ctx, t, f, insertUnlessQuarantined)
}

// The parts of a text that writes an event, with a condition between them.
const (
	insertEvent = `INSERT INTO event (account, source, body, lead, kind, outcome, received, doc)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 `
	unlessThere = ` ON CONFLICT (source, body) DO NOTHING`

	insertUnlessQuarantined = insertEvent + `WHERE NOT EXISTS (SELECT 1 FROM quarantine WHERE source = ?2 AND body = ?3)` + unlessThere
)

// write writes the event by a text, unless that finds a copy of it.
func (r eventRecord) write(ctx context.Context, t tx, f *followUp, text string) (conversions.Receipt, error) {
	e := &r.e
	res, err := t.exec(ctx, text,
		string(e.Account), e.Source, e.Body[:], string(e.Lead), string(e.Kind), string(e.Outcome), micros(e.Received), r.doc)
	if err != nil {
		return conversions.Receipt{}, fmt.Errorf("insert event: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return firstCopy(ctx, t, e.Source, e.Body)
	}
	seq, err := res.LastInsertId()
	if err != nil {
		return conversions.Receipt{}, fmt.Errorf("insert event: %w", err)
	}
	f.add(seq, &r)
	return conversions.Receipt{Seq: seq}, nil
}

// quarantineRecord is a quarantined delivery ready to be written.
type quarantineRecord struct {
	q   conversions.Quarantined
	doc string
}

func (r quarantineRecord) insert(ctx context.Context, t tx, _ *followUp) (conversions.Receipt, error) {
	q := &r.q
	res, err := t.exec(ctx, `INSERT INTO quarantine (account, source, body, received, doc)
		SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM event WHERE source = ?2 AND body = ?3)
		ON CONFLICT (source, body) DO NOTHING`,
		string(q.Account), q.Source, q.Body[:], micros(q.Received), r.doc)
	if err != nil {
		return conversions.Receipt{}, fmt.Errorf("insert quarantined delivery: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return firstCopy(ctx, t, q.Source, q.Body)
	}
	id, err := res.LastInsertId()
	if err != nil {
		return conversions.Receipt{}, fmt.Errorf("insert quarantined delivery: %w", err)
	}
	return conversions.Receipt{Seq: id}, nil
}

// firstCopy is the receipt of a delivery that is stored already.
func firstCopy(ctx context.Context, t tx, source string, body [16]byte) (conversions.Receipt, error) {
	r := conversions.Receipt{Duplicate: true}
	err := t.one(ctx, []any{&r.Seq}, `SELECT seq FROM event WHERE source = ?1 AND body = ?2
		UNION ALL SELECT id FROM quarantine WHERE source = ?1 AND body = ?2 LIMIT 1`, source, body[:])
	if err != nil {
		return conversions.Receipt{}, fmt.Errorf("find first copy: %w", err)
	}
	return r, nil
}
