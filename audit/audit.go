// Package audit answers "what became of that job?": reports over the store,
// made once for the command line and whatever else shows them. It only reads,
// also while a server writes, and does not know how rows were sent.
//
// Start reading at Reports: a report is one file with one constructor listed
// there.
package audit

import (
	"context"
	"iter"
	"strings"
	"time"

	"closeloop/conversions"
)

// Reader is what reports need of the storage. See package store for the
// contract of each method.
type Reader interface {
	List(ctx context.Context, f conversions.Filter) ([]conversions.Row, error)
	Listed(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) ([]conversions.Row, error)
	Persons(ctx context.Context, a conversions.AccountID, ids []conversions.RowID) (map[conversions.RowID][]conversions.Person, error)
	Totals(ctx context.Context, f conversions.Filter) ([]conversions.Total, error)
	Received(ctx context.Context, f conversions.Filter) ([]conversions.Received, error)
	History(ctx context.Context, a conversions.AccountID, id conversions.RowID) (conversions.History, error)
	Pauses(ctx context.Context, a conversions.AccountID) ([]conversions.Paused, error)
	Accounts(ctx context.Context) ([]conversions.AccountID, error)
	Quarantined(ctx context.Context, a conversions.AccountID, limit int) ([]conversions.Quarantined, error)
	QuarantinedByID(ctx context.Context, id int64) (conversions.Quarantined, error)
}

// Query is what a person asked for.
type Query struct {
	Filter conversions.Filter
	// Subject is what "show" reports are about: a row number or an order id,
	// or a quarantine number.
	Subject string
	// All asks a list also for what it leaves out by itself; see Report.All.
	All bool
	// Now is the time at which due times are judged.
	Now time.Time
	// Zones are the accounts' time zones for display; UTC where missing.
	// Modes are the modes of all configured accounts, Sources the accounts of
	// the configured source keys: rows of another account or source are
	// orphaned. Nil when there is no configuration.
	Zones   map[conversions.AccountID]*time.Location
	Modes   map[conversions.AccountID]conversions.Mode
	Sources map[string]conversions.AccountID
	// Damage says in a sentence what the name of a click id's damage means, and
	// what to do about it; nil where nobody knows, then names are shown.
	Damage func(name string) (sentence, hint string)
}

// damage says in words what is wrong with a click id, and what to do about it.
func (q Query) damage(name string) (sentence, hint string) {
	if q.Damage == nil || name == "" {
		return name, ""
	}
	return q.Damage(name)
}

// inside is a sentence as part of another.
func inside(sentence string) string {
	if sentence == "" {
		return ""
	}
	return strings.ToLower(sentence[:1]) + strings.TrimSuffix(sentence[1:], ".")
}

// orphaned reports whether a row's account is not configured any more, so that
// nothing sends it, or its source does not belong to that account any more.
func (q Query) orphaned(k conversions.Key) bool {
	return q.Sources != nil && q.Sources[k.Source] != k.Account
}

// zone is the zone in which an account's times are shown.
func (q Query) zone(a conversions.AccountID) *time.Location {
	if z := q.Zones[a]; z != nil {
		return z
	}
	return time.UTC
}

// stamp renders a time for people, in the account's zone.
func (q Query) stamp(a conversions.AccountID, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(q.zone(a)).Format("2006-01-02 15:04:05 -07:00")
}

// Report is one kind of report.
type Report struct {
	// Group and Name are the words that ask for it: "audit list". Subject
	// names what it is about, empty when it takes no subject.
	Group, Name, Subject string
	// Short is one line of help, Example one command.
	Short, Example string
	// All says what Query.All adds to the report, as help; empty when it adds
	// nothing.
	All string
	// Run makes the report.
	Run func(ctx context.Context, r Reader, q Query) (Result, error)
}

// Reports lists every report.
func Reports() []Report {
	return []Report{list(), show(), expiring(), duplicates(), summary(), quarantineList(), quarantineShow()}
}

// Result is a report made: Tables for people and spreadsheets, Data for
// programs. A report of any number of rows leaves them in Items.
type Result struct {
	Tables []Table
	Data   any
	// Items, if not nil, are read from the storage while they are written, and
	// anew each time, so that no more than some pages are held whatever their
	// number: the rows of the last table, and in place of Data the elements of
	// a list. It ends at the first error. What was written until then is not the
	// whole report.
	Items iter.Seq2[Item, error]
}

// Item is a row of a table and the same as data; or, when Note is not empty,
// nothing but a note below the table.
type Item struct {
	Cells []string
	Data  any
	Note  string
}

// Table is a title, column names and cells. Numbers are the indexes of columns
// that are aligned right, in increasing order. Notes stand below the table and
// are left out of CSV.
type Table struct {
	Title   string
	Columns []string
	Rows    [][]string
	Numbers []int
	Notes   []string
}
