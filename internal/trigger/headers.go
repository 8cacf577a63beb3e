package trigger

import (
	"net/http"

	"sotercall/internal/openapi"
)

// headers are those in which WeChat Cloud Hosting says who calls, by the variables
// in which cloud functions are told the same (WeChat Cloud Hosting, "wxinfo").
// X-WX-SOURCE is not among them: it would make a backend of whoever writes it.
var headers = map[string]string{
	"X-Wx-Appid":        "WX_APPID",
	"X-Wx-Openid":       "WX_OPENID",
	"X-Wx-Unionid":      "WX_UNIONID",
	"X-Wx-From-Appid":   "WX_FROM_APPID",
	"X-Wx-From-Openid":  "WX_FROM_OPENID",
	"X-Wx-From-Unionid": "WX_FROM_UNIONID",
}

// CallerOfHeaders tells which user WeChat Cloud Hosting names in the headers of a
// request. It is never a backend. Ask it only about a request that can have come
// from nowhere but WeChat's gateway: anybody can write these headers.
func CallerOfHeaders(header http.Header) openapi.Caller {
	environment := map[string]string{}
	for name, variable := range headers {
		switch values := header[name]; {
		case len(values) > 1:
			return openapi.Nameless(name + " is duplicated")
		case len(values) == 1:
			environment[variable] = values[0]
		}
	}
	caller := CallerOf(environment, true)
	if caller.IsUser() || caller.IsNameless() {
		return caller
	}
	return openapi.Unknown("no X-WX-OPENID names a user: call through wx.cloud.callContainer, or with a secret of a backend's")
}
