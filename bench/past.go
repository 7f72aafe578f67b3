package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"closeloop/conversions"
	"closeloop/store"
	"closeloop/store/compact"
)

// The past is batches of settled conversions, in turns of 50 accounts and over
// 90 days.
const (
	pastBatch    = conversions.MaxItems
	pastAccounts = 50
	pastSeconds  = 90 * 24 * 60 * 60
)

// pastAccount is one of the accounts of the past.
func pastAccount(n int) conversions.AccountID {
	return conversions.AccountID(fmt.Sprintf("past-%02d", n%pastAccounts))
}

// pastPick is the number of a conversion of the second account, the one that is
// looked at, of so many in all: a different one for each n below a thousand.
func pastPick(size, n int) int64 {
	turns := (size/pastBatch-2)/pastAccounts + 1 // the account's batches
	batch := 1 + n*7919%turns*pastAccounts
	return int64(batch*pastBatch + n*797%pastBatch)
}

// past makes conversions that are settled like one that is: the same in all
// but what tells one from another.
type past struct {
	row    conversions.Row
	person conversions.Person
	id     conversions.RowID // the pattern's, which row does not keep
	event  int64             // the pattern's
	first  int64             // the number of event and row of the first conversion
	buf    []byte

	// ledger is the number of the first entry of the batch that is made:
	// decisions in chunks of so many, then its answers in one.
	ledger, decisions int64
}

// patternOf finds a conversion that is settled.
func patternOf(ctx context.Context, s store.Store) (*past, error) {
	rows, err := s.List(ctx, conversions.Filter{Account: account, State: conversions.StateDone, Limit: 1})
	if err != nil || len(rows) != 1 {
		return nil, fmt.Errorf("find a pattern, of %d rows: %w", len(rows), err)
	}
	h, err := s.History(ctx, account, rows[0].ID)
	if err != nil || len(h.Events) != 1 || len(h.Events[0].Person.Clicks) == 0 {
		return nil, fmt.Errorf("read pattern with %d events: %w", len(h.Events), err)
	}
	return &past{row: h.Row, id: h.Row.ID, person: h.Events[0].Person, event: h.Events[0].Seq}, nil
}

// clone is for another goroutine.
func (p *past) clone() *past {
	c := *p
	c.buf = nil
	c.person.Clicks = append([]conversions.FoundClick(nil), p.person.Clicks...)
	return &c
}

// The parts of conversion i. Row and event have the same number.

func (p *past) number(i int64) int64 { return p.first + i }

func pastOwner(i int64) conversions.AccountID { return pastAccount(int(i / pastBatch)) }

func pastSource(a conversions.AccountID) string { return "varda-" + string(a) }

func pastLead(i int64) conversions.LeadID {
	return conversions.LeadID("past-" + strconv.FormatInt(i, 10))
}

func pastOrder(i int64) string { return "cl" + hex.EncodeToString(random(i, 1, 16)) }

func pastClick(i int64) string { return "Cj0KCQjw" + hex.EncodeToString(random(i, 2, 41)) }

func (p *past) at(i int64) time.Time {
	return p.row.Want.At.Add(-time.Duration(i*7919%pastSeconds) * time.Second)
}

// received is when event i came. Events come in the order of the log, ever
// more of them a day, so that there are some of every week of the 90 days however
// many there are.
func (p *past) received(i int64) time.Time {
	const slow, all = 1000, 1e8
	share := math.Log1p(float64(i)/slow) / math.Log1p(all/slow)
	return p.row.Want.At.Add(-time.Duration((1 - share) * float64(pastSeconds*time.Second)))
}

// chunksOf are the chunks of the ledger with the entries of row i, by their
// first entries.
func (p *past) chunksOf(i int64) (decided, answered int64) {
	return p.ledger + i%pastBatch/p.decisions*p.decisions, p.ledger + pastBatch
}

// random are bytes that do not compress, the same for the same numbers.
func random(i int64, use uint64, n int) []byte {
	source := rand.NewPCG(uint64(i), use) //nolint:gosec // nothing is guarded by it
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, source.Uint64())
	}
	return b[:n]
}

// rowDoc is the document of row i.
func (p *past) rowDoc(i int64) []byte {
	r := &p.row
	r.ID, r.OrderID = conversions.RowID(p.number(i)), pastOrder(i)
	owner := pastOwner(i)
	r.Key.Account, r.Key.Source, r.Key.Lead = owner, pastSource(owner), pastLead(i)
	w := r.Want
	w.At, w.Tag, w.ValueEvent, w.Click.Event = p.at(i), p.number(i), p.number(i), p.number(i)
	shown := *r
	shown.Want, shown.Known.At = w, w.At
	p.buf = compact.AppendRow(p.buf[:0], &shown)
	return p.buf
}

// personDoc is the document of the side row of event i: nobody else's.
func (p *past) personDoc(i int64) []byte {
	x := &p.person
	x.Clicks[0].ID = pastClick(i)
	x.Contact = strconv.FormatInt(i, 10)
	x.PhoneHash = hex.EncodeToString(random(i, 3, 32))
	p.buf = compact.AppendPerson(p.buf[:0], x)
	return p.buf
}

// hashed is a number that stands for a text.
func hashed(text string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return int64(h.Sum64()) //nolint:gosec // only has to be distinct
}
