package pgtest

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Exec runs a statement in a database as somebody else than the program would.
func Exec(tb testing.TB, dsn, text string) {
	tb.Helper()
	Look(tb, dsn, text)
}

// Look returns what a query finds, each column as text.
func Look(tb testing.TB, dsn, text string) [][]string {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), dsn)
	if err != nil {
		tb.Fatalf("connect to the test server: %v", err)
	}
	defer conn.Close(tb.Context())
	rows, err := conn.Query(tb.Context(), text)
	if err != nil {
		tb.Fatalf("look: %v", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]string, error) {
		values, err := row.Values()
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = fmt.Sprint(v)
		}
		return texts, err
	})
	if err != nil {
		tb.Fatalf("look: %v", err)
	}
	return found
}
