package trigger

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"sotercall/internal/openapi"
)

// CallerOf returns the caller that the environment of this one invocation proves.
// inCloudBase says that the function is known to run in a CloudBase environment; a variable
// of CloudBase in environment says so as well.
//
// Outside CloudBase the cloud's own authorization (IAM, CAM) has admitted the caller. That
// is the developer's backend, or a gateway of the developer, with a gate of its own.
// Inside, anybody may be admitted: CloudBase's default rule lets every logged-in visitor of
// a web page invoke a function. There only these are known:
//   - the user that WX_OPENID names;
//   - the developer's backend: no user is named, and the last hop of TCB_SOURCE is scf,
//     wx_trigger or wx_http. These are a function of the same environment, a timer, and
//     WeChat's invokeCloudFunction, which takes the app's own access_token.
//
// WX_APPID is the app that the call comes from.
//
// WX_FROM_OPENID names a user in another app, which shares this environment. That openid
// means nothing to this app. Whether WX_OPENID beside it belongs to the same person is not
// documented, so such a call is refused. A user's call is also refused if its WX_FROM_APPID
// names another app than WX_APPID.
//
// Pass FunctionContext.Environment of scf-go-lib, and nothing wider.
//   - Not the process environment: the library copies each invocation's values there and
//     never removes them. On a warm instance os.Getenv still names the previous caller, and
//     with parallel invocations another one.
//   - Not event.userInfo, nor an X-WX-OPENID header: unless the Mini Program gateway built
//     the event, the client wrote them.
//
// Sources: WeChat cloud development, "Cloud.getWXContext" and "invokeCloudFunction";
// tcb-admin-node, getUserInfo (TCB_UUID).
func CallerOf(environment map[string]string, inCloudBase bool) openapi.Caller {
	var signs []string
	for name := range environment {
		if IsCloudBase(name) {
			signs = append(signs, name)
		}
	}
	if !inCloudBase && len(signs) == 0 {
		return openapi.Backend()
	}
	app, user := environment["WX_APPID"], environment["WX_OPENID"]
	if from := environment["WX_FROM_OPENID"]; from != "" && from != user {
		return openapi.Nameless("WX_FROM_OPENID names a user of another app that shares this environment, whose openid is not one of this app")
	}
	if from := environment["WX_FROM_APPID"]; from != "" && from != app && user != "" {
		return openapi.Nameless("WX_FROM_APPID says that the user comes from another app that shares this environment")
	}
	if user != "" {
		return openapi.User(user).From(app)
	}
	for _, name := range otherUsers {
		if environment[name] != "" {
			return openapi.Nameless(name + " names a user, and WX_OPENID does not say which openid that is")
		}
	}
	source := environment["TCB_SOURCE"]
	last := strings.TrimSpace(source[strings.LastIndex(source, ",")+1:])
	if slices.Contains(backendSources, last) {
		return openapi.Backend().From(app)
	}
	why := fmt.Sprintf("TCB_SOURCE is %.64q and no user is named: "+
		"a backend calls through a function of this environment, or by HTTP with a secret of its own", source)
	if source == "" && len(signs) > 0 {
		why += fmt.Sprintf(". Outside CloudBase, unset %.64s: variables of that kind are CloudBase's", slices.Min(signs))
	}
	return openapi.Unknown(why)
}

// IsCloudBase reports whether only WeChat cloud development or CloudBase sets a variable of
// that name.
func IsCloudBase(name string) bool {
	return strings.HasPrefix(name, "WX_") || strings.HasPrefix(name, "TCB_")
}

// backendSources are the hops of TCB_SOURCE that only the developer's own backend can be.
var backendSources = []string{"scf", "wx_trigger", "wx_http"}

// otherUsers are the variables beside WX_OPENID that name a user, none of them by
// an openid of this app.
var otherUsers = []string{"WX_UNIONID", "WX_FROM_UNIONID", "TCB_UUID", "TCB_CUSTOM_USER_ID"}

// headers maps the variables that name a cloud function's caller to the headers with the
// same content from WeChat Cloud Hosting (WeChat Cloud Hosting, "wxinfo"). X-WX-SOURCE is
// left out: it would make a backend of anybody that writes it.
var headers = map[string]string{
	"X-Wx-Appid":        "WX_APPID",
	"X-Wx-Openid":       "WX_OPENID",
	"X-Wx-Unionid":      "WX_UNIONID",
	"X-Wx-From-Appid":   "WX_FROM_APPID",
	"X-Wx-From-Openid":  "WX_FROM_OPENID",
	"X-Wx-From-Unionid": "WX_FROM_UNIONID",
}

// CallerOfHeaders returns the user that WeChat Cloud Hosting names in the headers of a
// request. It is never a backend. Anybody can write these headers: pass only requests that
// must have come from WeChat's gateway.
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
