package lab

import "golang.org/x/sys/unix"

// removeSegment takes the System V shared memory of a server away that was
// killed and could not do it itself. It must be the one that process made: ids
// are given away again.
func removeSegment(id, creator int) {
	if id < 0 {
		return
	}
	var desc unix.SysvShmDesc
	if _, err := unix.SysvShmCtl(id, unix.IPC_STAT, &desc); err == nil && int(desc.Cpid) == creator {
		_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil) // one that is still attached goes with its last process
	}
}
