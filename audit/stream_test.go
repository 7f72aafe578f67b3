package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"closeloop/audit"
	"closeloop/conversions"
)

// many adds so many outcomes to every one of some accounts, from the newest to
// one so many days ago, of a few amounts and people. Every 70th is of the same
// one and of the same amount; those of a day have one conversion time.
func (w *world) many(n, days int, accounts ...conversions.AccountID) {
	w.Helper()
	var wg sync.WaitGroup
	for i := range n {
		for _, a := range accounts {
			e := w.tag(a, conversions.LeadID(fmt.Sprint("many-", i)), "booked", conversions.Cents(100_00+i%7), time.Duration(i*days/n)*day)
			e.Body = [16]byte([]byte(fmt.Sprintf("%-8s%8d", a, i)))
			e.Person.Contact = fmt.Sprint("contact-", i%70)
			if i%5 == 0 {
				e.Person.Contact, e.Person.PhoneHash = "", fmt.Sprint("phone-", i%11)
			}
			wg.Go(func() {
				if _, err := w.s.Append(w.Context(), e); err != nil {
					w.Errorf("append: %v", err)
				}
			})
		}
	}
	wg.Wait()
	for _, a := range accounts {
		for range n/1000 + 1 {
			w.fold(a)
		}
	}
}

// counted is a store that notes how much it was asked for at once.
type counted struct {
	audit.Reader

	most, rows, open int
}

func (c *counted) List(ctx context.Context, f conversions.Filter) ([]conversions.Row, error) {
	rows, err := c.Reader.List(ctx, f)
	c.most, c.rows = max(c.most, len(rows)), c.rows+len(rows)
	if f.Limit == 0 {
		c.open++
	}
	return rows, err
}

func (c *counted) Persons(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) (map[conversions.RowID][]conversions.Person, error) {
	c.most = max(c.most, len(ids))
	return c.Reader.Persons(ctx, a, ids)
}

func (c *counted) Listed(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) ([]conversions.Row, error) {
	c.most = max(c.most, len(ids))
	return c.Reader.Listed(ctx, a, ids)
}

// firstLine notes when a second line is written: the first one is the head.
type firstLine struct {
	at func()

	lines int
}

func (f *firstLine) Write(p []byte) (int, error) {
	if f.lines < 2 {
		if f.lines += strings.Count(string(p), "\n"); f.lines >= 2 {
			f.at()
		}
	}
	return len(p), nil
}

// TestReportsReadPages: whatever the number of rows, a report asks for no more
// than a page at once, and writes before it has read all.
func TestReportsReadPages(t *testing.T) {
	t.Parallel()
	const n, page = 1500, 1000 // a row's twin may be of an earlier page: two at once
	w := newWorld(t)
	w.many(n, 300, acme, tokyo)
	for _, name := range []string{"audit list", "audit duplicates"} {
		for _, account := range []conversions.AccountID{"", acme} {
			for _, f := range audit.Formats() {
				t.Run(fmt.Sprint(name, " ", account, " ", f), func(t *testing.T) {
					t.Parallel()
					q := w.query()
					q.Filter.Account = account
					c := &counted{Reader: w.s}
					begun := 0
					err := audit.Write(&firstLine{at: func() { begun = c.rows }}, report(t, c, name, q), f)
					if err != nil {
						t.Fatal(err)
					}
					all := n
					if account == "" {
						all = 2 * n
					}
					if name == "audit list" {
						all *= 2 // once to look for duplicates
					}
					if c.rows < all || c.rows > all+page {
						t.Errorf("%d rows were read, want all %d once", c.rows, all)
					}
					if c.most > page || c.open > 0 {
						t.Errorf("at most %d rows were asked for at once, and %d times any number; want pages of at most %d", c.most, c.open, page)
					}
					if begun > 2*all/3 {
						t.Errorf("%d rows of %d were read before anything was written", begun, all)
					}
				})
			}
		}
	}
}

// TestReportsReadNoMoreThanIsNear: what is asked of a few outcomes is not looked
// for in the whole store.
func TestReportsReadNoMoreThanIsNear(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.many(1500, 300, acme, tokyo)
	twinless := w.row(acme, "many-750").ID // 150 days ago: 60 days around it hold 300
	for name, c := range map[string]struct {
		report, subject string
		filter          conversions.Filter
		most            int
	}{
		"list of a lead":              {report: "audit list", filter: conversions.Filter{Account: acme, Lead: "many-750"}, most: 1 + 500},
		"duplicates of a lead":        {report: "audit duplicates", filter: conversions.Filter{Account: acme, Lead: "many-750"}, most: 1 + 500},
		"duplicates of no lead":       {report: "audit duplicates", filter: conversions.Filter{Lead: "nobody"}, most: 0},
		"duplicates of a day":         {report: "audit duplicates", filter: conversions.Filter{Account: acme, From: noon().AddDate(0, 0, -100), To: noon().AddDate(0, 0, -99)}, most: 500},
		"an outcome":                  {report: "audit show", subject: fmt.Sprint(twinless), filter: conversions.Filter{Account: acme}, most: 500},
		"the newest of two accounts":  {report: "audit list", filter: conversions.Filter{Limit: 10}, most: 2*10 + 2*500},
		"the newest pairs of a store": {report: "audit duplicates", filter: conversions.Filter{Limit: 3}, most: 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := w.query()
			q.Filter, q.Subject = c.filter, c.subject
			read := &counted{Reader: w.s}
			write(t, report(t, read, c.report, q), audit.FormatCSV)
			if read.rows > c.most {
				t.Errorf("%d rows were read, want at most %d", read.rows, c.most)
			}
		})
	}
}

