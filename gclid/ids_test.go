package gclid_test

import (
	"encoding/base64"
	"encoding/binary"
	"time"
)

// sampleGBRAID has the shape of a gbraid and was issued to nobody.
const sampleGBRAID = "0AAAAADcdQx7Kp2mVb9ZsT4yLw1HnRe8uG"

// closing is field 2 = 2 and field 16382 = 1, which end every gclid measured.
const closing = "\x10\x02\xf0\xff\x07\x01"

// familyB makes an id of the encrypted shape, 91 characters for a counter
// below 128 and 92 from there on.
func familyB(counter uint64) string {
	return familyBOn(time.Date(2026, 3, 25, 7, 0, 0, 0, time.UTC), counter)
}

func familyBOn(midnight time.Time, counter uint64) string {
	head := binary.AppendUvarint([]byte{0x08}, uint64(midnight.Unix()))
	head = binary.AppendUvarint(append(head, 0x10), counter)
	inner := append([]byte{0x0a, byte(len(head))}, head...)
	inner = append(inner, 0x12, 44)
	for i := range 44 {
		inner = append(inner, byte(uint64(i*41+7)+counter*59))
	}
	inner = append(inner, 0x1a, 2, byte(counter), 0x5b)
	id := append([]byte{0x0a, byte(len(inner))}, inner...)
	return base64.RawURLEncoding.EncodeToString(append(id, closing...))
}

// familyA makes an id of the plain shape, 55 characters.
func familyA(click time.Time) string {
	head := binary.AppendUvarint([]byte{0x08}, uint64(click.UnixMicro()))
	head = append(head, 0x15, 1, 2, 3, 0xc1, 0x1d, 9, 8, 7, 0xa3)
	mid := append([]byte{0x0a, byte(len(head))}, head...)
	mid = append(mid, 0x10, 0, 0x18, 1, 0x20, 0)
	inner := append([]byte{0x0a, byte(len(mid))}, mid...)
	inner = append(inner, 0x12, 2, 0xd1, 0x5b)
	id := append([]byte{0x10, 0x02, 0x1a, byte(len(inner))}, inner...)
	return base64.RawURLEncoding.EncodeToString(append(id, closing[2:]...))
}
