package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
	"closeloop/store/compact"
)

// where gathers conditions and their arguments.
type where struct {
	conds   []string
	args    []any
	crowded bool // too much is pending to look for a page there
}

// arg adds an argument and returns how the text names it.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

// add adds a condition; ? stands for the argument.
func (w *where) add(cond string, args ...any) {
	for _, a := range args {
		cond = strings.Replace(cond, "?", w.arg(a), 1)
	}
	w.conds = append(w.conds, cond)
}

func (w *where) String() string {
	if len(w.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conds, " AND ")
}

// everyAccount lists the accounts that a table has rows of. Each step jumps to
// the next one in an index instead of reading every row.
func everyAccount(table string) string {
	return `WITH RECURSIVE a (account) AS (SELECT min(account) FROM ` + table + ` UNION ALL
		SELECT (SELECT min(account) FROM ` + table + ` WHERE account > a.account) FROM a WHERE a.account IS NOT NULL)
		SELECT account FROM a WHERE account IS NOT NULL`
}

// flying selects the ids of rows in flight, of one account or of all: a query
// about one account should not read the batches of others.
func (w *where) flying(a conversions.AccountID) string {
	if a == "" {
		return `SELECT unnest(rows) FROM batch WHERE settled IS NULL`
	}
	return `SELECT unnest(rows) FROM batch WHERE settled IS NULL AND account = ` + w.arg(quoted(a))
}

// selection turns a filter, but for Account, After and Limit, into conditions
// on conversion c, which comes from source.
func (w *where) selection(f conversions.Filter) {
	if f.State == conversions.StateSending {
		w.add(`c.id IN (` + w.flying(f.Account) + `)`)
	} else if f.State != "" {
		w.add(`c.state = ? AND c.id NOT IN (`+w.flying(f.Account)+`)`, string(f.State))
	}
	if f.Stage != "" {
		w.add(`c.stage = ?`, string(f.Stage))
	}
	if !f.From.IsZero() {
		w.add(`c.at >= ?`, micros(f.From))
	}
	if !f.To.IsZero() {
		w.add(`c.at < ?`, micros(f.To))
	}
	if f.Lead != "" {
		w.add(`c.lead = ?`, quoted(f.Lead))
	}
	if f.OrderID != "" {
		w.add(`c.order_id = ?`, f.OrderID)
	}
	if f.ClickID != "" && !byClick(f) { // a second look at the click would read two indexes once more
		w.add(`EXISTS (SELECT FROM click_index AS x WHERE x.account = c.account AND x.conversion = c.id AND x.click = ? OFFSET 0)`, quoted(f.ClickID))
	}
}

// List implements store.Reports.
func (s *Store) List(ctx context.Context, f conversions.Filter) ([]conversions.Row, error) {
	crowded, err := s.crowded(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("count what is pending: %w", err)
	}
	text, args := listQuery(f, crowded)
	rows, err := query(ctx, s.db, readListed, text, args...)
	if err != nil {
		return nil, fmt.Errorf("list rows: %w", err)
	}
	return rows, nil
}

// listQuery reads along one index, of each account when none is named and the
// index is by account.
func listQuery(f conversions.Filter, crowded bool) (text string, args []any) {
	w := &where{crowded: crowded}
	standing := `c.id IN (` + w.flying(f.Account) + `)`
	whole := f.Account != "" || f.OrderID != ""
	from := ""
	if whole {
		from = w.found(f)
	} else {
		from = w.source(f, w.owner(f.Account)) + ` AS c`
	}
	w.selection(f)
	if f.After != nil {
		w.add(`(c.at, c.id) < (?, ?)`, micros(f.After.Want.At), int64(f.After.ID))
	}
	limit := ""
	if f.Limit > 0 {
		limit = ` LIMIT ` + w.arg(f.Limit)
	}
	const order = ` ORDER BY c.at DESC, c.id DESC`
	if whole {
		return `SELECT ` + standing + `, c.doc FROM ` + from + w.String() + order + limit, w.args
	}
	return `SELECT ` + standing + `, c.doc FROM (` + everyAccount("conversion") + `) AS a CROSS JOIN LATERAL (
		SELECT c.id, c.at, c.doc FROM ` + from + w.String() + order + limit + `) AS c` + order + limit, w.args
}

// readListed reads a row that is in flight or not.
func readListed(rows pgx.Rows) (conversions.Row, error) {
	var r conversions.Row
	var flies bool
	var doc []byte
	if err := scan(rows, &flies, &doc); err != nil {
		return r, err
	}
	if compact.ReadRow(doc, &r) != nil {
		return r, fmt.Errorf("read row: %w", errUnreadable)
	}
	if flies {
		r.State = conversions.StateSending
	}
	return r, nil
}

// Accounts implements store.Reports.
func (s *Store) Accounts(ctx context.Context) ([]conversions.AccountID, error) {
	accounts, err := s.db.accounts(ctx)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return accounts, nil
}

func (db *database) accounts(ctx context.Context) ([]conversions.AccountID, error) {
	return query(ctx, db, func(rows pgx.Rows) (conversions.AccountID, error) {
		account, err := scanned[string](rows)
		return unquoted[conversions.AccountID](account), err
	}, `SELECT * FROM (`+everyAccount("event")+`) AS e UNION SELECT * FROM (`+everyAccount("conversion")+`) AS c ORDER BY 1`)
}
