package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// piped starts the service with stderr and stdout in a pipe, as `service 2>&1 | reader`
// does. Its end for reading is log.
func piped(t *testing.T, variables map[string]string) (url string, process *exec.Cmd, log *os.File) {
	t.Helper()
	log, write, err := os.Pipe()
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	process = exec.Command(hosted.Binary("service"))
	for name, value := range hosted.With(variables, map[string]string{"HOST": "127.0.0.1", "PORT": port}) {
		process.Env = append(process.Env, name+"="+value)
	}
	process.Stdout, process.Stderr = write, write
	require.NoError(t, process.Start())
	require.NoError(t, write.Close())
	t.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait(); _ = log.Close() })
	url = "http://127.0.0.1:" + port
	require.Eventually(t, func() bool {
		resp, err := http.Get(url + "/healthz")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	return url, process, log
}

// healthOf returns the text of /healthz.
func healthOf(t *testing.T, url string) string {
	t.Helper()
	_, text := health(t, &emulator.HTTPServer{URL: url})
	return text
}

// ends says that SIGTERM ends the process, and how.
func ends(t *testing.T, process *exec.Cmd) error {
	t.Helper()
	require.NoError(t, process.Process.Signal(syscall.SIGTERM))
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(time.Minute):
		require.Fail(t, "SIGTERM does not end the process")
		return nil
	}
}

// TestReaderOfTheLogThatGoesAway or stops reading costs lines, and no call.
func TestReaderOfTheLogThatGoesAway(t *testing.T) {
	for name, c := range map[string]struct {
		calls  int
		reader func(t *testing.T, log *os.File)
	}{
		"goes away":     {50, func(t *testing.T, log *os.File) { require.NoError(t, log.Close()) }},
		"stops reading": {5_000, func(*testing.T, *os.File) {}}, // above 1 MiB and what a pipe holds
	} {
		t.Run(name, func(t *testing.T) {
			wechat := hosted.NewSandbox(t, sandbox.Options{})
			url, process, log := piped(t, hosted.With(wechat.Variables(), map[string]string{"HTTP_BEARER_TOKENS": bearer}))
			ask := func(body []byte, want string) {
				_, answer := hosted.Post(t, url+"/", body, http.Header{"Authorization": {"Bearer " + bearer}})
				require.Contains(t, answer, want)
			}
			genuine := hosted.JSON(t, hosted.Sample(t))
			ask(genuine, hosted.Verified)
			require.NotContains(t, healthOf(t, url), "log lines dropped", "the twin: nothing is lost yet")
			c.reader(t, log)
			for range c.calls {
				ask([]byte(`{}`), "-501007")
			}
			ask(genuine, hosted.Verified)
			require.Eventually(t, func() bool { return strings.Contains(healthOf(t, url), "\nlog lines dropped: ") }, time.Minute, 10*time.Millisecond)
			if name == "stops reading" { // and begins again
				lines := make(chan string)
				go func() {
					defer close(lines)
					for in := bufio.NewScanner(log); in.Scan(); {
						lines <- in.Text()
					}
				}()
				ask([]byte(`{}`), "-501007")
				after := time.After(time.Minute)
				for told := false; !told; {
					select {
					case line := <-lines:
						told = strings.Contains(line, `"log_dropped":`)
					case <-time.After(100 * time.Millisecond): // the queue has room again
						ask([]byte(`{}`), "-501007")
					case <-after:
						require.Fail(t, "no line tells how many were lost")
					}
				}
				go func() {
					for range lines {
					}
				}()
			}
			require.NoError(t, ends(t, process))
		})
	}
}

// TestStopWithALogThatNobodyReads: the lines that wait do not hold the process up.
func TestStopWithALogThatNobodyReads(t *testing.T) {
	url, process, _ := piped(t, map[string]string{"HTTP_BEARER_TOKENS": bearer})
	for range 2_000 { // above what a pipe holds
		_, answer := hosted.Post(t, url+"/", []byte(`{}`), http.Header{"Authorization": {"Bearer " + bearer}})
		require.Contains(t, answer, "-604103")
	}
	require.NoError(t, ends(t, process))
}

// TestClientThatHasClosedItsSide reads the answer, and the log says so; so does that of
// one who is gone. None of this is a fault of WeChat.
func TestClientThatHasClosedItsSide(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	log := new(hosted.Log)
	url, process, pipe := piped(t, hosted.With(wechat.Variables(), map[string]string{"HTTP_BEARER_TOKENS": bearer}))
	copied := make(chan struct{})
	go func() { defer close(copied); _, _ = io.Copy(log, pipe) }()
	body := hosted.JSON(t, hosted.Sample(t))
	for _, half := range []bool{true, false} {
		require.NoError(t, wechat.Inject(sandbox.Fault{Kind: sandbox.FaultDelay, DelayMS: 300, Path: "/cgi-bin/soter/verify_signature", Times: 1}))
		connection, err := new(net.Dialer).DialContext(context.Background(), "tcp", strings.TrimPrefix(url, "http://"))
		require.NoError(t, err)
		_, err = fmt.Fprintf(connection, "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", bearer, len(body), body)
		require.NoError(t, err)
		if half {
			require.NoError(t, connection.(*net.TCPConn).CloseWrite())
			answer, err := io.ReadAll(connection)
			require.NoError(t, err)
			assert.Contains(t, string(answer), hosted.Verified)
		}
		require.NoError(t, connection.Close())
	}
	require.Eventually(t, func() bool { return strings.Count(log.String(), `"client_gone":true`) == 2 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, ends(t, process))
	<-copied
	assert.Equal(t, 2, strings.Count(log.String(), `"outcome":"genuine"`))
	assert.NotContains(t, log.String(), "-604102")
}
