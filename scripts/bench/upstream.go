package main

import (
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"

	"sotercall/internal/sandbox"
)

// upstream is a sandbox behind TLS, as WeChat is.
type upstream struct {
	*sandbox.Sandbox
	server    *httptest.Server
	authority string // file with the certificate that it shows
}

// openUpstream keeps what it needs on disk in folder.
func openUpstream(folder string, o sandbox.Options) (*upstream, error) {
	s, err := sandbox.New(o)
	if err != nil {
		return nil, err
	}
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that faults break, and functions that are killed
	server.StartTLS()
	u := &upstream{Sandbox: s, server: server, authority: filepath.Join(folder, "upstream.pem")}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(u.authority, certificate, 0o600); err != nil {
		server.Close()
		return nil, err
	}
	return u, nil
}

func (u *upstream) close() { u.server.Close() }

// variables are what a function needs to reach u.
func (u *upstream) variables() map[string]string {
	return map[string]string{
		"WECHAT_APPID":     sandbox.DefaultAppID,
		"WECHAT_APPSECRET": sandbox.DefaultAppSecret,
		"WECHAT_API_BASE":  u.server.URL,
		"SSL_CERT_FILE":    u.authority,
	}
}
