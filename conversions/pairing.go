package conversions

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
)

// Pairing finds the pairs of PairTwins among the rows of one account that are
// added in the order of lists, latest first. It holds only what it compares of
// the rows of the last TwinWindow: a few hundred bytes each. Not safe for
// concurrent use; see NewPairing.
type Pairing struct {
	seed   maphash.Seed
	alike  uint64    // the only kind that is looked at; 0 for all
	open   []*paired // the rows of the last TwinWindow
	told   int       // so many of them are decided, and their pairs are in pairs
	last   spot      // the last row that was added
	kinds  map[uint64]*sameKind
	marks  map[uint64]*paired // of each mark the last row that may wait for its twin
	became []*paired          // those whose persons are to be read
	pairs  []TwinIDs
}

// spot is a row's place in a list.
type spot struct {
	at int64 // microseconds, as lists are sorted
	id RowID
}

// after reports whether a row stands after another in a list.
func (s spot) after(o spot) bool {
	return cmp.Or(cmp.Compare(o.at, s.at), cmp.Compare(o.id, s.id)) > 0
}

// near reports whether a row is at most TwinWindow later than a time.
func (s spot) near(at int64) bool { return s.at <= at+TwinWindow.Microseconds() }

// paired is what is held of a row. Texts are hashed: there are many rows.
type paired struct {
	spot

	kind, lead, source uint64
	marks              []uint64 // traits of the lead's persons, each with the kind
	same               *paired  // an earlier added row of the same lead that may wait, too
	pair               *TwinIDs
}

// sameKind is what is held of rows that are twins if the persons are the same.
type sameKind struct {
	rows  int
	fresh []*paired // of one lead, and none of another within TwinWindow so far
	last  [2]struct {
		spot

		lead uint64
	} // the last row, and the last of another lead
}

// NewPairing returns a Pairing without rows. Unless of is nil, only the pairs
// are found that may hold that row: those of its stage, currency and amount.
func NewPairing(of *Row) *Pairing {
	p := &Pairing{
		seed: maphash.MakeSeed(), last: spot{at: math.MaxInt64}, // before every row
		kinds: map[uint64]*sameKind{}, marks: map[uint64]*paired{},
	}
	if of != nil {
		t, _ := of.Twin()
		p.alike = p.hash(t.kind())
	}
	return p
}

func (p *Pairing) hash(v any) uint64 { return max(1, maphash.Comparable(p.seed, v)) }

// Add takes the next rows. persons reads the side rows of the leads of some of
// the rows, of this page and of earlier ones: of those only that have a twin if
// the persons are the same. Its errors are Add's, after which the Pairing is of
// no use.
func (p *Pairing) Add(rows []Row, persons func([]RowID) (map[RowID][]Person, error)) error {
	for i := range rows {
		if t, ok := rows[i].Twin(); ok {
			p.enter(t)
		}
		p.last = spotOf(&rows[i])
	}
	if len(p.became) > 0 {
		ids := make([]RowID, len(p.became))
		for i, x := range p.became {
			ids[i] = x.id
		}
		found, err := persons(ids)
		if err != nil {
			return err
		}
		for _, x := range p.became {
			p.match(x, found[x.id])
		}
		p.became = nil
	}
	if len(rows) > 0 {
		p.decide()
	}
	return nil
}

func spotOf(r *Row) spot { return spot{r.Want.At.UnixMicro(), r.ID} }

// enter holds a row, and finds out whose persons matter now.
func (p *Pairing) enter(t TwinRow) {
	x := &paired{spot: spot{t.At.UnixMicro(), t.ID}, kind: p.hash(t.kind())}
	if p.alike != 0 && x.kind != p.alike {
		return
	}
	x.source = p.hash(t.Source)
	x.lead = p.hash([2]string{t.Source, string(t.Lead)})
	p.open = append(p.open, x)
	k := p.kinds[x.kind]
	if k == nil {
		k = &sameKind{}
		p.kinds[x.kind] = k
	}
	k.rows++
	near := false
	for _, o := range k.last {
		near = near || o.lead != 0 && o.lead != x.lead && o.near(x.at)
	}
	if len(k.fresh) > 0 && k.fresh[0].lead != x.lead {
		for _, f := range k.fresh {
			if f.near(x.at) {
				p.became = append(p.became, f)
			}
		}
		k.fresh = nil
	}
	if near {
		p.became = append(p.became, x)
	} else {
		k.fresh = append(k.fresh, x)
	}
	if k.last[0].lead != x.lead {
		k.last[1] = k.last[0]
	}
	k.last[0].spot, k.last[0].lead = x.spot, x.lead
}

