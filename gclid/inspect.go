package gclid

import (
	"encoding/base64"
	"encoding/binary"
	"time"
)

// Family is the inner structure of a gclid. Google documents none: the
// families were measured on 26 whole ids published in 2018 to 2025. For
// warnings and diagnosis only, never a reason to drop a conversion.
type Family string

// The families.
const (
	FamilyUnknown Family = ""  // neither; says nothing against the id
	FamilyA       Family = "A" // plain, EAIaIQobChMI…, 55 characters; holds the click's time
	FamilyB       Family = "B" // encrypted, Cj…, 91 or 92 characters; holds the click's day
)

// Inspection is what the structure of a gclid tells.
type Inspection struct {
	// Family is FamilyUnknown for ids of any other structure.
	Family Family
	// ClickTime is the time in a family A id, in UTC; within about a minute
	// of the click. Zero for others.
	ClickTime time.Time
	// Day is the click's day in Los Angeles, as 2006-01-02, from a family B
	// id. Empty for others.
	Day string
	// Damage is Truncated, Malformed, LowerCased or UpperCased when the id
	// looks so, else None.
	Damage Damage
}

// Inspect reads the structure of a gclid as it is, without repairs. Any text
// is allowed; work and memory are bounded by MaxID, beyond which the family
// is unknown.
func Inspect(id string) Inspection {
	if len(id) > MaxID || !legal(id) || id == "" {
		return Inspection{}
	}
	s := scan(id)
	in := Inspection{Family: s.family, Damage: suspect(id, "gclid")}
	switch s.family {
	case FamilyA:
		in.ClickTime = plausible(time.UnixMicro(int64(s.clock & (1<<62 - 1))))
	case FamilyB:
		// Midnight in Los Angeles is 07:00 or 08:00 of the same date in UTC.
		if t := plausible(time.Unix(int64(s.clock&(1<<40-1)), 0)); !t.IsZero() {
			in.Day = t.Format(time.DateOnly)
		}
	case FamilyUnknown:
	}
	return in
}

// plausible returns t in UTC, or zero when no gclid can be of that time.
func plausible(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 2008 || t.Year() > 2100 {
		return time.Time{}
	}
	return t
}

type state int

const (
	intact state = iota // ends with the closing field
	cut                 // ends too early
	broken              // anything else
)

// structure is what a walk over an id found.
type structure struct {
	family Family
	state  state
	clock  uint64 // microseconds (A) or seconds (B) since 1970
}

// closingField is the number of the last field of every whole gclid measured.
const closingField = 16382

// scan decodes an id of at most MaxID legal characters and walks it.
func scan(id string) structure {
	var text [MaxID]byte
	var raw [MaxID * 3 / 4]byte
	n := copy(text[:], id)
	if n%4 == 1 {
		n-- // six bits alone are no byte
	}
	n, err := base64.RawURLEncoding.Decode(raw[:], text[:n])
	if err != nil {
		return structure{}
	}
	b := raw[:n]
	s := structure{family: familyOf(b)}
	if s.family == FamilyUnknown {
		return s
	}
	s.state = walk(b)
	s.clock = clock(b, s.family)
	return s
}

// familyOf recognises the first bytes: nested length-delimited fields and the
// tag of the number that is the time.
func familyOf(b []byte) Family {
	switch {
	case len(b) >= 9 && b[0] == 0x10 && b[2] == 0x1a && b[4] == 0x0a && b[6] == 0x0a && b[8] == 0x08:
		return FamilyA
	case len(b) >= 5 && b[0] == 0x0a && b[2] == 0x0a && b[4] == 0x08 && b[3] >= 7 && b[3] <= 12:
		return FamilyB
	default:
		return FamilyUnknown
	}
}

func clock(b []byte, f Family) uint64 {
	at := 5
	if f == FamilyA {
		at = 9
	}
	v, n := binary.Uvarint(b[at:])
	if n <= 0 {
		return 0
	}
	return v
}

// walk goes over the top-level fields (protocol buffers, encoding). Every
// turn consumes at least one byte.
func walk(b []byte) state {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return ended(n)
		}
		size, st := fieldSize(b[n:], tag&7)
		if st != intact {
			return st
		}
		b = b[n+size:]
		if tag>>3 == closingField {
			if len(b) > 0 {
				return broken
			}
			return intact
		}
	}
	return cut
}

// fieldSize returns how many bytes a field's value takes.
func fieldSize(b []byte, wire uint64) (size int, st state) {
	v, n := binary.Uvarint(b)
	switch wire {
	case 0:
		if n <= 0 {
			return 0, ended(n)
		}
		return n, intact
	case 1:
		return fixedSize(b, 8)
	case 2:
		if n <= 0 {
			return 0, ended(n)
		}
		if v > MaxID {
			return 0, broken
		}
		return fixedSize(b, n+int(v))
	case 5:
		return fixedSize(b, 4)
	default:
		return 0, broken
	}
}

func fixedSize(b []byte, n int) (size int, st state) {
	if n > len(b) {
		return 0, cut
	}
	return n, intact
}

// ended says why a number could not be read: too short, or too large.
func ended(n int) state {
	if n == 0 {
		return cut
	}
	return broken
}
