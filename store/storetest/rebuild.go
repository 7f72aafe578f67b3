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
		l := &life{rt: rt, forgotten: map[conversions.LeadID]bool{}, world: world{
			T: w.T, d: w.d, name: w.name, s: w.s, now: w.now.Add(789 * time.Nanosecond), bodies: 1000 * lives,
			account: conversions.AccountID(fmt.Sprintf("life-%d", lives)),
		}}
		if l.pick("api", 2) == 0 {
			l.api = conversions.APIDataManager
		}
		for range 20 + l.pick("steps", 100) {
			l.step()
		}
		l.compare()
	})
	w.sameTotals("all lives", conversions.Filter{})
	w.sameTotals("all lives, one stage", conversions.Filter{Stage: conversions.StageBooked})
	w.sameReceived(conversions.Filter{})
}

// sameReceived compares the count of all events with that of the events received
// since long ago: a storage may keep the one, but has to count for the other.
func (w *world) sameReceived(f conversions.Filter) {
	w.Helper()
	kept, err := w.s.Received(w.Context(), f)
	w.must(err)
	f.From = w.now.AddDate(-100, 0, 0)
	counted, err := w.s.Received(w.Context(), f)
	w.must(err)
	w.same("events by kind", counted, kept)
}

// life is a world in which things happen at random.
type life struct {
	world

	rt        *rapid.T
	flying    []conversions.Batch
	asked     []asked
	takes     int                         // how many batches were taken for processing
	forgotten map[conversions.LeadID]bool // leads whose click ids were erased at least once
}

// pick draws one of n numbers, each as likely as the others: rapid's own ranges
// prefer small numbers so much that most lives would end before an answer.
func (l *life) pick(name string, n int) int {
	k := 0
	for range 8 {
		k *= 2
		if rapid.Bool().Draw(l.rt, name) {
			k++
		}
	}
	return k % n
}

func (l *life) step() {
	switch l.pick("step", 20) {
	case 0, 1, 2, 3:
		l.deliver()
	case 4, 5, 6, 7:
		l.send()
	case 8, 9, 10, 11:
		l.answer()
	case 12:
		l.now = l.now.Add(time.Duration(l.pick("hours", 100)) * time.Hour)
		l.closeLate()
	case 13:
		if l.pick("forget", 4) == 0 {
			lead := l.lead()
			_, err := l.s.Forget(l.Context(), l.account, source, lead)
			l.must(err)
			l.forgotten[lead] = true
		}
	case 14:
		l.guard()
	case 15:
		l.resolve()
	case 16, 17, 18, 19:
		l.askStatus()
	}
}

func (l *life) lead() conversions.LeadID {
	return conversions.LeadID(fmt.Sprintf("L%d", l.pick("lead", 3)))
}

func (l *life) deliver() {
	outcomes := []conversions.Outcome{"booked", "quoted", "booked", "booked", "spam", "spam", "not_interested", "other"}
	e := l.tagged(l.lead(), outcomes[l.pick("outcome", len(outcomes))])
	amount := conversions.Cents(l.pick("amount", 5) * 100)
	e.Amounts.Actual = &amount
	switch l.pick("click", 8) {
	case 0:
		e.Person = conversions.Person{}
	case 1:
		e.Person.Clicks[0].ID = fmt.Sprintf("CjwKCAsecret-other-%d", l.pick("other click", 3))
	}
	e.At = l.now.Add(-time.Duration(l.pick("age", 40)) * time.Hour)
	e.Received = l.now
	l.add(e)
	if l.pick("fold now", 4) > 0 {
		l.fold()
	}
}

func (l *life) send() {
	ops := []conversions.Operation{conversions.OpUpload, conversions.OpRestate, conversions.OpRetract}
	l.compareDue()
	first := l.pick("operation", len(ops))
	rows := l.claimed(ops[first])
	for i := 1; len(rows) == 0 && i < len(ops); i++ {
		rows = l.claimed(ops[(first+i)%len(ops)])
	}
	if len(rows) > 0 {
		l.flying = append(l.flying, l.begin(rows...))
		l.comeBack(rows[0])
	}
}

// comeBack tags a lead as booked while its retraction is in flight, as often as
// not.
func (l *life) comeBack(r conversions.Row) {
	if r.Next() != conversions.OpRetract || l.pick("back", 2) > 0 {
		return
	}
	e := l.tagged(r.Key.Lead, conversions.OutcomeBooked)
	e.At, e.Received = l.now, l.now
	l.add(e)
	l.fold()
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
		case kind == 2 && it.Op == conversions.OpUpload:
			s.Entries = append(s.Entries, rows[0].TestedBy(b, it, l.verdict(it.Op), l.now))
		default:
			s.Entries = append(s.Entries, rows[0].Answered(b, it, l.verdict(it.Op), l.now))
		}
	}
	s.PollAt = l.taken(b, s.Entries)
	l.must(l.s.Settle(l.Context(), l.hold(), s))
}

// verdict is an answer to an operation: as often as not a good one.
func (l *life) verdict(op conversions.Operation) conversions.Answer {
	if l.pick("well", 2) == 0 {
		return conversions.Answer{Verdict: conversions.Done}
	}
	answers := []conversions.Answer{
		{Verdict: conversions.Retry, Counts: true, Code: "x.y"},
		{Verdict: conversions.Later, Wait: time.Hour},
		{Verdict: conversions.Refused, Unmatched: true, Sentence: "No."},
		{Verdict: conversions.FixBatch},
		{Verdict: conversions.Submitted},
		{Verdict: conversions.Submitted},
		{Verdict: conversions.Unclear, Failed: 1, Of: 2},
		{Verdict: conversions.Pause, Scope: conversions.ScopeAction, Others: []string{"a.b"}},
	}
	if op == conversions.OpUpload {
		answers = append(
			answers,
			conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID},
			conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByClickTime},
		)
	} else {
		answers = append(
			answers,
			conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByAdjustment},
			conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByNewerAdjustment},
			conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByRetraction},
			conversions.Answer{Verdict: conversions.Later, Wait: 24 * time.Hour, NotFound: true},
		)
	}
	return answers[l.pick("verdict", len(answers))]
}

// guard holds the retractions that are due.
func (l *life) guard() {
	var es []conversions.Entry
	for _, r := range l.claimed(conversions.OpRetract) {
		if e, ok := r.Hold(l.now); ok {
			es = append(es, e)
		}
	}
	l.must(l.s.Record(l.Context(), l.hold(), es))
}

// resolve has a person decide about a row, or the program take a refusal back.
func (l *life) resolve() {
	rows := l.rows()
	if len(rows) == 0 {
		return
	}
	kinds := []conversions.EntryKind{conversions.EntryApproved, conversions.EntryRetried, conversions.EntryPutBack}
	if l.pick("give up", 8) == 0 {
		kinds = []conversions.EntryKind{conversions.EntryGivenUp}
	}
	r := rows[l.pick("row", len(rows))]
	e, ok := r.Resolve(kinds[l.pick("kind of decision", len(kinds))], "somebody", "a reason", l.now)
	if ok {
		l.must(l.s.Record(l.Context(), l.hold(), []conversions.Entry{e}))
	}
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
	inFlight := l.inFlight()
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
	l.sameReceived(conversions.Filter{Account: l.account})
	l.compareWindows()
	l.comparePolls()
	l.compareAnswers(entries)
	l.compareGenerations()
	text, err := json.Marshal(entries)
	l.must(err)
	if strings.Contains(string(text), "CjwKCAsecret") {
		l.Fatal("the ledger holds a click id")
	}
}
