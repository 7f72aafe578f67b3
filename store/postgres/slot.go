package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
)

// clickSlots names all seconds of one click for one action, by hashes.
type clickSlots struct{ click, action int64 }

// hashed is a number that stands for a text: half of half of SHA-256. Two texts
// with the same number would only be kept a second apart without need.
func hashed(text string) int64 {
	sum := sha256.Sum256([]byte(text))
	return int64(binary.BigEndian.Uint64(sum[:8])) //nolint:gosec // only has to be distinct
}

// The seconds that are taken of clicks, and the taking of more.
const (
	selectSlots = `SELECT n.click, n.action, s.second, s.conversion FROM unnest($2::bigint[], $3::bigint[]) AS n (click, action)
		CROSS JOIN LATERAL (SELECT second, conversion FROM slot WHERE account = $1 AND click = n.click AND action = n.action OFFSET 0) AS s`
	insertSlots = `INSERT INTO slot (account, click, action, second, conversion)
		SELECT $1, n.* FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) AS n`
)

// mover gives every upload of a batch a second that no other row has for its
// action and click, and remembers it. A row that has one keeps it.
type mover struct {
	items []*conversions.Item // the uploads; what was erased has nothing to send, so nothing to keep apart
	names []clickSlots        // of each item
	taken map[clickSlots]map[int64]conversions.RowID
}

// moveApart moves the items of a batch apart and queues the taking of their
// seconds. Nobody else takes any meanwhile: the account's lease is locked.
// Adjustments are of a conversion as it was uploaded and stay as they are.
func moveApart(ctx context.Context, t *tx, b *conversions.Batch) error {
	m := mover{taken: map[clickSlots]map[int64]conversions.RowID{}}
	actions := map[string]int64{} // a batch has few
	for i := range b.Items {
		it := &b.Items[i]
		if it.Op != conversions.OpUpload || it.ClickID == "" {
			continue
		}
		if _, known := actions[it.Action]; !known {
			actions[it.Action] = hashed(it.Action)
		}
		m.items = append(m.items, it)
		m.names = append(m.names, clickSlots{hashed(it.ClickID), actions[it.Action]})
	}
	if len(m.items) == 0 {
		return nil
	}
	if err := m.load(ctx, t, b.Account); err != nil {
		return err
	}
	m.queue(t, b.Account)
	return nil
}

// load reads the seconds that are taken of the items' clicks.
func (m *mover) load(ctx context.Context, t *tx, a conversions.AccountID) error {
	var clicks, actions []int64
	for _, n := range m.names {
		if m.taken[n] == nil {
			m.taken[n] = map[int64]conversions.RowID{}
			clicks, actions = append(clicks, n.click), append(actions, n.action)
		}
	}
	t.query(func(rows pgx.Rows) error {
		var n clickSlots
		var second int64
		var row conversions.RowID
		err := scan(rows, &n.click, &n.action, &second, &row)
		if err == nil {
			m.taken[n][second] = row
		}
		return err
	}, selectSlots, quoted(a), clicks, actions)
	return t.flush(ctx)
}

// queue finds every item its second and queues the taking of new ones.
func (m *mover) queue(t *tx, a conversions.AccountID) {
	var clicks, actions, seconds, rows []int64
	for i, it := range m.items {
		taken := m.taken[m.names[i]]
		second, isNew := secondFor(it, taken)
		it.At = it.At.Add(time.Duration(second-it.At.Unix()) * time.Second)
		if !isNew {
			continue
		}
		taken[second] = it.Row
		clicks, actions = append(clicks, m.names[i].click), append(actions, m.names[i].action)
		seconds, rows = append(seconds, second), append(rows, int64(it.Row))
	}
	if len(rows) > 0 {
		t.queue(insertSlots, quoted(a), clicks, actions, seconds, rows)
	}
}

// secondFor is the earliest second from the item's own on that its row has
// already, or else that nobody has.
func secondFor(it *conversions.Item, taken map[int64]conversions.RowID) (second int64, isNew bool) {
	first := it.At.Unix()
	held := int64(-1)
	for second, row := range taken {
		if row == it.Row && second >= first && (held < 0 || second < held) {
			held = second
		}
	}
	if held >= 0 {
		return held, false
	}
	second = first
	for taken[second] != 0 {
		second++
	}
	return second, true
}
