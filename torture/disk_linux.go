package main

import (
	"strconv"
	"syscall"
)

// mountSmall mounts a small file system in memory, which takes privileges.
func mountSmall(dir string) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+strconv.Itoa(diskSize)) //nolint:wrapcheck // only whether it worked matters
}

func unmount(dir string) { _ = syscall.Unmount(dir, 0) }
