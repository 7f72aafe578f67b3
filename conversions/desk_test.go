package conversions_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"closeloop/conversions"
)

// desk does for one lead, both stages and all generations, what a store and a
// scheduler do, against the model of Google.
type desk struct {
	rules  conversions.Rules
	google google
	now    time.Duration
	events []conversions.Event
	rows   []conversions.Row // by id, from 1
	ledger []conversions.Entry
	flying map[conversions.RowID]*conversions.Batch
	sent   []conversions.Batch
	// wrong is the first rule that was broken.
	wrong string
}

func newDesk(r conversions.Rules) *desk {
	return &desk{rules: r, google: google{}, flying: map[conversions.RowID]*conversions.Batch{}}
}

func (d *desk) broken(format string, args ...any) {
	if d.wrong == "" {
		d.wrong = fmt.Sprintf(format, args...)
	}
}

func (d *desk) write(e conversions.Entry) {
	if e.Key != nil {
		d.rows = append(d.rows, conversions.Row{})
		e.Row = conversions.RowID(len(d.rows))
	}
	e.Seq = int64(len(d.ledger) + 1)
	d.ledger = append(d.ledger, e)
	row := &d.rows[e.Row-1]
	*row = row.Apply(e)
}

// newest is the row that a want is about.
func (d *desk) newest(w conversions.Want) conversions.Row {
	row := conversions.Row{Key: conversions.Key{Account: "acme", Source: "src_1", Lead: "call-1", Stage: w.Stage}}
	for _, r := range d.rows {
		if r.Key.Stage == w.Stage {
			row = r // later generations come later
		}
	}
	if row.WantedAgain(w) {
		row = conversions.Row{Key: row.Key}
		row.Key.Generation++
	}
	return row
}

func (d *desk) happens(events ...conversions.Event) {
	d.events = append(d.events, events...)
	for _, w := range fold(d.rules, d.events...) {
		if e, ok := d.newest(w).Decide(w, d.events, at(d.now)); ok {
			d.write(e)
		}
	}
}

// due are the rows that may be sent now.
func (d *desk) due() []conversions.Row {
	return slices.DeleteFunc(slices.Clone(d.rows), func(r conversions.Row) bool {
		return d.flying[r.ID] != nil || r.Next() == conversions.OpNone || r.Due.After(at(d.now))
	})
}

func (d *desk) closes() {
	for _, r := range d.rows {
		if e, ok := r.Close(at(d.now)); ok && d.flying[r.ID] == nil {
			d.write(e)
		}
	}
}

// begins stores a batch of one row and its manifest.
func (d *desk) begins(r conversions.Row) *conversions.Batch {
	b := conversions.Batch{
		ID: conversions.BatchID("b" + strconv.Itoa(len(d.sent)+1)), Account: "acme", Target: r.Target(),
		Attempts: 1, Items: []conversions.Item{r.Item(time.UTC, at(d.now))},
	}
	if it := &b.Items[0]; it.Op == conversions.OpUpload {
		for d.taken(*it, r.ID) {
			it.At = it.At.Add(time.Second)
		}
	}
	d.checks(b.Items[0], r)
	d.sent = append(d.sent, b)
	d.flying[r.ID] = &b
	return &b
}

// taken reports whether another row was sent with the item's click, action and
// second: a store moves such items apart.
func (d *desk) taken(it conversions.Item, id conversions.RowID) bool {
	return slices.ContainsFunc(d.sent, func(b conversions.Batch) bool {
		o := b.Items[0]
		return o.Row != id && o.Click.Commitment == it.Click.Commitment && o.Action == it.Action && o.At.Equal(it.At)
	})
}

// checks holds an item against all that was sent before it.
func (d *desk) checks(it conversions.Item, r conversions.Row) {
	for id, b := range d.flying {
		if d.rows[id-1].Key.Stage == r.Key.Stage {
			d.broken("%s of row %d while batch %s of row %d is in flight", it.Op, r.ID, b.ID, id)
		}
	}
	adjusts := it.Op == conversions.OpRestate || it.Op == conversions.OpRetract
	if adjusts && (r.Known.Status == conversions.KnownNothing || r.Known.Status == conversions.KnownRefused) {
		d.broken("%s of what is not known to be there", it.Op)
	}
	for _, b := range d.sent {
		if before := b.Items[0]; adjusts && before.OrderID == it.OrderID && !it.AdjustAt.After(before.AdjustAt) {
			d.broken("adjustment time %v after %v", it.AdjustAt, before.AdjustAt)
		}
	}
}

// settles records an answer. What is wanted again although it was just
// retracted is decided anew.
func (d *desk) settles(id conversions.RowID, a conversions.Answer) {
	b := d.flying[id]
	delete(d.flying, id)
	r := d.rows[id-1]
	if r.Want.Test && b.Items[0].Op == conversions.OpUpload {
		d.write(r.TestedBy(*b, b.Items[0], a, at(d.now)))
		return
	}
	d.write(r.Answered(*b, b.Items[0], a, at(d.now)))
	d.happens()
}

func (d *desk) abandons(id conversions.RowID) {
	b := d.flying[id]
	delete(d.flying, id)
	d.write(d.rows[id-1].Abandon(*b, b.Items[0], at(d.now)))
	d.happens()
}

// crashes forgets all but what is stored: the ledger and the manifests.
func (d *desk) crashes() error {
	rows := make([]conversions.Row, len(d.rows))
	for _, e := range d.ledger {
		back, err := stored(e)
		if err != nil {
			return err
		}
		rows[e.Row-1] = rows[e.Row-1].Apply(back)
	}
	d.rows = rows
	for _, b := range d.flying {
		text, err := json.Marshal(b.Items)
		if err != nil {
			return err
		}
		b.Items = nil
		if err := json.Unmarshal(text, &b.Items); err != nil {
			return err
		}
	}
	return nil
}

// ends plays fair until nothing is left to do: every batch is answered, and
// time passes.
func (d *desk) ends() {
	d.rules.Mode = conversions.ModeLive
	d.happens()
	for range 200 {
		d.closes()
		for id, b := range d.flying {
			if it := b.Items[0]; it.Op == conversions.OpUpload && !d.rows[id-1].Want.Wanted {
				d.abandons(id)
			} else {
				d.settles(id, d.google.takes(it))
			}
		}
		d.runs()
		next, ok := d.nextDue()
		if !ok {
			return
		}
		d.now = max(d.now, next.Sub(at(0)))
	}
	d.broken("the row is never done with")
}

// runs sends what is due, each answered at once.
func (d *desk) runs() {
	for _, r := range d.due() {
		if r = d.rows[r.ID-1]; r.Next() != conversions.OpNone {
			d.settles(r.ID, d.google.takes(d.begins(r).Items[0]))
		}
	}
}

func (d *desk) nextDue() (next time.Time, ok bool) {
	for _, r := range d.rows {
		if !r.Due.IsZero() && (!ok || r.Due.Before(next)) {
			next, ok = r.Due, true
		}
	}
	return next, ok
}
