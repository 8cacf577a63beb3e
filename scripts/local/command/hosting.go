package main

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/hosting"
)

// hosting is WeChat Cloud Hosting (微信云托管): containers that pages call, as users that WeChat
// has verified, and that call WeChat without a token.
type cloudHosting map[string]*hosting.Container

// strictContainer has CHALLENGE_SECRET, beside the container without it.
const strictContainer = container + "-challenges"

// containerPath is the path of callContainer, with the user's openid and the path in the
// container. As in wx.cloud.callContainer, the header X-WX-SERVICE names the container;
// without it, it is the first.
const containerPath = "/callContainer/{openid}/{path...}"

func startHosting(ctx context.Context, w *world, s settings) (cloudHosting, error) {
	h := cloudHosting{}
	for _, name := range []string{container, strictContainer} {
		variables := map[string]string{}
		if s.challenges || name == strictContainer {
			variables["CHALLENGE_SECRET"] = challengeSecret
		}
		started, err := hosting.StartContainer(ctx, w.sandbox, emulator.Function{
			Name: name, Binary: filepath.Join(w.binaries, container), Env: variables, Timeout: s.timeout, Log: w.journal,
		})
		if err != nil {
			return nil, errors.Join(err, h.close())
		}
		h[name] = started
	}
	return h, nil
}

// ServeHTTP forwards a user's request to a container, as callContainer does.
func (h cloudHosting) ServeHTTP(reply http.ResponseWriter, r *http.Request) {
	name := r.Header.Get("X-WX-SERVICE")
	if name == "" {
		name = container
	}
	called := h[name]
	if called == nil {
		http.Error(reply, "X-WX-SERVICE names no service: there are "+container+" and "+strictContainer, http.StatusNotFound)
		return
	}
	gateway, err := called.CallContainer(r.PathValue("openid"))
	if err != nil {
		http.Error(reply, err.Error(), http.StatusBadRequest)
		return
	}
	passed := r.Clone(r.Context())
	passed.URL.Path, passed.URL.RawPath = "/"+r.PathValue("path"), ""
	gateway.ServeHTTP(reply, passed)
}

func (h cloudHosting) close() error {
	var errs []error
	for _, started := range h {
		errs = append(errs, started.Close())
	}
	return errors.Join(errs...)
}
