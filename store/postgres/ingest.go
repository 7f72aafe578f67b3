package postgres

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"

	"closeloop/conversions"
)

// groupSize is the most deliveries that share a commit.
const groupSize = 512

// fewInGroup is from how many deliveries on a group lets others come in. Fewer
// are not worth waking another processor for.
const fewInGroup = 4

// ingest is the group commit. One goroutine takes a connection, then whatever
// deliveries have come meanwhile, writes them in one transaction, nearly always
// with one statement, and answers everybody. Nobody waits for others to come,
// so a lone delivery costs one round trip and a hundred at once cost little
// more. The second look of events that are no tags (group.queueSecondLook) goes
// with it, behind the commit.
type ingest struct {
	db    *database
	pool  *pgxpool.Pool // of the one connection that deliveries are written over
	queue chan *delivery
	ended chan struct{}
	// contacts also keeps which leads name a contact, and which events bring a
	// click of it.
	contacts bool
	// known are the bindings of sources to accounts that were written; used by
	// the one goroutine only.
	known map[binding]bool
	// lines are about how many counts this process has written since it last
	// added them up; used by the one goroutine only.
	lines int

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

// storable is an eventRecord or a quarantineRecord.
type storable interface {
	identity() deliveryID
}

func startIngest(db *database, pool *pgxpool.Pool, contacts bool) *ingest {
	in := &ingest{
		db: db, pool: pool, queue: make(chan *delivery, groupSize), ended: make(chan struct{}), contacts: contacts, known: map[binding]bool{},
		lines: tooMany, // also who is started again and again adds up
	}
	go func() {
		defer close(in.ended)
		for first := range in.queue {
			in.commit(first)
			in.addUp(context.Background())
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
	if err := ctx.Err(); err != nil {
		return conversions.Receipt{}, err //nolint:wrapcheck // Append and Quarantine say what they were doing
	}
	d := &delivery{record: r, done: make(chan struct{})}
	select {
	case in.queue <- d:
	case <-ctx.Done():
		return conversions.Receipt{}, ctx.Err() //nolint:wrapcheck // as above
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

// commit writes one group. The group is gathered after a connection was had,
// so whoever gave up while the database was away is left out, and whoever came
// is in. When there is no connection to be had everybody is told so.
func (in *ingest) commit(first *delivery) {
	ctx := context.Background()
	var group []*delivery
	gather := func() []*delivery {
		if group == nil {
			group = in.gather(first)
		}
		return group
	}
	err := in.writeAll(ctx, gather)
	if gather(); len(group) > 1 && itsOwnFault(err) {
		in.oneByOne(ctx, group)
		return
	}
	for _, d := range group {
		d.answer(err)
	}
}

// oneByOne gives every delivery a transaction of its own after one of them
// failed, so that it fails alone.
func (in *ingest) oneByOne(ctx context.Context, group []*delivery) {
	for _, d := range group {
		d.answer(in.writeAll(ctx, func() []*delivery { return []*delivery{d} }))
	}
}

// gather takes what is waiting. When there are several, others are probably
// about to come: they get the processor once more before the group is closed,
// which is much cheaper than a commit for them. The slice is never nil.
func (in *ingest) gather(first *delivery) []*delivery {
	group := make([]*delivery, 0, groupSize)
	if first.taken.CompareAndSwap(false, true) {
		group = append(group, first)
	}
	for yielded := false; len(group) < groupSize; {
		select {
		case d := <-in.queue:
			yielded = false
			if d != nil && d.taken.CompareAndSwap(false, true) {
				group = append(group, d)
			}
			if d == nil {
				return group // the queue was closed
			}
		default:
			if yielded || len(group) < fewInGroup {
				return group
			}
			yielded = true
			runtime.Gosched()
		}
	}
	return group
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
	receipt, err := s.ingest.put(ctx, &quarantineRecord{q: q, doc: doc})
	if err != nil {
		return conversions.Receipt{}, fmt.Errorf("quarantine delivery: %w", err)
	}
	return receipt, nil
}
