package function

import (
	"context"
	"net/http"
	"strings"

	"sotercall/internal/openapi"
)

// serveHTTP answers a request: it finds the call, asks its gate, and lets it
// answer.
func (f *Function) serveHTTP(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	call, found := f.at(r.URL.Path)
	if !found {
		e := openapi.NewError(openapi.CodeInvalidParam, "there is no such path: "+f.paths(), nil)
		write(w, http.StatusNotFound, f.refuse(ctx, call, e))
		return
	}
	result := f.admitted(ctx, call, r)
	if result.Err == nil || f.err != nil {
		result = f.serve(ctx, call, openapi.Asked{HTTP: r})
	} else {
		result = f.end(ctx, call, result)
	}
	status := call.Status(result)
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", call.Method)
	}
	write(w, status, answer(call, result))
}

// admitted is the zero Result for a request that may ask.
func (f *Function) admitted(ctx context.Context, call openapi.Call, r *http.Request) openapi.Result {
	switch {
	case call.Method != "" && r.Method != call.Method && call.Style == openapi.HTTPSCall:
		return openapi.Refused(openapi.Upstream(openapi.CodeNotPost, "require "+call.Method+" method"))
	case call.Method != "" && r.Method != call.Method:
		return openapi.Refused(openapi.NewError(openapi.CodeInvalidParam, "use "+call.Method, nil).WithStatus(http.StatusMethodNotAllowed))
	case call.Gate == nil:
		return openapi.Refused(openapi.NewError(openapi.CodeNoPermission, "the HTTP door is closed", nil))
	}
	if e := call.Gate(r.WithContext(ctx)); e != nil {
		return openapi.Refused(e)
	}
	return openapi.Result{}
}

// badRequest answers an event that has the shape of a request and is broken inside.
func (f *Function) badRequest(ctx context.Context, w http.ResponseWriter, err error) {
	e := openapi.NewError(openapi.CodeInvalidParam, "the HTTP request in the event is broken", err)
	write(w, http.StatusBadRequest, f.refuse(ctx, f.firstOverHTTP(), e))
}

// at finds the call that a request is for. Where there is none it returns the call
// in whose words that is said.
func (f *Function) at(path string) (call openapi.Call, found bool) {
	asked := strings.TrimSuffix(path, "/")
	for _, call := range f.Calls {
		if call.Path != "" && strings.HasSuffix(asked, call.Path) || call.Root && asked == "" {
			return call, true
		}
	}
	return f.firstOverHTTP(), false
}

func (f *Function) firstOverHTTP() openapi.Call {
	for _, call := range f.Calls {
		if call.Path != "" {
			return call
		}
	}
	return f.first()
}

// paths tells what would have been a path.
func (f *Function) paths() string {
	var all []string
	for _, call := range f.Calls {
		if call.Path != "" {
			all = append(all, strings.TrimSpace(call.Method+" "+call.Path))
		}
	}
	return strings.Join(all, ", ")
}
