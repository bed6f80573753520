package lab

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// losesPackets says whether this system can lose a connection's packets.
const losesPackets = true

// nothing is a socket filter that lets no packet through (socket(7),
// SO_ATTACH_FILTER). It stands before TCP: what it drops is not acknowledged, so
// the sender sends it again, more and more seldom, until it gives the connection
// up, as when the packets vanish on the way. It needs no privilege.
var nothing = []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}

// lose drops whatever comes for a socket from now on; of a listener also those
// who want to connect.
func lose(c syscall.Conn) error {
	return onSocket(c, func(fd int) error {
		program := unix.SockFprog{Len: uint16(len(nothing)), Filter: &nothing[0]}
		return os.NewSyscallError("SO_ATTACH_FILTER", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program))
	})
}

// find ends that.
func find(c syscall.Conn) error {
	return onSocket(c, func(fd int) error {
		return os.NewSyscallError("SO_DETACH_FILTER", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0))
	})
}

// setUserTimeout makes TCP give a connection up when what was sent is not
// acknowledged for so many milliseconds (TCP_USER_TIMEOUT); 0 is as
// net.ipv4.tcp_retries2 says, which is some 15 minutes.
func setUserTimeout(c syscall.RawConn, ms int) error {
	var err error
	if e := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms)
	}); e != nil {
		return e
	}
	return os.NewSyscallError("TCP_USER_TIMEOUT", err)
}

func onSocket(c syscall.Conn, do func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var done error
	if err := raw.Control(func(fd uintptr) { done = do(int(fd)) }); err != nil {
		return err
	}
	if done != nil {
		return fmt.Errorf("lose packets: %w", done)
	}
	return nil
}
