package postgres

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// arrays writes the arrays of which a batch's statements consist. The driver's
// own way goes through an interface for each element and lets its buffer grow
// as it does: for 2,000 rows that took as long as making their documents.
type arrays struct {
	*pgtype.ArrayCodec
}

// registerArrays has a connection use arrays. What it has no plan for is left
// to the driver.
func registerArrays(_ context.Context, conn *pgx.Conn) error {
	m := conn.TypeMap()
	for _, oid := range []uint32{pgtype.Int8ArrayOID, pgtype.TextArrayOID, pgtype.ByteaArrayOID, pgtype.BoolArrayOID, pgtype.Int2ArrayOID} {
		known, found := m.TypeForOID(oid)
		if !found {
			continue
		}
		if codec, ok := known.Codec.(*pgtype.ArrayCodec); ok {
			m.RegisterType(&pgtype.Type{Name: known.Name, OID: oid, Codec: arrays{codec}})
		}
	}
	return nil
}

// PlanEncode implements pgtype.Codec.
func (a arrays) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if plan := planOf(oid, value); plan != nil && format == pgtype.BinaryFormatCode {
		return plan
	}
	return a.ArrayCodec.PlanEncode(m, oid, format, value)
}

func planOf(oid uint32, value any) pgtype.EncodePlan {
	switch value.(type) {
	case []int64:
		if oid == pgtype.Int8ArrayOID {
			return elements[int64]{pgtype.Int8OID, func(int64) int { return 8 }, putNumber}
		}
	case []int16:
		if oid == pgtype.Int2ArrayOID {
			return elements[int16]{pgtype.Int2OID, func(int16) int { return 2 }, putShort}
		}
	case []bool:
		if oid == pgtype.BoolArrayOID {
			return elements[bool]{pgtype.BoolOID, func(bool) int { return 1 }, putBool}
		}
	case []string:
		if oid == pgtype.TextArrayOID {
			return elements[string]{pgtype.TextOID, func(s string) int { return len(s) }, putText}
		}
	case [][]byte:
		if oid == pgtype.ByteaArrayOID {
			return elements[[]byte]{pgtype.ByteaOID, func(b []byte) int { return len(b) }, putOctets}
		}
	}
	return nil
}

// elements writes a list in the binary form of an array (PostgreSQL 15,
// array_send in src/backend/utils/adt/arrayfuncs.c): how many dimensions,
// whether there may be NULLs, the elements' type, for each dimension how many
// and the first one's index; then every element after its length.
type elements[T any] struct {
	oid  uint32
	size func(T) int
	put  func([]byte, T) []byte // appends an element and its length
}

// Encode implements pgtype.EncodePlan; a nil list is NULL.
func (e elements[T]) Encode(value any, buf []byte) ([]byte, error) {
	list, _ := value.([]T)
	if list == nil {
		return nil, nil
	}
	size := 20 + 4*len(list)
	for _, v := range list {
		size += e.size(v)
	}
	buf = putLength(putLength(slices.Grow(buf, size), 1), 1)
	buf = binary.BigEndian.AppendUint32(buf, e.oid)
	buf = putLength(putLength(buf, len(list)), 1)
	for _, v := range list {
		buf = e.put(buf, v)
	}
	return buf, nil
}

func putLength(buf []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(buf, uint32(n)) //nolint:gosec // what is longer the server refuses
}

func putNumber(buf []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(putLength(buf, 8), uint64(v)) //nolint:gosec // the bits as they are
}

func putShort(buf []byte, v int16) []byte {
	return binary.BigEndian.AppendUint16(putLength(buf, 2), uint16(v)) //nolint:gosec // the bits as they are
}

func putBool(buf []byte, v bool) []byte {
	if v {
		return append(putLength(buf, 1), 1)
	}
	return append(putLength(buf, 1), 0)
}

func putText(buf []byte, v string) []byte { return append(putLength(buf, len(v)), v...) }

// putOctets takes nil for NULL, whose length is -1.
func putOctets(buf, v []byte) []byte {
	if v == nil {
		return putLength(buf, -1)
	}
	return append(putLength(buf, len(v)), v...)
}
