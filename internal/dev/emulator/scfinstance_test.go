package emulator

import (
	"bytes"
	"io"
	"net"
	"net/rpc"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentyun/scf-go-lib/cloudfunction"

	"sotercall/internal/adapter/scfguard"
)

// A program that looks for a free port listens for a moment: its backlog takes a connection
// that it never accepts.
func TestPortThatAnotherProgramHeldForAMomentIsDialledAgain(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	key := scfguard.NewKey()
	server := rpc.NewServer()
	require.NoError(t, server.Register(new(cloudfunction.Function)))
	go func() {
		other, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = io.ReadFull(other, make([]byte, 1)) // the dial is over
		_ = other.(*net.TCPConn).SetLinger(0)      // reset
		_ = other.Close()
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		var said []byte
		for one := make([]byte, 1); !bytes.HasSuffix(said, []byte(key)); said = append(said, one...) {
			if _, err := io.ReadFull(conn, one); err != nil {
				return
			}
		}
		_, _ = io.WriteString(conn, "+")
		server.ServeConn(conn)
	}()
	i := &instance{process: &process{exited: make(chan struct{})}, address: listener.Addr().String()}
	require.NoError(t, i.connect(t.Context(), key))
	assert.NoError(t, i.client.Close())
}
