package redis

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/tlstest"
)

// inTime tries until the second that a command has was enough for it. On a busy machine a
// TLS handshake alone may take longer.
func inTime(try func() error) error {
	for began := time.Now(); ; {
		if err := try(); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Minute {
			return err
		}
	}
}

// connected is what a Store says after it has connected to an address, and after a command.
func connected(t *testing.T, address string, roots *x509.CertPool) (afterConnect, afterCommand error) {
	t.Helper()
	o, err := parse(secret.New(address))
	require.NoError(t, err)
	if o.TLSConfig != nil {
		o.TLSConfig.RootCAs = roots
	}
	s := newStore(secret.New(address), o)
	defer s.Close()
	inTime(func() error { return s.Connect(t.Context()) })
	afterConnect = s.Hopeless()
	s = newStore(secret.New(address), o)
	defer s.Close()
	err = inTime(func() error {
		_, err := s.Do(t.Context(), "GET", "k")
		return err
	})
	if err != nil {
		assert.NotContains(t, err.Error(), "s3cret")
	}
	return afterConnect, s.Hopeless()
}

// answeringBytes serves what a server of another protocol sends first.
func answeringBytes(t *testing.T, reply string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := c.Read(make([]byte, 4096)); err == nil {
					_, _ = io.WriteString(c, reply)
					_, _ = io.Copy(io.Discard, c)
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// What listens at the address is said at /healthz, which has it from Hopeless.
func TestServerThatIsNotRedisIsNamed(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	plain := httptest.NewUnstartedServer(handler)
	plain.Config.ErrorLog = log.New(io.Discard, "", 0)
	plain.Start()
	defer plain.Close()
	behindTLS := tlstest.Own().Serve(handler, tlstest.Common...)
	defer behindTLS.Close()
	of := func(server *httptest.Server) string { return ":s3cret@" + server.Listener.Addr().String() }
	const isNot = "the server at this address is not Redis: "
	const noALPN = "\x15\x03\x03\x00\x02\x02\x78" // a fatal alert, no_application_protocol
	const handshakeFailure = "\x15\x03\x03\x00\x02\x02\x28"
	for name, c := range map[string]struct{ address, want string }{
		"HTTP":                {"redis://" + of(plain), isNot + "it answers in HTTP"},
		"HTTP behind TLS":     {"rediss://" + of(behindTLS), isNot + "it answers in HTTP"},
		"HTTP/2 behind TLS":   {"rediss://" + strings.TrimPrefix(tlstest.ServeHTTP2Only(t, false), "https://"), isNot + "it answers in HTTP/2"},
		"refused by ALPN":     {"rediss://" + answeringBytes(t, noALPN), isNot + "it refuses a TLS connection without a protocol that it knows (ALPN), as HTTP/2 servers do"},
		"SSH":                 {"redis://" + answeringBytes(t, "SSH-2.0-OpenSSH_9.6\r\n"), isNot + "it answers in another protocol"},
		"TLS, asked in clear": {"redis://" + answeringBytes(t, handshakeFailure), "the server speaks TLS: the address begins with redis://, and should with rediss://"},
		"no TLS":              {"rediss://" + of(plain), "the server does not speak TLS: the address begins with rediss://, and should with redis://, or is not one of Redis"},
	} {
		connected, used := connected(t, c.address, tlstest.Own().Pool())
		assert.EqualError(t, connected, c.want, name)
		assert.EqualError(t, used, c.want, name)
	}
	server := redistest.Start(t)
	connected, used := connected(t, server.URL.Reveal(), nil)
	assert.NoError(t, connected, "the twin")
	assert.NoError(t, used)
}

func TestCertificateOfRedisIsExplained(t *testing.T) {
	server := redistest.Start(t)
	password := ":" + redistest.Password + "@"
	host := terminateTLS(t, server.Addr())
	const untrusted = "the certificate of the server is not trusted: this machine has no CA roots for it (SSL_CERT_FILE), " +
		"the server does not send its intermediate certificate, or a proxy inspects TLS"
	for name, roots := range map[string]*x509.CertPool{"no roots": x509.NewCertPool(), "other roots": tlstest.New().Pool()} {
		connected, used := connected(t, "rediss://"+password+host, roots)
		assert.EqualError(t, connected, untrusted, name)
		assert.EqualError(t, used, untrusted, name)
	}
	connected, used := connected(t, "rediss://"+password+host, tlstest.Own().Pool())
	assert.NoError(t, connected, "the twin")
	assert.NoError(t, used)
}
