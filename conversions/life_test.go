package conversions_test

import (
	"encoding/json"
	"strconv"
	"time"

	"closeloop/conversions"
)

// life drives one booked row through its life as a store and a scheduler
// would, and keeps its ledger.
type life struct {
	rules   conversions.Rules
	events  []conversions.Event
	row     conversions.Row
	ledger  []conversions.Entry
	batches int
}

func newLife() *life { return newLifeOf(conversions.StageBooked) }

func newLifeOf(stage conversions.Stage) *life {
	return &life{rules: rules(), row: conversions.Row{Key: conversions.Key{
		Account: "acme", Source: "src_1", Lead: "call-1", Stage: stage,
	}}}
}

// queued is the life of a booking of 2,500.00 at 1h with a click, due at 6h.
func queued() *life {
	l := newLife()
	l.happens(time.Hour, event(1, 0, click("CLICK-A")), tag(2, time.Hour, "booked", actual(250000)))
	return l
}

// done is a booking that Google has accepted at 7h.
func done() *life {
	l := queued()
	l.answer(7*time.Hour, l.send(), conversions.Answer{Verdict: conversions.Done})
	return l
}

func (l *life) write(e conversions.Entry) {
	e.Row = 7
	e.Seq = int64(len(l.ledger) + 1)
	l.ledger = append(l.ledger, e)
	l.row = l.row.Apply(e)
}

// happens stores events, folds at now, and reports whether that was worth an
// entry.
func (l *life) happens(now time.Duration, events ...conversions.Event) bool {
	l.events = append(l.events, events...)
	for _, w := range fold(l.rules, l.events...) {
		if w.Stage != l.row.Key.Stage {
			continue
		}
		e, ok := l.row.Decide(w, l.events, at(now))
		if ok {
			l.write(e)
		}
		return ok
	}
	return false
}

func (l *life) send() conversions.Batch { return l.sendAt(8 * time.Hour) }

func (l *life) sendAt(now time.Duration) conversions.Batch {
	l.batches++
	return conversions.Batch{
		ID: conversions.BatchID("b" + strconv.Itoa(l.batches)), Account: "acme",
		Target: l.row.Target(), Attempts: 1, Items: []conversions.Item{l.row.Item(time.UTC, at(now))},
	}
}

// again is the batch sent a second time, the first having gone unanswered.
func again(b conversions.Batch) conversions.Batch {
	b.Attempts++
	return b
}

func (l *life) answer(now time.Duration, b conversions.Batch, a conversions.Answer) {
	l.write(l.row.Answered(b, b.Items[0], a, at(now)))
}

func (l *life) test(now time.Duration, b conversions.Batch, a conversions.Answer) {
	l.write(l.row.TestedBy(b, b.Items[0], a, at(now)))
}

func (l *life) abandon(now time.Duration, b conversions.Batch) {
	l.write(l.row.Abandon(b, b.Items[0], at(now)))
}

// decides writes what the guard or a person decided, and reports whether that
// changed anything.
func (l *life) decides(now time.Duration, kind conversions.EntryKind) bool {
	e, ok := l.row.Resolve(kind, "a person", "a reason", at(now))
	if kind == conversions.EntryHeld {
		e, ok = l.row.Hold(at(now))
	}
	if ok {
		l.write(e)
	}
	return ok
}

func (l *life) closes(now time.Duration) bool {
	e, ok := l.row.Close(at(now))
	if ok {
		l.write(e)
	}
	return ok
}

// stands is the row in short: its state, its reason and the next operation.
func (l *life) stands() string {
	return short(l.row.State, l.row.Reason, l.row.Next())
}

func short(s conversions.State, r conversions.Reason, op conversions.Operation) string {
	return string(s) + "/" + string(r) + "/" + string(op)
}

// stored is the entry as a store keeps it: columns beside a JSON body.
func stored(e conversions.Entry) (conversions.Entry, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return conversions.Entry{}, err
	}
	back := conversions.Entry{Seq: e.Seq, Account: e.Account, Row: e.Row, Kind: e.Kind, At: e.At}
	err = json.Unmarshal(text, &back)
	return back, err
}

// rebuilt is the row as its stored ledger tells it.
func (l *life) rebuilt() (conversions.Row, error) {
	var row conversions.Row
	for _, e := range l.ledger {
		back, err := stored(e)
		if err != nil {
			return conversions.Row{}, err
		}
		row = row.Apply(back)
	}
	return row, nil
}
