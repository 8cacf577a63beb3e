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

// first is the call that is meant where nothing names another.
func (f *Function) first() openapi.Call { return f.Calls[0] }

// direct finds the call that a direct event asks for: the one that its member
// "call" names, else the first.
func (f *Function) direct(event []byte) openapi.Call {
	// Most events name none; a search is cheaper than a parse.
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

// named is the member "call" of an object, "" if it has none. The rest of the
// event is for the call itself to judge.
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

// serve has a call answer a request, unless the function is not configured, and logs
// how it ended.
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

// detail returns the text of err for the log. An error with a method Detail has more to
// say there than a stranger may read.
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

// timer answers an event that asks nothing: the first call that has something to
// do then, as renewing a token, does it. Anybody who may invoke the function can write
// such an event, so that it needs a backend as everything else does: on AWS and on SCF
// the cloud has authorized the timer, in CloudBase its TCB_SOURCE is wx_trigger.
func (f *Function) timer(ctx context.Context) []byte {
	if caller := openapi.CallerFrom(ctx); !caller.IsBackend() {
		return f.refuse(ctx, f.first(), caller.Refused())
	}
	for _, call := range f.Calls {
		if call.Timer == nil {
			continue
		}
		if f.err != nil {
			return call.Answer(f.end(ctx, call, openapi.Refused(unconfigured(f.err))))
		}
		return call.Answer(f.end(ctx, call, call.Timer(ctx)))
	}
	return f.refuse(ctx, f.first(), openapi.NewError(openapi.CodeInvalidParam, "timer events carry no request, so there is nothing to answer", nil))
}

// refuse answers with an error that no call has come to.
func (f *Function) refuse(ctx context.Context, call openapi.Call, e *openapi.Error) []byte {
	return call.Answer(f.end(ctx, call, openapi.Refused(e)))
}

// end puts how a call ended into the invocation's log line.
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

// write writes an answer that nobody may cache.
func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
