package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// maxMoves is by how many seconds at most a row's own earlier slot is looked
// for. As many rows would have to share click, action and second before one
// could be further away.
const maxMoves = 120

// slotKey names one second of one click for one action of an account: the lower
// 32 bits of the second, and 28 bits of a hash, moved on by a number of the
// account. Led by the second, the keys of a batch lie near each other in the
// table, however large it is. Two rows of one second whose hashes agree by
// chance are kept a second apart without need.
type slotKey int64

// hashBits is how many bits of a slotKey tell clicks of one second apart.
const hashBits = 28

func keyOf(a conversions.AccountID, it *conversions.Item, at time.Time) slotKey {
	text := make([]byte, 0, 256)
	for _, part := range []string{it.Action, string(it.Click.Kind), it.ClickID} {
		text = append(append(text, part...), 0)
	}
	second := uint64(at.Unix()) //nolint:gosec // only has to be distinct
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(text, second))
	hash := binary.BigEndian.Uint64(sum[:])>>(64-hashBits) + numberOf(a)
	return slotKey(second&math.MaxUint32<<hashBits | hash&(1<<hashBits-1)) //nolint:gosec // 60 bits
}

// numberOf is a number that tells accounts apart. Migration 4 knows it too.
func numberOf(a conversions.AccountID) (n uint64) {
	for _, r := range a {
		n = (31*n + uint64(r)) & (1<<hashBits - 1) //nolint:gosec // a character is not negative
	}
	return n
}

const (
	selectPeople = `SELECT seq, doc FROM identity WHERE seq IN (SELECT value FROM json_each(?))`
	selectSlots  = `SELECT conversion, key FROM slot WHERE conversion IN (SELECT value FROM json_each(?))`
	insertSlot   = `INSERT INTO slot (key, conversion) VALUES (?, ?) ON CONFLICT DO NOTHING`
)

// fillClicks fills in the click ids of items from their events' side rows;
// what was erased stays empty.
func fillClicks(ctx context.Context, q queryer, items []conversions.Item) error {
	seqs := make([]int64, 0, len(items))
	first := make(map[int64]int, len(items)) // of the items of an event: several stages may share one
	next := make([]int, len(items))          // of the items of the same event; 0 if there is none
	for i := range items {
		it := &items[i]
		if it.ClickID = ""; it.Click.IsZero() {
			continue
		}
		before, shared := first[it.Click.Event]
		if first[it.Click.Event] = i; shared {
			next[i] = before + 1
		} else {
			seqs = append(seqs, it.Click.Event)
		}
	}
	err := each(ctx, q, func(rows *sql.Rows) (bool, error) {
		var seq int64
		var doc sql.RawBytes
		err := rows.Scan(&seq, &doc)
		for i := first[seq] + 1; err == nil && i > 0; i = next[i-1] {
			it := &items[i-1]
			it.ClickID, err = compact.ReadClickID(doc, it.Click.N)
		}
		return true, readable("side row", err)
	}, selectPeople, list(seqs))
	if err != nil {
		return fmt.Errorf("read side rows: %w", err)
	}
	return nil
}

// moveApart gives every upload of the batch a second that no other row has for
// its action and click, and remembers it. A row that has one keeps it.
// Adjustments are of a conversion as it was uploaded and stay as they are.
func moveApart(ctx context.Context, t tx, b conversions.Batch) error {
	held, err := slotsOf(ctx, t, b.Items)
	if err != nil {
		return err
	}
	for i := range b.Items {
		it := &b.Items[i]
		if it.Op != conversions.OpUpload {
			continue
		}
		if it.ClickID == "" {
			continue // erased: there is nothing to send, so nothing to keep apart
		}
		if at, ok := heldSecond(b.Account, it, held[it.Row]); ok {
			it.At = at
			continue
		}
		if err := takeSecond(ctx, t, b.Account, it); err != nil {
			return err
		}
	}
	return nil
}

// slotsOf returns the slots that the rows of a batch hold already.
func slotsOf(ctx context.Context, t tx, items []conversions.Item) (map[conversions.RowID][]slotKey, error) {
	ids := make([]conversions.RowID, len(items))
	for i := range items {
		ids[i] = items[i].Row
	}
	rows, err := t.query(ctx, selectSlots, list(ids))
	if err != nil {
		return nil, fmt.Errorf("query slots: %w", err)
	}
	defer rows.Close()
	held := map[conversions.RowID][]slotKey{}
	for rows.Next() {
		var id conversions.RowID
		var key slotKey
		if err := rows.Scan(&id, &key); err != nil {
			return nil, fmt.Errorf("scan slot: %w", err)
		}
		held[id] = append(held[id], key)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read slots: %w", err)
	}
	return held, nil
}

// heldSecond returns the second that a row once had for the item's click, at
// the item's time or after it.
func heldSecond(a conversions.AccountID, it *conversions.Item, held []slotKey) (time.Time, bool) {
	if len(held) == 0 {
		return time.Time{}, false
	}
	for n := range maxMoves {
		at := it.At.Add(time.Duration(n) * time.Second)
		if slices.Contains(held, keyOf(a, it, at)) {
			return at, true
		}
	}
	return time.Time{}, false
}

// takeSecond moves the item to the first second that is free.
func takeSecond(ctx context.Context, t tx, a conversions.AccountID, it *conversions.Item) error {
	for {
		n, err := t.changed(ctx, insertSlot, int64(keyOf(a, it, it.At)), int64(it.Row))
		if err != nil {
			return fmt.Errorf("take slot: %w", err)
		}
		if n == 1 {
			return nil
		}
		it.At = it.At.Add(time.Second)
	}
}
