package sqlite

import (
	"errors"
	"slices"
	"sync"

	"closeloop/conversions"
)

// memorySize is how many rows are remembered at most, of all accounts: a few
// batches. A row takes about 2 KB.
const memorySize = 8 * conversions.MaxItems

// errMoved: a row is not as it was remembered.
var errMoved = errors.New("row has changed since it was read")

// memory keeps the rows that were claimed last, as they were read. Settling
// them need not read them once more, which would cost as much as writing them.
//
// It is trusted with nothing: whoever writes a remembered row says which trail
// it had, and a row that has gained an entry since, by whomever, is not written.
// The zero memory is empty. Safe for concurrent use.
type memory struct {
	mu     sync.Mutex
	claims []claim // the oldest first, one for an account
	rows   int
}

// claim is what was remembered of an account.
type claim struct {
	account conversions.AccountID
	rows    []recorded
}

// keep remembers rows in place of what was remembered of the account.
func (m *memory) keep(a conversions.AccountID, rows []recorded) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(a)
	if len(rows) == 0 || len(rows) > memorySize {
		return
	}
	m.claims = append(m.claims, claim{a, rows})
	m.rows += len(rows)
	for m.rows > memorySize {
		m.drop(m.claims[0].account)
	}
}

// take returns what is remembered of an account, and forgets it.
func (m *memory) take(a conversions.AccountID) []recorded {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.drop(a)
}

func (m *memory) drop(a conversions.AccountID) []recorded {
	i := slices.IndexFunc(m.claims, func(c claim) bool { return c.account == a })
	if i < 0 {
		return nil
	}
	rows := m.claims[i].rows
	m.claims = slices.Delete(m.claims, i, i+1)
	m.rows -= len(rows)
	return rows
}

// rowsOf returns copies of the rows: their reader may do with them what it
// likes.
func rowsOf(found []recorded) []conversions.Row {
	if len(found) == 0 {
		return nil
	}
	rows := make([]conversions.Row, len(found))
	for i := range found {
		rows[i] = found[i].now
	}
	return rows
}