// TestListIsTheStoresList: a report of pages has the rows and the order of one
// list, and the duplicates of one search through all rows.
func TestListIsTheStoresList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.many(700, 100, acme, tokyo, trial)
	b := w.send(acme, "many-3", "many-30", "many-33")
	w.answer(b, done())
	w.send(tokyo, "many-4", "many-5")
	for name, f := range map[string]conversions.Filter{
		"all":        {},
		"an account": {Account: acme},
		"some":       {Limit: 600},
		"a page":     {Account: acme, Limit: 500},
		"a month":    {From: noon().AddDate(0, 0, -40), To: noon().AddDate(0, 0, -10)},
		"done":       {State: conversions.StateDone},
		"in flight":  {State: conversions.StateSending},
		"queued":     {State: conversions.StateQueued, Stage: conversions.StageBooked},
		"a lead":     {Lead: "many-11"},
		"a click":    {ClickID: clickID("many-11")},
		"nothing":    {Stage: conversions.StageQuoted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := []string{}
			rows, err := w.s.List(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			of := duplicatesOf(w.pairs(t))
			for _, r := range rows {
				want = append(want, fmt.Sprint(r.ID, " ", r.State, " ", of[r.ID]))
			}
			q := w.query()
			q.Filter = f
			got := []string{}
			for _, l := range decoded[audit.Line](t, report(t, w.s, "audit list", q)) {
				var ids []string
				for _, d := range l.Duplicates {
					ids = append(ids, fmt.Sprint(d.ID, d.Same))
				}
				got = append(got, fmt.Sprint(l.ID, " ", l.State, " ", ids))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("list: -want +got\n%s", diff)
			}
		})
	}
}

// TestShowFindsTheDuplicatesOfTheList asks about single rows.
func TestShowFindsTheDuplicatesOfTheList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.many(300, 60, acme, tokyo)
	of := duplicatesOf(w.pairs(t))
	q := w.query()
	for id := conversions.RowID(1); id <= 600; id += 37 {
		q.Subject = fmt.Sprint(id)
		var shown audit.Shown
		w.must(json.Unmarshal([]byte(write(t, report(t, w.s, "audit show", q), audit.FormatJSON)), &shown))
		var got []string
		for _, d := range shown.Duplicates {
			got = append(got, fmt.Sprint(d.ID, d.Same))
		}
		if diff := cmp.Diff(of[id], got); diff != "" {
			t.Errorf("row %d: -want +got\n%s", id, diff)
		}
	}
}

