package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// busyTimeout is how long, in milliseconds, a statement waits for a lock that
// another process holds.
const busyTimeout = 5000

// writerCache is how much, in KiB, the writing connection may keep of the
// file. The 2 MiB that SQLite takes by default are less than a batch of 2,000
// changes: they are then written twice, and the random index of duplicates is
// read from disk. More is not better: after a commit that split a page SQLite
// looks through all it keeps. With 64 MiB, full, that is a fifth of the
// processor time of a delivery; with 16 MiB the claim of a batch takes a fifth
// more.
const writerCache = 32 << 10

// checkpointPages is how many pages the write-ahead log holds before a commit
// copies them into the file: 16 MiB. Deliveries change the same random pages
// again and again, and each is copied once. SQLite's 1,000 cost 2 to 7
// microseconds more a delivery. What is committed is durable either way.
const checkpointPages = 4000

// pageSize is SQLite's default, in bytes.
const pageSize = 4096

// create makes an empty file that only its owner may read; SQLite gives its
// side files the same mode. A file that exists is not opened: closing it again
// would drop the locks this process may already hold on it (POSIX advisory
// locks belong to the process, not to the descriptor).
func create(path string) error {
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	return nil
}

// connect returns a pool whose every connection has the given settings.
func connect(path string, pragmas ...string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find file: %w", err)
	}
	q := url.Values{"_pragma": append([]string{
		"busy_timeout(" + strconv.Itoa(busyTimeout) + ")", // first: the others may wait for a lock
		"synchronous(FULL)",  // what was committed survives a power cut
		"temp_store(MEMORY)", // sorting leaves nothing on disk
	}, pragmas...)}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return db, nil
}

func connectReaders(path string, opts Options) (*sql.DB, error) {
	db, err := connect(path, "query_only(ON)")
	if err != nil {
		return nil, err
	}
	n := opts.Readers
	if n == 0 {
		n = 4
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

func connectWriter(path string, opts Options) (*writer, error) {
	// secure_delete writes zeros over what is deleted, so that an erased
	// click id is gone from the file too. What the CHECKs of the tables say is
	// asked by named and by types of Go: a CHECK that calls a function makes
	// SQLite copy every page that a statement of several rows changes, before
	// it does. They hold for whoever else writes.
	pragmas := []string{
		"secure_delete(ON)", "ignore_check_constraints(ON)", "cache_size(-" + strconv.Itoa(writerCache) + ")",
		"wal_autocheckpoint(" + strconv.Itoa(checkpointPages) + ")",
	}
	if opts.MaxBytes > 0 {
		pragmas = append(pragmas, "max_page_count("+strconv.FormatInt(opts.MaxBytes/pageSize, 10)+")")
	}
	db, err := connect(path, pragmas...)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	w := &writer{db: db, turn: make(chan struct{}, 1)}
	w.turn <- struct{}{}
	return w, nil
}
