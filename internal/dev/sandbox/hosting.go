package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// What WeChat Cloud Hosting (微信云托管) gives a container: users that WeChat has authenticated,
// and WeChat's API without a token. The sources are WeChat's pages on Cloud Hosting under
// developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src: development/call and its faq,
// development/weixin, guide/weixin/open (开放接口服务) and guide/weixin/faq.

// openAPISeqID is the header of a reply that came through the open API service.
const openAPISeqID = "X-Openapi-Seqid"

// Limits of callContainer.
const (
	maxContainerBody     = 100 << 10
	maxContainerResponse = 1000 << 10
	containerTime        = 15 * time.Second
)

// The platform's errCodes for them.
const (
	containerTimeout = "errCode: 102002: the container did not answer within 15 s"
	containerMethod  = "errCode: 102005: the method is none of GET, POST, PUT and DELETE"
	requestTooLarge  = "errCode: -606001: the request is larger than 100 KB"
	responseTooLarge = "errCode: -606002: the response is larger than 1,000 KB"
)

var (
	containerMethods  = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}
	errResponseTooBig = errors.New(responseTooLarge)
)

// OpenAPI is the open API service beside a container of one version: see
// [App.OpenAPIService].
type OpenAPI struct {
	app               *App
	permitted         []string
	refused, answered http.Handler
	started           atomic.Bool
}

// OpenAPIService returns the open API service of one version of a container: WeChat's API
// for requests without an access_token, as the app's own. permitted is the list of the
// token permissions (微信令牌), paths such as "/cgi-bin/soter/verify_signature", or "/*" for
// all. An empty list means that the switch was off when the version was built.
//
// Replies through the service have the header x-openapi-seqid. A request that carries a
// token is forwarded unchanged. So is every request while the switch is off: without a
// token WeChat replies 41001. A path that is not on the list gets 85107. For some paths the
// service replies HTTP 502 instead; they are not documented. A fault of kind [FaultStatus]
// does that, and faults do 85112, 85113 and error_type (WeChat,
// wxcloudrun/src/guide/weixin/faq).
//
// The service works once the container has started; see [OpenAPI.ContainerStarted]. Before,
// the reply is as with the switch off: "access_token missing", as the same page says.
//
// Each request counts and meets faults as those of the Sandbox do.
func (a *App) OpenAPIService(permitted ...string) *OpenAPI {
	s := a.sandbox
	refused := s.observed(s.answered(func(*http.Request, []byte) (any, error) { return nil, &apiError{code: codeNotListed} }))
	answered := s.observed(s.answered(func(r *http.Request, body []byte) (any, error) {
		if r.URL.Path != upstreamPath {
			return nil, &apiError{code: codeBadURL}
		}
		return a.verifySignature(r, body)
	}))
	return &OpenAPI{app: a, permitted: permitted, refused: refused, answered: answered}
}

// ContainerStarted says that the container accepts requests: from now on the service works.
func (o *OpenAPI) ContainerStarted() { o.started.Store(true) }

// ServeHTTP implements http.Handler.
func (o *OpenAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if !strings.HasPrefix(path, "/cgi-bin/") && !strings.HasPrefix(path, "/wxa/") {
		http.NotFound(w, r)
		return
	}
	works := len(o.permitted) > 0 && o.started.Load()
	if !works {
		why := hostingOff
		if !o.started.Load() {
			why = hostingStart
		}
		r = r.WithContext(context.WithValue(r.Context(), noTokenKey{}, why))
	}
	if !works || tokenOf(r.URL.Query()) != "" || path == classicPath || path == stablePath {
		o.app.sandbox.ServeHTTP(w, r)
		return
	}
	r = r.WithContext(context.WithValue(r.Context(), appKey{}, o.app))
	if !slices.Contains(o.permitted, "/*") && !slices.Contains(o.permitted, path) {
		o.refused.ServeHTTP(w, r)
		return
	}
	w.Header().Set(openAPISeqID, fmt.Sprintf("%016x", rand.Uint64()))
	o.answered.ServeHTTP(w, r)
}

// noTokenKey is the context key of the *rule.Rule that denies a request a token.
type noTokenKey struct{}

// appKey is the context key of a request's *App.
type appKey struct{}

// CallContainer returns the endpoint of wx.cloud.callContainer. It forwards requests to the
// container at base. It adds the headers of the user with that openid, and removes such
// headers of the client. It stands for the user's phone and for WeChat between it and the
// container.
//
// base is an http URL, path included. The error is ErrArgument.
func (a *App) CallContainer(base, openid string) (http.Handler, error) {
	target, err := url.Parse(base)
	if err != nil || target.Scheme != "http" || target.Host == "" || target.RawQuery != "" {
		return nil, fmt.Errorf("%w: container at %q, want an http URL without a query", ErrArgument, base)
	}
	if err := checkOpenID(openid); err != nil {
		return nil, err
	}
	if strings.ContainsFunc(openid, func(c rune) bool { return c < '!' || c > '~' }) {
		return nil, fmt.Errorf("%w: openid %q cannot be the value of a header", ErrArgument, openid)
	}
	proxy := &httputil.ReverseProxy{ErrorHandler: a.containerFailed, ModifyResponse: limitResponse, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
		for name := range r.Out.Header {
			if isWeChatHeader(name) {
				delete(r.Out.Header, name) // not Del, which would change the spelling
			}
		}
		r.Out.Header.Set("X-WX-OPENID", openid)
		r.Out.Header.Set("X-WX-APPID", a.id)
		r.Out.Header.Set("X-WX-ENV", "local")
		r.Out.Header.Set("X-WX-SOURCE", "wx_client")
		r.Out.Header.Set("X-WX-CLOUDBASE-ACCESS-TOKEN", a.CloudbaseAccessToken())
	}}
	return http.MaxBytesHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(containerMethods, r.Method) {
			hostingMethod.Refuse()
			http.Error(w, containerMethod, http.StatusMethodNotAllowed)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), containerTime)
		defer cancel()
		proxy.ServeHTTP(w, r.WithContext(ctx))
	}), maxContainerBody), nil
}

// limitResponse reads the response, up to the platform's limit.
func limitResponse(r *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxContainerResponse+1))
	if err != nil {
		return err
	}
	if len(body) > maxContainerResponse {
		return errResponseTooBig
	}
	_ = r.Body.Close()
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// containerFailed replies if the container did not. Cloud Hosting's text for that is not
// known.
func (a *App) containerFailed(w http.ResponseWriter, r *http.Request, err error) {
	a.sandbox.log.Error("sandbox cannot reach the container", slog.String("path", r.URL.Path), slog.Any("error", err))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		hostingRequest.Refuse()
		http.Error(w, requestTooLarge, http.StatusRequestEntityTooLarge)
		return
	}
	switch {
	case errors.Is(err, errResponseTooBig):
		hostingResponse.Refuse()
		http.Error(w, responseTooLarge, http.StatusBadGateway)
		return
	case errors.Is(err, context.DeadlineExceeded):
		hostingTime.Refuse()
		http.Error(w, containerTimeout, http.StatusGatewayTimeout)
		return
	}
	http.Error(w, "the container does not answer", http.StatusBadGateway)
}

// isWeChatHeader recognises X-WX-… in any spelling that a server may accept.
func isWeChatHeader(name string) bool {
	return strings.HasPrefix(strings.ReplaceAll(strings.ToUpper(name), "_", "-"), "X-WX-")
}
