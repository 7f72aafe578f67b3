package audit

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"closeloop/conversions"
)

// Pair is one line of the report on possible duplicates, as JSON gives it: two
// outcomes that may be one job tagged on two calls.
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
	twins, err := r.Twins(ctx, q.Filter)
	if err != nil {
		return Result{}, fmt.Errorf("look for duplicates: %w", err)
	}
	rows := make([]conversions.Row, 0, 2*len(twins))
	for _, t := range twins {
		rows = append(rows, t.Later, t.Earlier)
	}
	paused, err := allPauses(ctx, r, rows)
	if err != nil {
		return Result{}, err
	}
	pairs := make([]Pair, len(twins))
	table := Table{Columns: []string{
		"account", "stage", "amount", "currency", "id", "lead", "state", "conversion time",
		"earlier id", "earlier lead", "earlier state", "earlier time", "apart", "same",
	}, Numbers: []int{2, 4, 8, 12}}
	for i, t := range twins {
		pairs[i] = Pair{Earlier: line(t.Earlier, q, paused), Later: line(t.Later, q, paused), Amount: t.Later.Want.Amount.String(), Same: t.By}
		table.Rows = append(table.Rows, pairs[i].cells(q))
	}
	table.Notes = append(modeNotes(q, rows), duplicatesNote(len(twins)))
	return Result{Tables: []Table{table}, Data: pairs}, nil
}

func duplicatesNote(n int) string {
	if n == 0 {
		return "No two outcomes of one contact have the same stage and amount within 30 days."
	}
	return "Each pair has the same contact, stage and amount within 30 days. If it is one job, correct the tag of one of its calls in the CRM: " +
		"what Google holds of that call is then taken back."
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

// duplicatesOf are the outcomes that may be the same job as a row, by its id.
func duplicatesOf(twins []conversions.Twins) map[conversions.RowID][]Duplicate {
	of := map[conversions.RowID][]Duplicate{}
	for _, t := range twins {
		of[t.Later.ID] = append(of[t.Later.ID], duplicate(t.Earlier, t.By))
		of[t.Earlier.ID] = append(of[t.Earlier.ID], duplicate(t.Later, t.By))
	}
	return of
}

func duplicate(r conversions.Row, by []conversions.Trait) Duplicate {
	return Duplicate{ID: r.ID, Lead: r.Key.Lead, Same: by, At: conversionTime(r)}
}

// flagDuplicates names in every line the outcomes that may be the same job.
// Only the time of the lines is looked at, and 30 days around it.
func flagDuplicates(ctx context.Context, r Reader, q Query, lines []Line, rows []conversions.Row) error {
	if len(rows) == 0 {
		return nil
	}
	f := conversions.Filter{Account: q.Filter.Account, Stage: q.Filter.Stage, From: rows[0].Want.At, To: rows[0].Want.At}
	for _, row := range rows {
		if row.Want.At.Before(f.From) {
			f.From = row.Want.At
		}
		if !row.Want.At.Before(f.To) {
			f.To = row.Want.At.Add(time.Second)
		}
	}
	twins, err := r.Twins(ctx, f)
	if err != nil {
		return fmt.Errorf("look for duplicates: %w", err)
	}
	of := duplicatesOf(twins)
	for i := range lines {
		lines[i].Duplicates = of[lines[i].ID]
	}
	return nil
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
