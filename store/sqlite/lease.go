package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"closeloop/conversions"
)

// Acquire implements store.Leases.
func (s *Store) Acquire(ctx context.Context, a conversions.AccountID, holder string, now time.Time) (conversions.Lease, error) {
	l := conversions.Lease{Account: a, Holder: holder, Until: tidy(now.Add(conversions.LeaseTTL)).UTC()}
	err := s.writes.do(ctx, func(ctx context.Context, t tx) error {
		err := t.one(ctx, []any{&l.Token}, `INSERT INTO lease (account, holder, token, until) VALUES (?1, ?2, 1, ?3)
			ON CONFLICT (account) DO UPDATE SET holder = ?2, token = token + 1, until = ?3 WHERE holder = '' OR until <= ?4
			RETURNING token`, string(a), holder, micros(l.Until), micros(now))
		if errors.Is(err, sql.ErrNoRows) {
			return conversions.ErrHeld
		}
		return err
	})
	if err != nil {
		return conversions.Lease{}, fmt.Errorf("acquire lease of %s: %w", a, err)
	}
	return l, nil
}

// Renew implements store.Leases. A lease whose time is over is lost even if
// nobody has taken it yet: what its holder believed of the account may have
// been changed by then.
func (s *Store) Renew(ctx context.Context, l conversions.Lease, now time.Time) (conversions.Lease, error) {
	l.Until = tidy(now.Add(conversions.LeaseTTL)).UTC()
	err := s.writes.do(ctx, func(ctx context.Context, t tx) error {
		n, err := t.changed(ctx, `UPDATE lease SET until = ? WHERE account = ? AND token = ? AND holder <> '' AND until > ?`,
			micros(l.Until), string(l.Account), l.Token, micros(now))
		if err == nil && n == 0 {
			return conversions.ErrLeaseLost
		}
		return err
	})
	if err != nil {
		return conversions.Lease{}, fmt.Errorf("renew lease of %s: %w", l.Account, err)
	}
	return l, nil
}

// Release implements store.Leases.
func (s *Store) Release(ctx context.Context, l conversions.Lease) error {
	err := s.writes.do(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `UPDATE lease SET holder = '' WHERE account = ? AND token = ?`, string(l.Account), l.Token)
		return err
	})
	if err != nil {
		return fmt.Errorf("release lease of %s: %w", l.Account, err)
	}
	return nil
}

// guard lets a write go on only under the account's current lease.
func guard(ctx context.Context, t tx, l conversions.Lease) error {
	var token int64
	err := t.one(ctx, []any{&token}, `SELECT token FROM lease WHERE account = ? AND holder <> ''`, string(l.Account))
	if errors.Is(err, sql.ErrNoRows) || err == nil && token != l.Token {
		return conversions.ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("check lease: %w", err)
	}
	return nil
}

// guarded runs f in a write transaction under a lease.
func (s *Store) guarded(ctx context.Context, l conversions.Lease, f func(context.Context, tx) error) error {
	return s.writes.do(ctx, func(ctx context.Context, t tx) error {
		if err := guard(ctx, t, l); err != nil {
			return err
		}
		return f(ctx, t)
	})
}

// Plan implements store.Leases.
func (s *Store) Plan(ctx context.Context, a conversions.AccountID) (conversions.Plan, error) {
	p := conversions.Plan{Account: a}
	var next, owed int64
	err := s.reads.QueryRowContext(ctx, `SELECT spec, next, owed FROM plan WHERE account = ?`, string(a)).Scan(&p.Spec, &next, &owed)
	if errors.Is(err, sql.ErrNoRows) {
		return conversions.Plan{}, nil
	}
	if err != nil {
		return conversions.Plan{}, fmt.Errorf("read plan of %s: %w", a, err)
	}
	p.Next, p.Owed = fromMicros(next), fromMicros(owed)
	return p, nil
}

// Advance implements store.Leases.
func (s *Store) Advance(ctx context.Context, old, next conversions.Plan) (bool, error) {
	var n int
	err := s.writes.do(ctx, func(ctx context.Context, t tx) (err error) {
		if old == (conversions.Plan{}) {
			n, err = t.changed(ctx, `INSERT INTO plan (account, spec, next, owed) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
				string(next.Account), next.Spec, micros(next.Next), micros(next.Owed))
			return err
		}
		n, err = t.changed(ctx, `UPDATE plan SET spec = ?, next = ?, owed = ? WHERE account = ? AND spec = ? AND next = ? AND owed = ?`,
			next.Spec, micros(next.Next), micros(next.Owed), string(next.Account), old.Spec, micros(old.Next), micros(old.Owed))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("advance plan of %s: %w", next.Account, err)
	}
	return n == 1, nil
}
