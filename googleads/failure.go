package googleads

import (
	"strconv"
	"strings"
	"time"

	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"closeloop/conversions"
)

// failure is what the GoogleAdsFailures of one answer say.
type failure struct {
	errors    []codedError
	requestID string
	// unreadable is true when there was a failure that could not be read, or none where one is due.
	unreadable bool
}

// codedError is one GoogleAdsError.
type codedError struct {
	code Code
	row  *int32        // the index it names, unchecked; nil for none
	wait time.Duration // the server's own delay; 0 for none
	// version is the API version of the failure when it is not ours.
	version string
}

// apiVersion is the version of the Google Ads API this package speaks.
const apiVersion = "v25"

// readStatus reads the details of an error status, for rows or for a call. A nil or OK status without details says nothing.
func readStatus(st *rpcstatus.Status) failure {
	var f failure
	for _, detail := range st.GetDetails() {
		if version, ok := failureVersion(detail.GetTypeUrl()); ok {
			f.read(detail.GetValue(), version)
		}
	}
	f.unreadable = f.unreadable || st.GetCode() != 0 && len(f.errors) == 0
	return f
}

// failureVersion reports whether a detail is a GoogleAdsFailure, and of which API version.
func failureVersion(typeURL string) (string, bool) {
	name := typeURL[strings.LastIndexByte(typeURL, '/')+1:]
	version, isOne := strings.CutSuffix(name, ".errors.GoogleAdsFailure")
	version, ours := strings.CutPrefix(version, "google.ads.googleads.")
	return version, isOne && ours
}

// read decodes a failure as one of our version whatever its own: the fields keep their numbers from version to version,
// and a code that is new is classified by its number.
func (f *failure) read(raw []byte, version string) {
	var m adserrors.GoogleAdsFailure
	if err := proto.Unmarshal(raw, &m); err != nil {
		f.unreadable = true
		return
	}
	if f.requestID == "" {
		f.requestID = m.GetRequestId()
	}
	if version == apiVersion {
		version = ""
	}
	for _, e := range m.GetErrors() {
		f.errors = append(f.errors, codedError{code: codeOf(e.GetErrorCode()), row: rowOf(e), wait: waitOf(e), version: version})
	}
}

// readTrailer reads the failures that came as metadata, where the details hold none.
func (f *failure) readTrailer(trailer metadata.MD) {
	for key, values := range trailer {
		version, ok := strings.CutSuffix(key, ".errors.googleadsfailure-bin")
		version, ours := strings.CutPrefix(version, "google.ads.googleads.")
		for _, raw := range values {
			if ok && ours {
				f.read([]byte(raw), version)
			}
		}
	}
}

// codeOf returns the code in a message that has a field for each family. A family younger than ours is named by its
// field's number.
func codeOf(c *adserrors.ErrorCode) Code {
	m := c.ProtoReflect()
	if set := m.WhichOneof(m.Descriptor().Oneofs().ByName("error_code")); set != nil {
		return Code{Family: string(set.Enum().Name()), Number: int32(m.Get(set).Enum())}
	}
	number, kind, n := protowire.ConsumeTag(m.GetUnknown())
	if n < 0 || kind != protowire.VarintType {
		return Code{Family: "ErrorCode"}
	}
	value, _ := protowire.ConsumeVarint(m.GetUnknown()[n:])
	return Code{Family: "ErrorCode" + strconv.Itoa(int(number)), Number: int32(value)} //nolint:gosec // an enum has 32 bits
}

// rowOf returns the index of the row an error is about. The index 0 is valid, so its presence is what counts.
func rowOf(e *adserrors.GoogleAdsError) *int32 {
	for _, element := range e.GetLocation().GetFieldPathElements() {
		switch element.GetFieldName() {
		case "conversions", "conversion_adjustments":
			return element.Index
		}
	}
	return nil
}

func waitOf(e *adserrors.GoogleAdsError) time.Duration {
	delay := e.GetDetails().GetQuotaErrorDetails().GetRetryDelay()
	if !delay.IsValid() {
		return 0
	}
	return min(max(delay.AsDuration(), 0), aDay) // a server's slip of the pen must not stop an account for years
}

// answer classifies the error.
func (e codedError) answer() conversions.Answer {
	a := Classify(e.code)
	if e.wait > 0 {
		a.Wait = e.wait
	}
	if e.version != "" {
		a.Others = append(a.Others, "API version "+e.version)
	}
	return a
}
