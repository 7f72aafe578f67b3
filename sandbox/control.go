package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
)

// maxControl bounds the body of a control request.
const maxControl = 4 << 20

// routes are the Data Manager API, the token endpoint and, for people and demonstrations, the control endpoint:
//
//	POST   /v1/events:ingest            Data Manager API v1
//	GET    /v1/requestStatus:retrieve   Data Manager API v1
//	POST   /token        OAuth 2.0
//	GET    /conversions  what Google holds
//	GET    /requests     the calls so far
//	GET    /faults       the faults that wait
//	POST   /faults       one Fault or a list of them, added to the queue
//	DELETE /faults       forget them
//	POST   /rejections   one Rejection or a list of them, which hold until they are lifted
//	POST   /clicks       one Click or a list of them, made known
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/events:ingest", s.handleIngest)
	mux.HandleFunc("GET /v1/requestStatus:retrieve", s.handleStatus)
	mux.HandleFunc("POST /token", s.handleToken)
	mux.HandleFunc("GET /conversions", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, list(s.Conversions())) })
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, list(s.Requests())) })
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, list(s.Faults())) })
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) { post(w, r, s.Fault) })
	mux.HandleFunc("POST /rejections", func(w http.ResponseWriter, r *http.Request) { post(w, r, s.Reject) })
	mux.HandleFunc("POST /clicks", func(w http.ResponseWriter, r *http.Request) { post(w, r, s.AddClick) })
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// post adds the one T or the list of T in the body. Only application/json is taken, so that no page in a browser can
// post here without being asked.
func post[T any](w http.ResponseWriter, r *http.Request, add func(...T) error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		writeJSON(w, http.StatusUnsupportedMediaType, problem{"send application/json"})
		return
	}
	items, err := readItems[T](http.MaxBytesReader(w, r.Body, maxControl))
	if err == nil {
		err = add(items...)
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, problem{err.Error()})
		return
	}
	writeJSON(w, http.StatusCreated, map[string]int{"added": len(items)})
}

func readItems[T any](body io.Reader) ([]T, error) {
	var raw json.RawMessage
	if err := json.NewDecoder(body).Decode(&raw); err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	if raw[0] != '[' {
		raw = slices.Concat(json.RawMessage{'['}, raw, json.RawMessage{']'})
	}
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	var items []T
	if err := strict.Decode(&items); err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	return items, nil
}

type problem struct {
	Error string `json:"error"`
}

// list keeps an empty answer a JSON list.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only when the caller is gone
}
