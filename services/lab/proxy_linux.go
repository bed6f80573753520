package lab

import (
	"net"

	"golang.org/x/sys/unix"
)

// segmentsIn is how many TCP segments a connection has received, also those
// without a byte: acknowledgements and keepalive probes.
func segmentsIn(c *net.TCPConn) (n uint32, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			n, ok = info.Segs_in, true
		}
	})
	return n, ok && err == nil
}
