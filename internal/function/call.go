package function

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/journal"
	"sotercall/internal/jsonobject"
	"sotercall/internal/openapi"
)

// first returns the call of events that name none.
func (f *Function) first() openapi.Call { return f.Calls[0] }

// direct returns the call of a direct event: the one in its member "call", else the first.
func (f *Function) direct(event []byte) openapi.Call {
	// Most events name none, and a search is cheaper than a parse.
	if len(f.Calls) > 1 && bytes.Contains(event, []byte("call")) {
		name := named(event)
		for _, call := range f.Calls {
			if call.Direct && call.Name == name {
				return call
			}
		}
	}
	return f.first()
}

// named returns the member "call" of an object, "" if it has none. The call itself judges
// the rest of the event.
func named(event []byte) (call string) {
	_ = jsonobject.Read(event, func(name []byte, dec *jsontext.Decoder) error {
		if string(name) != "call" || dec.PeekKind() != '"' {
			return dec.SkipValue()
		}
		token, err := dec.ReadToken()
		if err == nil {
			call = token.String()
		}
		return err
	})
	return call
}

// serve passes a request to a call, unless the function is not configured, and logs the
// result.
func (f *Function) serve(call openapi.Call, r *http.Request) openapi.Result {
	if f.err != nil {
		return f.end(r.Context(), call, openapi.Refused(unconfigured(f.err)))
	}
	return f.end(r.Context(), call, call.Serve(r))
}

func unconfigured(err error) *openapi.Error {
	var cause error
	if text := detail(err); text != err.Error() {
		cause = errors.New(text)
	}
	return openapi.NewError(openapi.CodeSystem, "the function is not configured: "+err.Error(), cause)
}

// detail returns the text of err for the log. The method Detail of an error returns text
// that a caller must not see.
func detail(err error) string {
	var failure interface {
		error
		Detail() string
	}
	if errors.As(err, &failure) {
		return failure.Detail()
	}
	return err.Error()
}

// timer handles an event without a request: the first call with a Timer runs it, such as
// renewing a token. Any invoker can write such an event, so it needs a backend like all
// others. On AWS and on SCF the cloud has authorized the timer; in CloudBase its TCB_SOURCE
// is wx_trigger.
func (f *Function) timer(ctx context.Context) []byte {
	if caller := openapi.CallerFrom(ctx); !caller.IsBackend() {
		return f.refuse(ctx, f.first(), caller.Refused())
	}
	for _, call := range f.Calls {
		if call.Timer == nil {
			continue
		}
		if f.err != nil {
			return call.Body(f.end(ctx, call, openapi.Refused(unconfigured(f.err))))
		}
		return call.Body(f.end(ctx, call, call.Timer(ctx)))
	}
	return f.refuse(ctx, f.first(), openapi.NewError(openapi.CodeInvalidParam, "timer events carry no request, so there is nothing to answer", nil))
}

// refuse responds with an error before any call.
func (f *Function) refuse(ctx context.Context, call openapi.Call, e *openapi.Error) []byte {
	return call.Body(f.end(ctx, call, openapi.Refused(e)))
}

// end adds the result of a call to the invocation's log line.
func (f *Function) end(ctx context.Context, call openapi.Call, r openapi.Result) openapi.Result {
	entry := journal.From(ctx)
	entry.Set("call", call.Name)
	for _, attr := range r.Log {
		entry.Set(attr.Key, attr.Value.Any())
	}
	if r.Err != nil {
		entry.Set("errCode", r.Err.Code)
		entry.Set("outcome", "error")
		entry.Set("error", r.Err.Error())
		return r
	}
	entry.Set("errCode", 0)
	entry.Set("outcome", r.Outcome)
	return r
}

// write writes a response that no cache may keep.
func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
