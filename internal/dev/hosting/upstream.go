package hosting

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/tlstest"
)

// Upstream is a sandbox behind TLS with HTTP/2 offered, as most servers are.
type Upstream struct {
	*sandbox.Sandbox
	URL       string
	server    *httptest.Server
	authority string // file with the certificate authority of its certificate
}

// OpenUpstream starts an Upstream with its files in folder. The caller must close it.
func OpenUpstream(folder string, o sandbox.Options) (*Upstream, error) {
	s, err := sandbox.New(o)
	if err != nil {
		return nil, err
	}
	server := tlstest.Own().Serve(s, tlstest.Common...)
	u := &Upstream{Sandbox: s, URL: server.URL, server: server, authority: filepath.Join(folder, "upstream.pem")}
	if err := os.WriteFile(u.authority, tlstest.Own().PEM, 0o600); err != nil {
		server.Close()
		return nil, err
	}
	return u, nil
}

// Client trusts u.
func (u *Upstream) Client() *http.Client { return u.server.Client() }

// Close ends the server.
func (u *Upstream) Close() { u.server.Close() }

// Variables returns the variables of a function that calls u.
func (u *Upstream) Variables() map[string]string {
	return map[string]string{
		"WECHAT_APPID":     sandbox.DefaultAppID,
		"WECHAT_APPSECRET": sandbox.DefaultAppSecret,
		"WECHAT_API_BASE":  u.URL,
		"SSL_CERT_FILE":    u.authority,
	}
}
