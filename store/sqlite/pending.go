package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"closeloop/conversions"
)

// place is where a row stands among what is pending; the zero place is not
// there.
type place struct {
	rank, deadline, due int64
	op                  conversions.Operation
	action              string
}

func placeOf(r *conversions.Row) place {
	if r.Due.IsZero() {
		return place{}
	}
	return place{int64(r.Key.Stage.Rank()), micros(r.Deadline()), micros(r.Due), r.Next(), r.Action()}
}

// savePending writes the row's place. Rows that are pending no more are left
// for leave.
func (r *recorder) savePending(ctx context.Context, t tx, c *recorded) error {
	was, is := c.stood, placeOf(&c.now)
	switch {
	case was == is:
		return nil
	case is == (place{}):
		r.gone = append(r.gone, c)
		return nil
	case was != (place{}):
		if err := c.takeOff(ctx, t); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, `INSERT INTO pending (account, rank, deadline, conversion, due, op, action) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		string(c.now.Key.Account), is.rank, is.deadline, int64(c.now.ID), is.due, string(is.op), is.action)
	return err
}

// takeOff takes a row off what is pending.
func (c *recorded) takeOff(ctx context.Context, t tx) error {
	_, err := t.exec(ctx, `DELETE FROM pending WHERE account = ? AND rank = ? AND deadline = ? AND conversion = ?`,
		string(c.now.Key.Account), c.stood.rank, c.stood.deadline, int64(c.now.ID))
	return err
}

// between selects what stands from one place to another of the same rank.
const between = ` FROM pending WHERE account = ?1 AND rank = ?2 AND (deadline, conversion) >= (?3, ?4) AND (deadline, conversion) <= (?5, ?6)`

// leave takes off what is pending no more. A batch was claimed from where it
// stood, one row behind the other, so mostly nothing else stands between its
// rows and all of them go at once: that costs a fifth.
func (r *recorder) leave(ctx context.Context, t tx) error {
	slices.SortFunc(r.gone, func(a, b *recorded) int {
		return cmp.Or(cmp.Compare(a.stood.rank, b.stood.rank), cmp.Compare(a.stood.deadline, b.stood.deadline), cmp.Compare(a.now.ID, b.now.ID))
	})
	for rest := r.gone; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].stood.rank == rest[0].stood.rank {
			n++
		}
		if err := r.leaveRank(ctx, t, rest[:n]); err != nil {
			return fmt.Errorf("take rows off what is pending: %w", err)
		}
		rest = rest[n:]
	}
	return nil
}

// leaveRank takes off rows of one rank, in the order in which they stand.
func (r *recorder) leaveRank(ctx context.Context, t tx, gone []*recorded) error {
	if len(gone) == 1 {
		return gone[0].takeOff(ctx, t)
	}
	first, last := gone[0], gone[len(gone)-1]
	args := []any{
		string(r.account), first.stood.rank, first.stood.deadline, int64(first.now.ID), last.stood.deadline, int64(last.now.ID), len(gone) + 1,
	}
	var n int
	if err := t.one(ctx, []any{&n}, `SELECT count(*) FROM (SELECT 1`+between+` LIMIT ?7)`, args...); err != nil {
		return err
	}
	if n == len(gone) {
		_, err := t.exec(ctx, `DELETE`+between, args[:6]...)
		return err
	}
	for _, c := range gone {
		if err := c.takeOff(ctx, t); err != nil {
			return err
		}
	}
	return nil
}
