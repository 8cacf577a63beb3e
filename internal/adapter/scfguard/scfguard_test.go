package scfguard

import (
	"context"
	"io"
	"net"
	"net/rpc"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentyun/scf-go-lib/cloudfunction/messages"
	"github.com/tencentyun/scf-go-lib/functioncontext"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// whoAsks answers with the openid in its invocation's environment.
type whoAsks struct{}

func (whoAsks) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	c, _ := functioncontext.FromContext(ctx)
	return []byte(c.Environment["GUARDED_OPENID"] + string(event)), nil
}

func serving(t *testing.T, key Key) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- serve(listener, key, whoAsks{}) }()
	t.Cleanup(func() {
		listener.Close()
		assert.ErrorIs(t, <-ended, net.ErrClosed)
	})
	return listener.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func invoke(conn net.Conn, environment string) (string, error) {
	client := rpc.NewClient(conn)
	defer client.Close()
	var response messages.InvokeResponse
	err := client.Call("Function.Invoke", &messages.InvokeRequest{
		Payload: []byte("!"), Environment: environment,
		Deadline: messages.InvokeRequest_Timestamp{Seconds: time.Now().Add(time.Minute).Unix()},
	}, &response)
	return string(response.Payload), err
}

func TestTheLibraryServesWhoKnowsTheKey(t *testing.T) {
	t.Setenv("GUARDED_OPENID", "")
	key := NewKey()
	conn := dial(t, serving(t, key))
	require.NoError(t, key.Present(conn))
	answer, err := invoke(conn, `{"GUARDED_OPENID":"oAlice"}`)
	require.NoError(t, err)
	assert.Equal(t, "oAlice!", answer)
	assert.Equal(t, "oAlice", os.Getenv("GUARDED_OPENID"), "it is scf-go-lib that ran: nobody else puts it there")
}

func TestNobodyElseIsServed(t *testing.T) {
	t.Setenv("GUARDED_OPENID", "before")
	key := NewKey()
	address := serving(t, key)

	_, err := invoke(dial(t, address), `{"GUARDED_OPENID":"oEve"}`)
	require.Error(t, err, "no key")

	conn := dial(t, address)
	wrong := NewKey()
	require.ErrorIs(t, wrong.Present(conn), ErrRefused)
	_, err = invoke(conn, `{"GUARDED_OPENID":"oEve"}`)
	require.Error(t, err, "another key")

	conn = dial(t, address)
	_, err = io.WriteString(conn, greeting+string(key[:len(key)-1]))
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	got, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Empty(t, got, "half a key")

	assert.Equal(t, "before", os.Getenv("GUARDED_OPENID"))
}

func TestKeysAreDifferentAndLong(t *testing.T) {
	assert.NotEqual(t, NewKey(), NewKey())
	assert.GreaterOrEqual(t, len(NewKey()), 52, "26 characters of base32 are 128 bits")
}

func TestAnUnguardedProcessIsNamed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			conn.Close()
		}
	}()
	err = NewKey().Present(dial(t, listener.Addr().String()))
	require.ErrorIs(t, err, ErrRefused)
	assert.ErrorContains(t, err, "scfguard.StartHandler")
}
