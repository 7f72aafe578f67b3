package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// errDamaged says that SQLite's own check of a file failed.
var errDamaged = errors.New("the copy does not pass SQLite's check")

// Backup writes the database file at path, as it is in one instant, to a new
// file at to that only its owner may read. Programs that read and write it go on
// meanwhile; the write-ahead log grows until the copy is made. The schema is
// left as it is, so this is also what to do before an upgrade. A file that
// exists, at to or at to with ".part" behind, is never written over:
// fs.ErrExist. No file at path is fs.ErrNotExist. What was not finished leaves
// nothing at to.
func Backup(ctx context.Context, path, to string) error {
	if err := backup(ctx, path, to); err != nil {
		return fmt.Errorf("back up database %s: %w", path, err)
	}
	return nil
}

func backup(ctx context.Context, path, to string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("find file: %w", err)
	}
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("write %s: %w", to, os.ErrExist)
	}
	part, err := newFile(to + ".part")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(part) }() // gone already when all went well
	if err := vacuumInto(ctx, path, part); err != nil {
		return err
	}
	if err := check(ctx, part); err != nil {
		return err
	}
	return publish(part, to)
}

// newFile makes an empty file that only its owner may read.
func newFile(path string) (string, error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("create file: %w", err)
	}
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("create file: %w", err)
	}
	return path, nil
}

// vacuumInto copies what one read transaction sees (SQLite, VACUUM with an INTO
// clause). It reads once and starts anew for nobody, unlike the backup API,
// which begins again whenever another process has written.
func vacuumInto(ctx context.Context, path, to string) error {
	return onFile(path, func(db *sql.DB) error {
		if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
			return fmt.Errorf("copy: %w", err)
		}
		return nil
	})
}

// check has SQLite read the whole copy.
func check(ctx context.Context, path string) error {
	return onFile(path, func(db *sql.DB) error {
		var answer string
		if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&answer); err != nil {
			return fmt.Errorf("check copy: %w", err)
		}
		if answer != "ok" {
			return errDamaged
		}
		return nil
	})
}

// onFile runs f on a connection to a file.
func onFile(path string, f func(*sql.DB) error) error {
	db, err := connect(path)
	if err != nil {
		return err
	}
	defer db.Close()
	return f(db)
}

// publish gives the finished copy its name. A link never replaces a file; where
// the file system has none, the copy is moved.
func publish(part, to string) error {
	if err := flush(part); err != nil {
		return err
	}
	err := os.Link(part, to)
	if err != nil && !errors.Is(err, os.ErrExist) {
		err = os.Rename(part, to)
	}
	if err != nil {
		return fmt.Errorf("name copy: %w", err)
	}
	return flush(filepath.Dir(to))
}

// flush makes sure that a file or folder is on disk.
func flush(path string) error {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return fmt.Errorf("open for sync: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}
