package function

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"sotercall/internal/adapter"
	"sotercall/internal/journal"
	"sotercall/internal/openapi"
)

// serveHTTP handles a request, whose context is that of the invocation: it finds the call,
// asks its gate, and runs it.
func (f *Function) serveHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	path := withoutBase(r.URL.EscapedPath(), f.BasePath)
	call, found := f.at(path)
	if !found && path == adapter.HealthPath {
		f.health(ctx, w)
		return
	}
	if !found {
		f.notServed(ctx, w, path)
		return
	}
	var result openapi.Result
	if caller, e := f.admit(call, r); e != nil {
		result = f.end(ctx, call, openapi.Refused(e))
	} else {
		result = f.serve(call, r.WithContext(openapi.WithCaller(ctx, caller)))
	}
	status := call.Status(result)
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", call.Method)
	}
	write(w, status, call.Body(result))
}

// admit returns the caller of a request, or the reason for a refusal.
func (f *Function) admit(call openapi.Call, r *http.Request) (openapi.Caller, *openapi.Error) {
	switch {
	case f.err != nil:
		return openapi.Caller{}, unconfigured(f.err)
	case call.Method != "" && r.Method != call.Method && call.Style == openapi.HTTPSCall:
		return openapi.Caller{}, openapi.Upstream(openapi.CodeNotPost, "require "+call.Method+" method")
	case call.Method != "" && r.Method != call.Method:
		return openapi.Caller{}, openapi.NewError(openapi.CodeInvalidParam, "use "+call.Method, nil).WithStatus(http.StatusMethodNotAllowed)
	case call.Gate == nil:
		return openapi.Caller{}, openapi.NewError(openapi.CodeNoPermission, "requests over HTTP are not accepted", nil)
	}
	return call.Gate(r)
}

// weChats are the prefixes of WeChat's own paths: WeChat SDKs that are pointed at us expect
// responses there.
var weChats = []string{"/cgi-bin/", "/wxa/", "/sns/"}

func isWeChats(path string) bool {
	return slices.ContainsFunc(weChats, func(family string) bool { return strings.HasPrefix(path, family) })
}

// notServed responds to a request for an unknown path. Among WeChat's paths it does so as
// WeChat, with status 200 and in snake_case. Elsewhere the status is 404, in the style of
// the first call.
func (f *Function) notServed(ctx context.Context, w http.ResponseWriter, path string) {
	if isWeChats(path) || isWeChats(strings.TrimPrefix(path, "/")) {
		call := openapi.Call{Name: f.first().Name, Style: openapi.HTTPSCall}
		write(w, http.StatusOK, f.refuse(ctx, call, openapi.Upstream(openapi.CodeInvalidURL, "invalid url")))
		return
	}
	e := openapi.NewError(openapi.CodeInvalidParam, "there is no such path: "+f.paths(), nil)
	write(w, http.StatusNotFound, f.refuse(ctx, f.first(), e))
}

// health serves [adapter.HealthPath] to a load balancer that checks the function by events.
func (f *Function) health(ctx context.Context, w http.ResponseWriter) {
	entry := journal.From(ctx)
	entry.Set("call", "health")
	entry.Set("outcome", "ok")
	if f.err != nil {
		entry.Set("outcome", "error")
	}
	adapter.WriteHealth(w, f.err)
}

// badRequest responds to a broken event in the shape of a request.
func (f *Function) badRequest(ctx context.Context, w http.ResponseWriter, err error) {
	e := openapi.NewError(openapi.CodeInvalidParam, "the HTTP request in the event is broken: "+err.Error(), nil)
	write(w, http.StatusBadRequest, f.refuse(ctx, f.firstOverHTTP(), e))
}

// at returns the call at exactly this path. One slash at its end makes no difference. Nor
// does a second one in front of a path of WeChat's, whose documents write
// https://api.weixin.qq.com//cgi-bin/…: these calls have gates of their own. All other
// paths are compared as they were sent: a gateway that guards one path may not know another
// spelling of it.
func (f *Function) at(path string) (call openapi.Call, found bool) {
	asked := strings.TrimSuffix(path, "/")
	if single, doubled := strings.CutPrefix(asked, "/"); doubled && isWeChats(single) {
		asked = single
	}
	for _, call := range f.Calls {
		if call.Path != "" && asked == call.Path || call.Root && path == "/" {
			return call, true
		}
	}
	return openapi.Call{}, false
}

// withoutBase removes the prefix base from a path, if it has it.
func withoutBase(path, base string) string {
	rest, found := strings.CutPrefix(path, base)
	switch {
	case base == "" || !found || rest != "" && rest[0] != '/':
		return path
	case rest == "":
		return "/"
	}
	return rest
}

func (f *Function) firstOverHTTP() openapi.Call {
	for _, call := range f.Calls {
		if call.Path != "" {
			return call
		}
	}
	return f.first()
}

// paths returns the valid paths, for a message.
func (f *Function) paths() string {
	var all []string
	for _, call := range f.Calls {
		if call.Path != "" {
			all = append(all, cmp.Or(call.Method, "GET or POST")+" to "+call.Path)
		}
	}
	return strings.Join(all, ", ")
}
