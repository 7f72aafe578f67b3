package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"closeloop/conversions"
)

// rebuilds leads rows through random lives and then rebuilds each from the
// ledger. Every life has an account of its own.
func rebuilds(w *world) {
	lives := 0
	rapid.Check(w.T, func(rt *rapid.T) {
		lives++
		l := &life{rt: rt, world: world{
			T: w.T, d: w.d, name: w.name, s: w.s, now: w.now.Add(789 * time.Nanosecond), bodies: 1000 * lives,
			account: conversions.AccountID(fmt.Sprintf("life-%d", lives)),
		}}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			l.step()
		}
		l.compare()
	})
}

// life is a world in which things happen at random.
type life struct {
	world

	rt     *rapid.T
	flying []conversions.Batch
}

func (l *life) pick(name string, n int) int { return rapid.IntRange(0, n-1).Draw(l.rt, name) }

func (l *life) step() {
	switch l.pick("step", 10) {
	case 0, 1, 2:
		l.deliver()
	case 3:
		l.fold()
	case 4, 5:
		l.send()
	case 6, 7:
		l.answer()
	case 8:
		l.now = l.now.Add(time.Duration(l.pick("hours", 100)) * time.Hour)
		l.closeLate()
	case 9:
		_, err := l.s.Forget(l.Context(), l.account, source, l.lead())
		l.must(err)
	}
}

func (l *life) lead() conversions.LeadID {
	return conversions.LeadID(fmt.Sprintf("L%d", l.pick("lead", 4)))
}

func (l *life) deliver() {
	outcomes := []conversions.Outcome{"booked", "quoted", "booked", "spam", "not_interested", "other"}
	e := l.tagged(l.lead(), outcomes[l.pick("outcome", len(outcomes))])
	amount := conversions.Cents(l.pick("amount", 5) * 100)
	e.Amounts.Actual = &amount
	switch l.pick("click", 4) {
	case 0:
		e.Person = conversions.Person{}
	case 1:
		e.Person.Clicks[0].ID = fmt.Sprintf("CjwKCAsecret-other-%d", l.pick("other click", 3))
	}
	e.At = l.now.Add(-time.Duration(l.pick("age", 40)) * time.Hour)
	e.Received = l.now
	l.add(e)
	if l.pick("fold now", 2) == 0 {
		l.fold()
	}
}

func (l *life) send() {
	var rows []conversions.Row
	for _, r := range l.due() {
		if r.Next() == conversions.OpUpload {
			rows = append(rows, r)
		}
	}
	if len(rows) > 0 {
		l.flying = append(l.flying, l.begin(rows...))
	}
}

// answer ends a batch in flight, each row in its own way.
func (l *life) answer() {
	if len(l.flying) == 0 {
		return
	}
	b := l.flying[0]
	if l.pick("again", 3) == 0 {
		again, err := l.s.Again(l.Context(), l.hold(), b.ID, l.now)
		l.must(err)
		b, l.flying[0] = again, again
		if l.pick("no answer", 2) == 0 {
			return
		}
	}
	l.flying = l.flying[1:]
	s := conversions.Settlement{Batch: b.ID, At: l.now}
	for _, it := range b.Items {
		rows, err := l.s.Rows(l.Context(), l.account, []conversions.RowID{it.Row})
		l.must(err)
		switch kind := l.pick("kind", 8); {
		case kind == 0: // as if it had not been sent
		case kind == 1 && !rows[0].Want.Wanted:
			s.Entries = append(s.Entries, rows[0].Abandon(b, it, l.now))
		case kind == 2:
			s.Entries = append(s.Entries, rows[0].TestedBy(b, it, l.verdict(), l.now))
		default:
			s.Entries = append(s.Entries, rows[0].Answered(b, it, l.verdict(), l.now))
		}
	}
	l.must(l.s.Settle(l.Context(), l.hold(), s))
}

