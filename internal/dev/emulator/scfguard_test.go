package emulator

import (
	"net"
	"net/rpc"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentyun/scf-go-lib/cloudfunction/messages"

	"sotercall/internal/adapter/scfguard"
)

// reconfigure is what an intruder sends to a process that speaks scf-go-lib's protocol.
func reconfigure(conn net.Conn, name, value string) error {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	client := rpc.NewClient(conn)
	defer client.Close()
	return client.Call("Function.Invoke", &messages.InvokeRequest{
		Payload:     []byte(`{}`),
		Environment: `{"` + name + `":"` + value + `"}`,
		Deadline:    messages.InvokeRequest_Timestamp{Seconds: time.Now().Add(time.Minute).Unix()},
	}, &messages.InvokeResponse{})
}

// otherAddresses are addresses of this computer that are not 127.0.0.1: who listens on all of them is found there.
func otherAddresses(t *testing.T) []string {
	t.Helper()
	var hosts []string
	if runtime.GOOS == "linux" {
		hosts = append(hosts, "127.0.0.2") // all of 127.0.0.0/8 is there without being set up
	}
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, address := range addresses {
		if ip := address.(*net.IPNet).IP; !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			hosts = append(hosts, ip.String())
		}
	}
	if len(hosts) == 0 {
		t.Skip("this computer has no address but 127.0.0.1")
	}
	return hosts
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	return port
}

// A variable in a call goes into the process environment before the handler runs, so a call that is not the emulator's
// must not reach the library.
func TestSCFProcessTakesCallsFromItsEmulatorOnly(t *testing.T) {
	t.Parallel()
	s := startSCF(t, Function{Env: map[string]string{"MODE": "ours"}})
	getenv := func(name string) string {
		answer, err := s.Invoke(t.Context(), Call{Payload: event(t, "getenv", name)})
		require.NoError(t, err)
		return string(answer.Payload)
	}
	require.Equal(t, `"ours"`, getenv("MODE"))
	require.Equal(t, `""`, getenv("INTRUDER"))
	require.Equal(t, `""`, getenv("SOTERCALL_EMULATOR_KEY"), "the handler does not see the key")

	conn, err := net.Dial("tcp", s.instance.address)
	require.NoError(t, err)
	require.Error(t, reconfigure(conn, "INTRUDER", "was here"), "on loopback, without the key")

	conn, err = net.Dial("tcp", s.instance.address)
	require.NoError(t, err)
	require.ErrorIs(t, scfguard.NewKey().Present(conn), scfguard.ErrRefused)
	require.Error(t, reconfigure(conn, "INTRUDER", "was here"), "on loopback, with another key")

	assert.Equal(t, `""`, getenv("INTRUDER"))
	assert.Equal(t, `"ours"`, getenv("MODE"))
}

func TestSCFProcessIsReachedOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	s := startSCF(t, Function{})
	open, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	defer open.Close()
	for _, host := range otherAddresses(t) {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, portOf(t, open.Addr().String())), 10*time.Second)
		require.NoError(t, err, "the twin: who listens on all interfaces is reached at %s", host)
		conn.Close()
		_, err = net.DialTimeout("tcp", net.JoinHostPort(host, portOf(t, s.instance.address)), 10*time.Second)
		require.Error(t, err, host)
	}
	requireEcho(t, s)
}

// A function that the library would serve to everybody is not started.
func TestSCFProcessWithoutTheGuardIsNotStarted(t *testing.T) {
	t.Parallel()
	binary, err := buildUnguarded()
	require.NoError(t, err)

	_, err = StartSCF(t.Context(), Function{Name: "verify", Binary: binary})
	require.ErrorIs(t, err, scfguard.ErrRefused)
}

// On the platform, which gives no key, a guarded function does what the library alone does: it listens on all
// interfaces and takes calls as they come.
func TestSCFWithoutAKeyTheLibraryDoesAsEver(t *testing.T) {
	t.Parallel()
	unguarded, err := buildUnguarded()
	require.NoError(t, err)
	for _, binary := range []string{unguarded, scfBinary(t)} {
		address, err := freeAddress()
		require.NoError(t, err)
		p, err := startProcess(Function{Name: "verify", Binary: binary, Log: new(logBuffer)}, []string{"_LAMBDA_SERVER_PORT=" + strconv.Itoa(address.Port)})
		require.NoError(t, err)
		defer p.kill()
		for _, host := range otherAddresses(t) {
			require.Eventually(t, func() bool {
				conn, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(address.Port)))
				return err == nil && reconfigure(conn, "INTRUDER", "was here") == nil
			}, 10*time.Second, time.Millisecond, "%s at %s", filepath.Base(binary), host)
		}
	}
}
