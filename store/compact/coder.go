package compact

import (
	"encoding/binary"
	"errors"
	"time"
)

// ErrUnreadable is the only error of this package: what was read is not what
// it writes. It says nothing more, because the bytes may hold anything.
var ErrUnreadable = errors.New("stored document is unreadable")

// version leads every document: the form as a whole, which a new field does
// not change.
const version = 1

// The shapes of a field on paper, in the low bits of its tag, so that a reader
// can pass over a field it does not know.
const (
	shapeNumber = 0 // a zigzag varint
	shapeBytes  = 1 // a length and as many bytes
	shapeTime   = 2 // seconds, nanoseconds, offset of the zone in seconds: three zigzag varints
	shapeBits   = 2
)

// coder writes or reads the fields of one document. The same function visits a
// type's fields for both, so that the two cannot disagree. Fields are visited
// in the order of their numbers; those with the zero value are left out.
type coder struct {
	buf []byte // written so far

	reading bool
	src     string // still to be read; texts are parts of it
	next    uint64 // the tag of the field that is read next; 0 at the end
	bad     bool
	zone    *time.Location // the last one that was not UTC, and its offset:
	offset  int64          // the times of a batch share it
}

// writer returns a coder that appends to buf.
func writer(buf []byte) coder { return coder{buf: append(buf, version)} }

// reader returns a coder of a whole document.
func reader(doc []byte) coder {
	if len(doc) == 0 || doc[0] != version {
		return coder{reading: true, bad: true}
	}
	c := coder{reading: true, src: string(doc[1:])}
	c.advance()
	return c
}

// end reports whether a document was read well, to its end.
func (c *coder) end() error {
	for !c.bad && c.next != 0 {
		c.pass()
	}
	if c.bad {
		return ErrUnreadable
	}
	return nil
}

// advance reads the next field's tag.
func (c *coder) advance() {
	if c.src == "" {
		c.next = 0
		return
	}
	if c.next = c.uvarint(); c.next == 0 {
		c.bad = true
	}
}

// pass passes over the next field.
func (c *coder) pass() {
	switch c.next & (1<<shapeBits - 1) {
	case shapeNumber:
		c.varint()
	case shapeBytes:
		c.bytes()
	case shapeTime:
		c.time()
	default:
		c.bad = true
	}
	c.advance()
}

// finds reports whether the next field is the one with the given number and
// shape, passing over fields before it, which only a newer program knows.
func (c *coder) finds(number, shape uint64) bool {
	tag := number<<shapeBits | shape
	for !c.bad && c.next != 0 && c.next>>shapeBits < number {
		c.pass()
	}
	return !c.bad && c.next == tag
}

func (c *coder) tag(number, shape uint64) {
	c.buf = binary.AppendUvarint(c.buf, number<<shapeBits|shape)
}

// fail stops the reading.
func (c *coder) fail() { c.bad, c.src, c.next = true, "", 0 }

// uvarint reads what binary.AppendUvarint wrote.
func (c *coder) uvarint() (v uint64) {
	for i := range min(len(c.src), binary.MaxVarintLen64) {
		b := c.src[i]
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			c.src = c.src[i+1:]
			return v
		}
	}
	c.fail()
	return 0
}

