package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// defaultConns is how many connections a replica opens at most. One writes
// deliveries and nothing else; work for an account takes one at a time.
const defaultConns = 12

// errAddress is given instead of the driver's own words, which may quote a
// password.
var errAddress = errors.New("the address is not one that PostgreSQL understands (postgres://user@host/database)")

// settings are set on every connection unless the address sets them.
func settings() map[string]string {
	return map[string]string{
		"application_name": "closeloop",
		// What was committed survives a power cut, whatever the server's default.
		"synchronous_commit": "on",
		// A replica that was stopped in the middle of a transaction must not keep
		// its account's lease locked for ever.
		"idle_in_transaction_session_timeout": "10s",
		// A transaction takes milliseconds; who waits longer for a lock waits for
		// a process that is stuck, and is told so.
		"lock_timeout": "15s",
		// Compiling a statement takes longer than any of these runs.
		"jit": "off",
		// Every statement walks one index in order, or looks up a batch's few rows
		// in a big table by an index, one after the other. How many rows an account
		// has is what the planner guesses worst (a two-hundredth of all while it
		// knows nothing), and when it is wrong it reads all of them instead: a
		// claim then took 140 ms rather than 7. See also the statements with
		// OFFSET 0, which keeps the planner from turning a look-up round.
		"enable_hashjoin":   "off",
		"enable_mergejoin":  "off",
		"enable_bitmapscan": "off",
		"enable_sort":       "off",
	}
}

// generic has statements planned once, not for their values: an array of one
// element looks cheaper to the planner than any array, so it planned a lone
// delivery's statement again each time, 0.45 ms for what then ran 0.15 ms. Not
// for every connection: what is planned while a table is empty may read all of
// it later (a fold of 2,000 leads then took two seconds).
func generic(cfg *pgxpool.Config) {
	cfg.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	cfg.MaxConns = 1
}

// connect makes a pool, whose settings change may alter; nil leaves them.
func connect(ctx context.Context, dsn string, opts Options, change func(*pgxpool.Config)) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errAddress
	}
	if cfg.MaxConns = int32(opts.Conns); cfg.MaxConns <= 0 { //nolint:gosec // a small number
		cfg.MaxConns = defaultConns
	}
	cfg.MaxConns = max(1, cfg.MaxConns-1) // the other one is generic's
	cfg.AfterConnect = registerArrays
	cfg.MinIdleConns = 1
	cfg.MaxConnIdleTime = 5 * time.Minute
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	for name, value := range settings() {
		if cfg.ConnConfig.RuntimeParams[name] == "" {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
	if change != nil {
		change(cfg)
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, plain(err)
	}
	return pool, nil
}
