package adapter

import (
	"net"

	"golang.org/x/sys/unix"
)

// takeNoMore makes the kernel drop requests for new connections, as if there were
// no answer yet, while those that are established or waiting to be accepted stay.
// A listener that is just closed resets the ones that wait, whose first request
// may be on the way. A client that was not heard tries again after a second and is
// then refused, or reaches another instance. Where the kernel cannot do that,
// nothing happens.
func takeNoMore(listener net.Listener) {
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	// A filter of a TCP socket sees segments from their TCP header on (Linux,
	// net/ipv4/tcp_ipv4.c, tcp_filter); byte 13 holds the flags.
	const syn = 0x02
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: syn, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
}
