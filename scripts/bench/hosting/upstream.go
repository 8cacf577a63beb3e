package hosting

import (
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"

	"sotercall/internal/sandbox"
)

// Upstream is a sandbox behind TLS, as WeChat is.
type Upstream struct {
	*sandbox.Sandbox
	Server    *httptest.Server
	authority string // file with the certificate that it shows
}

// OpenUpstream keeps what it needs on disk in folder. Whoever opens one closes it.
func OpenUpstream(folder string, o sandbox.Options) (*Upstream, error) {
	s, err := sandbox.New(o)
	if err != nil {
		return nil, err
	}
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that faults break, and functions that are killed
	server.StartTLS()
	u := &Upstream{Sandbox: s, Server: server, authority: filepath.Join(folder, "upstream.pem")}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(u.authority, certificate, 0o600); err != nil {
		server.Close()
		return nil, err
	}
	return u, nil
}

// Close ends the server.
func (u *Upstream) Close() { u.Server.Close() }

// Variables are what a function needs to reach u.
func (u *Upstream) Variables() map[string]string {
	return map[string]string{
		"WECHAT_APPID":     sandbox.DefaultAppID,
		"WECHAT_APPSECRET": sandbox.DefaultAppSecret,
		"WECHAT_API_BASE":  u.Server.URL,
		"SSL_CERT_FILE":    u.authority,
	}
}
