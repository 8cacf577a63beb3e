package hosted

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Echo stands in for WeChat, or its gateway, and puts the whole request into its reply. It
// speaks TCP, because no HTTP server would do that.
type Echo struct {
	URL string

	gateway bool
	token   string

	way atomic.Pointer[EchoWay]
	mu  sync.Mutex
	got [][]byte // guarded by mu; the requests that were echoed
}

// EchoWay writes a request into a reply. text is the request in printable characters, on
// one line.
type EchoWay struct {
	Name  string
	reply func(s *Echo, request []byte, text string) string
}

// StartEcho starts an Echo, which runs until the test ends. It returns token to requests
// for one; if that is empty, it echoes those as well. With gateway set it stands in for the
// gateway of Cloud Calls.
func StartEcho(t testing.TB, token string, gateway bool) *Echo {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &Echo{URL: "http://" + listener.Addr().String(), gateway: gateway, token: token}
	s.By(EchoWays[0])
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(connection) })
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	return s
}

// serve responds to the requests of one connection. Requests for a token, or without
// effect, get their proper response; one other request is echoed.
func (s *Echo) serve(connection net.Conn) {
	defer connection.Close()
	for in := bufio.NewReader(connection); ; {
		var raw bytes.Buffer
		request, err := http.ReadRequest(bufio.NewReader(io.TeeReader(in, &raw)))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, request.Body)
		isToken := strings.Contains(request.URL.Path, "token")
		switch {
		case request.Method == http.MethodHead:
			_, _ = io.WriteString(connection, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
			continue
		case isToken && s.token != "":
			_, _ = io.WriteString(connection, ok("application/json", fmt.Sprintf(`{"access_token":%q,"expires_in":7200}`, s.token)))
			continue
		}
		s.mu.Lock()
		s.got = append(s.got, bytes.Clone(raw.Bytes()))
		s.mu.Unlock()
		_, _ = io.WriteString(connection, s.way.Load().reply(s, raw.Bytes(), oneLine(raw.String())))
		return
	}
}

// By sets the EchoWay of the next replies.
func (s *Echo) By(way EchoWay) { s.way.Store(&way) }

// Requests returns those that s has echoed so far.
func (s *Echo) Requests() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

func oneLine(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return ' '
		}
		return c
	}, text)
}

func ok(contentType, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", contentType, len(body), body)
}
