package function

import (
	"net/http"

	"sotercall/internal/adapter"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/trigger"
)

// NamedByWeChat returns calls for HTTP_AUTH=wechat. If WeChat names a user in a request's
// headers, each gate gets the request as that user's. No secret in the request turns that
// user into a backend (see [openapi.Caller.WithProof]).
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

// isOverHTTP reports whether a request came to a port. In an event of another platform the
// sender writes the headers.
func isOverHTTP(r *http.Request) bool {
	return adapter.InvocationFrom(r.Context()).Platform == adapter.HTTP
}

// WeChat returns the gate of HTTP_AUTH=wechat, for a service in WeChat Cloud Hosting.
// wx.cloud.callContainer goes through WeChat, which has verified the user. WeChat names the
// user in headers that its documentation calls fully trustworthy (WeChat Cloud Hosting,
// "development/call"). Calls through a public domain have none of them. Whether the domain
// removes those that a client invents is not documented: switch public access off.
//
// A request with a user in WeChat's headers is that user's, whatever else it carries. Of
// the others, those with one of tokens come from a backend, and all others are refused.
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
