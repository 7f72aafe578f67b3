package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// errChanged says that a file is not as it was when it was read.
var errChanged = errors.New("the file was changed meanwhile")

// replaceFile puts text into the place of a file that holds old, all at once:
// whoever reads it finds either the one or the other, also after a power cut.
// Mode and owner stay; a symbolic link goes on pointing at the same file.
func replaceFile(path string, old, text []byte) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err //nolint:wrapcheck // names the path
	}
	info, err := os.Stat(target)
	if err != nil {
		return err //nolint:wrapcheck // names the path
	}
	temp, err := os.CreateTemp(filepath.Dir(target), ".closeloop-*.new")
	if err != nil {
		return err //nolint:wrapcheck // names the path
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone once it is renamed
	if err := fill(temp, text, info); err != nil {
		return err
	}
	if now, err := os.ReadFile(target); err != nil || !bytes.Equal(now, old) {
		return fmt.Errorf("replace %s: %w", target, errors.Join(errChanged, err))
	}
	if err := os.Rename(temp.Name(), target); err != nil {
		return err //nolint:wrapcheck // names the path
	}
	if dir, err := os.Open(filepath.Dir(target)); err == nil {
		_ = dir.Sync() // not every system can
		_ = dir.Close()
	}
	return nil
}

// fill writes the file that is to take another's place, to the disk.
func fill(f *os.File, text []byte, like os.FileInfo) error {
	_, err := f.Write(text)
	if err == nil {
		err = f.Chmod(like.Mode().Perm())
	}
	if err == nil {
		err = keepOwner(f, like)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
