package sqlite_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/store/sqlite"
)

// numbered is the n-th delivery.
func numbered(n uint32) conversions.Event {
	e := conversions.Event{Account: "acme", Source: "varda", Kind: "call.ended", Lead: "L", Received: time.Unix(1_800_000_000, 0)}
	e.Body = [16]byte{byte(n), byte(n >> 8), byte(n >> 16), 1}
	return e
}

func deliveriesIn(t *testing.T, path string) int {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	counts, err := s.Received(t.Context(), conversions.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range counts {
		n += c.Events
	}
	return n
}

func TestBackupWhileDeliveriesCome(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, to := filepath.Join(dir, "live ?#%.db"), filepath.Join(dir, "copy ?#%.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var answered atomic.Uint32
	ended := make(chan error, 1)
	enough := make(chan struct{})
	go func() {
		for n := uint32(1); ctx.Err() == nil; n++ {
			if _, err := s.Append(t.Context(), numbered(n)); err != nil {
				ended <- err
				return
			}
			if answered.Store(n); n == 200 {
				close(enough)
			}
		}
		ended <- nil
	}()
	<-enough
	before := int(answered.Load())
	if err := sqlite.Backup(t.Context(), path, to); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("a delivery during the backup: %v", err)
	}
	if got, last := deliveriesIn(t, to), int(answered.Load())+1; got < before || got > last {
		t.Errorf("the backup holds %d deliveries; %d were answered before it and %d in all", got, before, last)
	}
	info, err := os.Stat(to)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has mode %v, %v; want 0600", info.Mode(), err)
	}
	if _, err := os.Lstat(to + ".part"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("beside the backup stands what it was made in: %v", err)
	}
}

func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	s, err := sqlite.Open(t.Context(), at("live.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range []string{"there", "begun.part"} {
		if err := os.WriteFile(at(name), []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at("text.db"), []byte("no database, only a text that is long enough to be read as a header of one"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from, to string
		want     error // nil for any
	}{
		"a file that exists":      {"live.db", "there", fs.ErrExist},
		"itself":                  {"live.db", "live.db", fs.ErrExist},
		"a backup being made":     {"live.db", "begun", fs.ErrExist},
		"no database":             {"none.db", "copy", fs.ErrNotExist},
		"no folder":               {"live.db", "none/copy", fs.ErrNotExist},
		"a file of another shape": {"text.db", "copy2", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := sqlite.Backup(t.Context(), at(c.from), at(c.to))
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if _, err := os.Lstat(at("copy2")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a backup that failed is there: %v", err)
			}
			if text, err := os.ReadFile(at("there")); err != nil || string(text) != "precious" {
				t.Errorf("the file that was there holds %q, %v", text, err)
			}
		})
	}
	t.Cleanup(func() {
		if _, err := os.Lstat(at("none.db")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("looking for a database made one: %v", err)
		}
	})
}
