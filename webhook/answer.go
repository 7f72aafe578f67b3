package webhook

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// answer is one of the things a sender can be told.
type answer int

const (
	answerNone answer = iota
	answerRecorded
	answerDuplicate
	answerQuarantined
	answerUnknownSource
	answerMethod
	answerTooLarge
	answerBody
	answerSignature
	answerUnavailable
)

// describe returns the status code, the word for the log and the body.
func (a answer) describe() (status int, word, body string) {
	switch a {
	case answerRecorded:
		return http.StatusAccepted, "recorded", `{"status":"recorded"}`
	case answerDuplicate:
		return http.StatusAccepted, "duplicate", `{"status":"duplicate"}`
	case answerQuarantined:
		return http.StatusAccepted, "quarantined", `{"status":"quarantined"}`
	case answerUnknownSource:
		return http.StatusNotFound, "unknown_source", `{"error":"unknown source"}`
	case answerMethod:
		return http.StatusMethodNotAllowed, "method", `{"error":"use POST"}`
	case answerTooLarge:
		return http.StatusRequestEntityTooLarge, "too_large", `{"error":"too large"}`
	case answerBody:
		return http.StatusBadRequest, "body_cut", `{"error":"body cut"}`
	case answerSignature:
		return http.StatusUnauthorized, "refused", `{"error":"signature"}`
	case answerUnavailable:
		return http.StatusServiceUnavailable, "unavailable", `{"error":"try again"}`
	case answerNone:
	}
	return http.StatusInternalServerError, "fault", `{"error":"fault"}`
}

// retryAfter is what a sender is asked to wait after a 503, in seconds.
const retryAfter = "30"

func (a answer) write(w http.ResponseWriter) {
	status, _, body := a.describe()
	header := w.Header()
	header.Set("Content-Type", "application/json")
	switch a { //nolint:exhaustive // only these carry a header of their own
	case answerMethod:
		header.Set("Allow", http.MethodPost)
	case answerTooLarge:
		// What is left of the body is not worth reading.
		header.Set("Connection", "close")
	case answerUnavailable:
		header.Set("Retry-After", retryAfter)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) //nolint:gosec // constant texts; the sender may be gone, what was stored stays
}

func (a answer) level() slog.Level {
	switch a {
	case answerRecorded, answerDuplicate, answerUnknownSource, answerMethod:
		return slog.LevelInfo
	case answerQuarantined, answerTooLarge, answerBody, answerSignature:
		return slog.LevelWarn
	case answerUnavailable, answerNone:
	}
	return slog.LevelError
}

// report writes the one log line of a delivery: ids and figures only, never
// anything of the payload that could identify somebody, nor the signature.
func (h *Handler) report(ctx context.Context, d *delivery) {
	level := d.answer.level()
	if !h.logger.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 16)
	now := h.now()
	attrs = append(attrs,
		slog.Int("bytes", d.size),
		slog.Duration("duration", now.Sub(d.received).Round(time.Microsecond)))
	if d.receipt.Seq != 0 {
		attrs = append(attrs, slog.Int64("seq", d.receipt.Seq), slog.Bool("duplicate", d.receipt.Duplicate))
	}
	for _, text := range [...]struct{ key, value string }{
		{"kind", string(d.kind)}, {"delivery", d.id}, {"reason", d.reason}, {"detail", d.detail}, {"stack", d.stack},
	} {
		if text.value != "" {
			attrs = append(attrs, slog.String(text.key, text.value))
		}
	}
	// Without the place in the code, which is the same for every line and which
	// a Logger finds by walking the stack.
	line := slog.NewRecord(now, level, "delivery", 0)
	line.AddAttrs(attrs...)
	_ = h.lines[lineKey{d.endpoint, d.answer}].Handle(ctx, line) // as a Logger does: there is nobody to tell
}

// lineKey says which log lines begin alike: those of an endpoint, or of none,
// with the same answer.
type lineKey struct {
	endpoint *Endpoint
	answer   answer
}

// beginnings returns a log handler for each lineKey, which has what such lines
// begin with formatted already.
func beginnings(logger *slog.Logger, endpoints map[string]*Endpoint) map[lineKey]slog.Handler {
	lines := map[lineKey]slog.Handler{}
	for a := answerNone; a <= answerUnavailable; a++ {
		status, word, _ := a.describe()
		begin := []slog.Attr{slog.Int("status", status), slog.String("outcome", word)}
		lines[lineKey{nil, a}] = logger.Handler().WithAttrs(begin)
		for _, e := range endpoints {
			lines[lineKey{e, a}] = logger.Handler().WithAttrs(append(slices.Clone(begin),
				slog.String("source", e.Key), slog.String("account", string(e.Account))))
		}
	}
	return lines
}
