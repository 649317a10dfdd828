package command

import "golang.org/x/sys/unix"

// bound limits a program that has just begun: a file that it writes, its memory, and core dumps. It has read nothing of a request yet
// that could keep it from being bounded; one that is gone already needs no bounds.
func bound(pid int) {
	for what, most := range map[int]uint64{unix.RLIMIT_FSIZE: maxFile, unix.RLIMIT_AS: maxMemory, unix.RLIMIT_CORE: 0} {
		_ = unix.Prlimit(pid, what, &unix.Rlimit{Cur: most, Max: most}, nil)
	}
}
