package hosting

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"time"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/loopback"
	"sotercall/internal/dev/sandbox"
)

// Container is a container of WeChat Cloud Hosting (微信云托管). WeChat verifies the users of
// the pages that call it. It calls WeChat without a token, through the open API service
// (开放接口服务) beside it.
type Container struct {
	*emulator.HTTPServer
	app     *sandbox.App
	openAPI *http.Server
}

// StartContainer starts f for the default app of s, with the variables of Cloud Hosting
// beside f.Env. The caller must close it.
func StartContainer(ctx context.Context, s *sandbox.Sandbox, f emulator.Function) (_ *Container, err error) {
	app, err := s.App("")
	if err != nil {
		return nil, err
	}
	listener, err := loopback.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	openAPI := app.OpenAPIService("/cgi-bin/soter/verify_signature")
	c := &Container{app: app, openAPI: &http.Server{Handler: loopback.Only(openAPI), ReadHeaderTimeout: 10 * time.Second}}
	go func() { _ = c.openAPI.Serve(listener) }()
	variables := map[string]string{
		"HTTP_AUTH": "wechat", "ACCESS_TOKEN_MODE": "none", "WECHAT_API_BASE": "http://" + listener.Addr().String(),
	}
	maps.Copy(variables, f.Env)
	f.Env = variables
	if c.HTTPServer, err = emulator.StartHTTP(ctx, f); err != nil {
		return nil, errors.Join(err, c.openAPI.Close())
	}
	openAPI.ContainerStarted()
	return c, nil
}

// CallContainer returns the gateway that forwards a user's requests by
// wx.cloud.callContainer.
func (c *Container) CallContainer(openid string) (http.Handler, error) {
	return c.app.CallContainer(c.URL, openid)
}

// Close ends the container and the service beside it.
func (c *Container) Close() error { return errors.Join(c.HTTPServer.Close(), c.openAPI.Close()) }
