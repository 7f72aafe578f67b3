package storetest

import (
	"cmp"
	"slices"
	"time"

	"closeloop/conversions"
)

// asked is a batch that the vendor took for processing, and when its status is
// asked for.
type asked struct {
	batch conversions.Batch
	at    time.Time
	nth   int // batch to be taken: also the order in which they were begun
}

// taken notes a batch of which rows were taken for processing, and returns when
// its status is due.
func (l *life) taken(b conversions.Batch, es []conversions.Entry) time.Time {
	if !slices.ContainsFunc(es, func(e conversions.Entry) bool {
		return e.Kind == conversions.EntryAnswered && e.Answer.Verdict == conversions.Submitted
	}) {
		return time.Time{}
	}
	b.AnsweredAt = l.now.Truncate(time.Microsecond)
	at := l.now.Add(time.Duration(l.pick("status after", 40)) * time.Minute)
	l.takes++
	l.asked = append(l.asked, asked{b, at.Truncate(time.Microsecond), l.takes})
	return at
}

// askStatus asks for the oldest status there is, as if it were due: some rows
// are told, the others wait for the next time.
func (l *life) askStatus() {
	l.comparePolls()
	if len(l.asked) == 0 {
		return
	}
	a := l.asked[0]
	p := conversions.Polled{Batch: a.batch.ID, At: l.now}
	open := false
	for _, it := range a.batch.Items {
		rows, err := l.s.Rows(l.Context(), l.account, []conversions.RowID{it.Row})
		l.must(err)
		r := rows[0]
		switch {
		case r.Pending == nil || r.Pending.Batch != a.batch.ID:
		case l.pick("told", 4) == 0:
			open = true
		default:
			answer := l.verdict(it.Op)
			if answer.Verdict == conversions.Submitted {
				answer = conversions.Answer{Verdict: conversions.Unclear, Evidence: conversions.EvidenceSilence}
			}
			p.Entries = append(p.Entries, r.Processed(a.batch, it, answer, l.now))
		}
	}
	l.asked = l.asked[1:]
	if open {
		a.batch.Polls++
		a.at = l.now.Add(time.Hour).Truncate(time.Microsecond)
		p.PollAt = a.at
		l.asked = append(l.asked, a)
	}
	l.must(l.s.Polled(l.Context(), l.hold(), p))
}

// comparePolls compares the statuses that are due with those that were set.
func (l *life) comparePolls() {
	var want []conversions.Batch
	var next time.Time
	slices.SortFunc(l.asked, func(a, b asked) int { return cmp.Or(a.at.Compare(b.at), a.nth-b.nth) })
	for _, a := range l.asked {
		if next.IsZero() {
			next = a.at
		}
		if !a.at.After(l.now) {
			want = append(want, a.batch)
		}
	}
	l.same("next status", next, l.nextPoll())
	got := l.polls(1000)
	l.same("how many statuses", len(want), len(got))
	for i := range got {
		l.same("status due", want[i].ID, got[i].ID)
		l.same("asked how often", want[i].Polls, got[i].Polls)
		l.same("answered", want[i].AnsweredAt, got[i].AnsweredAt)
	}
}
