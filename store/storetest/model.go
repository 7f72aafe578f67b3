package storetest

import (
	"cmp"
	"slices"
	"time"

	"closeloop/conversions"
)

// inFlight are the rows in batches without an answer.
func (l *life) inFlight() map[conversions.RowID]bool {
	flying := map[conversions.RowID]bool{}
	for _, b := range l.flying {
		for _, it := range b.Items {
			flying[it.Row] = true
		}
	}
	return flying
}

// compareDue compares every claim with what the rows themselves say.
func (l *life) compareDue() {
	flying := l.inFlight()
	var due []conversions.Row
	for _, r := range l.rows() {
		if !flying[r.ID] && !r.Due.IsZero() && !r.Due.After(l.now) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b conversions.Row) int {
		return cmp.Or(cmp.Compare(a.Key.Stage.Rank(), b.Key.Stage.Rank()), a.Deadline().Compare(b.Deadline()), cmp.Compare(a.ID, b.ID))
	})
	for _, only := range []conversions.Operation{
		conversions.OpNone, conversions.OpUpload, conversions.OpRestate, conversions.OpRetract,
	} {
		var want []conversions.Row
		for _, r := range due {
			if only == conversions.OpNone || r.Next() == only {
				want = append(want, r)
			}
		}
		l.same("claim of "+string(only), want, l.claimed(only))
	}
}

// compareAnswers compares what is told of answers with the ledger.
func (l *life) compareAnswers(entries []conversions.Entry) {
	uploads := map[time.Time]int{}
	settled := map[conversions.BatchID]time.Time{}
	var answers []conversions.Entry
	for _, e := range entries {
		switch e.Kind {
		case conversions.EntryAnswered:
			settled[e.Batch] = e.At
		case conversions.EntryProcessed:
		default:
			continue
		}
		v := e.Answer.Verdict
		if e.Item.Op != conversions.OpUpload || v == conversions.Submitted || v == conversions.Unclear {
			continue
		}
		answers = append(answers, e)
		if v == conversions.Done || v == conversions.AlreadyThere {
			uploads[settled[e.Batch]]++
		}
	}
	slices.Reverse(answers)
	got, err := l.s.LastAnswers(l.Context(), l.account, 1000)
	l.must(err)
	l.same("last answers", answers, got)
	for since := range uploads {
		want := 0
		for at, n := range uploads {
			if !at.Before(since) {
				want += n
			}
		}
		n, err := l.s.Uploaded(l.Context(), l.account, since)
		l.must(err)
		l.same("uploads since "+since.String(), want, n)
	}
}

// compareGenerations: after the inbox is folded, whatever was retracted and is
// wanted has a next generation. Of a lead that was forgotten meanwhile nothing
// can be uploaded any more, so nothing follows.
func (l *life) compareGenerations() {
	l.fold()
	rows := l.rows()
	for _, r := range rows {
		next := r.Key
		next.Generation++
		has := slices.ContainsFunc(rows, func(o conversions.Row) bool { return o.Key == next })
		due := r.Known.Status == conversions.KnownRetracted && r.Want.Wanted && !r.Known.Foreign
		if due && !has && !l.forgotten[r.Key.Lead] {
			l.Fatalf("row %d was retracted, is wanted, and has no next generation", r.ID)
		}
	}
}
