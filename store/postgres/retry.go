package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// How often something is tried, and how long is waited in between: a doubling
// time, varied by half, so about 2.5 s in all. A server that restarts is back
// by then, or the caller has its own patience.
const (
	tries     = 8
	firstWait = 20 * time.Millisecond
)

// Error is what PostgreSQL said, without its words, which may quote what is
// stored.
type Error struct {
	// Code is the SQLSTATE (PostgreSQL 15, Appendix A).
	Code string
	// Constraint is the name of the constraint that was violated, if any.
	Constraint string

	err error
}

// Error names the code and the constraint.
func (e *Error) Error() string {
	if e.Constraint != "" {
		return fmt.Sprintf("PostgreSQL error %s (%s)", e.Code, e.Constraint)
	}
	return "PostgreSQL error " + e.Code
}

// Unwrap returns the driver's error.
func (e *Error) Unwrap() error { return e.err }

// errLost says that the connection failed and nothing is known to have been
// written. It is given instead of the driver's words, which may quote the
// address.
var errLost = errors.New("connection to PostgreSQL failed")

// errAgain says that another replica wrote the same meanwhile, so that a second
// try will find it.
var errAgain = errors.New("another process wrote the same delivery meanwhile")

// errUnsure says that the connection failed while a transaction was being
// committed: it may have been.
var errUnsure = errors.New("connection to PostgreSQL failed during the commit, which may have gone through")

// plain turns a driver's error into one that may be shown.
func plain(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return &Error{Code: e.Code, Constraint: e.ConstraintName, err: err}
	}
	for _, known := range []error{pgx.ErrNoRows, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return known
		}
	}
	if ours(err) {
		return err
	}
	return errLost
}

// ours reports whether an error is this program's own word already.
func ours(err error) bool {
	var e *Error
	return errors.As(err, &e) || errors.Is(err, errUnreadable) || errors.Is(err, errUnsure)
}

// code is the SQLSTATE behind an error, or empty.
func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// passing reports whether an error is likely to pass and nothing was written:
// a serialization failure or a deadlock, or a connection that was lost or is
// not taken now (PostgreSQL 15, Appendix A: 40001, 40P01, class 08, 57P01 to
// 57P03, 53300).
func passing(err error) bool {
	if errors.Is(err, errUnsure) {
		return false
	}
	switch c := code(err); c {
	case "40001", "40P01", "57P01", "57P02", "57P03", "53300", "25P03":
		return true
	case "":
		return errors.Is(err, errLost) || errors.Is(err, errAgain)
	default:
		return strings.HasPrefix(c, "08")
	}
}

// itsOwnFault reports whether a statement failed because of what it wrote, so
// that others in the same transaction would have gone through: class 22, data
// exception, class 23, integrity constraint violation, class 54, program limit
// exceeded.
func itsOwnFault(err error) bool {
	c := code(err)
	return strings.HasPrefix(c, "22") || strings.HasPrefix(c, "23") || strings.HasPrefix(c, "54")
}

// retry repeats f while it fails in a way that passes, and ctx lasts.
func (db *database) retry(ctx context.Context, f func() error) error {
	pause := firstWait
	for try := 1; ; try++ {
		err := f()
		if err == nil || try == tries || !passing(err) || ctx.Err() != nil {
			return err
		}
		if werr := db.wait(ctx, pause/2+time.Duration(db.jitter()*float64(pause/2))); werr != nil {
			return errors.Join(err, werr)
		}
		pause *= 2
	}
}
