package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"runtime"
	"strconv"
	"syscall"
)

// immediate is the signal of an immediate shutdown, which leaves recovery to
// the next start (PostgreSQL 15, 19.5. Shutting Down the Server).
const immediate = syscall.SIGQUIT

// nobody is the unprivileged user that a server started by root runs as:
// PostgreSQL refuses to run as root.
func nobody() (uid, gid int, err error) {
	u, err := user.Lookup("nobody")
	if err != nil {
		return 0, 0, fmt.Errorf("find an unprivileged user: %w", err)
	}
	uid, err = strconv.Atoi(u.Uid)
	if err == nil {
		gid, err = strconv.Atoi(u.Gid)
	}
	return uid, gid, err
}

// own gives a folder to the user that the server runs as.
func own(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	uid, gid, err := nobody()
	if err == nil {
		err = os.Chown(dir, uid, gid)
	}
	if err != nil {
		return fmt.Errorf("give a folder to the test server: %w", err)
	}
	return nil
}

// asServer makes a process run as the server's user, and end at once with the
// thread that starts it: also when the test binary is killed.
func asServer() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: immediate}
	if os.Getuid() != 0 {
		return attr
	}
	if uid, gid, err := nobody(); err == nil {
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return attr
}

// lockThread keeps the thread of a goroutine for it, so that the thread does
// not end before it.
func lockThread() { runtime.LockOSThread() }

// gone reports whether there is no process of that id.
func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// memory is a folder whose files are in memory, or empty if there is none with
// room for a cluster.
func memory() string {
	const dir, room = "/dev/shm", 2 << 30
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil || s.Bavail*uint64(s.Bsize) < room {
		return ""
	}
	return dir
}
