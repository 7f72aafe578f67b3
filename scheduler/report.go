package scheduler

import (
	"log/slog"
	"time"

	"closeloop/conversions"
)

// Report is what a run did.
type Report struct {
	Account conversions.AccountID `json:"account"`
	Run     string                `json:"run"`
	Mode    conversions.Mode      `json:"mode"`
	// DryRun is true when nothing was changed anywhere.
	DryRun  bool          `json:"dry_run,omitempty"`
	Started time.Time     `json:"started"`
	Took    time.Duration `json:"took"`
	// Folded is how many leads were decided first.
	Folded int `json:"folded"`
	// Batches is how many requests were made, Rows how many rows they
	// carried; a row sent twice counts twice.
	Batches int `json:"batches"`
	Rows    int `json:"rows"`
	// Operations counts what the rows were sent as: upload, restate, retract.
	Operations map[conversions.Operation]int `json:"operations,omitempty"`
	// Answers counts verdicts by their word, Codes the vendor's codes.
	Answers map[string]int `json:"answers,omitempty"`
	Codes   map[string]int `json:"codes,omitempty"`
	// Polls is how many statuses were asked for, Processed counts the verdicts
	// that came of them.
	Polls     int            `json:"polls,omitempty"`
	Processed map[string]int `json:"processed,omitempty"`
	// Closed is how many rows ran out of time, Abandoned how many were sent
	// without an answer and are no longer wanted.
	Closed    int `json:"closed,omitempty"`
	Abandoned int `json:"abandoned,omitempty"`
	// Held is how many retractions wait for a person's approval.
	Held int `json:"held,omitempty"`
	// Unanswered is how many batches still wait for an answer, and SendAgain
	// when the first of them is sent again.
	Unanswered int       `json:"unanswered,omitempty"`
	SendAgain  time.Time `json:"send_again,omitzero"`
	// Failed is the answer to a call that failed as a whole; the run ended
	// with it.
	Failed *conversions.Answer `json:"failed,omitempty"`
	// Paused lists what is paused after the run.
	Paused []conversions.Paused `json:"paused,omitempty"`
}

func (r *Report) count(a conversions.Answer) {
	if r.Answers == nil {
		r.Answers = map[string]int{}
	}
	if r.Codes == nil {
		r.Codes = map[string]int{}
	}
	r.Answers[a.Verdict.String()]++
	if a.Code != "" {
		r.Codes[a.Code]++
	}
}

// process counts what a status said of a row.
func (r *Report) process(a conversions.Answer) {
	if r.Processed == nil {
		r.Processed = map[string]int{}
	}
	r.Processed[a.Verdict.String()]++
	if a.Code != "" {
		if r.Codes == nil {
			r.Codes = map[string]int{}
		}
		r.Codes[a.Code]++
	}
}

// attrs is the wide line of a run.
func (r *Report) attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("account", string(r.Account)), slog.String("run", r.Run), slog.String("mode", string(r.Mode)),
		slog.Duration("took", r.Took), slog.Int("folded", r.Folded), slog.Int("batches", r.Batches),
		slog.Int("rows", r.Rows), slog.Any("operations", r.Operations), slog.Any("answers", r.Answers), slog.Any("codes", r.Codes),
		slog.Int("polls", r.Polls), slog.Any("processed", r.Processed),
		slog.Int("closed", r.Closed), slog.Int("abandoned", r.Abandoned),
		slog.Int("held", r.Held), slog.Int("unanswered", r.Unanswered), slog.Int("paused", len(r.Paused)),
	}
	if r.Failed != nil {
		attrs = append(attrs, slog.String("failed", r.Failed.Verdict.String()), slog.String("failed_code", r.Failed.Code))
	}
	return attrs
}
