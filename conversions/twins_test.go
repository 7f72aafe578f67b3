package conversions_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
)

// job is a row of a lead of the contact c1, so many days after the first.
func job(id conversions.RowID, lead conversions.LeadID, days float64, changes ...func(*conversions.TwinRow)) conversions.TwinRow {
	r := conversions.TwinRow{
		ID: id, Account: "acme", Source: "crm", Lead: lead, Stage: conversions.StageBooked, Currency: "USD", Amount: 250_00,
		At:      time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC).Add(time.Duration(days * float64(24*time.Hour))),
		Persons: []conversions.Person{{}, {Contact: "c1"}},
	}
	for _, c := range changes {
		c(&r)
	}
	return r
}

func person(p ...conversions.Person) func(*conversions.TwinRow) {
	return func(r *conversions.TwinRow) { r.Persons = p }
}

func TestPairTwins(t *testing.T) {
	t.Parallel()
	with := func(f func(*conversions.TwinRow)) func(*conversions.TwinRow) { return f }
	by := func(traits ...conversions.Trait) []conversions.Trait { return traits }
	contact := by(conversions.TraitContact)
	tests := []struct {
		name string
		rows []conversions.TwinRow
		want []conversions.TwinIDs
	}{
		{name: "none"},
		{name: "one", rows: []conversions.TwinRow{job(1, "a", 0)}},
		{"two", []conversions.TwinRow{job(1, "a", 0), job(2, "b", 1)}, []conversions.TwinIDs{{1, 2, contact}}},
		{"in any order", []conversions.TwinRow{job(1, "a", 1), job(2, "b", 0)}, []conversions.TwinIDs{{2, 1, contact}}},
		{"in the same second", []conversions.TwinRow{job(2, "a", 0), job(1, "b", 0)}, []conversions.TwinIDs{{1, 2, contact}}},
		{"30 days apart", []conversions.TwinRow{job(1, "a", 0), job(2, "b", 30)}, []conversions.TwinIDs{{1, 2, contact}}},
		{name: "a second more", rows: []conversions.TwinRow{job(1, "a", 0), job(2, "b", 30+1.0/86400)}},
		{
			"three",
			[]conversions.TwinRow{job(1, "a", 0), job(2, "b", 20), job(3, "c", 45)},
			[]conversions.TwinIDs{{2, 3, contact}, {1, 2, contact}},
		},
		{name: "of one lead", rows: []conversions.TwinRow{job(1, "a", 0), job(2, "a", 1)}},
		{
			"of one lead twice, and of another",
			[]conversions.TwinRow{job(1, "a", 0), job(2, "b", 1), job(3, "b", 2)},
			[]conversions.TwinIDs{{1, 3, contact}, {1, 2, contact}},
		},
		{
			"leads of one name in two sources", []conversions.TwinRow{
				job(1, "a", 0, person(conversions.Person{EmailHash: "e"})),
				job(2, "a", 1, person(conversions.Person{EmailHash: "e"}), with(func(r *conversions.TwinRow) { r.Source = "other" })),
			}, []conversions.TwinIDs{{1, 2, by(conversions.TraitEmail)}},
		},
		{name: "contacts of one name in two sources", rows: []conversions.TwinRow{
			job(1, "a", 0), job(2, "b", 1, with(func(r *conversions.TwinRow) { r.Source = "other" })),
		}},
		{name: "another amount", rows: []conversions.TwinRow{job(1, "a", 0), job(2, "b", 1, with(func(r *conversions.TwinRow) { r.Amount++ }))}},
		{name: "another stage", rows: []conversions.TwinRow{job(1, "a", 0), job(2, "b", 1, with(func(r *conversions.TwinRow) { r.Stage = conversions.StageQuoted }))}},
		{name: "another currency", rows: []conversions.TwinRow{job(1, "a", 0), job(2, "b", 1, with(func(r *conversions.TwinRow) { r.Currency = "EUR" }))}},
		{name: "another account", rows: []conversions.TwinRow{job(1, "a", 0), job(2, "b", 1, with(func(r *conversions.TwinRow) { r.Account = "other" }))}},
		{name: "another person", rows: []conversions.TwinRow{job(1, "a", 0), job(2, "b", 1, person(conversions.Person{Contact: "c2"}))}},
		{name: "nobody known", rows: []conversions.TwinRow{job(1, "a", 0, person()), job(2, "b", 1, person(conversions.Person{}))}},
		{name: "the hash of another trait", rows: []conversions.TwinRow{
			job(1, "a", 0, person(conversions.Person{EmailHash: "h"})), job(2, "b", 1, person(conversions.Person{PhoneHash: "h"})),
		}},
		{
			"by all three, in different events", []conversions.TwinRow{
				job(1, "a", 0, person(conversions.Person{PhoneHash: "p"}, conversions.Person{Contact: "c1", EmailHash: "e"})),
				job(2, "b", 1, person(conversions.Person{PhoneHash: "p", EmailHash: "e"}, conversions.Person{Contact: "c1"})),
			}, []conversions.TwinIDs{{1, 2, by(conversions.TraitContact, conversions.TraitEmail, conversions.TraitPhone)}},
		},
		{
			"the nearest, by a weaker trait", []conversions.TwinRow{
				job(1, "a", 0), job(2, "b", 1, person(conversions.Person{PhoneHash: "p"})),
				job(3, "c", 2, person(conversions.Person{Contact: "c1", PhoneHash: "p"})),
			}, []conversions.TwinIDs{{2, 3, by(conversions.TraitPhone)}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, conversions.PairTwins(tt.rows)); diff != "" {
				t.Errorf("PairTwins: -want +got\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, conversions.PairTwins(conversions.NearTwins(tt.rows))); diff != "" {
				t.Errorf("of what NearTwins leaves: -want +got\n%s", diff)
			}
		})
	}
}

func TestNearTwinsAreFew(t *testing.T) {
	t.Parallel()
	rows := []conversions.TwinRow{
		job(1, "a", 0), job(2, "b", 31), job(3, "b", 32), job(4, "c", 100), job(5, "d", 101), job(6, "e", 101, person()),
		job(7, "f", 101, func(r *conversions.TwinRow) { r.Amount++ }),
	}
	var got []conversions.RowID
	for _, r := range conversions.NearTwins(rows) {
		got = append(got, r.ID)
	}
	if diff := cmp.Diff([]conversions.RowID{4, 5, 6}, got); diff != "" {
		t.Errorf("NearTwins: -want +got\n%s", diff)
	}
}
