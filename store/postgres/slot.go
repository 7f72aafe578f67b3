package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
)

// maxMoves is by how many seconds at most a row's own earlier slot is looked
// for. As many rows would have to share click, action and second before one
// could be further away.
const maxMoves = 120

// slotKey names one second of one click for one action.
type slotKey [16]byte

func keyOf(it *conversions.Item, at time.Time) slotKey {
	text := make([]byte, 0, 256)
	for _, part := range []string{it.Action, string(it.Click.Kind), it.ClickID} {
		text = append(append(text, part...), 0)
	}
	text = binary.BigEndian.AppendUint64(text, uint64(at.Unix())) //nolint:gosec // only has to be distinct
	sum := sha256.Sum256(text)
	return slotKey(sum[:16])
}

// mover gives every upload of a batch a second that no other row has for its
// action and click, and remembers it. A row that has one keeps it.
// Adjustments are of a conversion as it was uploaded and stay as they are.
type mover struct {
	b    *conversions.Batch
	held map[conversions.RowID][]slotKey // the slots that rows of the batch had
}

const (
	selectSlots = `SELECT conversion, key FROM slot WHERE account = $1 AND conversion = ANY ($2)`
	takeSlots   = `INSERT INTO slot (account, key, conversion)
		SELECT $1, n.* FROM unnest($2::bytea[], $3::bigint[]) AS n ON CONFLICT DO NOTHING RETURNING key`
)

// queueHeld queues the reading of the slots that the batch's rows have.
func (m *mover) queueHeld(t *tx) {
	t.query(func(rows pgx.Rows) error {
		var id conversions.RowID
		var key []byte
		if err := scan(rows, &id, &key); err != nil {
			return err
		}
		m.held[id] = append(m.held[id], slotKey(key))
		return nil
	}, selectSlots, quoted(m.b.Account), rowIDs(m.b.Items))
}

// moveApart takes seconds for the whole batch at once, and again for those
// that were taken by others, a second later each time. Nobody else takes any
// meanwhile: the lease is locked.
func (m *mover) moveApart(ctx context.Context, t *tx) error {
	open := m.open()
	asked := make(map[slotKey]bool, len(open))
	for len(open) > 0 {
		keys, rows := make([]slotKey, len(open)), make([]int64, len(open))
		for i, it := range open {
			keys[i], rows[i] = keyOf(it, it.At), int64(it.Row)
			for asked[keys[i]] {
				it.At = it.At.Add(time.Second)
				keys[i] = keyOf(it, it.At)
			}
			asked[keys[i]] = true
		}
		taken, err := take(ctx, t, m.b.Account, keys, rows)
		if err != nil {
			return err
		}
		left := open[:0]
		for i, it := range open {
			if !taken[keys[i]] {
				left = append(left, it)
			}
		}
		open = left
	}
	return nil
}

// open are the items that have no second yet. What was erased has nothing to
// send, so nothing to keep apart.
func (m *mover) open() []*conversions.Item {
	var open []*conversions.Item
	for i := range m.b.Items {
		it := &m.b.Items[i]
		if it.Op != conversions.OpUpload || it.ClickID == "" {
			continue
		}
		if at, ok := heldSecond(it, m.held[it.Row]); ok {
			it.At = at
			continue
		}
		open = append(open, it)
	}
	return open
}

// take takes the slots that are free and returns which those were.
func take(ctx context.Context, t *tx, a conversions.AccountID, keys []slotKey, rows []int64) (map[slotKey]bool, error) {
	taken := make(map[slotKey]bool, len(keys))
	octets := make([][]byte, len(keys))
	for i := range keys {
		octets[i] = keys[i][:]
	}
	t.query(func(rows pgx.Rows) error {
		taken[slotKey(rows.RawValues()[0])] = true
		return nil
	}, takeSlots, quoted(a), octets, rows)
	return taken, t.flush(ctx)
}

// heldSecond returns the second that a row once had for the item's click, at
// the item's time or after it.
func heldSecond(it *conversions.Item, held []slotKey) (time.Time, bool) {
	if len(held) == 0 {
		return time.Time{}, false
	}
	for n := range maxMoves {
		at := it.At.Add(time.Duration(n) * time.Second)
		if slices.Contains(held, keyOf(it, at)) {
			return at, true
		}
	}
	return time.Time{}, false
}
