package conversions_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"closeloop/conversions"
)

// crowd draws rows of a few leads of a few people, some of which are no twins,
// latest first, and the persons of each row's lead.
func crowd(t *rapid.T) (rows []conversions.Row, persons map[conversions.RowID][]conversions.Person) {
	persons = map[conversions.RowID][]conversions.Person{}
	ofLead := map[string][]conversions.Person{}
	name := func(prefix string, n int, label string) string {
		if i := rapid.IntRange(0, n).Draw(t, label); i > 0 {
			return fmt.Sprint(prefix, i)
		}
		return ""
	}
	kinds := rapid.IntRange(1, 3).Draw(t, "amounts")
	days := rapid.SampledFrom([]int{0, 31, 100, 400}).Draw(t, "days")
	for i := range rapid.IntRange(0, 60).Draw(t, "rows") {
		r := conversions.Row{ID: conversions.RowID(i + 1)}
		r.Key = conversions.Key{
			Account: "acme", Source: rapid.SampledFrom([]string{"crm", "other"}).Draw(t, "source"),
			Lead: conversions.LeadID(fmt.Sprint("lead", rapid.IntRange(0, 20).Draw(t, "lead"))), Stage: conversions.StageBooked,
		}
		r.Want.Amount, r.Want.Currency = conversions.Cents(100*rapid.IntRange(0, kinds).Draw(t, "amount")), "EUR"
		r.Want.At = time.Unix(int64(86400*rapid.IntRange(0, days).Draw(t, "day")+rapid.IntRange(0, 1).Draw(t, "second")), 0).UTC()
		if rapid.IntRange(0, 9).Draw(t, "withdrawn") == 0 {
			r.Want.Reason = conversions.ReasonWithdrawn
		}
		lead := r.Key.Source + " " + string(r.Key.Lead)
		if _, known := ofLead[lead]; !known {
			ofLead[lead] = []conversions.Person{}
			for range rapid.IntRange(0, 2).Draw(t, "events") {
				ofLead[lead] = append(ofLead[lead], conversions.Person{
					Contact: name("c", 3, "contact"), EmailHash: name("h", 3, "email"), PhoneHash: name("h", 3, "phone"),
				})
			}
		}
		rows, persons[r.ID] = append(rows, r), ofLead[lead]
	}
	slices.SortFunc(rows, func(a, b conversions.Row) int { return cmpRows(b, a) })
	return rows, persons
}

func cmpRows(a, b conversions.Row) int {
	if c := a.Want.At.Compare(b.Want.At); c != 0 {
		return c
	}
	return int(a.ID - b.ID)
}

// defined are the pairs by definition: of all rows at once.
func defined(rows []conversions.Row, persons map[conversions.RowID][]conversions.Person) []conversions.TwinIDs {
	var all []conversions.TwinRow
	for _, r := range rows {
		if twin, ok := r.Twin(); ok {
			twin.Persons = persons[r.ID]
			all = append(all, twin)
		}
	}
	return conversions.PairTwins(all)
}

func TestPairingIsPairTwins(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows, persons := crowd(t)
		p := conversions.NewPairing(nil)
		read := map[conversions.RowID]bool{}
		var got []conversions.TwinIDs
		left := rows
		for len(left) > 0 {
			n := rapid.IntRange(1, len(left)).Draw(t, "page")
			err := p.Add(left[:n], func(ids []conversions.RowID) (map[conversions.RowID][]conversions.Person, error) {
				for _, id := range ids {
					if read[id] {
						t.Errorf("persons of row %d are read twice", id)
					}
					read[id] = true
				}
				return persons, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			left = left[n:]
			got = append(got, p.Take()...)
			told := len(got)
			for i := range rows {
				if p.Decided(&rows[i]) && told < toldBy(rows[i].ID, defined(rows, persons)) {
					t.Errorf("row %d is decided, and a pair of it is not told", rows[i].ID)
				}
			}
		}
		p.End()
		got = append(got, p.Take()...)
		if diff := cmp.Diff(defined(rows, persons), got); diff != "" {
			t.Errorf("pairs: -want +got\n%s", diff)
		}
		if p.Held() > 0 {
			t.Errorf("%d rows are held after the end", p.Held())
		}
	})
}

// toldBy is how many pairs are told once all those of a row are.
func toldBy(id conversions.RowID, pairs []conversions.TwinIDs) (n int) {
	for i, pair := range pairs {
		if pair.Earlier == id || pair.Later == id {
			n = i + 1
		}
	}
	return n
}

func TestPairingOfARowFindsItsPairs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows, persons := crowd(t)
		if len(rows) == 0 {
			return
		}
		row := rows[rapid.IntRange(0, len(rows)-1).Draw(t, "row")]
		p := conversions.NewPairing(&row)
		if p.Decided(&row) {
			t.Error("a row is decided before any was added")
		}
		err := p.Add(rows, func([]conversions.RowID) (map[conversions.RowID][]conversions.Person, error) { return persons, nil })
		if err != nil {
			t.Fatal(err)
		}
		p.End()
		of := func(pairs []conversions.TwinIDs) []conversions.TwinIDs {
			return slices.DeleteFunc(pairs, func(x conversions.TwinIDs) bool { return x.Earlier != row.ID && x.Later != row.ID })
		}
		if diff := cmp.Diff(of(defined(rows, persons)), of(p.Take()), cmp.Transformer("nil", func(x []conversions.TwinIDs) int { return len(x) })); diff != "" {
			t.Errorf("pairs of row %d: -want +got\n%s", row.ID, diff)
		}
	})
}

// TestPairingHoldsAWindow: whatever is added, what is older than the window is
// forgotten, and persons are read only where amounts agree.
func TestPairingHoldsAWindow(t *testing.T) {
	t.Parallel()
	p := conversions.NewPairing(nil)
	asked, most := 0, 0
	for day := 1000; day > 0; day-- {
		r := conversions.Row{ID: conversions.RowID(day)}
		r.Key.Lead, r.Want.Amount = conversions.LeadID(strconv.Itoa(day)), conversions.Cents(100+day%100)
		r.Want.At = time.Unix(int64(86400*day), 0)
		err := p.Add([]conversions.Row{r}, func(ids []conversions.RowID) (map[conversions.RowID][]conversions.Person, error) {
			asked += len(ids)
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, p.Held())
	}
	if most != 31 || asked != 0 {
		t.Errorf("%d rows were held and %d persons asked for, want 31 and 0", most, asked)
	}
}

func TestPairingFailsWithItsReader(t *testing.T) {
	t.Parallel()
	p, gone := conversions.NewPairing(nil), errors.New("gone")
	rows := make([]conversions.Row, 2)
	for i := range rows {
		rows[i].ID, rows[i].Key.Lead, rows[i].Want.Amount = conversions.RowID(2-i), conversions.LeadID(strconv.Itoa(i)), 100
	}
	err := p.Add(rows, func([]conversions.RowID) (map[conversions.RowID][]conversions.Person, error) { return nil, gone })
	if !errors.Is(err, gone) {
		t.Errorf("Add: %v, want what reading persons gave", err)
	}
}
