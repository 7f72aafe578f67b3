package datamanager

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"closeloop/conversions"
)

// Status asks what became of a batch that was taken for processing, by b.RequestID, and returns one answer per item of b,
// in order. b must be the batch that was sent, with all its items; their click ids are not needed. Rows that are still
// processed are Submitted; of others Answer.Evidence says how their fate was established; where Google counts failures
// without naming rows it may be Unclear. Google answers for the first time after about half an hour (Data Manager API,
// diagnostics). A call that fails, for a request id that Google does not know too, is in Reply.Call and never unknown.
func (c *Client) Status(ctx context.Context, b conversions.Batch) conversions.Reply {
	n := len(b.Items)
	if n == 0 {
		return conversions.Reply{}
	}
	if b.RequestID == "" {
		return failed(n, withCode(codeNoRequestID, call(retry("The batch has no request id to ask its status with.", hintBug))))
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	resp, refused := c.call(ctx, request{
		method: http.MethodGet, path: "v1/requestStatus:retrieve?requestId=" + url.QueryEscape(b.RequestID),
		share: func(l *Limiter) *share { return l.retrieve },
	})
	if refused != nil {
		return failed(n, *refused)
	}
	if resp.err != nil {
		return failed(n, lost(resp))
	}
	if resp.status != http.StatusOK {
		return failed(n, noStatus(resp))
	}
	answers, err := readStatus(b.Items, resp.body)
	if err != nil {
		return failed(n, withCode("HTTP.UNREADABLE", call(retry("Google's answer could not be read.", hintEndpoint))))
	}
	return conversions.Reply{Answers: answers, RequestID: b.RequestID}
}

// noStatus is the answer to a status call that was refused. It says nothing of any row.
func noStatus(resp response) conversions.Answer {
	f := readFailure(resp.body)
	for _, v := range f.violations {
		if v.reason == "INVALID_REQUEST_ID" {
			f.reason = v.reason
		}
	}
	switch resp.status {
	case http.StatusNotFound:
		return call(Classify(ErrorReason, "INVALID_REQUEST_ID"))
	case http.StatusBadRequest:
		a := retry("Google did not take the question for the status.", hintSupport)
		a.Code = "HTTP.400"
		if f.reason != "" {
			given := Classify(ErrorReason, f.reason)
			a.Code = given.Code
			if given.Scope == conversions.ScopeAccount || isPassing(given) {
				a = given
			}
		}
		return call(a)
	default:
		return wholeCall(resp, f)
	}
}

// Request statuses (RequestStatus, Data Manager API v1).
const (
	statusSuccess = "SUCCESS"
	statusFailed  = "FAILED"
	statusPartial = "PARTIAL_SUCCESS"
)

// destinationStatus is what Google says of one destination (RequestStatusPerDestination, Data Manager API v1). It is
// decoded here because Google's Go client does not know recordIndices, which came with v1.9.
type destinationStatus struct {
	Destination struct {
		Reference string `json:"reference"`
		Action    string `json:"productDestinationId"`
	} `json:"destination"`
	Status string `json:"requestStatus"`
	Errors struct {
		Counts []errorCount `json:"errorCounts"`
	} `json:"errorInfo"`
}

// readStatus gives every item its answer.
func readStatus(items []conversions.Item, body []byte) ([]conversions.Answer, error) {
	var wire struct {
		Destinations []destinationStatus `json:"requestStatusPerDestination"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, fmt.Errorf("decode status: %w", err)
	}
	l := layOut(items)
	groups := make([]group, len(l.actions))
	for d, said := range l.match(wire.Destinations) {
		groups[d] = group{rows: l.rows(d), said: said}
	}
	locate(groups, l.of)
	answers := make([]conversions.Answer, len(items))
	for _, g := range groups {
		for k, a := range g.answers() {
			answers[g.rows[k]] = a
		}
	}
	return answers, nil
}

// match finds what was said of each destination: by its reference, else its action, else, where neither is given, its
// place. nil means nothing.
func (l layout) match(said []destinationStatus) []*destinationStatus {
	matched := make([]*destinationStatus, len(l.actions))
	claim := func(d int, s *destinationStatus) {
		if matched[d] == nil {
			matched[d] = s
		}
	}
	for i := range said {
		for d, action := range l.actions {
			if said[i].Destination.Reference == reference(action) ||
				said[i].Destination.Reference == "" && said[i].Destination.Action == action {
				claim(d, &said[i])
			}
		}
	}
	for i := range said[:min(len(said), len(matched))] {
		if said[i].Destination.Reference == "" && said[i].Destination.Action == "" {
			claim(i, &said[i])
		}
	}
	return matched
}

// stillProcessed is the answer to a row that Google says nothing final of.
func stillProcessed() conversions.Answer {
	return conversions.Answer{
		Verdict: conversions.Submitted, Sentence: "Google is still processing the row.", Hint: hintNothing,
	}
}
