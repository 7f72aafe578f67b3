package datamanager

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// failure is what Google says of a call it refused (google.rpc.Status as JSON; Data Manager API, understand errors). Texts
// meant for people are not read: they quote rows.
type failure struct {
	reason     string // ErrorInfo.reason
	violations []violation
	requestID  string
	delay      time.Duration // RetryInfo.retryDelay; 0 for none
	quota      string        // ErrorInfo.metadata.quota_limit
}

// violation is one field that was not taken.
type violation struct {
	place  place
	reason string
}

// wireDetail is any of the details. They are told apart by what they hold.
type wireDetail struct {
	Type       string `json:"@type"`
	Reason     string `json:"reason"`
	RequestID  string `json:"requestId"`
	RetryDelay string `json:"retryDelay"`
	Metadata   struct {
		QuotaLimit string `json:"quota_limit"`
	} `json:"metadata"`
	FieldViolations []struct {
		Field  string `json:"field"`
		Reason string `json:"reason"`
	} `json:"fieldViolations"`
}

// readFailure reads the body of a refused call. What it cannot read it passes over.
func readFailure(body []byte) failure {
	var wire struct {
		Error struct {
			Details []json.RawMessage `json:"details"`
		} `json:"error"`
	}
	var f failure
	if !readable(json.Unmarshal(body, &wire)) {
		return f
	}
	for _, raw := range wire.Error.Details {
		var d wireDetail
		if readable(json.Unmarshal(raw, &d)) {
			f.add(d)
		}
	}
	return f
}

// readable reports whether decoding got to the end, if with members left out that are not of the documented type.
func readable(err error) bool {
	mismatch := (*json.UnmarshalTypeError)(nil)
	return err == nil || errors.As(err, &mismatch)
}

func (f *failure) add(d wireDetail) {
	switch d.Type[strings.LastIndexByte(d.Type, '.')+1:] {
	case "ErrorInfo":
		if f.reason == "" {
			f.reason = d.Reason
		}
		f.quota = d.Metadata.QuotaLimit
	case "BadRequest":
		for _, v := range d.FieldViolations {
			f.violations = append(f.violations, violation{place: placeOf(v.Field), reason: v.Reason})
		}
	case "RequestInfo":
		if printable(d.RequestID) {
			f.requestID = d.RequestID
		}
	case "RetryInfo":
		f.delay = seconds(d.RetryDelay)
	}
}

// seconds reads a google.protobuf.Duration, such as "3.5s"; 0 for anything else.
func seconds(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || !strings.HasSuffix(text, "s") {
		return 0
	}
	return bounded(d)
}

// bounded keeps a server's slip of the pen from stopping an account for years.
func bounded(d time.Duration) time.Duration { return min(max(d, 0), aDay) }

// part says what of a request a path leads to.
type part int

const (
	ofNothing part = iota
	ofEvent
	ofDestination
)

// place is what a path leads to, and its number among its like.
type place struct {
	part  part
	index int
}

// placeOf reads the path of a field, such as "events.events[12].event_timestamp" or "destinations[0].productDestinationId".
func placeOf(path string) place {
	for segment := range strings.SplitSeq(path, ".") {
		name, rest, indexed := strings.Cut(segment, "[")
		if !indexed {
			continue
		}
		index, closed := strings.CutSuffix(rest, "]")
		n, err := strconv.Atoi(index)
		if err != nil || !closed || !digits(index) {
			return place{}
		}
		switch name {
		case "events":
			return place{part: ofEvent, index: n}
		case "destinations":
			return place{part: ofDestination, index: n}
		default:
			return place{}
		}
	}
	return place{}
}
