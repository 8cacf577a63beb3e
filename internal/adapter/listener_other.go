//go:build !linux

package adapter

import "net"

// takeNoMore does nothing here; containers run on Linux.
func takeNoMore(net.Listener) {}
