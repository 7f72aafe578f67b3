package sqlite_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/store/sqlite"
)

// chunkEntries are entries as a chunk gives them back.
func chunkEntries() []conversions.Entry {
	at := time.Date(2026, 6, 1, 12, 0, 0, 123000, time.UTC)
	return []conversions.Entry{
		{Seq: 1, Row: 7, Kind: conversions.EntryAnswered, At: at, Version: 2, Batch: "b", Answer: &conversions.Answer{Code: "x.y"}},
		{Seq: 2, Kind: conversions.EntrySent, At: at.Add(time.Second), Count: 2000},
		{Seq: 3, Row: 1 << 40, Kind: conversions.EntryClosed, At: time.Time{}, Reason: conversions.ReasonExpired},
	}
}

func TestChunkComesBack(t *testing.T) {
	t.Parallel()
	want := chunkEntries()
	text := sqlite.ChunkOf(want...)
	got, err := sqlite.ReadChunk(text, 0)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("all entries: %v, -want +got\n%s", err, diff)
	}
	got, err = sqlite.ReadChunk(text, 7)
	if diff := cmp.Diff(want[:1], got); diff != "" || err != nil {
		t.Errorf("entries of row 7: %v, -want +got\n%s", err, diff)
	}
}

// TestCutChunkIsUnreadable: a chunk that ends within an entry is never taken
// for a shorter one.
func TestCutChunkIsUnreadable(t *testing.T) {
	t.Parallel()
	es := chunkEntries()
	whole := map[int]bool{0: true} // lengths at which an entry ends
	for i := range es {
		whole[len(sqlite.ChunkOf(es[:i+1]...))] = true
	}
	text := sqlite.ChunkOf(es...)
	for n := range text {
		if _, err := sqlite.ReadChunk(text[:n], 0); (err == nil) != whole[n] {
			t.Errorf("first %d of %d bytes: error %v", n, len(text), err)
		}
	}
}

func FuzzReadChunk(f *testing.F) {
	f.Add(sqlite.ChunkOf(chunkEntries()...))
	f.Add([]byte{0})
	f.Add([]byte{2, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, text []byte) {
		es, err := sqlite.ReadChunk(text, 0)
		if err != nil {
			return
		}
		again, err := sqlite.ReadChunk(sqlite.ChunkOf(es...), 0)
		if diff := cmp.Diff(es, again); diff != "" || err != nil {
			t.Errorf("%v, -read +read again\n%s", err, diff)
		}
	})
}