// varint reads what binary.AppendVarint wrote.
func (c *coder) varint() int64 {
	v := c.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (c *coder) bytes() string {
	n := c.uvarint()
	if n > uint64(len(c.src)) {
		c.fail()
		return ""
	}
	b := c.src[:n]
	c.src = c.src[n:]
	return b
}

func (c *coder) time() time.Time {
	sec, nsec, offset := c.varint(), c.varint(), c.varint()
	t := time.Unix(sec, nsec)
	if offset == 0 {
		return t.UTC()
	}
	if c.zone == nil || c.offset != offset {
		c.zone, c.offset = time.FixedZone("", int(offset)), offset
	}
	return t.In(c.zone)
}

// number visits a field that is a number.
func number[T ~int | ~int64](c *coder, n uint64, v *T) {
	switch {
	case c.reading:
		if c.finds(n, shapeNumber) {
			*v = T(c.varint())
			c.advance()
		}
	case *v != 0:
		c.tag(n, shapeNumber)
		c.buf = binary.AppendVarint(c.buf, int64(*v))
	}
}

// pointer visits a field that is a number or absent.
func pointer[T ~int64](c *coder, n uint64, v **T) {
	switch {
	case c.reading:
		if c.finds(n, shapeNumber) {
			read := T(c.varint())
			*v = &read
			c.advance()
		}
	case *v != nil:
		c.tag(n, shapeNumber)
		c.buf = binary.AppendVarint(c.buf, int64(**v))
	}
}

// boolean visits a field that is true or false.
func (c *coder) boolean(n uint64, v *bool) {
	switch {
	case c.reading:
		if c.finds(n, shapeNumber) {
			*v = c.varint() != 0
			c.advance()
		}
	case *v:
		c.tag(n, shapeNumber)
		c.buf = binary.AppendVarint(c.buf, 1)
	}
}

// text visits a field that is a text.
func text[T ~string](c *coder, n uint64, v *T) {
	switch {
	case c.reading:
		if c.finds(n, shapeBytes) {
			*v = T(c.bytes())
			c.advance()
		}
	case *v != "":
		c.tag(n, shapeBytes)
		c.buf = binary.AppendUvarint(c.buf, uint64(len(*v)))
		c.buf = append(c.buf, *v...)
	}
}

// octets visits a field that is bytes.
func octets[T ~[]byte](c *coder, n uint64, v *T) {
	switch {
	case c.reading:
		if c.finds(n, shapeBytes) {
			*v = append(T(nil), c.bytes()...)
			c.advance()
		}
	case len(*v) > 0:
		c.tag(n, shapeBytes)
		c.buf = binary.AppendUvarint(c.buf, uint64(len(*v)))
		c.buf = append(c.buf, *v...)
	}
}

// moment visits a field that is a time, with its zone's offset.
func (c *coder) moment(n uint64, v *time.Time) {
	switch {
	case c.reading:
		if c.finds(n, shapeTime) {
			*v = c.time()
			c.advance()
		}
	case !v.IsZero():
		_, offset := v.Zone()
		c.tag(n, shapeTime)
		c.buf = binary.AppendVarint(c.buf, v.Unix())
		c.buf = binary.AppendVarint(c.buf, int64(v.Nanosecond()))
		c.buf = binary.AppendVarint(c.buf, int64(offset))
	}
}

// texts visits a field that is a list of texts: one field for each.
func texts[T ~string](c *coder, n uint64, v *[]T) {
	if c.reading {
		for c.finds(n, shapeBytes) {
			*v = append(*v, T(c.bytes()))
			c.advance()
		}
		return
	}
	for _, s := range *v {
		c.tag(n, shapeBytes)
		c.buf = binary.AppendUvarint(c.buf, uint64(len(s)))
		c.buf = append(c.buf, s...)
	}
}

// part visits a field that has fields of its own; the zero value is left out.
func part[T comparable](c *coder, n uint64, v *T, visit func(*coder, *T)) {
	var zero T
	switch {
	case c.reading:
		if c.finds(n, shapeBytes) {
			inner(c, v, visit)
		}
	case *v != zero:
		nested(c, n, v, visit)
	}
}

// optional visits a field that has fields of its own, or is absent.
func optional[T any](c *coder, n uint64, v **T, visit func(*coder, *T)) {
	switch {
	case c.reading:
		if c.finds(n, shapeBytes) {
			*v = new(T)
			inner(c, *v, visit)
		}
	case *v != nil:
		nested(c, n, *v, visit)
	}
}

// list visits a field that is a list of things with fields: one field for
// each.
func list[T any](c *coder, n uint64, v *[]T, visit func(*coder, *T)) {
	if c.reading {
		for c.finds(n, shapeBytes) {
			var read T
			inner(c, &read, visit)
			*v = append(*v, read)
		}
		return
	}
	for i := range *v {
		nested(c, n, &(*v)[i], visit)
	}
}

// inner reads the fields of the next field, by the same coder: another one
// would be one more piece of memory for every part of every document.
func inner[T any](c *coder, v *T, visit func(*coder, *T)) {
	part := c.bytes()
	rest := c.src
	c.src = part
	c.advance()
	visit(c, v)
	if c.end() != nil {
		return
	}
	c.src = rest
	c.advance()
}

// nested writes a field with fields. Its length is known only afterwards;
// nearly always it takes the one byte that was left for it.
func nested[T any](c *coder, n uint64, v *T, visit func(*coder, *T)) {
	c.tag(n, shapeBytes)
	start := len(c.buf)
	c.buf = append(c.buf, 0)
	visit(c, v)
	size := uint64(len(c.buf) - start - 1) //nolint:gosec // never negative
	if size < 0x80 {
		c.buf[start] = byte(size)
		return
	}
	var head [binary.MaxVarintLen64]byte
	k := binary.PutUvarint(head[:], size)
	c.buf = append(c.buf, head[:k-1]...) // room
	copy(c.buf[start+k:], c.buf[start+1:])
	copy(c.buf[start:], head[:k])
}
