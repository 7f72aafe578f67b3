package datamanager

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"closeloop/conversions"
)

// errorCount is how many records failed for one reason, and from v1.9 on which (ErrorCount, Data Manager API v1).
type errorCount struct {
	Count   integer `json:"recordCount"`
	Reason  string  `json:"reason"`
	Indices indices `json:"recordIndices"`
}

// integer is a number as Google writes it: in quotes or not. What is no number, or out of any range, is -1.
type integer int

// UnmarshalJSON never fails.
func (n *integer) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseInt(string(bytes.Trim(text, `"`)), 10, 32)
	if err != nil || v < 0 {
		v = -1
	}
	*n = integer(v)
	return nil
}

// indices are the places of records; nil when none were given. What is no list is one place that cannot be.
type indices []integer

// UnmarshalJSON never fails.
func (x *indices) UnmarshalJSON(text []byte) error {
	var list []integer
	if json.Unmarshal(text, &list) != nil {
		list = indices{-1}
	}
	*x = list
	return nil
}

func (e errorCount) answer() conversions.Answer {
	reason := e.Reason
	if reason == "" {
		reason = "UNSPECIFIED"
	}
	return Classify(ProcessingErrorReason, reason)
}

// group are the rows of one destination and what was said of them.
type group struct {
	rows    []int
	said    *destinationStatus
	located map[int]conversions.Answer // of the rows that were named; nil when rows cannot be told
}

// final reports whether processing has ended.
func (g group) final() bool {
	if g.said == nil {
		return false
	}
	switch g.said.Status {
	case statusSuccess, statusFailed, statusPartial:
		return true
	default:
		return false
	}
}

// indexed reports whether every count names its rows.
func (g group) indexed() bool {
	if !g.final() || len(g.said.Errors.Counts) == 0 {
		return false
	}
	return !slices.ContainsFunc(g.said.Errors.Counts, func(e errorCount) bool { return e.Indices == nil && e.Count != 0 })
}

// numbering turns an index into a row of the batch; -1 when it leads to none of the group's.
type numbering func(g group, index int) int

// locate finds the rows that were named. Google does not say whether it numbers the records of the request or those of the
// destination: the request's is assumed, the destination's where only that fits, and where both fit and disagree the
// numbers are not used. of is the destination of each row.
func locate(groups []group, of []int) {
	inRequest := func(g group, index int) int {
		if index < 0 || index >= len(of) || of[index] != of[g.rows[0]] {
			return -1
		}
		return index
	}
	inDestination := func(g group, index int) int {
		if index < 0 || index >= len(g.rows) {
			return -1
		}
		return g.rows[index]
	}
	first, firstFits := locatedBy(groups, inRequest)
	second, secondFits := locatedBy(groups, inDestination)
	switch {
	case firstFits && secondFits && !slices.EqualFunc(first, second, sameRows):
		return
	case firstFits:
		second = first
	case !secondFits:
		return
	}
	for i := range groups {
		groups[i].located = second[i]
	}
}

func sameRows(a, b map[int]conversions.Answer) bool {
	return maps.EqualFunc(a, b, func(x, y conversions.Answer) bool { return x.Code == y.Code })
}

func locatedBy(groups []group, number numbering) ([]map[int]conversions.Answer, bool) {
	all := make([]map[int]conversions.Answer, len(groups))
	for i, g := range groups {
		if !g.indexed() {
			continue
		}
		located, fits := g.locatedBy(number)
		if !fits {
			return nil, false
		}
		all[i] = located
	}
	return all, true
}

// locatedBy gives the named rows their reasons. The numbers fit when each leads to a row of the group, none twice for the
// same reason, and there are as many as are counted; where everything failed, every row must be named.
func (g group) locatedBy(number numbering) (map[int]conversions.Answer, bool) {
	located := map[int]conversions.Answer{}
	for _, e := range g.said.Errors.Counts {
		if e.Indices == nil {
			continue
		}
		if len(e.Indices) != int(e.Count) {
			return nil, false
		}
		seen := map[int]bool{}
		for _, index := range e.Indices {
			row := number(g, int(index))
			if row < 0 || seen[row] {
				return nil, false
			}
			seen[row] = true
			a := e.answer()
			if have, ok := located[row]; ok {
				a = have.Merge(a)
			}
			located[row] = a
		}
	}
	everyRow := len(located) == len(g.rows)
	return located, len(located) > 0 && (everyRow || g.said.Status != statusFailed)
}