func (l *life) verdict() conversions.Answer {
	answers := []conversions.Answer{
		{Verdict: conversions.Done},
		{Verdict: conversions.Done},
		{Verdict: conversions.Retry, Counts: true, Code: "x.y"},
		{Verdict: conversions.Later, Wait: time.Hour},
		{Verdict: conversions.Refused, Unmatched: true, Sentence: "No."},
		{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID},
		{Verdict: conversions.AlreadyThere, By: conversions.ByClickTime},
		{Verdict: conversions.FixBatch},
		{Verdict: conversions.Pause, Scope: conversions.ScopeAction, Others: []string{"a.b"}},
	}
	return answers[l.pick("verdict", len(answers))]
}

func (l *life) closeLate() {
	var es []conversions.Entry
	for _, r := range l.due() {
		if e, ok := r.Close(l.now); ok {
			es = append(es, e)
		}
	}
	l.must(l.s.Record(l.Context(), l.hold(), es))
}

// compare rebuilds every row from the ledger and compares it with the list.
func (l *life) compare() {
	entries := l.ledger()
	rebuilt := map[conversions.RowID]conversions.Row{}
	for _, e := range entries {
		if e.Row != 0 {
			rebuilt[e.Row] = rebuilt[e.Row].Apply(e)
		}
	}
	inFlight := map[conversions.RowID]bool{}
	for _, b := range l.flying {
		for _, it := range b.Items {
			inFlight[it.Row] = true
		}
	}
	listed := map[conversions.RowID]conversions.Row{}
	for _, r := range l.rows() {
		if inFlight[r.ID] {
			l.same("state of a row in flight", conversions.StateSending, r.State)
			r.State = rebuilt[r.ID].State
		}
		listed[r.ID] = r
	}
	l.same("rows rebuilt from the ledger", listed, rebuilt)
	l.sameTotals("a life", conversions.Filter{Account: l.account})
	text, err := json.Marshal(entries)
	l.must(err)
	if strings.Contains(string(text), "CjwKCAsecret") {
		l.Fatal("the ledger holds a click id")
	}
}

func forgets(w *world) {
	e := w.tagged("L1", "booked")
	e.Person.Contact, e.Person.EmailHash, e.Person.PhoneHash = "secret-contact", "secret-email", "secret-phone"
	w.add(e)
	w.booked("L2", "L1")
	b := w.begin(w.row("L1"))
	w.settle(b, conversions.Answer{Verdict: conversions.Done})
	rows, ledger := w.rows(), w.ledger()
	secrets := []string{click("L1"), "secret-contact", "secret-email", "secret-phone"}
	text, err := json.Marshal(ledger)
	w.must(err)
	for _, secret := range secrets {
		if strings.Contains(string(text), secret) {
			w.Error("the ledger holds what identifies a person")
		}
	}
	n, err := w.s.Forget(w.Context(), account, source, "L1")
	w.must(err)
	w.same("side rows", 2, n)
	n, err = w.s.Forget(w.Context(), account, source, "L1")
	w.must(err)
	w.same("side rows the second time", 0, n)
	w.same("rows", rows, w.rows())
	w.same("ledger", ledger, w.ledger())
	h, err := w.s.History(w.Context(), account, w.row("L1").ID)
	w.must(err)
	w.same("events stay", 2, len(h.Events))
	for _, e := range h.Events {
		w.same("side row", conversions.Person{}, e.Person)
	}
	found, err := w.s.List(w.Context(), conversions.Filter{ClickID: click("L1")})
	w.must(err)
	w.same("rows found by the click id", 0, len(found))
	w.same("another lead's click id", click("L2"), w.begin(w.row("L2")).Items[0].ClickID)
	rebuilt := conversions.Row{}
	for _, e := range h.Entries {
		rebuilt = rebuilt.Apply(e)
	}
	w.same("rebuilt", h.Row, rebuilt)
}
