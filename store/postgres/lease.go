package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
)

// Acquire implements store.Leases. It waits for a write that its holder has
// under way; the token is the next one then, so the write is the holder's last.
func (s *Store) Acquire(ctx context.Context, a conversions.AccountID, holder string, now time.Time) (conversions.Lease, error) {
	l := conversions.Lease{Account: a, Holder: holder, Until: tidy(now.Add(conversions.LeaseTTL)).UTC()}
	tokens, err := query(ctx, s.db, scanned[int64], `INSERT INTO lease AS l (account, holder, token, until) VALUES ($1, $2, 1, $3)
		ON CONFLICT (account) DO UPDATE SET holder = $2, token = l.token + 1, until = $3 WHERE l.holder = '' OR l.until <= $4
		RETURNING token`, quoted(a), quoted(holder), micros(l.Until), micros(now))
	if err == nil && len(tokens) == 0 {
		err = conversions.ErrHeld
	}
	if err != nil {
		return conversions.Lease{}, fmt.Errorf("acquire lease of %s: %w", a, err)
	}
	l.Token = tokens[0]
	return l, nil
}

// Renew implements store.Leases. A lease whose time is over is lost even if
// nobody has taken it yet: what its holder believed of the account may have
// been changed by then.
func (s *Store) Renew(ctx context.Context, l conversions.Lease, now time.Time) (conversions.Lease, error) {
	l.Until = tidy(now.Add(conversions.LeaseTTL)).UTC()
	n, err := s.db.exec(ctx, `UPDATE lease SET until = $1 WHERE account = $2 AND token = $3 AND holder <> '' AND until > $4`,
		micros(l.Until), quoted(l.Account), l.Token, micros(now))
	if err == nil && n == 0 {
		err = conversions.ErrLeaseLost
	}
	if err != nil {
		return conversions.Lease{}, fmt.Errorf("renew lease of %s: %w", l.Account, err)
	}
	return l, nil
}

// Release implements store.Leases.
func (s *Store) Release(ctx context.Context, l conversions.Lease) error {
	if _, err := s.db.exec(ctx, `UPDATE lease SET holder = '' WHERE account = $1 AND token = $2`, quoted(l.Account), l.Token); err != nil {
		return fmt.Errorf("release lease of %s: %w", l.Account, err)
	}
	return nil
}

// exec runs one statement as a transaction of its own, again if that may help,
// also when it is not known whether it went through: only for statements that
// may be repeated. It returns how many rows changed.
func (db *database) exec(ctx context.Context, text string, args ...any) (n int, err error) {
	err = db.retry(ctx, func() error {
		tag, err := db.pool.Exec(ctx, text, args...)
		n = int(tag.RowsAffected())
		return plain(err)
	})
	return n, err
}

// holds locks the lease's row, which keeps every other writer of the account
// out until the transaction ends, and makes sure that the lease is the current
// one. It is queued: the answer is read by the next flush.
func holds(t *tx, l conversions.Lease) {
	var current bool
	t.query(func(rows pgx.Rows) error {
		var token int64
		err := scan(rows, &token)
		current = token == l.Token
		return err
	}, `SELECT token FROM lease WHERE account = $1 AND holder <> '' FOR UPDATE`, quoted(l.Account))
	read := t.reads[len(t.reads)-1]
	t.reads[len(t.reads)-1] = func(r pgx.BatchResults) error {
		if err := read(r); err != nil {
			return fmt.Errorf("check lease: %w", err)
		}
		if !current {
			return conversions.ErrLeaseLost
		}
		return nil
	}
}

// guarded runs f in a transaction under a lease. What f queues before its
// first flush goes out together with the check of the lease, whose failure
// comes first. The commit never does: the answer is read before it.
func (s *Store) guarded(ctx context.Context, l conversions.Lease, f func(context.Context, *tx) error) error {
	return s.db.write(ctx, func(ctx context.Context, t *tx) error {
		holds(t, l)
		if err := f(ctx, t); err != nil || t.flushed {
			return err
		}
		return t.flush(ctx)
	})
}

// lockAccount is for writes to an account by whoever holds no lease: it keeps
// those who do out until the transaction ends.
func lockAccount(t *tx, a conversions.AccountID) {
	t.queue(`INSERT INTO lease (account, holder, token, until) VALUES ($1, '', 0, 0) ON CONFLICT DO NOTHING`, quoted(a))
	t.queue(`SELECT FROM lease WHERE account = $1 FOR UPDATE`, quoted(a))
}

// Plan implements store.Leases.
func (s *Store) Plan(ctx context.Context, a conversions.AccountID) (conversions.Plan, error) {
	plans, err := query(ctx, s.db, func(rows pgx.Rows) (conversions.Plan, error) {
		p := conversions.Plan{Account: a}
		var next, owed int64
		err := scan(rows, &p.Spec, &next, &owed)
		p.Next, p.Owed = fromMicros(next), fromMicros(owed)
		return p, err
	}, `SELECT spec, next, owed FROM plan WHERE account = $1`, quoted(a))
	if err != nil || len(plans) == 0 {
		return conversions.Plan{}, because(err, "read plan of %s", a)
	}
	return plans[0], nil
}

// because adds to an error, if there is one, what was being done.
func because(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// Advance implements store.Leases. When a lost connection leaves open whether
// this process advanced the schedule, nobody may have: it says so rather than
// try again, because the second try could not tell.
func (s *Store) Advance(ctx context.Context, old, next conversions.Plan) (bool, error) {
	n := 0
	err := s.db.write(ctx, func(_ context.Context, t *tx) error {
		count := func(changed int) error { n = changed; return nil }
		if old == (conversions.Plan{}) {
			t.exec(count, `INSERT INTO plan (account, spec, next, owed) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
				quoted(next.Account), next.Spec, micros(next.Next), micros(next.Owed))
			return nil
		}
		t.exec(count, `UPDATE plan SET spec = $1, next = $2, owed = $3 WHERE account = $4 AND spec = $5 AND next = $6 AND owed = $7`,
			next.Spec, micros(next.Next), micros(next.Owed), quoted(next.Account), old.Spec, micros(old.Next), micros(old.Owed))
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("advance plan of %s: %w", next.Account, err)
	}
	return n == 1, nil
}
