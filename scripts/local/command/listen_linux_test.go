package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// family is this process and those that it started, as file names below /proc.
func family(t *testing.T) []string {
	t.Helper()
	processes := []string{"/proc/self"}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(stat), ") ") // proc(5): pid (comm) state ppid
		if fields := strings.Fields(after); len(fields) > 1 && fields[1] == fmt.Sprint(os.Getpid()) {
			processes = append(processes, filepath.Dir(name))
		}
	}
	return processes
}

// listening are the addresses where this process and those that it started take connections, as proc(5) writes them.
func listening(t *testing.T) (addresses []string) {
	t.Helper()
	ours := map[string]bool{} // inodes of sockets
	for _, process := range family(t) {
		links, err := filepath.Glob(process + "/fd/*")
		require.NoError(t, err)
		for _, link := range links {
			target, _ := os.Readlink(link)
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				ours[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if os.IsNotExist(err) {
			continue // no IPv6 here
		}
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line) // sl local_address rem_address st … inode
			if len(fields) > 9 && fields[3] == "0A" && ours[fields[9]] {
				addresses = append(addresses, fields[1])
			}
		}
	}
	return addresses
}

// onLoopback reads an address of proc(5): 32-bit words in the computer's own order, which is little-endian wherever this
// test runs.
func onLoopback(address string) bool {
	return strings.HasPrefix(address, "0100007F:") || strings.HasPrefix(address, strings.Repeat("0", 24)+"01000000:") ||
		strings.HasPrefix(address, "0000000000000000FFFF00000100007F:")
}

func TestNothingListensForOthers(t *testing.T) {
	openWorld(t, settings{})
	addresses := listening(t)
	assert.GreaterOrEqual(t, len(addresses), 2+2*len(functions)+2, "two servers, a Runtime API and an SCF process for each function, two containers")
	for _, address := range addresses {
		assert.True(t, onLoopback(address), address)
	}

	others, err := net.Listen("tcp4", "0.0.0.0:0")
	require.NoError(t, err)
	defer others.Close()
	open := 0
	for _, address := range listening(t) {
		if !onLoopback(address) {
			open++
		}
	}
	assert.Equal(t, 1, open, "the twin: one who listens for others is found")
}
