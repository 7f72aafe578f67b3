package storetest

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"closeloop/conversions"
)

// windows are what a life asks about: cut at odd minutes, at hours, at days,
// within an hour, open at either end, empty.
func (l *life) windows() []conversions.Filter {
	begin := time.Date(2026, 5, 30, 0, 0, 0, 0, time.UTC)
	whole := begin.Add(time.Duration(l.pick("window hour", 100)) * time.Hour)
	odd := whole.Add(time.Duration(l.pick("window minute", 60))*time.Minute + 123456*time.Microsecond)
	days := time.Duration(1+l.pick("window days", 8)) * 24 * time.Hour
	hours := time.Duration(1+l.pick("window hours", 60)) * time.Hour
	return []conversions.Filter{
		{From: odd, To: odd.Add(days + 17*time.Minute)},
		{From: odd, To: odd.Add(hours)},
		{From: whole, To: whole.Add(hours)},
		{From: begin, To: begin.Add(days)},
		{From: odd, To: odd.Add(10 * time.Minute)},
		{From: whole.In(time.FixedZone("", 5*3600+1800))},
		{From: odd},
		{To: odd},
		{From: odd, To: odd.Add(-time.Hour)},
	}
}

// compareWindows compares what is told of windows with the rows and events of
// the life, one by one.
func (l *life) compareWindows() {
	rows := l.listed(conversions.Filter{Account: l.account})
	for _, f := range l.windows() {
		f.Account = l.account
		name := "a life from " + f.From.String() + " to " + f.To.String()
		l.same("rows of "+name, selected(rows, f), l.listed(f))
		l.sameTotals(name, f)
		l.same("events of "+name, counted(l.added, f), l.receivedOf(f))
		f.Stage = conversions.StageBooked
		l.sameTotals(name+", one stage", f)
		f.State = conversions.StateQueued
		l.sameTotals(name+", one stage that is queued", f)
	}
	for _, state := range conversions.States() {
		f := conversions.Filter{Account: l.account, State: state}
		l.same("rows by state "+string(state), selected(rows, f), l.listed(f))
	}
	l.same("events of a life", counted(l.added, conversions.Filter{}), l.receivedOf(conversions.Filter{Account: l.account}))
}

// receivedOf is Received in the order of account, source, kind and outcome.
func (w *world) receivedOf(f conversions.Filter) []conversions.Received {
	w.Helper()
	got, err := w.s.Received(w.Context(), f)
	w.must(err)
	return slices.Concat(got) // nil if there are none
}

// listed is List.
func (w *world) listed(f conversions.Filter) []conversions.Row {
	w.Helper()
	got, err := w.s.List(w.Context(), f)
	w.must(err)
	return slices.Concat(got) // nil if there are none
}

// within reports whether a time is in the window of a filter.
func within(at time.Time, f conversions.Filter) bool {
	return !at.Before(f.From) && (f.To.IsZero() || at.Before(f.To))
}

// selected are the rows of a list that a filter selects.
func selected(rows []conversions.Row, f conversions.Filter) []conversions.Row {
	var some []conversions.Row
	for _, r := range rows {
		is := (f.State == "" || r.State == f.State) && (f.Lead == "" || r.Key.Lead == f.Lead) && (f.OrderID == "" || r.OrderID == f.OrderID)
		if is && within(r.Want.At, f) {
			some = append(some, r)
		}
	}
	return some
}

// counted counts events of one account.
func counted(events []conversions.Event, f conversions.Filter) []conversions.Received {
	var lines []conversions.Received
	for _, e := range events {
		if !within(e.Received, f) {
			continue
		}
		line := conversions.Received{Account: e.Account, Source: e.Source, Kind: e.Kind, Outcome: e.Outcome}
		i := slices.IndexFunc(lines, func(r conversions.Received) bool { r.Events = 0; return r == line })
		if i < 0 {
			i, lines = len(lines), append(lines, line)
		}
		lines[i].Events++
	}
	slices.SortFunc(lines, func(a, b conversions.Received) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Outcome, b.Outcome))
	})
	return lines
}

// windowsOfAll compares windows over every account and of some, here and in a copy.
func windowsOfAll(w *world) {
	begun := w.now
	w.populate()
	c := w.copied()
	from := w.now.Add(-30*time.Hour - 7*time.Minute)
	many := conversions.Filter{From: begun.Add(-5 * time.Minute), To: begun.Add(11 * time.Minute)} // many events are stored together
	for i, f := range []conversions.Filter{
		{From: from, To: w.now.Add(40*time.Hour + 11*time.Minute)},
		{From: from.AddDate(0, -1, 0), To: from},
		{To: from},
		many,
		{Account: "life-1", From: many.From, To: many.To},
		{Account: "life-2", From: many.From, To: many.To},
		{Account: "life-3", From: many.From, To: many.To},
		{From: from, Stage: conversions.StageBooked},
		{From: from, State: conversions.StateQueued},
		{State: conversions.StateQueued},
	} {
		name := "window " + strconv.Itoa(i)
		w.sameTotals(name, f)
		c.sameTotals(name+" of a copy", f)
		w.same(name+" received by a copy", w.receivedOf(f), c.receivedOf(f))
	}
}

// listsOfAll pages through lists over every account.
func listsOfAll(w *world) {
	w.populate()
	all := w.listed(conversions.Filter{})
	filters := []conversions.Filter{{Lead: "L1"}, {From: w.now.Add(-11 * time.Hour)}}
	for _, state := range conversions.States() {
		filters = append(filters, conversions.Filter{State: state})
	}
	for _, f := range filters {
		name := "list of " + string(f.State) + string(f.Lead)
		want := selected(all, f)
		w.same(name, want, w.listed(f))
		f.Limit = 2
		var pages []conversions.Row
		for {
			page := w.listed(f)
			if len(page) == 0 {
				break
			}
			pages = append(pages, page...)
			f.After = &page[len(page)-1]
		}
		w.same(name+" in pages", want, pages)
	}
	for _, r := range all {
		f := conversions.Filter{OrderID: r.OrderID}
		w.same("list by order id", selected(all, f), w.listed(f))
	}
}