// traitBits of a mark tell the place of its trait in traitOrder.
const traitBits = 3

func traitOrder() [traitBits]Trait { return [...]Trait{TraitContact, TraitEmail, TraitPhone} }

// match makes the row the twin of those that waited for one of its persons, and
// has it wait for its own.
func (p *Pairing) match(x *paired, persons []Person) {
	for _, person := range persons {
		for i, value := range [traitBits]string{person.Contact, person.EmailHash, person.PhoneHash} {
			if value == "" {
				continue
			}
			source := uint64(0)
			if i == 0 { // contact ids mean something within their source only
				source = x.source
			}
			mark := p.hash(struct {
				kind, source uint64
				value        string
			}{x.kind, source, value})&^traitBits | uint64(i)
			if !slices.Contains(x.marks, mark) {
				x.marks = append(x.marks, mark)
			}
		}
	}
	for _, m := range x.marks {
		p.found(p.marks[m], x)
		p.marks[m] = x
	}
}

// found pairs the rows that waited for a mark with one that has it. Rows of its
// own lead go on waiting beside it.
func (p *Pairing) found(waiting, x *paired) {
	if waiting == nil || waiting == x {
		return
	}
	if waiting.lead == x.lead {
		if waiting.pair == nil && x.same == nil {
			x.same = waiting
		}
		return
	}
	for w := waiting; w != nil; w = w.same {
		if by := w.shares(x); w.pair == nil && w.near(x.at) && len(by) > 0 {
			w.pair = &TwinIDs{Earlier: x.id, Later: w.id, By: by}
		}
	}
}

// shares are the traits that both have, surest first.
func (x *paired) shares(o *paired) (by []Trait) {
	names := traitOrder()
	for i := range uint64(len(names)) {
		if slices.ContainsFunc(x.marks, func(m uint64) bool { return m&traitBits == i && slices.Contains(o.marks, m) }) {
			by = append(by, names[i])
		}
	}
	return by
}

// decide tells the pairs of rows that cannot change any more, in order, and
// forgets what no later row can be near to.
func (p *Pairing) decide() {
	for ; p.told < len(p.open); p.told++ {
		x := p.open[p.told]
		if x.pair == nil && x.near(p.last.at) {
			break
		}
		if x.pair != nil {
			p.pairs = append(p.pairs, *x.pair)
		}
	}
	for p.told > 0 && !p.open[0].near(p.last.at) {
		p.forget(p.open[0])
		p.open[0] = nil
		p.open = p.open[1:]
		p.told--
	}
}

func (p *Pairing) forget(x *paired) {
	for _, m := range x.marks {
		if p.marks[m] == x {
			delete(p.marks, m)
		}
	}
	k := p.kinds[x.kind]
	if k.rows--; k.rows == 0 {
		delete(p.kinds, x.kind)
	}
	x.same = nil
}

// End says that no row follows.
func (p *Pairing) End() {
	p.last = spot{at: math.MinInt64}
	p.decide()
}

// Take returns the pairs that were found since it was called last, of rows that
// Decided reports true of: the later rows in the order of lists.
func (p *Pairing) Take() []TwinIDs {
	taken := p.pairs
	p.pairs = nil
	return taken
}

// Decided reports whether every pair that holds the row was found, if the row
// was among those added.
func (p *Pairing) Decided(r *Row) bool {
	s := spotOf(r)
	return !s.after(p.last) && (p.told == len(p.open) || p.open[p.told].after(s))
}

// Held is how many rows it holds.
func (p *Pairing) Held() int { return len(p.open) }
