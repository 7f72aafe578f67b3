package sandbox

import (
	"net/http"
	"reflect"
)

// Handler is what serves HTTP.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// IngestRequestType is the type the body of events:ingest is read into.
func IngestRequestType() reflect.Type { return reflect.TypeFor[ingestRequest]() }

// StatusResponseType is the type the answer of requestStatus:retrieve is written from.
func StatusResponseType() reflect.Type { return reflect.TypeFor[statusResponse]() }

// Words are those of an enum type, nil for another type.
func Words(t reflect.Type) []string {
	if w, ok := reflect.TypeAssert[interface{ words() []string }](reflect.Zero(t)); ok {
		return w.words()
	}
	return nil
}
