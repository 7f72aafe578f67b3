package conversions

import (
	"cmp"
	"slices"
	"time"
)

// TwinWindow is how far apart the conversion times of twins lie at most.
const TwinWindow = 30 * 24 * time.Hour

// Trait is something by which two leads are seen to be of one person.
type Trait string

// The traits, surest first.
const (
	TraitContact Trait = "contact" // the same contact id of the same source
	TraitEmail   Trait = "email"   // the same e-mail address, by its hash
	TraitPhone   Trait = "phone"   // the same phone number, by its hash
)

// Twins are two rows that may stand for one job tagged on two calls: of one
// account, stage, currency and amount before the share, of two leads of one
// person, with conversion times at most TwinWindow apart. Neither was taken
// back. Nothing follows from it but that a person is told.
type Twins struct {
	// Earlier is the nearest before Later that is its twin.
	Earlier, Later Row
	// By are the traits they share, at least one.
	By []Trait
}

// TwinRow is what is looked at of a row to find its twins.
type TwinRow struct {
	ID       RowID
	Account  AccountID
	Source   string
	Lead     LeadID
	Stage    Stage
	Currency string
	// Amount is Want.Amount; a row without any has no twins.
	Amount Cents
	// At is Want.At.
	At time.Time
	// Persons are the side rows of the lead's events.
	Persons []Person
}

// Twin is what is looked at of the row but for the persons, or false if it has
// no twins: it has no amount, or was taken back.
func (r Row) Twin() (TwinRow, bool) {
	if r.Want.Amount <= 0 || r.Want.Reason == ReasonWithdrawn || r.Known.Status == KnownRetracted {
		return TwinRow{}, false
	}
	return TwinRow{
		ID: r.ID, Account: r.Key.Account, Source: r.Key.Source, Lead: r.Key.Lead, Stage: r.Key.Stage,
		Currency: r.Want.Currency, Amount: r.Want.Amount, At: r.Want.At,
	}, true
}

// kind is what twins have in common beside the person.
type kind struct {
	account  AccountID
	stage    Stage
	currency string
	amount   Cents
}

func (r TwinRow) kind() kind { return kind{r.Account, r.Stage, r.Currency, r.Amount} }

func (r TwinRow) sameLead(o TwinRow) bool { return r.Source == o.Source && r.Lead == o.Lead }

// trait is one trait of a person; source is empty but for contact ids, which
// mean something within their source only.
type trait struct {
	name          Trait
	source, value string
}

func (r TwinRow) traits() []trait {
	var all []trait
	for _, p := range r.Persons {
		for _, t := range []trait{{TraitContact, r.Source, p.Contact}, {TraitEmail, "", p.EmailHash}, {TraitPhone, "", p.PhoneHash}} {
			if t.value != "" && !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	return all
}

// NearTwins returns the rows that have a twin if the persons are the same:
// whose persons are worth reading. The order is by time; the argument is left
// as it is.
func NearTwins(rows []TwinRow) []TwinRow {
	sorted := byTime(rows)
	near := make([]bool, len(sorted))
	last := map[kind][]int{} // of each kind, the latest row and the latest of another lead
	for i, r := range sorted {
		for _, j := range last[r.kind()] {
			if !r.sameLead(sorted[j]) && r.At.Sub(sorted[j].At) <= TwinWindow {
				near[i], near[j] = true, true
			}
		}
		last[r.kind()] = latest(last[r.kind()], sorted, i)
	}
	var found []TwinRow
	for i, r := range sorted {
		if near[i] {
			found = append(found, r)
		}
	}
	return found
}

// latest puts row i before those seen, of which it keeps one of another lead.
func latest(seen []int, rows []TwinRow, i int) []int {
	kept := []int{i}
	for _, j := range seen {
		if !rows[j].sameLead(rows[i]) {
			return append(kept, j)
		}
	}
	return kept
}

// TwinIDs are Twins by the ids of their rows.
type TwinIDs struct {
	Earlier, Later RowID
	By             []Trait
}

// PairTwins returns every row that has an earlier twin together with the
// nearest one, the latest first. The argument is left as it is.
func PairTwins(rows []TwinRow) []TwinIDs {
	type mark struct {
		kind
		trait
	}
	sorted := byTime(rows)
	last := map[mark][]int{}
	var pairs []TwinIDs
	for i, r := range sorted {
		nearest := -1
		for _, t := range r.traits() {
			m := mark{r.kind(), t}
			for _, j := range last[m] {
				if !r.sameLead(sorted[j]) && r.At.Sub(sorted[j].At) <= TwinWindow {
					nearest = max(nearest, j)
				}
			}
			last[m] = latest(last[m], sorted, i)
		}
		if nearest >= 0 {
			pairs = append(pairs, TwinIDs{Earlier: sorted[nearest].ID, Later: r.ID, By: shared(sorted[nearest], r)})
		}
	}
	slices.Reverse(pairs)
	return pairs
}

// shared are the traits that two rows have in common, surest first.
func shared(a, b TwinRow) []Trait {
	var by []Trait
	others := b.traits()
	for _, name := range []Trait{TraitContact, TraitEmail, TraitPhone} {
		if slices.ContainsFunc(a.traits(), func(t trait) bool { return t.name == name && slices.Contains(others, t) }) {
			by = append(by, name)
		}
	}
	return by
}

func byTime(rows []TwinRow) []TwinRow {
	return slices.SortedStableFunc(slices.Values(rows), func(a, b TwinRow) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
}