// decoded are the elements of a report as a program reads them.
func decoded[T any](t *testing.T, res audit.Result) (all []T) {
	t.Helper()
	if err := json.Unmarshal([]byte(write(t, res, audit.FormatJSON)), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// pairs are the twins by definition, of all rows of each account at once.
func (w *world) pairs(t *testing.T) (all []conversions.TwinIDs) {
	t.Helper()
	accounts, err := w.s.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		rows, err := w.s.List(t.Context(), conversions.Filter{Account: a})
		if err != nil {
			t.Fatal(err)
		}
		var ids []conversions.RowID
		for _, r := range rows {
			ids = append(ids, r.ID)
		}
		persons, err := w.s.Persons(t.Context(), a, ids)
		if err != nil {
			t.Fatal(err)
		}
		var compared []conversions.TwinRow
		for _, r := range rows {
			if twin, ok := r.Twin(); ok {
				twin.Persons = persons[r.ID]
				compared = append(compared, twin)
			}
		}
		all = append(all, conversions.PairTwins(compared)...)
	}
	return all
}

// duplicatesOf are what a list says of each row.
func duplicatesOf(pairs []conversions.TwinIDs) map[conversions.RowID][]string {
	of := map[conversions.RowID][]string{}
	for _, p := range pairs {
		of[p.Later] = append(of[p.Later], fmt.Sprint(p.Earlier, p.By))
		of[p.Earlier] = append(of[p.Earlier], fmt.Sprint(p.Later, p.By))
	}
	return of
}

// TestDuplicatesAreThePairsAsked compares the report, with any filter on a
// store of any few jobs, with the definition.
func TestDuplicatesAreThePairsAsked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.jobs(rt)
		rows, err := w.s.List(t.Context(), conversions.Filter{})
		w.must(err)
		if len(rows) == 0 {
			return
		}
		row := rows[rapid.IntRange(0, len(rows)-1).Draw(rt, "row")]
		filters := []conversions.Filter{
			{},
			{Account: row.Key.Account},
			{From: row.Want.At},
			{To: row.Want.At},
			{Lead: row.Key.Lead},
			{ClickID: clickID(row.Key.Lead)},
			{State: row.State},
			{Stage: row.Key.Stage},
			{Limit: 1},
			{From: row.Want.At, To: row.Want.At.Add(time.Second), State: row.State},
		}
		f := filters[rapid.IntRange(0, len(filters)-1).Draw(rt, "filter")]
		selected := f
		selected.Limit = 0
		found, err := w.s.List(t.Context(), selected)
		w.must(err)
		asked := map[conversions.RowID]bool{}
		for _, r := range found {
			asked[r.ID] = true
		}
		want := slices.DeleteFunc(w.pairs(t), func(p conversions.TwinIDs) bool { return !asked[p.Later] && !asked[p.Earlier] })
		if f.Limit > 0 {
			want = want[:min(f.Limit, len(want))]
		}
		q := w.query()
		q.Filter = f
		var got []conversions.TwinIDs
		for _, p := range decoded[audit.Pair](t, report(t, w.s, "audit duplicates", q)) {
			got = append(got, conversions.TwinIDs{Earlier: p.Earlier.ID, Later: p.Later.ID, By: p.Same})
		}
		if diff := cmp.Diff(want, got, cmp.Transformer("list", func(x []conversions.TwinIDs) string { return fmt.Sprint(x) })); diff != "" {
			rt.Errorf("duplicates of %+v: -want +got\n%s", f, diff)
		}
	})
}

// jobs adds a few outcomes of a few people.
func (w *world) jobs(t *rapid.T) {
	w.Helper()
	accounts := []conversions.AccountID{acme, tokyo}
	for i := range rapid.IntRange(0, 12).Draw(t, "jobs") {
		a := rapid.SampledFrom(accounts).Draw(t, "account")
		e := w.ofContact(a, conversions.LeadID(fmt.Sprint("job", i%8)), rapid.SampledFrom([]conversions.Outcome{"booked", "quoted"}).Draw(t, "outcome"),
			time.Duration(rapid.IntRange(0, 2000).Draw(t, "hours"))*time.Hour, conversions.Person{
				Contact:   rapid.SampledFrom([]string{"", "c1", "c2"}).Draw(t, "contact"),
				PhoneHash: rapid.SampledFrom([]string{"", "p1"}).Draw(t, "phone"),
			})
		w.take(e)
	}
}

// TestAListIsAnswersToAllRowsThatStay: rows that come or move while a list is
// read neither repeat nor hide one that did not change.
func TestAListIsAnswersToAllRowsThatStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.many(1200, 100, acme)
	before, err := w.s.List(t.Context(), conversions.Filter{})
	w.must(err)
	seen := map[conversions.RowID]int{}
	n := 0
	for item, err := range report(t, w.s, "audit list", w.query()).Items {
		w.must(err)
		if item.Note != "" {
			continue
		}
		l, ok := item.Data.(audit.Line)
		if !ok {
			t.Fatalf("an item is a %T", item.Data)
		}
		seen[l.ID]++
		if n++; n%400 == 0 {
			w.take(w.tag(acme, conversions.LeadID(fmt.Sprint("new-", n)), "booked", 70_00, time.Duration(n)*time.Hour/10))
		}
	}
	for _, r := range before {
		if seen[r.ID] != 1 {
			t.Errorf("row %d was listed %d times", r.ID, seen[r.ID])
		}
	}
}

// TestATableOfAnyLength: cells that are wider than those of the first rows move
// the rest of their line only.
func TestATableOfAnyLength(t *testing.T) {
	t.Parallel()
	res := audit.Result{
		Tables: []audit.Table{{Columns: []string{"number", "text"}, Numbers: []int{0}}},
		Items: func(yield func(audit.Item, error) bool) {
			for i := range 1000 {
				if !yield(audit.Item{Cells: []string{strconv.Itoa(i), "x"}, Data: i}, nil) {
					return
				}
			}
			if yield(audit.Item{Cells: []string{"1000000000", "wide"}, Data: 1}, nil) && yield(audit.Item{Cells: []string{"7", "narrow"}, Data: 7}, nil) {
				yield(audit.Item{Note: "That is all."}, nil)
			}
		},
	}
	for range 2 { // the items are read anew
		lines := strings.Split(write(t, res, audit.FormatTable), "\n")
		want := []string{"number  text", "     0  x", "   999  x", "1000000000  wide", "     7  narrow", "That is all.", ""}
		if diff := cmp.Diff(want, append(lines[:2:2], lines[1000:]...)); diff != "" {
			t.Errorf("table: -want +got\n%s", diff)
		}
	}
}
