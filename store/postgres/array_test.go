package postgres_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"

	"closeloop/store/postgres"
)

// TestArrays: arrays are sent as the driver would send them. Only the word that
// says whether there are NULLs may differ: PostgreSQL goes by the elements.
func TestArrays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		oid  uint32
		list any
	}{
		"numbers":    {pgtype.Int8ArrayOID, []int64{0, 1, -1, math.MaxInt64, math.MinInt64}},
		"no numbers": {pgtype.Int8ArrayOID, []int64{}},
		"NULL":       {pgtype.Int8ArrayOID, []int64(nil)},
		"shorts":     {pgtype.Int2ArrayOID, []int16{0, 1, -1, math.MaxInt16, math.MinInt16}},
		"booleans":   {pgtype.BoolArrayOID, []bool{true, false}},
		"texts":      {pgtype.TextArrayOID, []string{"", "a", "NULL", `{"é",\}`, string(make([]byte, 70_000))}},
		"octets":     {pgtype.ByteaArrayOID, [][]byte{{}, nil, {0, 255}, make([]byte, 70_000)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, drivers, err := postgres.Encoded(c.oid, c.list)
			if err != nil {
				t.Fatal(err)
			}
			for _, list := range [][]byte{ours, drivers} {
				if len(list) >= 8 {
					clear(list[4:8])
				}
			}
			if !bytes.Equal(ours, drivers) {
				t.Errorf("got %.200x, want %.200x", ours, drivers)
			}
		})
	}
	for name, c := range map[string]struct {
		oid  uint32
		list any
	}{
		"other numbers than the column's": {pgtype.Int2ArrayOID, []int64{1}},
		"a type of its own":               {pgtype.TextArrayOID, []name{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if ours, drivers, err := postgres.Encoded(c.oid, c.list); err != nil || ours != nil || drivers == nil {
				t.Errorf("got %x, %x, %v; want it left to the driver", ours, drivers, err)
			}
		})
	}
}

type name string
