package function

import (
	"net/http"

	"sotercall/internal/adapter"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/trigger"
)

// NamedByWeChat returns calls as they stand behind HTTP_AUTH=wechat. Each gate gets a
// request from the caller that WeChat names in its headers, if it names a user. No
// secret that the request carries makes a backend of that user (see
// [openapi.Caller.WithProof]).
func NamedByWeChat(calls []openapi.Call) []openapi.Call {
	for i, call := range calls {
		if call.Gate == nil {
			continue
		}
		calls[i].Gate = func(r *http.Request) (openapi.Caller, *openapi.Error) {
			caller := trigger.CallerOfHeaders(r.Header)
			if isOverHTTP(r) && (caller.IsUser() || caller.IsNameless()) {
				r = r.WithContext(openapi.WithCaller(r.Context(), caller))
			}
			return call.Gate(r)
		}
	}
	return calls
}

// isOverHTTP reports whether a request came to a port. In an event of another platform
// the headers are written by whatever sent it.
func isOverHTTP(r *http.Request) bool {
	return adapter.InvocationFrom(r.Context()).Platform == adapter.HTTP
}

// WeChat is the gate of HTTP_AUTH=wechat, for a service in WeChat Cloud Hosting:
// wx.cloud.callContainer goes through WeChat, which has verified the user and names
// him in headers that its documentation calls fully trustworthy (WeChat Cloud
// Hosting, "development/call"). Calls through a public domain carry none of them,
// and whether the domain takes away those that a client invents is not documented:
// public access is to be switched off.
//
// A request in whose headers WeChat names a user is that user's, whatever else it
// carries. Of the others, those with one of tokens come from a backend, and nobody
// else is let in.
func WeChat(tokens []secret.Text) openapi.Gate {
	bearer := Bearer(tokens)
	return func(r *http.Request) (openapi.Caller, *openapi.Error) {
		if !isOverHTTP(r) {
			return openapi.Caller{}, openapi.NewError(openapi.CodeNoPermission,
				"requests over HTTP are not accepted: HTTP_AUTH=wechat is for WeChat Cloud Hosting", nil)
		}
		caller := trigger.CallerOfHeaders(r.Header)
		if caller.IsUser() {
			return caller, nil
		}
		if len(tokens) > 0 && r.Header.Get("Authorization") != "" {
			r = r.WithContext(openapi.WithCaller(r.Context(), caller))
			return bearer(r)
		}
		return openapi.Caller{}, caller.Refused()
	}
}
