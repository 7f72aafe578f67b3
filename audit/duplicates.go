package audit

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"closeloop/conversions"
)

// Pair is one line of the report on possible duplicates, as JSON gives it: two
// outcomes that may be one job tagged on two calls. They come account by
// account, and of each the latest first.
type Pair struct {
	// Earlier is the nearest before Later of the same contact, stage, currency
	// and amount, at most 30 days before.
	Earlier Line `json:"earlier"`
	Later   Line `json:"later"`
	// Amount is what both were tagged with, before the share.
	Amount string `json:"amount"`
	// Same is by what the contact is seen to be the same: "contact" (the CRM's
	// id of it), "email", "phone"; never what they hold.
	Same []conversions.Trait `json:"same"`
}

func duplicates() Report {
	return Report{
		Group: "audit", Name: "duplicates",
		Short:   "List pairs of outcomes that may be one job tagged on two calls",
		Example: "closeloop audit duplicates --account acme --from 2026-11-01",
		Run:     runDuplicates,
	}
}

func runDuplicates(ctx context.Context, r Reader, q Query) (Result, error) {
	accounts := []conversions.AccountID{q.Filter.Account}
	if q.Filter.Account == "" {
		var err error
		if accounts, err = r.Accounts(ctx); err != nil {
			return Result{}, fmt.Errorf("list accounts: %w", err)
		}
	}
	t := Table{Columns: []string{
		"account", "stage", "amount", "currency", "id", "lead", "state", "conversion time",
		"earlier id", "earlier lead", "earlier state", "earlier time", "apart", "same",
	}, Numbers: []int{2, 4, 8, 12}}
	return Result{Tables: []Table{t}, Items: func(yield func(Item, error) bool) {
		v := viewOf(r, q)
		for _, a := range accounts {
			f := q.Filter
			f.Account = a
			for twins, err := range twinsAmong(ctx, r, f) {
				var p Pair
				if err == nil {
					p, err = v.pair(ctx, twins)
				}
				if !yield(Item{Cells: p.cells(q), Data: p}, err) || err != nil {
					return
				}
				if v.rows == 2*q.Filter.Limit {
					v.end(yield, "", someDuplicates)
					return
				}
			}
		}
		v.end(yield, noDuplicates, someDuplicates)
	}}, nil
}

// The notes below the pairs.
const (
	noDuplicates   = "No two outcomes of one contact have the same stage and amount within 30 days."
	someDuplicates = "Each pair has the same contact, stage and amount within 30 days. If it is one job, correct the tag of one of its calls in the CRM: " +
		"what Google holds of that call is then taken back."
)

// pair shows a pair.
func (v *view) pair(ctx context.Context, t conversions.Twins) (Pair, error) {
	later, err := v.line(ctx, t.Later)
	if err != nil {
		return Pair{}, err
	}
	earlier, err := v.line(ctx, t.Earlier)
	return Pair{Earlier: earlier, Later: later, Amount: t.Later.Want.Amount.String(), Same: t.By}, err
}

// twinsAmong finds the pairs of an account of which a filter selects a row, the
// later row's newest conversion time first.
func twinsAmong(ctx context.Context, r Reader, f conversions.Filter) iter.Seq2[conversions.Twins, error] {
	return func(yield func(conversions.Twins, error) bool) {
		asked, err := askedFor(ctx, r, f)
		if err != nil {
			yield(conversions.Twins{}, err)
			return
		}
		if asked.none {
			return
		}
		for s := searchOf(r, asked.near, nil); !s.ended; {
			twins, err := s.step(ctx)
			if err != nil {
				yield(conversions.Twins{}, err)
				return
			}
			for _, t := range twins {
				if (asked.selects(t.Later) || asked.selects(t.Earlier)) && !yield(t, nil) {
					return
				}
			}
		}
	}
}

// asked are the rows of an account that a filter selects, of which the twins
// are wanted.
type asked struct {
	f    conversions.Filter
	ids  map[conversions.RowID]bool // where an index finds the few there are
	near conversions.Filter         // their twins, and others
	none bool
}

func askedFor(ctx context.Context, r Reader, f conversions.Filter) (asked, error) {
	f.Limit = 0
	a := asked{f: f, near: conversions.Filter{Account: f.Account, Stage: f.Stage, From: f.From, To: f.To}}
	if byIndex(f) {
		if err := a.list(ctx, r); err != nil {
			return a, err
		}
	}
	a.near = widened(a.near)
	return a, nil
}

// list reads which rows a filter selects that names what few have in common.
func (a *asked) list(ctx context.Context, r Reader) error {
	a.ids = map[conversions.RowID]bool{}
	for row, err := range rowsOf(ctx, r, a.f) {
		if err != nil {
			return err
		}
		if len(a.ids) == 0 {
			a.near.To = row.Want.At
		}
		a.ids[row.ID], a.near.From = true, row.Want.At
	}
	a.none = len(a.ids) == 0
	return nil
}

// selects reports whether a row of the account and stage is asked for.
func (a *asked) selects(r conversions.Row) bool {
	if a.ids != nil {
		return a.ids[r.ID]
	}
	return (a.f.State == "" || r.State == a.f.State) &&
		(a.f.From.IsZero() || !r.Want.At.Before(a.f.From)) && (a.f.To.IsZero() || r.Want.At.Before(a.f.To))
}

func (p Pair) cells(q Query) []string {
	cells := []string{string(p.Later.Account), string(p.Later.Stage), p.Amount, p.Later.Currency}
	for _, l := range []Line{p.Later, p.Earlier} {
		cells = append(cells, strconv.FormatInt(int64(l.ID), 10), string(l.Lead), string(l.State), q.stamp(l.Account, l.At))
	}
	return append(cells, left(p.apart()), sameText(p.Same))
}

// apart is never nothing, which would read as if time had run out.
func (p Pair) apart() time.Duration { return max(p.Later.At.Sub(p.Earlier.At), 1) }

// sameText says by what two leads are of one person.
func sameText(traits []conversions.Trait) string {
	var words []string
	for _, t := range traits {
		switch t {
		case conversions.TraitContact:
			words = append(words, "contact")
		case conversions.TraitEmail:
			words = append(words, "e-mail address")
		case conversions.TraitPhone:
			words = append(words, "phone number")
		default:
			words = append(words, string(t))
		}
	}
	return strings.Join(words, ", ")
}

// Duplicate is an outcome that may be the same job as the one shown.
type Duplicate struct {
	ID   conversions.RowID   `json:"id"`
	Lead conversions.LeadID  `json:"lead"`
	Same []conversions.Trait `json:"same"`
	// At is its conversion time.
	At time.Time `json:"conversion_time"`
}

func duplicate(r conversions.Row, by []conversions.Trait) Duplicate {
	return Duplicate{ID: r.ID, Lead: r.Key.Lead, Same: by, At: conversionTime(r)}
}

// shortly says that the outcome may be counted twice; empty if it may not.
func shortly(ds []Duplicate) string {
	if len(ds) == 0 {
		return ""
	}
	ids := make([]string, len(ds))
	for i, d := range ds {
		ids[i] = strconv.FormatInt(int64(d.ID), 10)
	}
	return " May be the same job as " + plural(len(ids), "outcome") + " " + strings.Join(ids, " and ") + "."
}

// text says which outcome may be the same job, and why.
func (d Duplicate) text(l Line, q Query) string {
	return fmt.Sprintf("outcome %d (lead %s) of %s has the same stage and amount and is of the same %s: one job may be tagged on two calls",
		d.ID, d.Lead, q.stamp(l.Account, d.At), strings.ReplaceAll(sameText(d.Same), ", ", " and "))
}
