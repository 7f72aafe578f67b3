package datamanager

import (
	"net/http"
	"slices"

	"closeloop/conversions"
)

// refusal reads the answer to an upload that was not taken, or the lack of one.
func refusal(b *conversions.Batch, resp response) conversions.Reply {
	n := len(b.Items)
	if resp.err != nil {
		reply := failed(n, lost(resp))
		reply.Unknown = resp.sent
		return reply
	}
	f := readFailure(resp.body)
	var reply conversions.Reply
	if resp.status == http.StatusBadRequest {
		reply = badRequest(b.Items, f)
	} else {
		reply = failed(n, wholeCall(resp, f))
		reply.Unknown = uncertain(resp.status)
	}
	reply.RequestID = f.requestID
	return reply
}

// badRequest attributes a refusal to the rows it is about. Nothing of the request was done (Data Manager API, understand
// errors), so the other rows may go again at once.
func badRequest(items []conversions.Item, f failure) conversions.Reply {
	found := attribute(items, f)
	switch {
	case found.account != nil:
		return failed(len(items), *found.account)
	case len(found.own) > 0:
		return named(len(items), found.own, "Google refused the whole request because of other rows.")
	default:
		return wholeRequest(items, found.loose)
	}
}

// attribution is what a refusal says of whom.
type attribution struct {
	own     map[int]conversions.Answer // of rows, by their place
	account *conversions.Answer        // of the account, and so of every row
	loose   conversions.Answer         // of nobody in particular
}

func attribute(items []conversions.Item, f failure) attribution {
	found := attribution{own: map[int]conversions.Answer{}}
	if len(f.violations) == 0 {
		found.add(items, layout{}, violation{reason: f.reason})
		return found
	}
	l := layOut(items)
	for _, v := range f.violations {
		if v.reason == "" || v.reason == "ERROR_REASON_UNSPECIFIED" {
			v.reason = f.reason
		}
		found.add(items, l, v)
	}
	return found
}

func (found *attribution) add(items []conversions.Item, l layout, v violation) {
	a := withCode("HTTP.400", retry("Google did not take the request and gave no reason.", hintSupport))
	if v.reason != "" {
		a = Classify(ErrorReason, v.reason)
	}
	switch {
	case a.Scope == conversions.ScopeAccount:
		if found.account != nil {
			a = found.account.Merge(a)
		}
		found.account = &a
	case v.place.part == ofEvent && v.place.index < len(items):
		found.name(v.place.index, ofRow(a))
	case v.place.part == ofDestination && v.place.index < len(l.actions):
		for _, i := range l.rows(v.place.index) {
			found.name(i, ofAction(a))
		}
	case found.loose.Code == "":
		found.loose = a
	default:
		found.loose = found.loose.Merge(a)
	}
}

func (found *attribution) name(i int, a conversions.Answer) {
	if have, ok := found.own[i]; ok {
		a = have.Merge(a)
	}
	found.own[i] = a
}

// ofRow is what a reason means for the row it was given for: where the batch was to be mended, nothing is left to mend.
func ofRow(a conversions.Answer) conversions.Answer {
	if a.Verdict == conversions.FixBatch {
		a.Verdict, a.Sentence, a.Hint = conversions.Refused, "Google does not take the row.", hintBug
	}
	return a
}

// ofAction is what a reason means for the rows of the conversion action it was given for.
func ofAction(a conversions.Answer) conversions.Answer {
	switch a.Verdict {
	case conversions.Pause, conversions.Later, conversions.Retry:
		return a
	default:
		p := pauseAction("Google does not take the conversion action as a destination.", hintAction)
		p.Code, p.Others = a.Code, a.Others
		return p
	}
}

// wholeRequest is the refusal of a request that names nobody: what cannot be told of many rows is found out by splitting
// them.
func wholeRequest(items []conversions.Item, a conversions.Answer) conversions.Reply {
	n := len(items)
	switch {
	case a.Scope == conversions.ScopeAction || a.Verdict == conversions.Later && a.Wait == clickHold:
		if oneAction(items) {
			return conversions.Reply{Answers: every(n, a), Named: true}
		}
	case a.Verdict == conversions.Later || isPassing(a):
		return failed(n, call(a))
	case n == 1:
		return conversions.Reply{Answers: []conversions.Answer{ofRow(a)}}
	}
	split := fixBatch("Google refused the whole request because of one of its rows.", hintSplit)
	split.Code, split.Others = a.Code, a.Others
	return failed(n, split)
}

func oneAction(items []conversions.Item) bool {
	return !slices.ContainsFunc(items, func(it conversions.Item) bool { return it.Action != items[0].Action })
}
