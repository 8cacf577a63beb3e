package tokenserver

import (
	"bytes"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
)

// StatusName is the name of the call that shows an operator the state of the tokens:
//
//	{"call":"openapi.auth.getTokenStatus"}
//	{"apps":[{"appid":"wx…","fetchedAt":"2026-11-26T04:00:00Z",
//	  "expiresAt":"2026-11-26T06:00:00Z","forcedRefreshesLeft":20,
//	  "lastFailure":{"at":"2026-11-25T10:00:00Z","errCode":45011,"errMsg":"…"}}],
//	 "errCode":0,"errMsg":"openapi.auth.getTokenStatus:ok"}
//
// With appid, the request is for one app. The response holds no token. See
// [accesstoken.Status].
const StatusName = "openapi.auth.getTokenStatus"

// StatusPath is the call's path over HTTP.
const StatusPath = "/openapi/auth/getTokenStatus"

// appStatus is an [accesstoken.Status] in the response.
type appStatus struct {
	AppID               string       `json:"appid"`
	FetchedAt           time.Time    `json:"fetchedAt,omitzero"`
	ExpiresAt           time.Time    `json:"expiresAt,omitzero"`
	ForcedRefreshesLeft int          `json:"forcedRefreshesLeft"`
	LastFailure         *lastFailure `json:"lastFailure,omitzero"`
	// StoreFailed says that the values are those of one instance.
	StoreFailed bool `json:"storeFailed,omitzero"`
}

type lastFailure struct {
	At      time.Time `json:"at"`
	ErrCode int       `json:"errCode"`
	ErrMsg  string    `json:"errMsg"`
}

// status answers [StatusName], for the developer's own staff only.
func (h *Server) status(r *http.Request) openapi.Result {
	ctx := r.Context()
	if caller := openapi.CallerFrom(ctx); !caller.IsBackend() {
		return openapi.Refused(caller.Refused())
	}
	body, refused := openapi.ReadBody(r)
	if refused != nil {
		return openapi.Refused(refused)
	}
	var q struct {
		AppID string `json:"appid"`
		Call  string `json:"call"`
	}
	if len(bytes.TrimSpace(body)) > 0 {
		err := json.Unmarshal(body, &q, json.RejectUnknownMembers(true))
		if err != nil || jsontext.Value(body).Kind() != '{' || q.Call != "" && q.Call != StatusName {
			return openapi.Refused(openapi.NewError(openapi.CodeInvalidParam, "expected a JSON object with nothing in it but appid, or without that", nil))
		}
	}
	ids := h.ids()
	if q.AppID != "" {
		if h.Apps[q.AppID] == nil {
			return openapi.Refused(openapi.NewError(openapi.CodeInvalidParam, "parameter.appid is not an app that this function works for", nil))
		}
		ids = []string{q.AppID}
	}
	all := make([]appStatus, len(ids))
	h.eachOf(ids, func(i int, app Source) { all[i] = statusOf(ids[i], app.Status(ctx)) })
	return given(nil, struct {
		Apps    []appStatus `json:"apps"`
		ErrCode int         `json:"errCode"`
		ErrMsg  string      `json:"errMsg"`
	}{all, 0, StatusName + ":ok"})
}

// statusOf returns an [accesstoken.Status] in an operator's terms: whole seconds of UTC.
func statusOf(appID string, s accesstoken.Status) appStatus {
	a := appStatus{
		AppID: appID, FetchedAt: seconds(s.Fetched), ExpiresAt: seconds(s.Expires),
		ForcedRefreshesLeft: s.ForcedLeft, StoreFailed: s.OfInstance,
	}
	if s.Failure != nil {
		e := callError(s.Failure)
		a.LastFailure = &lastFailure{At: seconds(s.FailedAt), ErrCode: e.Code, ErrMsg: e.Message}
	}
	return a
}

func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
