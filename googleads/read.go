package googleads

import (
	"github.com/shenzhencenter/google-ads-pb/enums"
	"github.com/shenzhencenter/google-ads-pb/services"

	"closeloop/conversions"
)

// read returns one answer per item from an answered call. Errors are grouped by the index they name, never paired off
// with rows: a row may have several, and some name none (UploadClickConversionsResponse.partial_failure_error, Google Ads
// API v25).
func read[P response[R], R result](
	items []conversions.Item, resp P, echoOf func(R) echo, validateOnly bool,
) ([]conversions.Answer, failure) {
	f := readStatus(resp.GetPartialFailureError())
	r := reading{answers: make([]conversions.Answer, len(items)), explained: make([]bool, len(items))}
	for _, e := range f.errors {
		r.add(e)
	}
	rest := r.rest(f.unreadable)
	accepted := acceptance(items, resp.GetResults(), echoOf)
	if validateOnly { // No results come; silence is consent.
		accepted = func(int) bool { return r.loose == nil && !f.unreadable }
	}
	for i := range r.answers {
		switch {
		case r.explained[i]:
		case accepted(i):
			r.answers[i] = conversions.Answer{Verdict: conversions.Done}
		default:
			r.answers[i] = rest
		}
	}
	return r.answers, f
}

// reading gathers the errors of an answer by row.
type reading struct {
	answers   []conversions.Answer
	explained []bool
	loose     *conversions.Answer // of the errors that name no row
}

func (r *reading) add(e codedError) {
	a := e.answer()
	if e.row == nil || *e.row < 0 || int(*e.row) >= len(r.answers) {
		if r.loose != nil {
			a = r.loose.Merge(a)
		}
		r.loose = &a
		return
	}
	i := *e.row
	if r.explained[i] {
		a = r.answers[i].Merge(a)
	}
	r.answers[i], r.explained[i] = a, true
}

// rest is the answer for rows that were neither accepted nor given an error of their own. An error that names no row may
// be some other row's, so nothing final follows from it; only a pause loses nothing.
func (r *reading) rest(unreadable bool) conversions.Answer {
	if r.loose != nil && r.loose.Verdict == conversions.Pause {
		return *r.loose
	}
	a := retry("Google did not take the row and did not say why.",
		"It is tried again. If it stays, ask Google's support with the request id.")
	a.Code = codeNoAnswer
	if r.loose != nil {
		a.Code, a.Others, a.Wait = r.loose.Code, r.loose.Others, r.loose.Wait
	}
	if unreadable {
		a.Others = append(a.Others, "unreadable failure detail")
	}
	return a
}

// acceptance says which rows have a result. A row that failed has an empty one; the conversion action is what every
// other has. A list of another length cannot be matched by position, so its results are known by what they echo.
func acceptance[R result](items []conversions.Item, results []R, echoOf func(R) echo) func(int) bool {
	if len(results) == len(items) {
		return func(i int) bool { return results[i].GetConversionAction() != "" }
	}
	echoed := make(map[echo]bool, len(results))
	for _, result := range results {
		if result.GetConversionAction() != "" {
			echoed[echoOf(result)] = true
		}
	}
	return func(i int) bool { return echoed[expected(&items[i])] }
}

// echo is what a result repeats of its row.
type echo struct {
	op         conversions.Operation
	kind       conversions.ClickKind // of uploads
	id         string                // the click id, or of adjustments the order id
	action, at string
}

// expected is what the result of an accepted row repeats.
func expected(it *conversions.Item) echo {
	if it.Op == conversions.OpUpload {
		return echo{op: it.Op, kind: it.Click.Kind, id: it.ClickID, action: it.Action, at: it.At.Format(dateTime)}
	}
	return echo{op: it.Op, id: it.OrderID, action: it.Action, at: it.AdjustAt.Format(dateTime)}
}

func echoOfUpload(r *services.ClickConversionResult) echo {
	e := echo{op: conversions.OpUpload, action: lastSegment(r.GetConversionAction()), at: r.GetConversionDateTime()}
	switch {
	case r.GetGclid() != "":
		e.kind, e.id = conversions.GCLID, r.GetGclid()
	case r.GetGbraid() != "":
		e.kind, e.id = conversions.GBRAID, r.GetGbraid()
	case r.GetWbraid() != "":
		e.kind, e.id = conversions.WBRAID, r.GetWbraid()
	}
	return e
}

func echoOfAdjustment(r *services.ConversionAdjustmentResult) echo {
	e := echo{op: conversions.OpRestate, id: r.GetOrderId(), action: lastSegment(r.GetConversionAction()), at: r.GetAdjustmentDateTime()}
	if r.GetAdjustmentType() == enums.ConversionAdjustmentTypeEnum_RETRACTION {
		e.op = conversions.OpRetract
	}
	return e
}