// answers are those of the group's rows, in their order.
func (g group) answers() []conversions.Answer {
	n := len(g.rows)
	switch {
	case !g.final():
		return every(n, stillProcessed())
	case g.located != nil:
		answers := every(n, conversions.Answer{Verdict: conversions.Done, Evidence: conversions.EvidenceIndex})
		for k, row := range g.rows {
			if a, ok := g.located[row]; ok {
				a.Evidence = conversions.EvidenceIndex
				answers[k] = a
			}
		}
		return answers
	default:
		return every(n, g.counted())
	}
}

// tally sums the counts up.
type tally struct {
	reasons  []conversions.Answer // each once
	codes    []string
	total    int // of all counts
	repeated int // of them, for a transaction id that is there: no failure
	unsound  bool
}

func (g group) tally() tally {
	var t tally
	for _, e := range g.said.Errors.Counts {
		if e.Count == 0 {
			continue
		}
		a := e.answer()
		t.unsound = t.unsound || e.Count < 0
		t.total += max(int(e.Count), 0)
		if a.By == conversions.ByOrderID {
			t.repeated += max(int(e.Count), 0)
		}
		if !slices.Contains(t.codes, a.Code) {
			t.codes, t.reasons = append(t.codes, a.Code), append(t.reasons, a)
		}
	}
	return t
}

// counted is the answer to all rows of a group of which no row is named.
func (g group) counted() conversions.Answer {
	t, n := g.tally(), len(g.rows)
	var a conversions.Answer
	switch {
	case g.said.Status == statusSuccess && len(t.reasons) == 0:
		return conversions.Answer{Verdict: conversions.Done, Evidence: conversions.EvidenceWhole}
	case len(t.reasons) == 0 || t.unsound:
		return g.unclear(t)
	case n == 1:
		a = t.reasons[0]
		for _, other := range t.reasons[1:] {
			a = a.Merge(other)
		}
	case len(t.reasons) == 1 && t.total == n:
		a = t.reasons[0]
	case t.total == t.repeated && t.total < n && g.said.Status != statusFailed:
		// Every row is there, and which was there before is not known: none may pass for one that is there as it was sent.
		a = t.reasons[0]
		a.Sentence = "Google has this conversion; whether it had it before, it does not say."
	default:
		return g.unclear(t)
	}
	a.Evidence = conversions.EvidenceCounts
	return a
}

// unclear is the answer to rows of which some failed. Where everything failed, what no count explains failed too.
func (g group) unclear(t tally) conversions.Answer {
	n := len(g.rows)
	a := conversions.Answer{
		Verdict: conversions.Unclear, Evidence: conversions.EvidenceCounts, Others: t.codes,
		Code: "RequestStatus." + g.said.Status, Failed: min(t.total-t.repeated, n), Of: n,
		Hint: "Nothing to do yet: the rows are sent once more in small groups, which Google counts once. What stays unclear is listed.",
	}
	if g.said.Status == statusFailed {
		a.Failed = max(n-t.repeated, 0)
		if len(t.reasons) == 0 {
			a.Evidence = conversions.EvidenceWhole
		}
	}
	switch {
	case n == 1:
		a.Sentence = "This conversion failed, and Google does not say why."
		a.Hint = "Look at the conversion in Google Ads, and ask Google's support with the request id."
	case a.Failed == 0:
		a.Sentence = fmt.Sprintf("Some of these %d conversions failed, and Google does not say which.", n)
	default:
		a.Sentence = fmt.Sprintf("%d of these %d conversions failed, and Google does not say which.", a.Failed, n)
	}
	return a
}
