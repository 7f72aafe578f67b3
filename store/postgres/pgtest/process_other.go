//go:build !linux

package pgtest

import (
	"os"
	"syscall"
)

// immediate ends the server at once.
var immediate = os.Kill //nolint:gochecknoglobals // a constant in all but syntax

// own does nothing: only on Linux are the tests run as root.
func own(string) error { return nil }

// asServer asks for nothing special: a killed test binary leaves its server
// behind on systems other than Linux.
func asServer() *syscall.SysProcAttr { return nil }

func lockThread() {}

// gone says no, so that nothing of another process is deleted.
func gone(int) bool { return false }

// memory says that there is no such folder.
func memory() string { return "" }
