package main

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"time"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/loopback"
	"sotercall/internal/dev/sandbox"
)

// hosting is WeChat Cloud Hosting (微信云托管): containers that pages call, as users that WeChat
// has verified, and that call WeChat without a token.
type hosting struct {
	app        *sandbox.App
	openAPI    *http.Server // the open API service (开放接口服务)
	containers map[string]*emulator.HTTPServer
}

// strictContainer has CHALLENGE_SECRET, beside the container without it.
const strictContainer = container + "-challenges"

// containerPath is the path of callContainer, with the user's openid and the path in the
// container. As in wx.cloud.callContainer, the header X-WX-SERVICE names the container;
// without it, it is the first.
const containerPath = "/callContainer/{openid}/{path...}"

func startHosting(ctx context.Context, w *world, s settings) (_ *hosting, err error) {
	h := &hosting{containers: map[string]*emulator.HTTPServer{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if h.app, err = w.sandbox.App(""); err != nil {
		return nil, err
	}
	listener, err := loopback.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	openAPI := h.app.OpenAPIService(verifyPaths[1])
	h.openAPI = &http.Server{Handler: loopback.Only(openAPI), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = h.openAPI.Serve(listener) }()
	variables := map[string]string{"HTTP_AUTH": "wechat", "ACCESS_TOKEN_MODE": "none", "WECHAT_API_BASE": "http://" + listener.Addr().String()}
	strict := map[string]string{"CHALLENGE_SECRET": challengeSecret}
	for name, value := range variables {
		strict[name] = value
	}
	if s.challenges {
		variables = strict
	}
	for name, variables := range map[string]map[string]string{container: variables, strictContainer: strict} {
		server, err := emulator.StartHTTP(ctx, emulator.Function{
			Name:    name,
			Binary:  filepath.Join(w.binaries, container),
			Env:     variables,
			Timeout: s.timeout,
			Log:     w.journal,
		})
		if err != nil {
			return nil, err
		}
		h.containers[name] = server
	}
	openAPI.ContainerStarted()
	return h, nil
}

// ServeHTTP forwards a user's request to a container, as callContainer does.
func (h *hosting) ServeHTTP(reply http.ResponseWriter, r *http.Request) {
	name := r.Header.Get("X-WX-SERVICE")
	if name == "" {
		name = container
	}
	server := h.containers[name]
	if server == nil {
		http.Error(reply, "X-WX-SERVICE names no service: there are "+container+" and "+strictContainer, http.StatusNotFound)
		return
	}
	endpoint, err := h.app.CallContainer(server.URL, r.PathValue("openid"))
	if err != nil {
		http.Error(reply, err.Error(), http.StatusBadRequest)
		return
	}
	passed := r.Clone(r.Context())
	passed.URL.Path, passed.URL.RawPath = "/"+r.PathValue("path"), ""
	endpoint.ServeHTTP(reply, passed)
}

func (h *hosting) close() error {
	var errs []error
	for _, server := range h.containers {
		errs = append(errs, server.Close())
	}
	if h.openAPI != nil {
		errs = append(errs, h.openAPI.Close())
	}
	return errors.Join(errs...)
}
