package conversions

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
)

// OrderID returns the order id of a conversion: opaque, deterministic, the
// same wherever and whenever it is computed. It is "cl" and 32 lower-case
// letters and digits: within the 2 to 64 characters every API takes, never
// all digits (the Data Manager API refuses such transaction ids), with no
// clock and nothing personal in it. generation counts from 0 and grows when
// an outcome comes back after Google was told to retract it.
func OrderID(sourceKey string, lead LeadID, stage Stage, generation int) string {
	h := sha256.New()
	for _, part := range []string{"closeloop order id 1", sourceKey, string(lead), string(stage)} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	var gen [8]byte
	binary.BigEndian.PutUint64(gen[:], uint64(generation)) //nolint:gosec // never negative
	h.Write(gen[:])
	return "cl" + base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").
		WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:20])
}
