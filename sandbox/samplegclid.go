package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// SampleGCLID makes up a click id of the shape most Google Ads clicks carry: base64url of a protobuf message that holds
// the start of the click's day in Los Angeles, 44 opaque bytes and a closing field 16382; 91 or 92 characters beginning
// CjwKCA or Cj0KCQ. Google documents none of this; it is what published ids have in common. Another seed or day makes
// another id, the same ones the same.
func SampleGCLID(seed string, clicked time.Time) string {
	noise := sha256.Sum256([]byte(seed))
	more := sha256.Sum256(noise[:])
	counter := uint64(noise[31]) // one byte more on the wire from 128 on, which makes the longer form

	header := binary.AppendUvarint([]byte{1 << 3}, uint64(pacificDay(clicked).Unix())) //nolint:gosec // no click before 1970
	header = binary.AppendUvarint(append(header, 2<<3), counter)

	inner := appendBytes(nil, 1, header)
	inner = appendBytes(inner, 2, append(append([]byte{0}, noise[:]...), more[:11]...))
	inner = appendBytes(inner, 3, more[11:13])

	id := appendBytes(nil, 1, inner)
	id = append(id, 2<<3, 2)
	id = binary.AppendUvarint(id, 16382<<3)
	return base64.RawURLEncoding.EncodeToString(append(id, 1))
}

// appendBytes appends a length-delimited protobuf field.
func appendBytes(to []byte, number byte, value []byte) []byte {
	to = binary.AppendUvarint(append(to, number<<3|2), uint64(len(value)))
	return append(to, value...)
}

// pacificDay is the midnight in Los Angeles at or before t.
func pacificDay(t time.Time) time.Time {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		zone = time.FixedZone("PST", -8*60*60) // a machine without zone data still gets a day
	}
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}
