package main

import (
	"errors"
	"fmt"
	"math"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

// limits says that the files of another process can be limited here.
const limits = true

// unlimited is RLIM_INFINITY.
const unlimited = math.MaxUint64

// rlimitFileSize is RLIMIT_FSIZE, the same on every Linux.
const rlimitFileSize = 1

// mountSmall mounts a small file system in memory, which takes privileges.
func mountSmall(dir string) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+strconv.Itoa(diskSize)) //nolint:wrapcheck // only whether it worked matters
}

func unmount(dir string) { _ = syscall.Unmount(dir, 0) }

// limitFiles says how large the files of a process may be that this process
// started (prlimit(2), RLIMIT_FSIZE): by the soft limit, which may be raised
// again. A process that is gone is no error.
func limitFiles(pid int, most uint64) error {
	var limit syscall.Rlimit
	if err := fileLimit(pid, nil, &limit); err != nil {
		return err
	}
	limit.Cur = min(most, limit.Max)
	return fileLimit(pid, &limit, nil)
}

func fileLimit(pid int, next, old *syscall.Rlimit) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), rlimitFileSize,
		uintptr(unsafe.Pointer(next)), uintptr(unsafe.Pointer(old)), 0, 0) // the kernel is done with them when the call returns
	if errno != 0 && !errors.Is(errno, syscall.ESRCH) {
		return fmt.Errorf("limit the files of process %d: %w", pid, errno)
	}
	return nil
}

// startDeaf starts a process to which SIGXFSZ does not come: a write beyond the
// limit then fails with EFBIG, where the signal would end the process. A signal
// that is blocked stays so in a new process, and the Go runtime leaves it (it
// unblocks only those it needs itself).
func startDeaf(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const block, restore = 0, 2 // SIG_BLOCK, SIG_SETMASK
	signals, before := uint64(1)<<(syscall.SIGXFSZ-1), uint64(0)
	if err := maskSignals(block, &signals, &before); err != nil {
		return err
	}
	err := cmd.Start()
	return errors.Join(err, maskSignals(restore, &before, nil))
}

// maskSignals is rt_sigprocmask(2), for this thread.
func maskSignals(how uintptr, signals, before *uint64) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, how,
		uintptr(unsafe.Pointer(signals)), uintptr(unsafe.Pointer(before)), unsafe.Sizeof(*signals), 0, 0)
	if errno != 0 {
		return fmt.Errorf("block signal: %w", errno)
	}
	return nil
}
