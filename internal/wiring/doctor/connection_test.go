package doctor

import (
	"crypto/x509"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What is hard to have on this machine.
func TestAdviceOnConnections(t *testing.T) {
	for _, c := range []struct {
		err      error
		text, do string
	}{
		{x509.CertificateInvalidError{Cert: new(x509.Certificate), Reason: x509.Expired}, "", "compare the clock"},
		{&net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}, "", "correct HTTPS_PROXY"},
		{&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, "there is no route", "NAT gateway"},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, "something on the way", "firewall"},
	} {
		text, do := explainConnection(c.err)
		assert.Contains(t, text, c.text, c.err)
		assert.Contains(t, do, c.do, c.err)
	}
}
